// What is said to everyone: short notices at the edge of the screen, and words for screen readers alone.

import { icon, make, setText } from "./dom.js";

const SHOWN_MS = 9000;

/** Say it to screen readers, politely; nothing is shown. */
export function announce(text) {
  setText(document.getElementById("announcer"), text);
}

/** Show and read out one notice. `kind`: "good", "bad" or "plain". The last one replaces the one before. */
export function notice(kind, what, advice) {
  const place = document.getElementById("notices");
  const box = make(
    "div",
    { class: "notice notice-" + kind },
    icon(kind === "good" ? "check" : kind === "bad" ? "warning" : "hint"),
    make("p", null, make("strong", null, what), advice ? " " + advice : null)
  );
  while (place.firstChild) {
    place.firstChild.remove();
  }
  place.append(box);
  window.setTimeout(() => box.remove(), SHOWN_MS);
}
