// The top of the robot kits' page: which room, who is logged in, and the button that stops every robot.

import { stopsView } from "./alarms.js";
import { pushButton } from "./buttons.js";
import { make, setAttribute, setText } from "./dom.js";
import { bannerView, personWords } from "./header.js";
import { pageLink } from "./page_links.js";
import { theme } from "./settings.js";
import { named, t } from "./words.js";

/** `{node, update(state)}`. */
export function robotsHeaderView(acts) {
  const name = make("h1");
  const simulated = make("span", { class: "badge" });
  const links = [pageLink("panel"), pageLink("lab")];
  const other = t("ui.otherLanguage");
  const language = pushButton({ class: "quiet", icon: "language", text: other, onPress: acts.language });
  language.node.lang = other === "English" ? "en" : "vi";
  language.node.id = "language";
  const colours = pushButton({ class: "quiet", icon: "moon", onPress: acts.theme });
  const person = pushButton({ class: "quiet person", icon: "person", onPress: acts.person });
  const stop = pushButton({
    class: "grave all-off stop-all",
    icon: "stop",
    text: t("robots.stopAll"),
    label: t("robots.stopAllMeans"),
    onPress: acts.stopAll,
  });
  const stops = stopsView(acts);
  const banner = bannerView(acts);
  const bar = make(
    "div",
    { class: "bar" },
    make("div", { class: "where" }, name, simulated),
    make("div", { class: "tools" }, ...links.map((link) => link.node), person.node, language.node, colours.node),
    stops.node,
    stop.node
  );
  return {
    node: make("header", { class: "top" }, bar, banner.node),
    update(state) {
      setText(name, state.room ? t("robots.title") + " · " + named(state.room.name) : t("robots.title"));
      const some = state.kits.filter((kit) => kit.simulated).length;
      simulated.hidden = some === 0;
      setText(simulated, t(some === state.kits.length ? "ui.simulated" : "ui.partlySimulated"));
      const dark = theme() === "dark";
      colours.text(dark ? t("ui.toLight") : t("ui.toDark"));
      colours.picture(dark ? "sun" : "moon");
      person.text(personWords(state));
      person.picture(state.mayControl() ? "leave" : "person");
      setAttribute(person.node, "data-role", state.session.role);
      links.forEach((link) => link.update(state));
      stops.update(state);
      stop.node.hidden = state.kits.length === 0;
      stop.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
      banner.update(state);
    },
  };
}
