// What the room is doing now: the lesson, device by device, what failed, and what can be done about it.

import { pushButton } from "./buttons.js";
import { icon, keepChildren, keepTexts, make, setAttribute, setIcon, setText } from "./dom.js";
import { deviceLines, isBusy, isOver, leaveOut, leftOut, progress, skipped, troubles } from "./lesson_story.js";
import {
  capitalised, clock, deviceName, duration, healthWords, inSentence, listed, moveWords, named, t, troubleWords,
} from "./words.js";

const PICTURES = {
  preflight: "look",
  running: "working",
  ready: "check",
  blocked: "warning",
  failed: "warning",
  undoing: "undo",
  undone: "undo",
};
const LINE_PICTURES = {
  done: "check",
  already: "check",
  running: "working",
  waiting: "clock",
  failed: "warning",
  "undo-failed": "warning",
  undone: "undo",
  undoing: "working",
  "not-tried": "dash",
  lost: "warning",
};
const SHOW_SECONDS_FROM_S = 3;
const NAMED_AT_MOST = 3;

/** `{node, update(state)}`. */
export function lessonView(acts) {
  const picture = icon("other");
  const title = make("h2", { id: "lesson-title" });
  const time = make("p", { class: "lesson-time" });
  const means = make("p", { class: "lesson-means" });
  const bar = make("progress", { "aria-label": t("lesson.progress") });
  const attention = make("ul", { class: "attention" });
  const buttons = actionsView(acts);
  const lines = make("ul", { class: "lines", "aria-label": t("lesson.perDevice") });
  const gaps = make("div", { class: "gaps" }, make("h3", null, t("lesson.skipped")));
  const gapList = make("ul");
  gaps.append(gapList);
  const node = make(
    "section",
    { class: "card lesson", "aria-labelledby": "lesson-title" },
    make("div", { class: "lesson-head" }, picture, make("div", null, title, time)),
    bar,
    means,
    attention,
    buttons.node,
    lines,
    gaps
  );
  const seen = new Map(); // step id to the moment when this panel first saw it running
  return {
    node,
    update(state) {
      const lesson = state.shownLesson();
      setAttribute(node, "data-state", lesson ? lesson.state : "idle");
      setAttribute(node, "data-gaps", lesson !== null && troubles(lesson).length > 0);
      setIcon(picture, lesson ? PICTURES[lesson.state] || "other" : "rest");
      setText(title, headline(state, lesson));
      setText(time, lesson ? timeWords(state, lesson) : "");
      setText(means, lesson ? meaning(lesson) : t("lesson.idleMeans"));
      means.hidden = means.textContent === "";
      showProgress(bar, lesson);
      const items = lesson ? troubles(lesson).map((trouble) => ({ trouble, state })) : [];
      keepChildren(attention, items, (item) => item.trouble.device || item.trouble.role, troubleView);
      attention.hidden = items.length === 0;
      buttons.update(state, lesson);
      const devices = lesson && lesson.state !== "blocked" ? deviceLines(lesson) : [];
      remember(seen, devices);
      keepChildren(lines, devices.map((line) => ({ line, state, seen })), (item) => item.line.device, lineView);
      lines.hidden = devices.length === 0;
      keepTexts(gapList, lesson ? gapSentences(state, lesson) : []);
      gaps.hidden = gapList.hidden;
    },
  };
}

/** The lesson in one sentence; also what screen readers are told when its state changes. */
export function headline(state, lesson) {
  if (!lesson) {
    return t("lesson.idle");
  }
  const name = named(lesson.name) || lesson.profile;
  if (lesson.state === "ready") {
    const missing = troubles(lesson).map((trouble) => sentenceName(state, trouble.device, trouble.role));
    const names = missing.length > NAMED_AT_MOST ? t("lesson.several", { count: missing.length }) : listed(missing);
    const profile = state.profile(lesson.profile);
    const done = profile && state.preempts(profile) ? "lesson.done" : "lesson.ready";
    return t(missing.length > 0 ? done + "But" : done, { name, names });
  }
  return lesson.state in PICTURES ? t("lesson." + lesson.state, { name }) : name + ": " + lesson.state;
}

