// What is on in the room now and what comes next, by the timetable that the centre has published; a tap previews it.

import { pushButton } from "./buttons.js";
import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import { t } from "./words.js";

/** `{node, update(state)}`. */
export function timetableView(acts) {
  const list = make("ul", { class: "timetable-lessons" });
  const node = make("section", { class: "timetable", "aria-label": t("timetable.strip") }, icon("clock"), list);
  return {
    node,
    update(state) {
      const items = state.locked || state.timetable === null ? [] : shown(state);
      keepChildren(list, items, (item) => item.key, () => lessonTimeView(acts));
      node.hidden = items.length === 0;
    },
  };
}

/** Of one whose profile the room does not have there is nothing to preview: it is said, and no button. */
function shown(state) {
  const { day, now, next } = state.timetable;
  return [["now", now], ["next", next]]
    .filter(([, lesson]) => lesson !== null)
    .map(([when, lesson]) => ({
      key: [when, lesson.starts, lesson.title].join(" "),
      when,
      lesson,
      hours: hoursOf(lesson, day),
      profile: lesson.profile === null ? null : state.profile(lesson.profile),
      away: state.link !== "live",
    }));
}

/** "07:00–07:45", as written: the timetable is in Vietnam's time, whatever this browser takes for its own. */
function hoursOf(lesson, day) {
  const hours = lesson.starts.slice(11, 16) + "–" + lesson.ends.slice(11, 16);
  return lesson.starts.slice(0, 10) > day ? t("timetable.tomorrow") + " " + hours : hours;
}

function lessonTimeView(acts) {
  let profile = null;
  const when = make("span", { class: "timetable-when" });
  const text = make("strong");
  const hours = make("span", { class: "timetable-hours" });
  const preview = pushButton({ class: "quiet", icon: "eye", text: "", onPress: () => acts.preview(profile.id, []) });
  const node = make("li", null, when, " ", text, " ", hours, preview.node);
  return {
    node,
    update(item) {
      profile = item.profile;
      setAttribute(node, "data-when", item.when);
      setText(when, t("timetable." + item.when));
      setText(text, item.lesson.title);
      setText(hours, item.hours);
      preview.node.hidden = profile === null;
      preview.text(t("ui.preview"));
      preview.label(t("ui.previewOf", { name: item.lesson.title }));
      preview.refuse(item.away ? t("ui.notWhileAway") : null);
    },
  };
}
