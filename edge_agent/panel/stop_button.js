// The emergency stop: held down for a second it acts; a short press, or a screen reader's, asks in plain words first.

import { pushButton } from "./buttons.js";
import { openDialog } from "./dialog.js";
import { icon, make, setAttribute } from "./dom.js";
import { notice } from "./notices.js";
import { named, t } from "./words.js";

const HOLD_MS = 900;
const KEYS = ["Enter", " "];

/** `{node, update(state)}`; `acts.stopAll()` does it. */
export function stopButton(acts) {
  const fill = make("span", { class: "stop-fill", "aria-hidden": "true" });
  const words = make(
    "span",
    { class: "stop-words" },
    make("strong", null, t("lab.stop")),
    make("span", null, t("lab.stopHold"))
  );
  const node = make(
    "button",
    { type: "button", class: "stop", "aria-label": t("lab.stopLabel") },
    fill,
    icon("emergency"),
    words
  );
  let holding = null;
  let done = false;
  let refusal = null;
  let means = "";

  function begin() {
    if (holding !== null || refusal !== null) {
      return;
    }
    done = false;
    node.classList.add("held");
    holding = window.setTimeout(() => {
      done = true;
      end();
      acts.stopAll();
    }, HOLD_MS);
  }

  function end() {
    window.clearTimeout(holding);
    holding = null;
    node.classList.remove("held");
  }

  ["mousedown", "touchstart"].forEach((event) => node.addEventListener(event, begin, { passive: true }));
  ["mouseup", "mouseleave", "touchend", "touchcancel", "blur"].forEach((event) => node.addEventListener(event, end));
  node.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is no right click here
  node.addEventListener("keydown", (event) => {
    if (KEYS.includes(event.key) && !event.repeat) {
      begin();
    }
  });
  node.addEventListener("keyup", end);
  node.addEventListener("click", () => {
    if (refusal !== null) {
      notice("plain", refusal);
    } else if (!done) {
      openStop(means, acts.stopAll);
    }
    done = false;
  });

  return {
    node,
    update(state) {
      const profile = state.emergency();
      const buttons = state.interlocks.filter((one) => one.button);
      means = buttons.length
        ? t("lab.stopTrips", { names: buttons.map((one) => named(one.name)).join(", ") })
        : named(profile && profile.description);
      node.hidden = state.room === null || (profile === null && buttons.length === 0);
      refusal = state.link === "live" ? null : t("ui.notWhileAway");
      setAttribute(node, "aria-disabled", refusal === null ? null : "true");
    },
  };
}

function openStop(means, stop) {
  const go = pushButton({
    class: "grave",
    icon: "emergency",
    text: t("lab.stopNow"),
    onPress: () => {
      dialog.close();
      stop();
    },
  });
  const stay = pushButton({ class: "quiet", icon: "cross", text: t("ui.no"), onPress: () => dialog.close() });
  go.node.setAttribute("data-first", "");
  const actions = make("div", { class: "actions" }, go.node, stay.node);
  const dialog = openDialog(t("lab.stopAsk"), [make("p", null, means), actions], { class: "confirm" });
}