/** "Loa, Rèm và Micro: Phòng không có thiết bị này.": one sentence for each reason of what was skipped. */
export function gapSentences(state, lesson) {
  const reasons = new Map();
  skipped(lesson).forEach((gap) => {
    reasons.set(gap.why, (reasons.get(gap.why) || []).concat(deviceName(state.device(gap.device), gap.role)));
  });
  return Array.from(reasons).map(([why, names]) => listed(names) + ": " + troubleWords(why, null, "").what);
}

function sentenceName(state, device, role) {
  return inSentence(deviceName(state.device(device), role || device));
}

function meaning(lesson) {
  const said = [];
  if (lesson.state === "blocked" || lesson.state === "failed") {
    said.push(t("lesson." + lesson.state + "Means"));
  }
  if (lesson.cancelled && lesson.state !== "ready") {
    said.push(t("lesson.cancelled"));
  }
  if (lesson.resumed) {
    said.push(t("lesson.resumed"));
  }
  if (lesson.state === "blocked" && leaveOut(lesson) === null) {
    said.push(t("lesson.cannotWithout"));
  }
  return said.join(" ");
}

function timeWords(state, lesson) {
  const at = clock(state.localMs(lesson.started));
  if (lesson.state === "ready") {
    const after = lesson.ready_s === null || lesson.ready_s === undefined ? "" : duration(lesson.ready_s, true);
    return (after ? t("lesson.after", { time: after }) + " · " : "") + t("lesson.since", { time: at });
  }
  if (!isBusy(lesson)) {
    return t("fresh.at", { time: at });
  }
  const { done, total } = progress(lesson);
  const elapsed = t("lesson.elapsed", { time: duration((state.nowMs() - state.localMs(lesson.started)) / 1000) });
  return lesson.state === "preflight" ? elapsed : t("lesson.steps", { done, total }) + " · " + elapsed;
}

function showProgress(bar, lesson) {
  bar.hidden = !isBusy(lesson);
  if (bar.hidden) {
    return;
  }
  const { done, total } = progress(lesson);
  setAttribute(bar, "max", Math.max(1, total));
  setAttribute(bar, "value", lesson.state === "preflight" ? null : done);
}

function actionsView(acts) {
  const cancel = pushButton({ icon: "undo", onPress: acts.end });
  const again = pushButton({ class: "strong", icon: "again", text: t("ui.tryAgain"), onPress: () => acts.again([]) });
  let without = [];
  const go = pushButton({ icon: "start", onPress: () => acts.again(without) });
  const close = pushButton({ class: "quiet", icon: "cross", text: t("ui.close"), onPress: acts.dismiss });
  const node = make("div", { class: "actions" }, cancel.node, again.node, go.node, close.node);
  return {
    node,
    update(state, lesson) {
      const away = state.link === "live" ? null : t("ui.notWhileAway");
      const over = isOver(lesson);
      without = (lesson && over && lesson.state !== "undone" && leaveOut(lesson)) || [];
      const cancellable = lesson !== null && ["preflight", "running", "ready"].includes(lesson.state);
      cancel.node.hidden = !cancellable;
      cancel.text(lesson && lesson.state === "ready" ? t("ui.endLesson") : t("ui.cancelLesson"));
      cancel.refuse(away || (state.sending ? t("ui.sending") : null));
      again.node.hidden = !over || lesson.state === "undone";
      again.refuse(away);
      go.node.hidden = without.length === 0;
      go.text(t("ui.startWithout", { names: listed(without.map((id) => sentenceName(state, id))) }));
      go.refuse(away);
      close.node.hidden = !over;
      node.hidden = !cancellable && !over;
    },
  };
}

