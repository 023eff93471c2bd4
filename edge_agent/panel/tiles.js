// The activities: one big tile each, with a small eye for the preview.

import { pushButton } from "./buttons.js";
import { keepChildren, make, setAttribute, setText } from "./dom.js";
import { isBusy } from "./lesson_story.js";
import { named, t } from "./words.js";

/** `{node, update(state)}`. */
export function tilesView(acts) {
  const heading = make("h2", { id: "tiles-title", class: "unseen" }, t("ui.activities"));
  const list = make("ul", { class: "tiles" });
  const none = make("p", { class: "hint", hidden: true }, t("ui.noProfiles"));
  const node = make("section", { class: "activities", "aria-labelledby": "tiles-title" }, heading, list, none);
  return {
    node,
    update(state) {
      const items = state.profiles.map((profile) => ({ profile, state }));
      keepChildren(list, items, (item) => item.profile.id, (item) => tileView(item.profile.id, acts));
      none.hidden = state.profiles.length > 0 || !state.profilesKnown;
    },
  };
}

function tileView(id, acts) {
  const start = pushButton({ class: "tile-start", icon: "other", onPress: () => acts.tap(id) });
  const mark = make("span", { class: "tile-mark" });
  const preview = pushButton({
    class: "tile-preview",
    icon: "eye",
    text: t("ui.preview"),
    onPress: () => acts.preview(id, []),
  });
  const node = make("li", { class: "tile", "data-profile": id }, start.node, mark, preview.node);
  return {
    node,
    update({ profile, state }) {
      const name = named(profile.name);
      const chosen = state.lesson !== null && state.lesson.profile === profile.id && isChosen(state.lesson);
      setAttribute(node, "data-icon", profile.icon);
      setAttribute(node, "data-chosen", chosen ? state.lesson.state : null);
      start.text(name);
      start.picture(profile.icon);
      setAttribute(start.node, "aria-pressed", chosen ? "true" : "false");
      setAttribute(start.node, "title", named(profile.description));
      setText(mark, chosen ? t("tile." + state.lesson.state) : "");
      preview.node.hidden = chosen;
      preview.label(t("ui.previewOf", { name }));
      const away = state.link === "live" ? null : t("ui.notWhileAway");
      const waits = isBusy(state.lesson) && !state.preempts(profile) ? t("ui.notWhileBusy") : null;
      start.refuse(away || waits);
      preview.refuse(away);
    },
  };
}

function isChosen(lesson) {
  return ["preflight", "running", "ready", "undoing"].includes(lesson.state);
}
