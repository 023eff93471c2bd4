// The room's devices by what they are for: how each is, what can be told to it, and, for technicians, what it says.

import { pushButton } from "./buttons.js";
import { controlView, isShown, metricOf } from "./controls.js";
import { icon, keepChildren, make, setAttribute, setIcon, setText } from "./dom.js";
import { pageLink } from "./page_links.js";
import {
  clock, controlName, deviceName, healthTrouble, healthWords, readingWords, stateWords, t, troubleWords,
} from "./words.js";

const SAFETY = ["gas-sensor", "smoke-sensor", "door-sensor", "emergency-stop"];
const GROUPS = [
  ["picture", ["projector", "display", "screen"]],
  ["light", ["lights", "board-light", "blinds"]],
  ["sound", ["speakers", "microphone", "camera"]],
  ["power", ["ventilation", "air-conditioner", "sockets", "power-meter"]],
  ["stem", ["robot-kit", "experiment", "bench-power", "printer-3d"]],
  ["safety", ["gas-valve", "door-lock", "warning-light"]],
  ["sensing", ["air-sensor", "light-sensor", "presence-sensor", "button"].concat(SAFETY)],
];
const FOR_TECHNICIANS = ["air-sensor", "light-sensor", "presence-sensor", "power-meter", "button"].concat(SAFETY);
const MOVING = ["warming", "cooling"];
const SWITCHES = ["power", "switch"]; // while these say off, the rest of a device does not matter

/** `{node, update(state)}`. */
export function devicesView(acts) {
  const logIn = pushButton({ icon: "person", text: t("ui.needTeacher"), onPress: acts.person });
  const heading = make("h2", { id: "devices-title" }, t("ui.devices"));
  const robots = pageLink("robots");
  const groups = make("div", { class: "groups" });
  const node = make(
    "section",
    { class: "devices", "aria-labelledby": "devices-title" },
    make("div", { class: "devices-head" }, heading, robots.node, logIn.node),
    groups
  );
  return {
    node,
    update(state) {
      logIn.node.hidden = state.mayControl();
      robots.update(state);
      keepChildren(groups, grouped(state), (group) => group.key, (group) => groupView(group.key, acts));
    },
  };
}

/** Sensors are shown as readings (readings.js); as devices only to technicians. */
function grouped(state) {
  const shown = state.devices.filter((one) => state.isTechnician() || !FOR_TECHNICIANS.includes(one.role));
  const known = GROUPS.map(([key, roles]) => ({ key, devices: shown.filter((one) => roles.includes(one.role)) }));
  const every = [].concat(...GROUPS.map(([, roles]) => roles));
  const rest = { key: "power", devices: shown.filter((one) => !every.includes(one.role)) };
  const together = known.map((group) =>
    group.key === rest.key ? { key: group.key, devices: group.devices.concat(rest.devices) } : group
  );
  return together.filter((group) => group.devices.length > 0).map((group) => Object.assign(group, { state }));
}

function groupView(key, acts) {
  const heading = make("h3", null, t("groups." + key));
  const list = make("ul", { class: "device-list" });
  return {
    node: make("div", { class: "group" }, heading, list),
    update({ devices, state }) {
      const items = devices.map((device) => ({ device, state }));
      keepChildren(list, items, (item) => item.device.id, () => deviceView(acts));
    },
  };
}

function deviceView(acts) {
  const picture = icon("other");
  const name = make("h4");
  const status = make("span", { class: "device-status" });
  const problem = problemView();
  const controls = make("div", { class: "controls" });
  const technical = technicalView();
  const node = make(
    "li",
    { class: "device" },
    make("div", { class: "device-head" }, picture, make("div", null, name, status)),
    problem.node,
    controls,
    technical.node
  );
  return {
    node,
    update({ device, state }) {
      setAttribute(node, "data-device", device.id);
      setAttribute(node, "data-health", device.health.state);
      setIcon(picture, device.role);
      setText(name, deviceName(device, device.role));
      setText(status, statusWords(device));
      problem.update(device, state);
      const shown = state.mayControl() ? device.controls.filter(isShown) : [];
      const items = shown.map((control) => ({ device, control, state }));
      keepChildren(controls, items, (item) => item.control.target, (item) => controlView(item, acts));
      controls.hidden = items.length === 0;
      technical.update(device, state);
    },
  };
}

/** "Bật · HDMI 1", or how it is where that matters more. */
function statusWords(device) {
  const health = device.health.state;
  if (health === "unreachable") {
    return healthWords(health);
  }
  const known = device.controls
    .map((control) => [control, device.values[metricOf(control)]])
    .filter(([, reading]) => reading !== undefined && reading.value !== "");
  const off = known.find(([control, reading]) => SWITCHES.includes(control.target) && reading.value === false);
  const said = known
    .filter((one) => off === undefined || one === off)
    .filter(([control, reading]) => !control.channel || reading.value !== false)
    .map(([control, reading]) => controlWords(device.role, control, reading.value));
  if (MOVING.includes(health) || health === "fault") {
    said.unshift(healthWords(health));
  } else if (said.length === 0) {
    const allOff = known.length > 0 && known.every(([, reading]) => reading.value === false);
    said.push(allOff ? t("ui.off") : healthWords(health));
  }
  return said.join(" · ");
}

/** Of several of a kind, which one is meant: a bare "Bật" would say nothing. */
function controlWords(role, control, value) {
  const words = stateWords(role, control.capability, value);
  if (!control.channel) {
    return words;
  }
  return value === true ? controlName(role, control) : controlName(role, control) + ": " + words;
}

function problemView() {
  const what = make("strong");
  const advice = make("span");
  const technical = make("code");
  const node = make("p", { class: "device-problem" }, what, " ", advice, technical);
  return {
    node,
    update(device, state) {
      const failed = state.failedCommand(device.id);
      const sick = healthTrouble(device);
      const words = failed ? troubleWords(failed.code, device, device.role) : sick;
      node.hidden = words === null;
      if (words !== null) {
        setText(what, words.what);
        setText(advice, words.advice);
        setText(technical, failed ? failed.code + ": " + failed.detail : device.health.reason);
        technical.hidden = !state.isTechnician() || technical.textContent === "";
      }
    },
  };
}

function technicalView() {
  const id = make("dd");
  const driver = make("dd");
  const health = make("dd");
  const values = make("dl", { class: "values" });
  const node = make(
    "div",
    { class: "technical", hidden: true },
    make(
      "dl",
      null,
      make("div", null, make("dt", null, t("ui.id")), id),
      make("div", null, make("dt", null, t("ui.driver")), driver),
      make("div", null, make("dt", null, t("ui.health")), health)
    ),
    values
  );
  return {
    node,
    update(device, state) {
      node.hidden = !state.isTechnician();
      if (node.hidden) {
        return;
      }
      setText(id, device.id);
      setText(driver, device.driver);
      const reason = device.health.reason ? " (" + device.health.reason + ")" : "";
      const since = t("ui.since", { time: clock(state.localMs(device.health.since)) });
      setText(health, device.health.state + reason + ", " + since);
      const items = Object.keys(device.values).map((metric) => ({ metric, reading: device.values[metric] }));
      keepChildren(values, items, (item) => item.metric, valueView);
      values.hidden = items.length === 0;
    },
  };
}

function valueView() {
  const metric = make("dt");
  const value = make("dd");
  return {
    node: make("div", null, metric, value),
    update(item) {
      setText(metric, item.metric);
      const flag = typeof item.reading.value === "boolean";
      setText(value, flag ? String(item.reading.value) : readingWords(item.metric, item.reading).text);
    },
  };
}
