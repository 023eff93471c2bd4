// The alarm strip: which interlock has tripped, what was done, what people shall do, and how it is reset.

import * as agent from "./agent.js";
import { pushButton } from "./buttons.js";
import { openDialog } from "./dialog.js";
import { icon, keepChildren, keepTexts, make, setAttribute, setText } from "./dom.js";
import { capitalised, clock, deviceName, listed, moveWords, named, readingWords, t } from "./words.js";

const LONGEST_REASON = 200;
const SHORTEST_REASON = 3;

/** `{node, update(state)}`. */
export function alarmsView(acts) {
  const list = make("ul", { class: "alarms" });
  const node = make("section", { class: "alarm-strip", "aria-label": t("alarm.strip") }, list);
  return {
    node,
    update(state) {
      const shown = state.locked ? [] : state.interlocks.filter((one) => one.state !== "armed");
      const items = shown.map((interlock) => ({ interlock, state }));
      keepChildren(list, items, (item) => item.interlock.id, (item) => alarmView(item.interlock.id, acts));
      node.hidden = items.length === 0;
    },
  };
}

/** The emergency stops of the room, as buttons: one press, no question. `{node, update(state)}`. */
export function stopsView(acts) {
  const node = make("div", { class: "stops" });
  return {
    node,
    update(state) {
      const items = state.interlocks.filter((one) => one.button).map((interlock) => ({ interlock, state }));
      keepChildren(node, items, (item) => item.interlock.id, (item) => stopView(item.interlock.id, acts));
      node.hidden = items.length === 0 || state.room === null;
      document.documentElement.dataset.stops = node.hidden ? "none" : "shown"; // a phone keeps room for it
    },
  };
}

/** What the strip and the stops ask of the agent: `{stopNow(id), reset(id)}`. */
export function alarmActs(state, session) {
  const take = (interlock) => state.hear("interlock", interlock); // the stream says the rest
  return {
    stopNow: (id) => session.attempt(async () => take(await agent.tripInterlock(id))),
    reset(id) {
      const interlock = state.interlock(id);
      const what = t("alarm.resetAsk", { name: named(interlock.name) });
      const send = (reason) => session.asTeacher(what, async () => take(await agent.resetInterlock(id, reason)));
      if (state.mayControl()) {
        openReset(interlock, send);
      } else {
        session.ask(what, () => openReset(interlock, send));
      }
    },
  };
}

/** Ask why it may be reset; `send(reason)` does it. */
function openReset(interlock, send) {
  const input = make("input", { id: "reset-reason", type: "text", maxlength: LONGEST_REASON, autocomplete: "off" });
  const label = make("label", { for: "reset-reason" }, t("alarm.otherReason"));
  const done = (reason) => {
    if (reason.length >= SHORTEST_REASON) {
      dialog.close();
      send(reason);
    }
  };
  const known = ["checked", "repaired", "false"].map((key) => {
    const words = t("alarm.reason-" + key);
    return pushButton({ icon: "check", text: words, onPress: () => done(words) }).node;
  });
  const other = pushButton({ class: "strong", text: t("alarm.reset"), onPress: () => done(input.value.trim()) });
  const close = pushButton({ class: "quiet", icon: "cross", text: t("ui.close"), onPress: () => dialog.close() });
  const dialog = openDialog(t("alarm.resetAsk", { name: named(interlock.name) }), [
    make("p", null, t("alarm.resetMeans")),
    make("div", { class: "reasons" }, ...known),
    make("p", { class: "other-reason" }, label, input),
    make("div", { class: "actions" }, other.node, close.node),
  ]);
}

