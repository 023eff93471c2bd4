// What the lab's screen says below the interlocks: an emergency that goes on, benches that broke down or are away.

import { benchName } from "./bench_words.js";
import { icon, keepChildren, make, setAttribute, setIcon, setText } from "./dom.js";
import { clock, deviceName, healthTrouble, t } from "./words.js";

const STEPS_GO_ON = ["preflight", "running", "undoing"];
const SAFETY = ["gas-valve", "door-lock", "warning-light", "bench-power"];
const SENSING = ["emergency-stop", "gas-sensor", "smoke-sensor", "door-sensor"];

/** `{node, update(state)}`. */
export function labAlarmsView() {
  const list = make("ul", { class: "lab-alarms" });
  const node = make("section", { class: "lab-alarm-strip", "aria-label": t("lab.alarms"), role: "region" }, list);
  return {
    node,
    update(state) {
      const alarms = state.room === null || state.locked ? [] : alarmsOf(state);
      keepChildren(list, alarms, (alarm) => alarm.key, alarmView);
      node.hidden = alarms.length === 0;
    },
  };
}

/** What is wrong now, the gravest first: `{key, kind, weight, title, means}`. */
function alarmsOf(state) {
  return emergency(state).concat(broken(state), away(state));
}

function emergency(state) {
  const lesson = state.lesson;
  const profile = state.emergency();
  if (!lesson || !profile || lesson.profile !== profile.id || ["undone", "failed", "blocked"].includes(lesson.state)) {
    return [];
  }
  const goesOn = STEPS_GO_ON.includes(lesson.state);
  const failed = lesson.steps.filter((step) => step.state === "failed");
  const names = failed.map((step) => deviceName(state.device(step.device), step.role));
  const means = names.length ? t("lab.stopFailed", { names: Array.from(new Set(names)).join(", ") }) : "";
  return [
    {
      key: "emergency " + lesson.id,
      kind: "emergency",
      weight: "grave",
      title: t(goesOn ? "lab.stopping" : "lab.stopped", { time: clock(state.localMs(lesson.started)) }),
      means: means + (means ? " " : "") + t("lab.stoppedMeans"),
    },
  ];
}

function broken(state) {
  return (state.benches || [])
    .filter((bench) => bench.experiment && bench.experiment.fault)
    .map((bench) => ({
      key: "fault " + bench.id,
      kind: "fault",
      weight: "warn",
      title: t("lab.fault", { name: benchName(bench) }),
      means: t("lab.faultMeans"),
    }));
}

function away(state) {
  const seen = new Set([].concat(...(state.benches || []).map((bench) => bench.devices)));
  return state.devices
    .filter((device) => seen.has(device.id) || SAFETY.concat(SENSING).includes(device.role))
    .map((device) => ({ device, trouble: healthTrouble(device) }))
    .filter(({ device, trouble }) => trouble !== null && device.health.reason !== "not-opened")
    .map(({ device, trouble }) => ({
      key: "device " + device.id,
      kind: "device",
      weight: "warn",
      title: deviceName(device, device.role) + ": " + trouble.what,
      means: trouble.advice,
    }));
}

function alarmView() {
  const picture = icon("warning");
  const title = make("strong");
  const means = make("span");
  const node = make("li", null, picture, make("p", { role: "alert" }, title, " ", means));
  return {
    node,
    update(alarm) {
      setAttribute(node, "data-kind", alarm.kind);
      setAttribute(node, "data-weight", alarm.weight);
      setIcon(picture, alarm.weight === "grave" ? "emergency" : "warning");
      setText(title, alarm.title);
      setText(means, alarm.means);
    },
  };
}
