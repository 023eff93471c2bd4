// Colours, language and leaving: what every page does without its server. Runs before anything is drawn.
(() => {
  const kept = () => localStorage.getItem("lophoc-ops-theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => kept() ?? (dark.matches ? "dark" : "light");
  const show = () => {
    document.documentElement.dataset.theme = theme();
    window.Quasar?.Dark?.set(theme() === "dark");
  };
  show();
  dark.addEventListener("change", show);
  addEventListener("load", show);
  const phone = matchMedia("(max-width: 899px)");
  const fold = () => document.querySelectorAll("details.ways").forEach((ways) => (ways.open = !phone.matches));
  phone.addEventListener("change", fold);
  new MutationObserver((_, watch) => {
    if (document.querySelector("details.ways")) {
      watch.disconnect();
      fold();
    }
  }).observe(document, { childList: true, subtree: true });
  addEventListener("DOMContentLoaded", () => {
    const places = document.querySelectorAll("#popup span, #too_long_message_popup span");
    places.forEach((place, at) => (place.textContent = window.lophocLost?.[at] ?? place.textContent));
  });
  addEventListener("click", async (event) => {
    if (event.target.closest("[data-theme-turn]")) {
      localStorage.setItem("lophoc-ops-theme", theme() === "dark" ? "light" : "dark");
      show();
    }
    const language = event.target.closest("a[data-here]");
    if (language) {
      event.preventDefault();
      location.href = `${language.href}?next=${encodeURIComponent(location.pathname + location.search)}`;
    }
    if (event.target.closest("[data-log-out]")) {
      await fetch("/auth/logout", { method: "POST" });
      location.href = "/login";
    }
    if (event.target.closest("[data-print]")) print();
  });
  addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-log-in]");
    if (!form) return;
    event.preventDefault();
    const say = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    button.disabled = true;
    say.hidden = true;
    try {
      const answer = await fetch("/auth/login", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: form.elements.name.value, password: form.elements.password.value }),
      });
      if (answer.ok) {
        location.href = form.dataset.next;
        return;
      }
      say.textContent = form.dataset[{ 401: "wrong", 422: "wrong", 429: "often" }[answer.status] ?? "trouble"];
    } catch {
      say.textContent = form.dataset.trouble;
    }
    say.hidden = false;
    button.disabled = false;
    form.elements.password.select();
  });
})();
