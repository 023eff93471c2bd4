// The buttons of the panel. One that cannot be used now stays where it is, keeps the focus and says why when pressed.

import { icon, make, setAttribute, setIcon, setText } from "./dom.js";
import { notice } from "./notices.js";

/**
 * A button with a picture and a text. `options`: `class`, `icon`, `text`, `label` (for screen readers, where it
 * differs), `onPress`. Answers `{node, text(…), label(…), picture(…), refuse(reason)}`; `refuse(null)` allows it.
 */
export function pushButton(options) {
  let refusal = null;
  const picture = options.icon ? icon(options.icon) : null;
  const words = make("span", { class: "button-text" }, options.text || "");
  const node = make(
    "button",
    { type: "button", class: "button " + (options.class || ""), "aria-label": options.label },
    picture,
    words
  );
  node.addEventListener("click", () => {
    if (refusal === null) {
      options.onPress();
    } else {
      notice("plain", refusal);
    }
  });
  return {
    node,
    text: (text) => setText(words, text),
    label: (label) => setAttribute(node, "aria-label", label),
    picture: (name) => setIcon(picture, name),
    refuse: (reason) => {
      refusal = reason;
      setAttribute(node, "aria-disabled", reason === null ? null : "true");
    },
  };
}
