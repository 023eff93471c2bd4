// The ways between the pages of one room: the control panel, the laboratory, the robot kits.

import { icon, make } from "./dom.js";
import { t } from "./words.js";

const BENCHES = ["experiment", "bench-power"];
const PAGES = {
  panel: { href: "./", picture: "back", is: () => true },
  lab: { href: "lab", picture: "lab", is: (devices) => devices.some((one) => BENCHES.includes(one.role)) },
  robots: { href: "robots", picture: "robot", is: (devices) => devices.some((one) => one.role === "robot-kit") },
};

/** A link to the page `panel`, `lab` or `robots`, shown where the room has what it is for. `{node, update(state)}`. */
export function pageLink(page) {
  const { href, picture, is } = PAGES[page];
  const words = make("span", { class: "button-text" }, t("pages." + page));
  const node = make("a", { class: "button quiet page-link " + page + "-link", href }, icon(picture), words);
  return {
    node,
    update(state) {
      node.hidden = !is(state.devices);
    },
  };
}
