// The kits: the tabs of their groups, what is looked for, how many are ready, and a card for each.

import { pushButton } from "./buttons.js";
import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import {
  firmwareWords, kitName, kitStatus, percentWords, trouble, workTrouble, workWords,
} from "./robots_words.js";
import { t } from "./words.js";

const LOW_PERCENT = 30;

/** `{node, update(state)}`: groups and search. */
export function tabsView(acts) {
  const tabs = make("div", { class: "robot-tabs", role: "group", "aria-label": t("robots.groups") });
  const label = make("label", { class: "unseen", for: "robot-search" }, t("robots.search"));
  const input = make("input", {
    id: "robot-search",
    class: "robot-search",
    type: "search",
    placeholder: t("robots.search"),
    autocomplete: "off",
    on: { input: () => acts.search(input.value) },
  });
  const stop = pushButton({ class: "stop-group", icon: "stop", onPress: acts.stopGroup });
  const node = make("div", { class: "robot-bar" }, tabs, make("div", { class: "robot-find" }, label, input), stop.node);
  return {
    node,
    update(state) {
      if (input.value !== state.search) {
        input.value = state.search;
      }
      const items = [""].concat(state.groups).map((group) => ({ group, state }));
      keepChildren(tabs, items, (item) => item.group, (item) => tabView(item.group, acts));
      tabs.hidden = state.groups.length === 0;
      stop.node.hidden = state.group === "";
      stop.text(t("robots.stopGroup", { group: state.group }));
      stop.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
    },
  };
}

function tabView(group, acts) {
  const button = pushButton({ class: "robot-tab", onPress: () => acts.tab(group) });
  return {
    node: button.node,
    update({ state }) {
      const count = state.kits.filter((kit) => group === "" || kit.group === group).length;
      button.text(group === "" ? t("robots.all", { count }) : t("robots.group", { group, count }));
      setAttribute(button.node, "aria-pressed", state.group === group ? "true" : "false");
      setAttribute(button.node, "data-group", group);
    },
  };
}

/** `{node, update(state)}`: before the bell. */
export function readyView(acts) {
  const count = make("h2", { id: "ready-title" });
  const means = make("p", { class: "hint" }, t("robots.readyMeans"));
  const look = pushButton({ icon: "check", text: t("robots.check"), onPress: acts.check });
  const hint = make("p", { class: "hint" }, t("robots.checkMeans"));
  const node = make(
    "section",
    { class: "card ready", "aria-labelledby": "ready-title" },
    count,
    means,
    make("div", { class: "actions" }, look.node),
    hint
  );
  return {
    node,
    update(state) {
      const kits = state.chosen();
      const ready = kits.filter((kit) => kit.ok).length;
      setText(count, t("robots.ready", { count: ready, all: kits.length }));
      setAttribute(node, "data-state", ready === kits.length ? "done" : "failed");
      look.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
    },
  };
}

/** `{node, update(state)}`: a card for each kit that is shown. */
export function kitsView(acts) {
  const list = make("ul", { class: "kit-list" });
  const found = make("p", { class: "hint", role: "status" });
  const heading = make("h2", { id: "kits-title" }, t("robots.kits"));
  const node = make("section", { "aria-labelledby": "kits-title" }, heading, found, list);
  return {
    node,
    update(state) {
      const kits = state.shown();
      found.hidden = state.search === "";
      setText(found, kits.length ? t("robots.found", { count: kits.length }) : t("robots.nothingFound"));
      const items = kits.map((kit) => ({ kit, state }));
      keepChildren(list, items, (item) => item.kit.id, (item) => kitView(item.kit.id, acts));
    },
  };
}

