// Language and colours before the first paint, so that a dark room is not lit by a white page. No module: it blocks.
(function () {
  "use strict";
  function kept(name) {
    try {
      return window.localStorage.getItem("lophoc." + name);
    } catch (refused) {
      return null; // storage may be switched off; then every visit begins in Vietnamese
    }
  }
  var dark = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.lang = kept("language") === "en" ? "en" : "vi";
  document.documentElement.dataset.theme = kept("theme") || dark;
})();
