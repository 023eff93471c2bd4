// The top of the lab's screen: which room, benches or runs, who is logged in, and the emergency stop.

import { pushButton } from "./buttons.js";
import { make, setAttribute, setText } from "./dom.js";
import { bannerView, personWords } from "./header.js";
import { pageLink } from "./page_links.js";
import { theme } from "./settings.js";
import { stopButton } from "./stop_button.js";
import { named, t } from "./words.js";

/** `{node, update(state, route)}`. */
export function labHeaderView(acts) {
  const name = make("h1");
  const simulated = make("span", { class: "badge" });
  const benches = make("a", { class: "tab", href: "#/" }, t("lab.benches"));
  const runs = make("a", { class: "tab", href: "#/runs" }, t("lab.runs"));
  const tabs = make("nav", { class: "tabs", "aria-label": t("lab.title") }, benches, runs);
  const links = [pageLink("panel"), pageLink("robots")];
  const other = t("ui.otherLanguage");
  const language = pushButton({ class: "quiet", icon: "language", text: other, onPress: acts.language });
  language.node.lang = other === "English" ? "en" : "vi";
  language.node.id = "language";
  const colours = pushButton({ class: "quiet", icon: "moon", onPress: acts.theme });
  const person = pushButton({ class: "quiet person", icon: "person", onPress: acts.person });
  const stop = stopButton(acts);
  const banner = bannerView(acts);
  const bar = make(
    "div",
    { class: "bar" },
    make("div", { class: "where" }, name, simulated, tabs),
    make("div", { class: "tools" }, ...links.map((link) => link.node), person.node, language.node, colours.node),
    stop.node
  );
  return {
    node: make("header", { class: "top" }, bar, banner.node),
    update(state, route) {
      setText(name, state.room ? named(state.room.name) : t("lab.title"));
      const some = (state.benches || []).filter((bench) => bench.simulated).length;
      simulated.hidden = some === 0;
      setText(simulated, t(some === (state.benches || []).length ? "lab.allSimulated" : "lab.someSimulated"));
      setAttribute(benches, "aria-current", route.page === "benches" ? "page" : null);
      setAttribute(runs, "aria-current", route.page === "runs" ? "page" : null);
      const dark = theme() === "dark";
      colours.text(dark ? t("ui.toLight") : t("ui.toDark"));
      colours.picture(dark ? "sun" : "moon");
      person.text(personWords(state));
      person.picture(state.mayControl() ? "leave" : "person");
      setAttribute(person.node, "data-role", state.session.role);
      links.forEach((link) => link.update(state));
      stop.update(state);
      banner.update(state);
    },
  };
}
