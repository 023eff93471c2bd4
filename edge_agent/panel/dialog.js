// One dialog at a time: it takes the focus, keeps it, and gives it back; Escape and the dark around it close it.

import { make } from "./dom.js";

let current = null;

/**
 * Show `content` under `title`. `options`: `onClose`, `class`, `closable` (true if left out).
 * Answers `{node, close}`; `close` may be called twice.
 */
export function openDialog(title, content, options) {
  const asked = options || {};
  closeDialog();
  const before = document.activeElement;
  const heading = make("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const box = make(
    "div",
    { class: "dialog " + (asked.class || ""), role: "dialog", "aria-modal": "true", "aria-labelledby": "dialog-title" },
    heading,
    ...content
  );
  const shade = make("div", { class: "shade" }, box);
  const opened = { node: box, close };
  const dismiss = asked.closable === false ? () => undefined : close;

  function close() {
    if (current !== opened) {
      return;
    }
    current = null;
    document.removeEventListener("keydown", onKey, true);
    shade.remove();
    hidePage(false);
    const back = before && document.contains(before) ? before : document.getElementById("page");
    back.focus({ preventScroll: true });
    if (asked.onClose) {
      asked.onClose();
    }
  }

  function onKey(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      dismiss();
    } else if (event.key === "Tab") {
      keepFocus(event, box);
    }
  }

  shade.addEventListener("click", (event) => {
    if (event.target === shade) {
      dismiss();
    }
  });
  document.addEventListener("keydown", onKey, true);
  document.getElementById("dialogs").append(shade);
  current = opened;
  hidePage(true);
  (box.querySelector("[data-first]") || heading).focus();
  return opened;
}

export function closeDialog() {
  if (current) {
    current.close();
  }
}

function hidePage(hidden) {
  const page = document.getElementById("page");
  page.inert = hidden; // where the browser knows it; the rest do with aria-hidden and the kept focus
  if (hidden) {
    page.setAttribute("aria-hidden", "true");
  } else {
    page.removeAttribute("aria-hidden");
  }
}

function keepFocus(event, box) {
  const stops = Array.from(box.querySelectorAll("button, input, a[href]")).filter((one) => !one.disabled);
  const first = stops[0];
  const last = stops[stops.length - 1];
  const at = document.activeElement;
  if (!first) {
    event.preventDefault();
  } else if (event.shiftKey && (at === first || !stops.includes(at))) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && (at === last || !box.contains(at))) {
    event.preventDefault();
    first.focus();
  }
}
