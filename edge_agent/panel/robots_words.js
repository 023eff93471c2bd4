// How a kit is and how its work goes, in words. Knows no element of the page.

import { LANGUAGES, named, number, t } from "./words.js";
import { language } from "./settings.js";

const SHORT = / \(.*$/;

function section(name) {
  return LANGUAGES[language()][name];
}

function filled(text, fill) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in fill ? String(fill[key]) : whole));
}

export function percentWords(value) {
  return number(value, 0) + "\u00a0%";
}

/** "Bộ robot 3 · kit-03": of a name that all kits have, the id says which. */
export function kitName(kit) {
  return named(kit.name) + " · " + kit.id;
}

export function programName(program) {
  return program.title ? named(program.title) : program.name;
}

/** What it does now. */
export function kitStatus(kit) {
  if (kit.health.reason === "lent") {
    return t("robots.lent");
  }
  if (kit.health.state === "unreachable" || kit.health.state === "fault") {
    return kit.health.reason === "not-opened" ? t("robots.waits") : t("robots.away");
  }
  if (kit.program !== "" && kit.program !== "none") {
    return t("robots.runs", { program: kit.program });
  }
  return kit.robot === "ready" ? t("robots.isReady") : kit.robot === "idle" ? t("robots.isIdle") : t("robots.waits");
}

/** "micropython 1.23.0 (ESP32 …)" without what is in brackets. */
export function firmwareWords(kit) {
  return kit.firmware.replace(SHORT, "");
}

/** What becomes of its work, or became; empty where it had none. */
export function workWords(kit) {
  const work = kit.work;
  if (work === null) {
    return "";
  }
  const what = work.what + (work.version ? " " + work.version : "");
  const tries = work.attempts > 1 ? " (" + t("robots.attempt", { count: work.attempts }) + ")" : "";
  if (work.state === "working") {
    const phase = section("phases")[work.phase] || section("phases").begins;
    const percent = work.percent === null ? "" : " " + percentWords(work.percent);
    return phase.charAt(0).toUpperCase() + phase.slice(1) + percent + tries;
  }
  const said = section("works")[work.kind];
  return filled(said[work.state] || said.done, { what }) + tries;
}

/** `{what, advice}` of a work that failed; null of one that did not. */
export function workTrouble(kit) {
  const work = kit.work;
  if (work === null || (work.state !== "failed" && work.state !== "interrupted")) {
    return null;
  }
  if (work.kind === "stop") {
    return trouble("stop-failed", "");
  }
  return section("kitTroubles")[work.reason] ? trouble(work.reason, work.detail) : trouble(work.code, work.detail);
}

export function trouble(code, detail) {
  const known = section("kitTroubles");
  const pair = known[code] || known.unknown;
  return { what: filled(pair[0], { detail }), advice: pair[1] };
}

/** The heading of a job. */
export function jobWords(job, tally, library) {
  const program = library.programs.find((one) => one.name === job.what);
  const what = ((program ? programName(program) : job.what) + " " + job.version).trim();
  const tense = job.ended === null ? 0 : tally.done === tally.all ? 1 : 2;
  return filled(section("jobs")[job.kind][tense], { what, count: job.kits.length, done: tally.done });
}

/** "11 xong · 1 lỗi", of those that there are. */
export function tallyWords(tally) {
  const said = ["done", "skipped", "failed", "busy"].filter((key) => key === "done" || tally[key] > 0);
  return said.map((key) => t("tally." + key, { count: tally[key] })).join(" · ");
}
