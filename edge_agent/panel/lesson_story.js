// What a lesson's steps mean for people: one line per device, how far it is, what can be left out. Pure.

const BUSY = ["preflight", "running", "undoing"];
const OVER = ["blocked", "failed", "undone"];
const FINISHED = ["done", "already", "failed"];

/** While this is true another lesson has to wait, unless it preempts. */
export function isBusy(lesson) {
  return lesson !== null && BUSY.includes(lesson.state);
}

/** True if nothing of the lesson is left in the room, so that its message can be put away. */
export function isOver(lesson) {
  return lesson !== null && OVER.includes(lesson.state);
}

/** `{done, total}` steps; while undoing, the steps put back. */
export function progress(lesson) {
  const moved = lesson.steps.filter((step) => ["done", "undone", "undo-failed"].includes(step.state));
  if (lesson.state === "undoing") {
    return { done: moved.filter((step) => step.state !== "done").length, total: moved.length };
  }
  return { done: lesson.steps.filter((step) => FINISHED.includes(step.state)).length, total: lesson.steps.length };
}

/**
 * One line per device, in the plan's order: `{device, role, steps, state, step, waitsFor}`. `step` is the one to
 * speak of; `waitsFor` are the ids of the devices whose steps it waits for. Of one that is `lost` also its `health`.
 */
export function deviceLines(lesson) {
  const lines = new Map();
  lesson.steps.forEach((step) => {
    if (!lines.has(step.device)) {
      lines.set(step.device, { device: step.device, role: step.role, steps: [] });
    }
    lines.get(step.device).steps.push(step);
  });
  const byId = new Map(lesson.steps.map((step) => [step.id, step]));
  return Array.from(lines.values()).map((line) => Object.assign(line, spokenOf(lesson, line.steps, byId)));
}

function spokenOf(lesson, steps, byId) {
  const first = (state) => steps.find((step) => step.state === state);
  const undoing = lesson.state === "undoing";
  const order = ["undo-failed", "failed", "running", undoing ? "done" : "waiting"];
  const step = order.map(first).find((found) => found !== undefined);
  if (step) {
    const waitsFor = step.state === "waiting" ? othersBefore(step, byId) : [];
    return { state: undoing && step.state === "done" ? "undoing" : step.state, step, waitsFor };
  }
  const lost = lesson.lost.find((one) => one.device === steps[0].device);
  if (lost) {
    return { state: "lost", step: steps[0], waitsFor: [], health: lost.state };
  }
  const spoken = first("undone") || first("done") || first("not-tried") || first("already") || steps[0];
  return { state: spoken.state, step: spoken, waitsFor: [] };
}

function othersBefore(step, byId) {
  const open = step.after.map((id) => byId.get(id)).filter((other) => other && !FINISHED.includes(other.state));
  return Array.from(new Set(open.map((other) => other.device).filter((device) => device !== step.device)));
}

/**
 * What a person should look at: `{device, role, code, detail, required, step}`; devices told twice appear once. What a
 * lesson that is ready has lost since is in it for as long as it is away.
 */
export function troubles(lesson) {
  const found = new Map();
  lesson.blocked.forEach((gap) => {
    const key = gap.device || gap.role;
    if (!found.has(key)) {
      found.set(key, {
        device: gap.device,
        role: gap.role,
        code: gap.why,
        detail: gap.detail || "",
        required: true,
        step: null,
      });
    }
  });
  lesson.steps.forEach((step) => {
    if ((step.state === "failed" || step.state === "undo-failed" || step.error) && !found.has(step.device)) {
      const error = step.error || { error: "unknown", detail: "" };
      found.set(step.device, {
        device: step.device,
        role: step.role,
        code: error.error,
        detail: error.detail || "",
        required: step.need === "required" && step.state !== "undo-failed",
        step,
      });
    }
  });
  lesson.lost.filter((one) => !found.has(one.device)).forEach((one) => {
    found.set(one.device, {
      device: one.device,
      role: one.role,
      code: one.state,
      detail: one.reason,
      required: false,
      step: null,
    });
  });
  return Array.from(found.values());
}

/** The devices without which the lesson could start; null if a whole role is missing, for which nothing helps. */
export function leaveOut(lesson) {
  const inTheWay = troubles(lesson).filter((trouble) => trouble.required);
  if (inTheWay.length === 0 || inTheWay.some((trouble) => trouble.device === null)) {
    return null;
  }
  return inTheWay.map((trouble) => trouble.device);
}

/** The devices that whoever started the lesson has left out already. */
export function leftOut(lesson) {
  const devices = lesson.skipped.filter((gap) => gap.why === "left-out" && gap.device).map((gap) => gap.device);
  return Array.from(new Set(devices));
}

/** What was skipped, each device or role once: `{device, role, why}`. */
export function skipped(lesson) {
  const found = new Map();
  lesson.skipped.forEach((gap) => {
    const key = (gap.device || gap.role) + " " + gap.why;
    if (!found.has(key)) {
      found.set(key, { device: gap.device, role: gap.role, why: gap.why });
    }
  });
  return Array.from(found.values());
}
