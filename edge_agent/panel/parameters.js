// A bench's parameters: a field each with its unit and range; what is wrong with a value is said at its field.

import { refusal } from "./bench_controls.js";
import { settingWords, unitWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { keepChildren, make, setAttribute, setText } from "./dom.js";
import { named, t, troubleWords } from "./words.js";

/** `{node, update({bench, state})}`; `acts.tell(bench, target, value)` sets one. */
export function parametersView(id, acts) {
  const heading = make("h3", { id: "parameters-title" }, t("lab.parameters"));
  const list = make("div", { class: "parameters" });
  const none = make("p", { class: "hint" }, t("lab.noParameters"));
  const node = make("section", { class: "card", "aria-labelledby": "parameters-title" }, heading, list, none);
  return {
    node,
    update({ bench, state }) {
      const experiment = bench.experiment;
      const parameters = experiment ? experiment.parameters.concat(seedOf(experiment)) : [];
      const items = parameters.map((parameter) => ({ parameter, bench, state }));
      keepChildren(
        list,
        items,
        (item) => item.parameter.name,
        (item) => parameterView(id, item.parameter, acts)
      );
      none.hidden = items.length > 0;
    },
  };
}

/** The seed is set as a parameter is, and makes a run that can be repeated to the bit. */
function seedOf(experiment) {
  const shown = { vi: "Hạt giống của nhiễu đo", en: "Seed of the noise" };
  const limits = { low: 0, high: 4294967295, whole: true };
  const value = { value: experiment.seed, counts: experiment.seed, default: 0, at_reset: true, options: {} };
  return Object.assign({ name: "seed", target: "experiment.seed", shown, unit: "" }, limits, value);
}

function parameterView(bench, first, acts) {
  const field = "parameter-" + first.name;
  const words = Object.keys(first.options);
  const label = make("label", { for: field });
  const input = words.length
    ? make("select", { id: field }, ...words.map((word) => make("option", { value: word })))
    : make("input", { id: field, type: "text", inputmode: "decimal", autocomplete: "off" });
  const unit = make("span", { class: "unit", "aria-hidden": "true" });
  const hint = make("span", { class: "hint", id: field + "-hint" });
  const wrong = make("span", { class: "wrong", id: field + "-wrong", role: "alert" });
  const set = pushButton({ text: t("lab.set"), onPress: send });
  const row = make("div", { class: "parameter-row" }, input, unit, set.node);
  const node = make("div", { class: "parameter", "data-parameter": first.name }, label, row, hint, wrong);
  setAttribute(input, "aria-describedby", hint.id + " " + wrong.id);
  let now = null;
  let touched = false; // somebody is writing in it: what the bench says must not change it under their fingers
  let mistake = "";
  input.addEventListener("input", () => {
    touched = true;
    mistake = "";
    show();
  });
  input.addEventListener("change", () => (words.length ? send() : undefined));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      send();
    } else if (event.key === "Escape") {
      touched = false;
      mistake = "";
      show();
    }
  });

  function send() {
    const value = words.length ? input.value : numberIn(input.value);
    mistake = mistakeIn(value, now.parameter) || refusal(now.bench, now.state) || "";
    show();
    if (mistake) {
      input.focus();
      return;
    }
    acts.tell(bench, now.parameter.target, value, {
      done() {
        touched = false;
        show();
      },
      failed(error) {
        const said = troubleWords(error.code, null, "experiment");
        mistake = said.what + " " + said.advice;
        show();
      },
    });
  }

  function show() {
    const { parameter, state } = now;
    const pending = state.isPending(bench, parameter.target);
    if (!touched && document.activeElement !== input) {
      input.value = words.length ? parameter.value : plain(parameter.value);
    } else if (!touched && !words.length) {
      input.value = plain(parameter.value);
    }
    setText(wrong, mistake);
    setAttribute(input, "aria-invalid", mistake ? "true" : null);
    set.node.hidden = words.length > 0 || !touched;
    set.text(pending ? t("lab.waits") : t("lab.set"));
    const waits = parameter.at_reset && parameter.value !== parameter.counts;
    const counts = settingWords(parameter.counts, parameter.unit);
    setText(hint, rangeWords(parameter) + (waits ? " · " + t("lab.countsAtReset", { value: counts }) : ""));
    setAttribute(node, "data-waits", waits);
  }

  return {
    node,
    update(item) {
      now = item;
      setText(label, named(item.parameter.shown));
      setText(unit, unitWords(item.parameter.unit));
      words.forEach((word, k) => setText(input.options[k], named(item.parameter.options[word])));
      show();
    },
  };
}

/** "1.250,5" and "1250.5" alike; NaN for what is no number. */
function numberIn(text) {
  const plainText = text.trim().replace(/\s/g, "").replace(",", ".");
  return plainText === "" ? NaN : Number(plainText);
}

/** As it is written into a field: with a comma in Vietnamese, and without groups. */
function plain(value) {
  return t("lab.decimalMark") === "," ? String(value).replace(".", ",") : String(value);
}

function mistakeIn(value, parameter) {
  if (typeof value === "string") {
    return "";
  }
  if (!isFinite(value) || (parameter.whole && value % 1 !== 0)) {
    return t(parameter.whole ? "lab.notWhole" : "lab.notANumber");
  }
  const low = parameter.low !== null && value < parameter.low;
  const high = parameter.high !== null && value > parameter.high;
  return low || high ? t("lab.outOfRange", { range: rangeWords(parameter) }) : "";
}

function rangeWords(parameter) {
  if (Object.keys(parameter.options).length) {
    return parameter.at_reset ? t("lab.atReset") : "";
  }
  const ends = { low: settingWords(parameter.low, ""), high: settingWords(parameter.high, parameter.unit) };
  const range = parameter.low === null || parameter.high === null ? "" : t("lab.range", ends);
  return range + (parameter.at_reset ? (range ? " · " : "") + t("lab.atReset") : "");
}
