// "Xem trước": what a lesson would do and what the preflight found, with nothing moved.

import { pushButton } from "./buttons.js";
import { openDialog } from "./dialog.js";
import { icon, keepTexts, make } from "./dom.js";
import { gapSentences, previewLines } from "./lesson_card.js";
import { leaveOut, leftOut, troubles } from "./lesson_story.js";
import { deviceName, inSentence, listed, named, t, troubleWords } from "./words.js";

/**
 * Open the preview of `profile`; `ask()` promises the dry run's lesson (or null if it failed and was told),
 * `start(without)` starts it.
 */
export function openPreview(profile, state, ask, start) {
  const looking = make("p", { class: "hint looking", role: "status" }, icon("working"), t("preview.looking"));
  const body = make("div", { class: "preview" }, looking);
  const close = pushButton({ class: "quiet", icon: "cross", text: t("ui.close"), onPress: () => dialog.close() });
  const actions = make("div", { class: "actions" }, close.node);
  const title = t("preview.title", { name: named(profile.name) });
  const about = make("p", { class: "about" }, named(profile.description));
  const dialog = openDialog(title, [about, body, actions], { class: "wide" });
  ask().then((lesson) => {
    if (lesson === null) {
      dialog.close();
      return;
    }
    looking.remove();
    body.append(...story(state, lesson));
    const go = startButton(state, lesson, (without) => {
      dialog.close();
      start(without);
    });
    if (go) {
      actions.insertBefore(go.node, close.node);
    }
  });
}

function story(state, lesson) {
  const parts = [];
  const wrong = troubles(lesson);
  const blocked = lesson.blocked.length > 0;
  parts.push(make("p", { class: "hint", role: "status" }, t(blocked ? "preview.blocked" : "preview.nothing")));
  if (wrong.length) {
    parts.push(make("ul", { class: "attention" }, ...wrong.map((trouble) => troubleItem(state, trouble))));
  }
  if (!blocked) {
    const lines = previewLines(state, lesson).map((line) =>
      make(
        "li",
        { class: "line", "data-device": line.device, "data-state": line.kind },
        icon(line.kind === "will" ? "start" : "check"),
        make("span", null, make("strong", null, line.name), ": ", line.text)
      )
    );
    parts.push(make("ul", { class: "lines" }, ...lines));
  }
  if (lesson.skipped.length) {
    const list = make("ul");
    keepTexts(list, gapSentences(state, lesson));
    parts.push(make("div", { class: "gaps" }, make("h3", null, t("lesson.skipped")), list));
  }
  return parts;
}

function troubleItem(state, trouble) {
  const device = state.device(trouble.device);
  const words = troubleWords(trouble.code, device, trouble.role);
  const weight = trouble.required ? t("preview.needed") : t("preview.maybe");
  return make(
    "li",
    { "data-trouble": trouble.device || trouble.role },
    icon("warning"),
    make(
      "div",
      null,
      make("strong", null, deviceName(device, trouble.role) + " (" + weight + "):"),
      " " + words.what + " ",
      make("span", { class: "advice" }, words.advice)
    )
  );
}

function startButton(state, lesson, start) {
  const before = leftOut(lesson);
  if (lesson.blocked.length === 0) {
    return pushButton({ class: "strong", icon: "start", text: t("ui.start"), onPress: () => start(before) });
  }
  const more = leaveOut(lesson);
  if (more === null) {
    return null;
  }
  const names = listed(more.map((id) => inSentence(deviceName(state.device(id), id))));
  const text = t("ui.startWithout", { names });
  return pushButton({ class: "strong", icon: "start", text, onPress: () => start(before.concat(more)) });
}