function alarmView(id, acts) {
  const title = make("strong", { class: "alarm-title" });
  const cause = make("span");
  const advice = make("p", { class: "alarm-advice" });
  const done = make("ul", { class: "alarm-done" });
  const stands = make("p", { class: "alarm-stands" });
  const technical = make("code");
  const what = make("p", null, title, " ", cause);
  const onPress = () => acts.reset(id);
  const reset = pushButton({ class: "alarm-reset", icon: "undo", text: t("alarm.reset"), onPress });
  const node = make(
    "li",
    { class: "alarm", "data-interlock": id },
    icon("warning"),
    make("div", { class: "alarm-words", role: "alert" }, what, advice, done, stands, technical),
    reset.node
  );
  return {
    node,
    update({ interlock, state }) {
      const active = isActive(interlock);
      setAttribute(node, "data-state", interlock.state);
      const fill = { name: named(interlock.name), time: clock(state.localMs(interlock.since)) };
      setText(title, t("alarm." + interlock.state, fill));
      setText(cause, interlock.cause ? seenWords(interlock.cause, state) : "");
      setText(advice, active ? named(interlock.advice) : "");
      keepTexts(done, orderWords(interlock.orders, state));
      setText(stands, interlock.stands.length && active ? t("alarm.stands") + " " + standsWords(interlock, state) : "");
      setText(technical, state.isTechnician() && interlock.cause ? interlock.cause.text : "");
      technical.hidden = !technical.textContent;
      reset.node.hidden = !active;
      reset.refuse(refusal(interlock, state));
    },
  };
}

function refusal(interlock, state) {
  if (state.link !== "live") {
    return t("ui.notWhileAway");
  }
  if (interlock.stands.length) {
    return t("alarm.stands") + " " + standsWords(interlock, state);
  }
  const isTeacher = state.mayControl() && !state.isTechnician();
  return interlock.reset_by === "technician" && isTeacher ? t("alarm.technicianResets") : null;
}

function stopView(id, acts) {
  const stop = pushButton({ class: "stop-now", icon: "emergency", onPress: () => acts.stopNow(id) });
  return {
    node: stop.node,
    update({ interlock, state }) {
      stop.text(named(interlock.name));
      setAttribute(stop.node, "aria-pressed", isActive(interlock) ? "true" : "false");
      stop.refuse(state.link !== "live" ? t("ui.notWhileAway") : isActive(interlock) ? t("alarm.already") : null);
    },
  };
}

function isActive(interlock) {
  return interlock.state === "tripped" || interlock.state === "latched";
}

function standsWords(interlock, state) {
  const words = interlock.stands.map((seen) => seenWords(seen, state));
  return words.filter((one, place) => words.indexOf(one) === place).join("; ");
}

/** "Cảm biến khí: khí cháy quá cao". */
function seenWords(seen, state) {
  const device = state.device(seen.device);
  const what = seen.metric ? readingWords(seen.metric, { value: "", unit: "" }).label : "";
  const known = ["above", "below", "equals", "silent", "unreachable", "panel", "lost", "unknown"].includes(seen.test);
  const name = deviceName(device, device ? device.role : seen.device);
  return capitalised(t("alarm.seen-" + (known ? seen.test : "equals"), { device: name, what }));
}

/** What is not confirmed, each by itself; then what is: "Bàn 1, Bàn 2 và Bộ robot (12): đã dừng". */
function orderWords(orders, state) {
  const open = [];
  const done = new Map(); // how it is, to how many are called what
  orders.forEach((order) => {
    const device = state.device(order.device);
    const role = device ? device.role : order.device;
    const name = deviceName(device, role);
    const move = moveWords({ target: order.target, role, value: order.value }, order.confirmed ? 1 : 0);
    if (!order.confirmed) {
      open.push(name + ": " + move + (order.error ? ", " + t("alarm.again") : ""));
      return;
    }
    const names = done.get(move) || new Map();
    done.set(move, names.set(name, (names.get(name) || 0) + 1));
  });
  const together = Array.from(done, ([move, names]) => {
    const those = Array.from(names, ([name, count]) => (count > 1 ? name + " (" + count + ")" : name));
    return listed(those) + ": " + move;
  });
  return open.concat(together);
}
