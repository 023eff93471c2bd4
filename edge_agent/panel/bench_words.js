// How benches, their quantities, holders and runs are called, in the language chosen.

import { clock, duration, named, number, readingWords, roleName, t } from "./words.js";

const INDEPENDENT = /^(time|added)(_|$)/;

/** "Bàn 3": what the room's file calls the bench. */
export function benchName(bench) {
  return named(bench.name) || bench.id;
}

/** "Con lắc đơn"; "Cảm biến" of a bench of sensors; "Thí nghiệm" of one that was not reached yet. */
export function experimentName(bench) {
  const isAlone = bench.devices.length === 1 && bench.devices[0] === bench.id;
  return bench.experiment ? named(bench.experiment.shown) : isAlone ? roleName("experiment") : t("lab.sensors");
}

/**
 * What a bench measures, in groups of one unit each, for a chart each: `[{unit, columns: [{name, shown, unit, ink}]}]`.
 * Of sensors: what their last run recorded.
 */
export function quantities(bench) {
  const outputs = bench.experiment ? bench.experiment.outputs : bench.run ? bench.run.columns : [];
  const groups = [];
  outputs.forEach((one) => {
    let group = groups.find((other) => other.unit === one.unit);
    if (!group) {
      group = { unit: one.unit, columns: [] };
      groups.push(group);
    }
    const shown = one.shown ? named(one.shown) : columnWords(one.name);
    group.columns.push({ name: one.name, shown, unit: one.unit, ink: group.columns.length, sparse: !bench.experiment });
  });
  return groups;
}

/** A column of a run without its unit: "angle_deg" as "Angle", "probe.temperature_c" as "Nhiệt độ (probe)". */
export function columnWords(name) {
  const parts = name.split(".");
  const metric = parts[parts.length - 1];
  const label = readingWords(metric, { value: 0, unit: "" }).label;
  return parts.length > 1 ? label + " (" + parts[0] + ")" : label;
}

/** The quantity to show first: what one turns or waits for, its own clock or what was added, is rather an axis. */
export function firstGroup(groups) {
  return groups.find((group) => !group.columns.every((one) => INDEPENDENT.test(one.name))) || groups[0] || null;
}

/** "mL"; the SI's unit 1 of a mere number is not said. */
export function unitWords(unit) {
  return unit === "1" ? "" : unit;
}

/** A measured value, with as many digits as the eye can follow. */
export function valueWords(value, unit) {
  if (value === null || value === undefined) {
    return "–";
  }
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e7) ? powerOfTen(value) : number(value, decimals(size));
  return unitWords(unit) ? text + "\u00a0" + unit : text;
}

/** A parameter's value as it was set. */
export function settingWords(value, unit) {
  if (typeof value !== "number") {
    return String(value);
  }
  const text = value !== 0 && Math.abs(value) < 0.001 ? powerOfTen(value) : number(value, 6);
  return unitWords(unit) ? text + "\u00a0" + unit : text;
}

/** "máy 3 (giáo viên)": who holds a bench. */
export function holderWords(lease) {
  return t("lab.holder", { holder: lease.holder, rank: t("session." + lease.rank).toLowerCase() });
}

/** "08:15:07", or "25/11 08:15:07" of another day: a moment in seconds of the agent's clock. */
export function momentWords(seconds, state) {
  const day = new Date(state.localMs(seconds));
  const time = clock(day.getTime()) + ":" + String(day.getSeconds()).padStart(2, "0");
  const date = day.getDate() + "/" + (day.getMonth() + 1);
  return day.toDateString() === new Date(state.nowMs()).toDateString() ? time : date + " " + time;
}

/** "4 phút 10 giây" that a run lasted by its own clock, or by the wall's where it has none. */
export function lastedWords(run) {
  const rated = run.rate_hz && run.last_n >= 0 ? run.last_n / run.rate_hz : null;
  const seconds = rated !== null ? rated : (run.ended || Date.now() / 1000) - run.started;
  return duration(seconds, seconds < 10);
}

function decimals(size) {
  return size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
}

function powerOfTen(value) {
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  const digits = { 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹", "-": "⁻" };
  const raised = String(exponent)
    .split("")
    .map((digit) => digits[digit])
    .join("");
  return number(value / Math.pow(10, exponent), 2) + "·10" + raised;
}
