// Codes, names, numbers and times as people read them, in the language chosen. Knows no element of the page.

import { language } from "./settings.js";
import { EN } from "./words_en.js";
import { VI } from "./words_vi.js";

export const LANGUAGES = { vi: VI, en: EN };

/** The sections of a further page, beside those of every page. */
export function addWords(vi, en) {
  Object.assign(VI, vi);
  Object.assign(EN, en);
}

const WIRE_OF_DRIVER = {
  pjlink: "network",
  "projector-serial": "serial",
  firmata: "usb",
  micropython: "usb",
  "mqtt-devices": "radio",
  shelly: "radio",
  modbus: "bus",
  "gcode-printer": "usb",
  experiment: "network",
  camera: "camera",
};

const UNIT_IN_NAME = /_(c|percent|ppm|ppb|lux|lx|w|kw|wh|kwh|v|a|h|s|db|hpa|pa|ugm3|ug_m3|cm|mm|m|deg|hz)$/;

/** The words for `section.key`, with `{name}` and the like filled in. */
export function t(path, fill) {
  const dot = path.indexOf(".");
  return filled(words(path.slice(0, dot))[path.slice(dot + 1)], fill);
}

/** A name in two languages as the one to show. */
export function named(name) {
  return (name && (name[language()] || name.vi || name.en)) || "";
}

export function roleName(role) {
  return words("roles")[role] || role;
}

/** "Máy chiếu" of the device; of its role where the room has no such device. */
export function deviceName(device, role) {
  return (device && named(device.name)) || (device && device.id) || roleName(role);
}

/** "Máy chiếu, Màn chiếu và Loa". */
export function listed(names) {
  if (names.length < 2) {
    return names.join("");
  }
  return names.slice(0, -1).join(", ") + " " + t("ui.and") + " " + names[names.length - 1];
}

export function number(value, decimals) {
  const format = { maximumFractionDigits: decimals === undefined ? 1 : decimals };
  return new Intl.NumberFormat(language() === "vi" ? "vi-VN" : "en-GB", format).format(value);
}

/** Seconds as "4,2 giây" or "1 phút 20 giây"; tenths only where `exact`. */
export function duration(seconds, exact) {
  const s = Math.max(0, seconds);
  if (s < 60) {
    return t("unit.s", { n: exact ? number(s) : number(Math.floor(s)) });
  }
  const minutes = Math.floor(s / 60);
  const rest = Math.floor(s % 60);
  return rest && minutes < 60 ? t("unit.minS", { m: minutes, s: rest }) : t("unit.min", { n: number(minutes) });
}

/** "10:32" of a moment in milliseconds. */
export function clock(ms) {
  const moment = new Date(ms);
  return String(moment.getHours()).padStart(2, "0") + ":" + String(moment.getMinutes()).padStart(2, "0");
}

export function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a step does: tense 0 is doing, 1 done, 2 will do, 3 not done. */
export function moveWords(step, tense) {
  const capability = step.target.split(".")[0];
  const moves = words("moves");
  const found = moves[mostExact(moves, step.role, capability, step.value)] || moves.other;
  return filled(found[tense], { value: valueWords(capability, step.value) });
}

/** How one control of a device is: "Bật", "40 %", "HDMI 1". */
export function stateWords(role, capability, value) {
  const states = words("states");
  if (value === undefined || value === null) {
    return states.unknown;
  }
  return states[mostExact(states, role, capability, value)] || valueWords(capability, value);
}

export function controlName(role, control) {
  const controls = words("controls");
  if (controls[control.target] && control.channel) {
    return controls[control.target];
  }
  const name = controls[role + "/" + control.capability] || controls[control.capability] || control.target;
  return control.channel ? name + " (" + control.channel.replace(/_/g, " ") + ")" : name;
}

/** A value where the control says already what it is of: "HDMI 1", "40 %". */
export function choiceWords(role, capability, value) {
  return words("states")[mostExact(words("states"), role, capability, value)] || valueWords(capability, value);
}

/**
 * `{what, advice}` for an error code or the reason of a gap, about `device` (or null) of `role`. A device that is still
 * faulty or out of reach says more of it than the code.
 */
export function troubleWords(code, device, role, fill) {
  if (device && device.health && device.health.state === code) {
    return healthTrouble(device);
  }
  const errors = words("errors");
  return sentences(errors[code] || errors.unknown, device, role, fill);
}

/** `{what, advice}` for a device that is unreachable or faulty; null for one that is well. */
export function healthTrouble(device) {
  const state = device.health.state;
  if (state !== "unreachable" && state !== "fault") {
    return null;
  }
  const reasons = words("reasons");
  const reason = reasons[device.health.reason] || (state === "fault" ? reasons.unknown : reasons.unreachable);
  return sentences(reason, device, device.role);
}

export function healthWords(state) {
  return words("health")[state] || state;
}

/** `{label, text}` of a reading: its name without the unit, its value with it. */
export function readingWords(metric, reading) {
  const metrics = words("metrics");
  const stem = metric.replace(UNIT_IN_NAME, "");
  const label = metrics[metric] || metrics[stem] || capitalised(stem.replace(/_/g, " "));
  const value = reading.value;
  let text = String(value);
  if (typeof value === "boolean") {
    text = metrics[stem + ":" + value] || (value ? metrics.yes : metrics.no);
  } else if (typeof value === "number") {
    text = number(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3);
  }
  return { label, text: reading.unit ? text + "\u00a0" + reading.unit : text };
}

function words(section) {
  return LANGUAGES[language()][section];
}

function filled(text, fill) {
  return fill ? text.replace(/\{(\w+)\}/g, (whole, key) => (key in fill ? String(fill[key]) : whole)) : text;
}

function mostExact(table, role, capability, value) {
  const asked = [role + "/" + capability + ":" + value, role + "/" + capability, capability + ":" + value, capability];
  return asked.find((key) => Object.prototype.hasOwnProperty.call(table, key));
}

function valueWords(capability, value) {
  if (capability === "level" && typeof value === "number") {
    return number(value, 0) + "\u00a0%";
  }
  if (typeof value === "boolean") {
    return value ? t("ui.on") : t("ui.off");
  }
  return capability === "input" ? inputWords(String(value)) : String(value);
}

/** "hdmi1" as "HDMI 1", as it is written beside the socket. */
function inputWords(name) {
  const parts = /^([a-z]+)[-_ ]?(\d*)$/i.exec(name);
  if (!parts) {
    return name;
  }
  const known = words("inputs")[parts[1].toLowerCase()];
  const socket = known || (parts[1].length <= 4 ? parts[1].toUpperCase() : capitalised(parts[1]));
  return parts[2] ? socket + "\u00a0" + parts[2] : socket;
}

function sentences(pair, device, role, fill) {
  const whose = inSentence(deviceName(device, role));
  const wires = words("wires");
  const wire = filled(wires[WIRE_OF_DRIVER[device && device.driver]] || wires.other, { device: whose });
  const all = Object.assign({ device: whose, wire }, fill);
  return { what: filled(pair[0], all), advice: filled(pair[1], all) };
}

/** "Máy chiếu" as "máy chiếu", "Projector" as "the projector"; "LED 2" stays. */
export function inSentence(name) {
  const lower = /^.[a-zà-ỹ\s]/.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name;
  return language() === "en" && !/\d$/.test(name) ? "the " + lower : lower;
}
