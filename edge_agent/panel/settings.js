// What this browser remembers: the language and the colours. `first_paint.js` reads the same keys.

const page = document.documentElement;

/** "vi" or "en". */
export function language() {
  return page.lang === "en" ? "en" : "vi";
}

export function setLanguage(name) {
  page.lang = name;
  keep("language", name);
}

/** "light" or "dark". */
export function theme() {
  return page.dataset.theme === "dark" ? "dark" : "light";
}

export function setTheme(name) {
  page.dataset.theme = name;
  keep("theme", name);
}

/** Follow the system's colours for as long as nobody chose some here. */
export function followSystemTheme(changed) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addListener(() => {
    if (kept("theme") === null) {
      page.dataset.theme = dark.matches ? "dark" : "light";
      changed();
    }
  });
}

function kept(name) {
  try {
    return window.localStorage.getItem("lophoc." + name);
  } catch (refused) {
    return null;
  }
}

function keep(name, value) {
  try {
    window.localStorage.setItem("lophoc." + name, value);
  } catch (refused) {
    // storage may be switched off or full; the choice then lasts until the page is closed
  }
}