function kitView(id, acts) {
  const name = make("h3");
  const status = make("span", { class: "kit-status" });
  const battery = make("span", { class: "kit-battery" });
  const firmware = make("span", { class: "kit-firmware" });
  const holds = make("ul", { class: "kit-holds" });
  const holder = make("p", { class: "kit-holder" });
  const words = make("p", { class: "kit-work", id: "work-" + id });
  const bar = make("progress", { max: "100", "aria-labelledby": "work-" + id });
  const problems = make("ul", { class: "kit-problems" });
  const stopIt = () => acts.stopOne(id);
  const stop = pushButton({ class: "kit-stop", icon: "stop", text: t("robots.stopOne"), onPress: stopIt });
  const actions = make("div", { class: "actions" }, stop.node);
  const head = make("div", { class: "device-head" }, icon("robot-kit"), make("div", null, name, status));
  const facts = make("p", { class: "kit-facts" }, battery, firmware);
  const inside = [head, facts, holds, holder, words, bar, problems, actions];
  const node = make("li", { class: "device kit", "data-kit": id }, ...inside);
  return {
    node,
    update({ kit, state }) {
      setAttribute(node, "data-health", kit.health.state);
      setAttribute(node, "data-ok", kit.ok ? "true" : "false");
      setAttribute(node, "data-work", kit.work ? kit.work.state : null);
      setText(name, kitName(kit));
      setText(status, kitStatus(kit));
      battery.hidden = kit.battery_percent === null;
      setAttribute(battery, "data-low", kit.battery_percent !== null && kit.battery_percent < LOW_PERCENT);
      setText(battery, battery.hidden ? "" : t("robots.battery", { percent: percentWords(kit.battery_percent) }));
      firmware.hidden = kit.firmware === "";
      setText(firmware, firmwareWords(kit));
      facts.hidden = battery.hidden && firmware.hidden;
      keepChildren(holds, held(kit), (item) => item.key, heldView);
      const other = state.holder(kit);
      holder.hidden = other === "";
      setText(holder, other ? t("robots.held", { holder: other }) : "");
      setText(words, workWords(kit));
      words.hidden = kit.work === null;
      const working = kit.work !== null && kit.work.state === "working";
      bar.hidden = !working;
      setAttribute(bar, "value", working && kit.work.percent !== null ? kit.work.percent : null);
      keepChildren(problems, troubles(kit, state), (item) => item.key, problemView);
      problems.hidden = problems.firstChild === null;
      stop.label(t("robots.stopOf", { kit: kitName(kit) }));
      actions.hidden = !(kit.robot === "ready" || (kit.program !== "" && kit.program !== "none") || working);
      stop.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
    },
  };
}

/** What it has, as it was proven. */
function held(kit) {
  if (!kit.holds_programs) {
    const known = kit.firmware !== "";
    return [{ key: "none", text: t(known ? "robots.flashedOnly" : "robots.holdsUnknown"), state: "none" }];
  }
  if (kit.holds.length === 0) {
    return [{ key: "none", text: t("robots.holdsNothing"), state: "none" }];
  }
  return kit.holds.map((one) => {
    const state = one.whole === null ? "lastSeen" : one.whole ? "whole" : "damaged";
    return { key: one.name, text: one.name + " " + one.version + ", " + t("robots." + state), state };
  });
}

function heldView() {
  const text = make("span");
  const whole = icon("check");
  const damaged = icon("warning");
  const node = make("li", null, whole, damaged, text);
  return {
    node,
    update(item) {
      setText(text, item.text);
      setAttribute(node, "data-state", item.state);
      whole.style.display = item.state === "whole" ? "" : "none";
      damaged.style.display = item.state === "damaged" ? "" : "none";
    },
  };
}

/** What somebody has to do something about: of the last work, and of the kit itself, each said once. */
function troubles(kit, state) {
  const found = kit.problems.map((one) =>
    Object.assign({ key: one.code, technical: one.detail }, trouble(one.code, one.detail))
  );
  const failed = workTrouble(kit);
  if (failed !== null && found.every((one) => one.what !== failed.what)) {
    found.unshift(Object.assign({ key: "work", technical: kit.work.code + ": " + kit.work.detail }, failed));
  }
  return found.map((one) => Object.assign(one, { shows: state.isTechnician() }));
}

function problemView() {
  const what = make("strong");
  const advice = make("span");
  const technical = make("code");
  const node = make("li", { class: "device-problem" }, what, " ", advice, technical);
  return {
    node,
    update(item) {
      setText(what, item.what);
      setText(advice, item.advice);
      setText(technical, item.technical);
      setAttribute(node, "data-trouble", item.key);
      technical.hidden = !item.shows || item.technical === "";
    },
  };
}
