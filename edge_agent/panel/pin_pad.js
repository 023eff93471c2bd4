// The PIN pad: for fingers, keyboards and screen readers; says in seconds how long too many wrong tries must wait.

import { pushButton } from "./buttons.js";
import { openDialog } from "./dialog.js";
import { make, setText } from "./dom.js";
import { t, troubleWords } from "./words.js";

const LONGEST = 32;

/**
 * Ask for a PIN. `options`: `what` it is for (or ""), `pinsSet`, `closable`, `logIn(pin)` that promises or throws an
 * AgentError, `onIn()` once logged in.
 */
export function openPinPad(options) {
  const what = make("p", { class: "hint" }, options.what ? t("session.toDo", { what: options.what }) : "");
  what.hidden = !options.what;
  if (!options.pinsSet) {
    const close = pushButton({ icon: "cross", text: t("ui.close"), onPress: () => dialog.close() });
    const none = make("p", null, t("session.notSet"));
    const dialog = openDialog(t("session.title"), [none, make("div", { class: "actions" }, close.node)]);
    return;
  }
  let pin = "";
  let waitUntil = 0;
  let asking = false;
  const dots = make("div", { class: "pin-dots", role: "img", tabindex: "-1", "data-first": true });
  const said = make("p", { class: "pin-said", role: "alert" });
  const keys = "123456789".split("").map((digit) => keyButton(digit, () => type(digit)));
  const erase = pushButton({
    class: "pin-key quiet",
    icon: "erase",
    label: t("session.erase"),
    onPress: () => change(pin.slice(0, -1)),
  });
  const zero = keyButton("0", () => type("0"));
  const enter = pushButton({ class: "pin-key strong", text: t("session.enter"), onPress: send });
  const pad = make("div", { class: "pin-keys" }, ...keys.concat(erase, zero, enter).map((key) => key.node));
  const close = pushButton({ class: "quiet", icon: "cross", text: t("ui.close"), onPress: () => dialog.close() });
  const all = keys.concat(erase, zero, enter);
  const ticking = window.setInterval(tick, 250);
  const content = [what, dots, said, pad, make("div", { class: "actions" }, close.node)];
  const dialog = openDialog(t("session.title"), content, {
    class: "pin",
    closable: options.closable,
    onClose: () => window.clearInterval(ticking),
  });
  close.node.hidden = options.closable === false;
  dialog.node.addEventListener("keydown", onKey);
  change("");

  function keyButton(digit, onPress) {
    return pushButton({ class: "pin-key", text: digit, onPress });
  }

  function type(character) {
    setText(said, "");
    if (pin.length < LONGEST) {
      change(pin + character);
    }
  }

  function change(to) {
    pin = to;
    setText(dots, "●".repeat(pin.length));
    dots.setAttribute("aria-label", t("session.pin") + ": " + t("session.digits", { count: pin.length }));
  }

  function onKey(event) {
    if (waitUntil || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.key.length === 1 && /\S/.test(event.key)) {
      type(event.key);
    } else if (event.key === "Backspace") {
      change(pin.slice(0, -1));
    } else if (event.key === "Enter" && event.target.tagName !== "BUTTON") {
      send();
    }
  }

  async function send() {
    if (asking || pin === "") {
      return;
    }
    asking = true;
    const tried = pin;
    change("");
    try {
      await options.logIn(tried);
      dialog.close();
      options.onIn();
    } catch (error) {
      refuse(error);
    } finally {
      asking = false;
    }
  }

  function refuse(error) {
    if (error.code === "too-many-tries") {
      waitUntil = Date.now() + 1000 * Math.max(1, error.retryAfterS);
      const seconds = Math.max(1, error.retryAfterS);
      setText(said, t("session.wait", { seconds })); // read out once; the seconds then run in the dots' place
      tick();
    } else if (error.code === "wrong-pin") {
      setText(said, t("session.wrong"));
    } else {
      const words = troubleWords(error.code, null, "");
      setText(said, words.what + " " + words.advice);
    }
  }

  function tick() {
    if (!waitUntil) {
      return;
    }
    const leftS = Math.ceil((waitUntil - Date.now()) / 1000);
    if (leftS <= 0) {
      waitUntil = 0;
      setText(said, t("session.mayTryAgain"));
      change("");
      all.forEach((key) => key.refuse(null));
    } else {
      setText(dots, t("unit.s", { n: leftS }));
      dots.setAttribute("aria-label", t("unit.s", { n: leftS }));
      all.forEach((key) => key.refuse(t("session.wait", { seconds: leftS })));
    }
  }
}
