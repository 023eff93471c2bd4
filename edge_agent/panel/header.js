// The top of the page: which room, who is logged in, language and colours, "all off", and the banner when away.

import { stopsView } from "./alarms.js";
import { pushButton } from "./buttons.js";
import { make, setAttribute, setText } from "./dom.js";
import { pageLink } from "./page_links.js";
import { theme } from "./settings.js";
import { clock, named, t } from "./words.js";

const SAY_ENDS_WITHIN_S = 60;
const HELP_AFTER_MS = 45000;

/** `{node, update(state)}`. */
export function headerView(acts) {
  const name = make("h1");
  const simulated = make("span", { class: "badge" });
  const other = t("ui.otherLanguage");
  const language = pushButton({ class: "quiet", icon: "language", text: other, onPress: acts.language });
  language.node.lang = other === "English" ? "en" : "vi";
  language.node.id = "language";
  const colours = pushButton({ class: "quiet", icon: "moon", onPress: acts.theme });
  const person = pushButton({ class: "quiet person", icon: "person", onPress: acts.person });
  const allOff = pushButton({ class: "all-off", icon: "off", text: t("ui.allOff"), onPress: acts.allOff });
  const stops = stopsView(acts);
  const banner = bannerView(acts);
  const lab = pageLink("lab");
  const node = make(
    "header",
    { class: "top" },
    make(
      "div",
      { class: "bar" },
      make("div", { class: "where" }, name, simulated),
      make("div", { class: "tools" }, lab.node, person.node, language.node, colours.node),
      stops.node,
      allOff.node
    ),
    banner.node
  );
  return {
    node,
    update(state) {
      setText(name, state.room ? named(state.room.name) : t("ui.panel"));
      lab.update(state);
      simulated.hidden = !(state.room && state.room.simulated);
      setText(simulated, t(state.devices.every((one) => one.simulated) ? "ui.simulated" : "ui.partlySimulated"));
      const dark = theme() === "dark";
      colours.text(dark ? t("ui.toLight") : t("ui.toDark"));
      colours.picture(dark ? "sun" : "moon");
      person.text(personWords(state));
      person.picture(state.mayControl() ? "leave" : "person");
      setAttribute(person.node, "data-role", state.session.role);
      allOff.node.hidden = state.room === null || state.profileOff() === null;
      allOff.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
      stops.update(state);
      banner.update(state);
    },
  };
}

/** What the button says that logs in and out. */
export function personWords(state) {
  const role = state.session.role;
  if (role !== "teacher" && role !== "technician") {
    return t("session.logIn");
  }
  const leftS = state.sessionLeftS();
  const ends = leftS <= SAY_ENDS_WITHIN_S ? " (" + t("session.endsIn", { seconds: Math.ceil(leftS) }) + ")" : "";
  return t("session." + role) + " · " + t("session.logOut") + ends;
}

/** The banner while the agent is away. */
export function bannerView(acts) {
  const title = make("strong", null, t("away.title") + ".");
  const means = make("span");
  const help = make("strong", null, t("away.help"));
  const now = pushButton({ class: "quiet", icon: "again", text: t("away.now"), onPress: acts.tryNow });
  const words = make("p", null, title, " " + t("away.trying") + " ", means, " ", help);
  const node = make("div", { class: "banner", role: "alert", "data-banner": "away", hidden: true });
  const inside = make("div", { class: "banner-inside" }, words, now.node);
  return {
    node,
    update(state) {
      const away = state.link === "away" && !state.locked;
      node.hidden = !away;
      if (!away) {
        inside.remove();
        return;
      }
      const known = state.heardAt !== null;
      setText(means, known ? t("away.means") + " " + t("away.since", { time: clock(state.heardAt) }) : "");
      help.hidden = Date.now() - state.awayAt < HELP_AFTER_MS;
      if (inside.parentNode !== node) {
        node.append(inside); // put in when it becomes true, so that screen readers say it
      }
    },
  };
}
