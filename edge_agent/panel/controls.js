// What can be told to one device by hand: a toggle, a slider, a choice. What is shown is what the device confirmed.

import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import { notice } from "./notices.js";
import { choiceWords, controlName, deviceName, stateWords, t } from "./words.js";

const TOGGLES = ["power", "switch", "camera"];
const WORDS = { robot: ["idle", "ready"], experiment: ["idle", "paused", "running"] };
const SETTLES_MS = 350; // arrow keys move a slider step by step; one command is enough

/** The name under which a control's state is read. */
export function metricOf(control) {
  return control.channel ? control.capability + "_" + control.channel : control.capability;
}

/** True if this panel has a form for the control: a closed choice, a level, or on and off. */
export function isShown(control) {
  return TOGGLES.includes(control.capability) || control.capability === "level" || choicesOf(control).length > 0;
}

/** `{node, update({device, control, state})}`. */
export function controlView({ device, control }, acts) {
  const send = (value) => acts.command(device.id, control.target, value);
  if (TOGGLES.includes(control.capability)) {
    return toggleView(send);
  }
  return control.capability === "level" ? sliderView(send) : choiceView(send);
}

/** Why it cannot be used at this moment; null if it can. */
function refusal({ device, control, state }) {
  if (state.link !== "live") {
    return t("ui.notWhileAway");
  }
  if (device.health.state === "unreachable") {
    return t("ui.cannotNow") + ": " + deviceName(device, device.role) + ".";
  }
  return state.isPending(device.id, control.target) ? t("ui.waitsForDevice") : null;
}

function shownValue({ device, control, state }) {
  const wished = state.pendingValue(device.id, control.target);
  const reading = device.values[metricOf(control)];
  return wished !== undefined ? wished : reading ? reading.value : undefined;
}

function toggleView(send) {
  const label = make("span", { class: "control-name" });
  const value = make("span", { class: "toggle-state" });
  const node = make(
    "button",
    { type: "button", class: "toggle", role: "switch" },
    label,
    value,
    make("span", { class: "toggle-track", "aria-hidden": "true" })
  );
  let now = null;
  node.addEventListener("click", () => {
    const why = refusal(now);
    if (why === null) {
      send(shownValue(now) !== true);
    } else {
      notice("plain", why);
    }
  });
  return {
    node,
    update(given) {
      now = given;
      const { device, control, state } = given;
      const shown = shownValue(given);
      const pending = state.isPending(device.id, control.target);
      setText(label, controlName(device.role, control));
      setText(value, pending ? t("ui.waitsForDevice") : stateWords(device.role, control.capability, shown));
      setAttribute(node, "aria-label", deviceName(device, device.role) + ": " + controlName(device.role, control));
      setAttribute(node, "aria-checked", shown === true ? "true" : "false");
      setAttribute(node, "aria-disabled", refusal(given) === null ? null : "true");
      setAttribute(node, "data-pending", pending);
      setAttribute(node, "data-target", control.target);
    },
  };
}

function sliderView(send) {
  const label = make("span", { class: "control-name", "aria-hidden": "true" });
  const value = make("span", { class: "slider-value", "aria-hidden": "true" });
  const input = make("input", { type: "range", min: 0, max: 100, step: 5 });
  const node = make("div", { class: "slider" }, label, value, input);
  let now = null;
  let held = false; // a finger is on it: what the device says must not move it away
  let settling = null;
  input.addEventListener("input", () => {
    held = true;
    show(Number(input.value));
  });
  input.addEventListener("change", () => {
    window.clearTimeout(settling);
    settling = window.setTimeout(() => {
      held = false;
      if (refusal(now) === null) {
        send(Number(input.value));
      }
    }, SETTLES_MS);
  });

  function show(level) {
    setText(value, stateWords(now.device.role, "level", level));
    setAttribute(input, "aria-valuetext", value.textContent);
    input.style.setProperty("--fill", (typeof level === "number" ? level : 0) + "%");
  }

  return {
    node,
    update(given) {
      now = given;
      const { device, control, state } = given;
      const refused = refusal(given);
      setText(label, controlName(device.role, control));
      setAttribute(input, "aria-label", deviceName(device, device.role) + ": " + controlName(device.role, control));
      setAttribute(input, "data-target", control.target);
      setAttribute(node, "data-pending", state.isPending(device.id, control.target));
      input.disabled = refused !== null && !held;
      setAttribute(node, "title", refused);
      if (!held) {
        const level = shownValue(given);
        input.value = typeof level === "number" ? level : 0;
        show(level);
      }
    },
  };
}

function choiceView(send) {
  const label = make("span", { class: "control-name", "aria-hidden": "true" });
  const choices = make("div", { class: "choice-buttons" });
  const node = make("div", { class: "choice", role: "group" }, label, choices);
  let now = null;
  return {
    node,
    update(given) {
      now = given;
      const { device, control, state } = given;
      setText(label, controlName(device.role, control));
      setAttribute(node, "aria-label", deviceName(device, device.role) + ": " + controlName(device.role, control));
      setAttribute(node, "data-target", control.target);
      const shown = shownValue(given);
      const pending = state.isPending(device.id, control.target);
      const items = choicesOf(control).map((value) => ({
        value,
        text: choiceWords(device.role, control.capability, value),
        chosen: value === shown,
        pending: pending && value === shown,
        refused: refusal(given) !== null,
      }));
      keepChildren(choices, items, (item) => item.value, (item) => choiceButton(item.value));
    },
  };

  function choiceButton(value) {
    const text = make("span");
    const button = make("button", { type: "button", class: "choice-button" }, icon("check"), text);
    button.addEventListener("click", () => {
      const why = refusal(now);
      if (why === null) {
        send(value);
      } else {
        notice("plain", why);
      }
    });
    return {
      node: button,
      update(item) {
        setText(text, item.text);
        setAttribute(button, "aria-pressed", item.chosen ? "true" : "false");
        setAttribute(button, "aria-disabled", item.refused ? "true" : null);
        setAttribute(button, "data-pending", item.pending);
        setAttribute(button, "data-value", value);
      },
    };
  }
}

function choicesOf(control) {
  return control.choices && control.choices.length ? control.choices : WORDS[control.capability] || [];
}
