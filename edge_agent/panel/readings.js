// What the room's sensors say, with unit and how old it is; and, below all, what has gone to the centre.

import { metricOf } from "./controls.js";
import { icon, keepChildren, make, setAttribute, setIcon, setText } from "./dom.js";
import { clock, deviceName, number, readingWords, t } from "./words.js";

const SAFETY = ["gas-sensor", "smoke-sensor", "door-sensor"];
const MEASURING = ["air-sensor", "light-sensor", "presence-sensor", "power-meter"].concat(SAFETY);
const NOT_MEASURED = ["action", "linkquality", "battery", "battery_percent"];
const JUST_NOW_S = 60;
const MINUTES_UNTIL_S = 3600;

/** `{node, update(state)}`. */
export function readingsView() {
  const heading = make("h2", { id: "readings-title", class: "unseen" }, t("ui.readings"));
  const list = make("ul", { class: "readings" });
  const node = make("section", { "aria-labelledby": "readings-title" }, heading, list);
  return {
    node,
    update(state) {
      const items = measured(state);
      keepChildren(list, items, (item) => item.device.id + " " + item.metric, readingView);
      node.hidden = items.length === 0;
    },
  };
}

function measured(state) {
  const sensors = state.devices.filter((device) => MEASURING.includes(device.role));
  const several = new Set();
  const seen = new Set();
  const items = [].concat(
    ...sensors.map((device) =>
      Object.keys(device.values)
        .filter((metric) => !NOT_MEASURED.includes(metric) && !isControl(device, metric))
        .map((metric) => ({ device, metric, state, reading: device.values[metric] }))
    )
  );
  items.forEach((item) => (seen.has(item.metric) ? several.add(item.metric) : seen.add(item.metric)));
  return items.map((item) => Object.assign(item, { sayWhose: several.has(item.metric) }));
}

function isControl(device, metric) {
  return device.controls.some((control) => metric === metricOf(control));
}

function readingView() {
  const value = make("strong");
  const label = make("span", { class: "reading-name" });
  const age = make("span", { class: "reading-age" });
  const node = make("li", null, label, value, age);
  return {
    node,
    update({ device, metric, state, reading, sayWhose }) {
      const words = readingWords(metric, reading);
      const lost = device.health.state === "unreachable" || state.link !== "live";
      setText(label, sayWhose ? words.label + " (" + deviceName(device, device.role) + ")" : words.label);
      setText(value, words.text);
      setText(age, ageWords(state, reading, lost));
      setAttribute(node, "data-metric", metric);
      setAttribute(node, "data-lost", lost);
    },
  };
}

function ageWords(state, reading, lost) {
  const ms = state.localMs(reading.time);
  if (lost) {
    return t("fresh.lost", { time: clock(ms) });
  }
  const seconds = (state.nowMs() - ms) / 1000;
  if (seconds < JUST_NOW_S) {
    return t("fresh.now");
  }
  return seconds < MINUTES_UNTIL_S
    ? t("fresh.minutes", { count: Math.floor(seconds / 60) })
    : t("fresh.at", { time: clock(ms) });
}

/** What has gone to the centre, in words. */
export function uplinkView() {
  const picture = icon("cloud");
  const words = make("span");
  const node = make("footer", { class: "uplink" }, picture, words);
  return {
    node,
    update(state) {
      const uplink = state.uplink;
      node.hidden = !uplink;
      if (!uplink) {
        return;
      }
      const count = number(uplink.backlog, 0);
      const stored = state.isTechnician() ? " " + t("uplink.stored", { count: number(uplink.stored, 0) }) : "";
      setAttribute(node, "data-connected", uplink.connected ? "true" : "false");
      setIcon(picture, uplink.connected ? "cloud" : "cloud-off");
      if (!uplink.connected) {
        setText(words, (uplink.backlog > 0 ? t("uplink.away", { count }) : t("uplink.awayNone")) + stored);
      } else {
        setText(words, (uplink.backlog > 0 ? t("uplink.sending", { count }) : t("uplink.all")) + stored);
      }
    },
  };
}
