// Notes on recorded runs: a list, and a form that takes the moment by hand or from a tap on the chart.

import { valueWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { keepChildren, make, setAttribute, setText } from "./dom.js";
import { runName } from "./runs_page.js";
import { t } from "./words.js";

const LONGEST = 200;

/** `[{note, run, ink, t, number}]` as a list. */
export function notesView() {
  const list = make("ol", { class: "notes" });
  const none = make("p", { class: "hint" }, t("lab.noNotes"));
  return {
    node: make("div", null, list, none),
    update(notes, state) {
      const several = new Set(notes.map((one) => one.run.id)).size > 1;
      const items = notes.map((one) => ({ one, several, state }));
      keepChildren(list, items, (item) => item.one.run.id + " " + item.one.note.n + " " + item.one.note.time, noteView);
      none.hidden = notes.length > 0;
    },
  };
}

function noteView() {
  const mark = make("span", { class: "note-mark", "aria-hidden": "true" });
  const where = make("span", { class: "hint" });
  const text = make("span");
  const node = make("li", null, mark, make("span", null, text, " ", where));
  return {
    node,
    update({ one, several, state }) {
      setText(mark, one.number);
      setAttribute(mark, "data-ink", (one.ink % 6) + 1);
      setText(text, one.note.text);
      setText(where, "(" + valueWords(one.t, "s") + (several ? ", " + runName(one.run, state) : "") + ")");
    },
  };
}

/** `send({run, t}, text, clear, wrong)`. `{node, set(run, t), update(runs, state)}`. */
export function noteForm(send) {
  const which = make("select", { id: "note-run" });
  const whichField = make("div", { class: "field" }, make("label", { for: "note-run" }, t("lab.noteRun")), which);
  const at = make("input", {
    id: "note-at",
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    placeholder: t("lab.noteAtHint"),
  });
  const text = make("input", { id: "note-text", type: "text", maxlength: LONGEST, autocomplete: "off" });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const add = pushButton({ icon: "note", text: t("lab.addNote"), onPress: submit });
  const node = make(
    "div",
    { class: "note-form" },
    whichField,
    make("div", { class: "field" }, make("label", { for: "note-at" }, t("lab.noteAt")), at),
    make("div", { class: "field" }, make("label", { for: "note-text" }, t("lab.noteText")), text),
    make("p", { class: "hint" }, t("lab.noteMeans")),
    wrong,
    add.node
  );
  [at, text].forEach((input) =>
    input.addEventListener("keydown", (event) => (event.key === "Enter" ? submit() : undefined))
  );

  function submit() {
    const seconds = Number(at.value.trim().replace(",", "."));
    const isTime = at.value.trim() !== "" && isFinite(seconds) && seconds >= 0;
    setText(wrong, !isTime ? t("lab.noteAtWrong") : text.value.trim() === "" ? t("lab.noteEmpty") : "");
    if (wrong.textContent) {
      (isTime ? text : at).focus();
      return;
    }
    send(
      { run: which.value, t: seconds },
      text.value.trim(),
      () => (text.value = ""),
      (why) => setText(wrong, why)
    );
  }

  return {
    node,
    /** A person tapped the chart there. */
    set(run, seconds) {
      which.value = run;
      at.value = String(Math.round(Math.max(0, seconds) * 100) / 100).replace(".", t("lab.decimalMark"));
      setText(wrong, "");
      text.focus({ preventScroll: true });
    },
    update(runs, state) {
      whichField.hidden = runs.length < 2;
      keepChildren(
        which,
        runs,
        (one) => one.run.id,
        (one) => {
          const option = make("option", { value: one.run.id });
          return { node: option, update: (item) => setText(option, runName(item.run, state)) };
        }
      );
    },
  };
}