function troubleView() {
  const name = make("strong");
  const what = make("span");
  const advice = make("span", { class: "advice" });
  const technical = make("code");
  const body = make("div", null, name, " ", what, " ", advice, technical);
  const node = make("li", null, icon("warning"), body);
  return {
    node,
    update({ trouble, state }) {
      const device = state.device(trouble.device);
      const words = troubleWords(trouble.code, device, trouble.role);
      const step = trouble.step;
      const undo = step && step.state === "undo-failed" ? capitalised(t("line.undo-failed")) + ". " : "";
      const didNot = step && step.state === "failed" && trouble.code !== "fault";
      const not = didNot ? capitalised(moveWords(step, 3)) + ". " : "";
      setText(name, deviceName(device, trouble.role) + ":");
      setText(what, undo + not + words.what);
      setText(advice, words.advice);
      setText(technical, trouble.code + (trouble.detail ? ": " + trouble.detail : ""));
      technical.hidden = !state.isTechnician();
      setAttribute(node, "data-trouble", trouble.device || trouble.role);
    },
  };
}

function lineView() {
  const picture = icon("other");
  const name = make("strong");
  const words = make("span", { class: "line-words" });
  const node = make("li", { class: "line" }, picture, make("span", null, name, ": ", words));
  return {
    node,
    update({ line, state, seen }) {
      const device = state.device(line.device);
      setAttribute(node, "data-device", line.device);
      setAttribute(node, "data-state", line.state);
      setIcon(picture, LINE_PICTURES[line.state] || "other");
      setText(name, deviceName(device, line.role));
      setText(words, lineWords(state, line, device, seen));
    },
  };
}

function lineWords(state, line, device, seen) {
  const step = line.step;
  switch (line.state) {
    case "running":
      return runningWords(state, step, device, seen.get(step.id));
    case "waiting": {
      const done = doneWords(line);
      const names = line.waitsFor.map((id) => sentenceName(state, id));
      const waits = names.length ? t("line.waitingFor", { names: listed(names) }) : t("line.waiting");
      return done ? done + "; " + waits : waits;
    }
    case "done":
      return doneWords(line);
    case "failed":
      return step.error && step.error.error === "fault" ? t("line.fault") : moveWords(step, 3);
    case "lost":
      return t("line.lost", { health: healthWords(line.health).toLowerCase() });
    default:
      return ["already", "not-tried", "undone", "undoing", "undo-failed"].includes(line.state)
        ? t("line." + line.state)
        : line.state;
  }
}

function doneWords(line) {
  const said = line.steps.filter((step) => step.state === "done" || step.state === "already");
  return Array.from(new Set(said.map((step) => moveWords(step, 1)))).join(", ");
}

function runningWords(state, step, device, since) {
  const health = device ? device.health.state : "";
  const isTurningOn = step.target === "power" && step.value === true;
  let words = moveWords(step, 0);
  if (health === "cooling" && step.value !== false) {
    words = healthWords(health).toLowerCase() + ", " + moveWords(step, 2);
  } else if (health === "warming" && !isTurningOn) {
    words = healthWords(health).toLowerCase() + ", " + moveWords(step, 2);
  }
  const elapsedS = since === undefined ? 0 : (Date.now() - since) / 1000;
  const parts = [words];
  if (step.attempt > 1) {
    parts.push(t("line.again", { attempt: step.attempt }));
  }
  if (elapsedS >= SHOW_SECONDS_FROM_S) {
    parts.push(duration(elapsedS));
  }
  return parts.join(" · ");
}

function remember(seen, lines) {
  const running = lines.filter((line) => line.state === "running").map((line) => line.step.id);
  running.filter((id) => !seen.has(id)).forEach((id) => seen.set(id, Date.now()));
  Array.from(seen.keys()).filter((id) => !running.includes(id)).forEach((id) => seen.delete(id));
}

/** Which devices a lesson would move, in words, for the preview: `{device, role, text, kind}`. */
export function previewLines(state, lesson) {
  return deviceLines(lesson).map((line) => {
    const will = line.steps.filter((step) => step.state !== "already").map((step) => moveWords(step, 2));
    return {
      device: line.device,
      name: deviceName(state.device(line.device), line.role),
      text: will.length ? Array.from(new Set(will)).join(", ") : t("line.alreadyWill"),
      kind: will.length ? "will" : "already",
    };
  });
}
