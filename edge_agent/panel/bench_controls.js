// What can be done with a bench: start, pause, reset, and who holds it. The same on its card and on its page.

import { holderWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { icon, make, setAttribute, setIcon, setText } from "./dom.js";
import { duration, listed, t, troubleWords, deviceName } from "./words.js";

/** Start or go on, pause, reset: `{node, update({bench, state})}`. */
export function actionsView(id, acts) {
  const start = pushButton({
    class: "strong start",
    icon: "start",
    onPress: () => acts.tell(id, "experiment", "running"),
  });
  const pause = pushButton({
    class: "strong pause",
    icon: "pause",
    text: t("lab.pause"),
    onPress: () => acts.tell(id, "experiment", "paused"),
  });
  const reset = pushButton({ class: "reset", icon: "undo", onPress: () => acts.tell(id, "experiment", "idle") });
  const node = make("div", { class: "bench-actions" }, start.node, pause.node, reset.node);
  return {
    node,
    update({ bench, state }) {
      const running = bench.state === "running";
      const why = refusal(bench, state);
      const pending = state.isPending(bench.id, "experiment");
      start.node.hidden = running;
      pause.node.hidden = !running;
      start.text(pending ? t("lab.waits") : t(bench.state === "paused" ? "lab.goOn" : "lab.start"));
      pause.text(pending ? t("lab.waits") : t("lab.pause"));
      reset.text(t(bench.experiment ? "lab.reset" : "lab.finish"));
      [start, pause].forEach((one) => one.refuse(why || (pending ? t("ui.waitsForDevice") : null)));
      const nothing =
        bench.state === "idle" && !(bench.experiment && bench.experiment.fault) ? t("lab.nothingToReset") : null;
      reset.refuse(why || nothing);
    },
  };
}

/** Why nothing can be told to it now; null if it can. */
export function refusal(bench, state) {
  if (state.link !== "live") {
    return t("ui.notWhileAway");
  }
  if (bench.lease !== null && !state.isMine(bench.lease)) {
    return t("lab.heldBy", { who: holderWords(bench.lease) });
  }
  const away = state.unreachable(bench);
  return away.length && away.length === bench.devices.length ? t("lab.unreachable") : null;
}

/** Who holds the bench, and what can be done about it. */
export function leaseView(id, acts) {
  const picture = icon("hold");
  const words = make("span", { class: "lease-words" });
  const take = pushButton({ class: "quiet", text: t("lab.hold"), onPress: () => acts.hold(id) });
  const renew = pushButton({ class: "quiet", text: t("lab.renew"), onPress: () => acts.renew(id) });
  const release = pushButton({ class: "quiet", text: t("lab.release"), onPress: () => acts.release(id) });
  const over = pushButton({ class: "quiet", text: t("lab.takeOver"), onPress: () => acts.takeOver(id) });
  const buttons = [take, renew, release, over];
  const node = make(
    "div",
    { class: "lease" },
    picture,
    words,
    make("span", { class: "lease-buttons" }, ...buttons.map((one) => one.node))
  );
  return {
    node,
    update({ bench, state }) {
      const lease = bench.lease;
      const mine = lease !== null && state.isMine(lease);
      setAttribute(node, "data-lease", lease === null ? "free" : mine ? "mine" : "other");
      setIcon(picture, lease === null ? "free" : "hold");
      const leftS = lease === null ? 0 : state.leaseLeftS(lease);
      const left = leftS >= 60 ? t("unit.min", { n: Math.ceil(leftS / 60) }) : duration(leftS);
      setText(
        words,
        lease === null
          ? t("lab.free")
          : mine
            ? t("lab.mine", { left })
            : t("lab.held", { who: holderWords(lease), left })
      );
      take.node.hidden = lease !== null;
      renew.node.hidden = release.node.hidden = !mine;
      over.node.hidden = lease === null || mine;
      const away = state.link === "live" ? null : t("ui.notWhileAway");
      buttons.forEach((one) => one.refuse(away));
    },
  };
}

/** "Đang chạy", with what a simulated one is marked by. */
export function stateView() {
  const picture = icon("dash");
  const words = make("span");
  const node = make("span", { class: "bench-state" }, picture, words);
  return {
    node,
    update({ bench, state }) {
      const lost = state.unreachable(bench).length > 0;
      const fault = bench.experiment !== null && bench.experiment.fault !== "";
      const now = state.link !== "live" ? "unknown" : lost ? "unreachable" : fault ? "fault" : bench.state;
      setAttribute(node, "data-state", now);
      setIcon(picture, { running: "start", paused: "pause", idle: "rest", unknown: "dash" }[now] || "warning");
      setText(words, t("lab.state-" + now));
    },
  };
}

/** What is wrong with a bench, in place: a command that failed, a line that drops samples, a device that is away. */
export function benchTroubleView() {
  const what = make("strong");
  const advice = make("span");
  const technical = make("code");
  const node = make("p", { class: "bench-trouble", role: "status" }, what, " ", advice, technical);
  return {
    node,
    update({ bench, state }) {
      const trouble = troubleOf(bench, state);
      setAttribute(node, "data-weight", trouble ? trouble.weight : null);
      node.hidden = trouble === null;
      setText(what, trouble ? trouble.what : "");
      setText(advice, trouble ? trouble.advice : "");
      setText(technical, trouble && state.isTechnician() ? trouble.technical || "" : "");
      technical.hidden = technical.textContent === "";
    },
  };
}

function troubleOf(bench, state) {
  const failed = state.failedCommand(bench.id);
  if (failed !== null) {
    const words = troubleWords(failed.code, null, "experiment");
    return { weight: "bad", what: words.what, advice: words.advice, technical: failed.code + ": " + failed.detail };
  }
  const away = state.unreachable(bench);
  if (away.length) {
    const device = away[0];
    const what = away.length === 1 ? "" : listed(away.map((one) => deviceName(one, one.role))) + ": ";
    const words = troubleWords(device.health.reason || "unreachable", device, device.role);
    return { weight: "bad", what: what + words.what, advice: words.advice, technical: device.health.reason };
  }
  if (bench.experiment !== null && bench.experiment.fault) {
    return { weight: "bad", what: t("lab.faultHere"), advice: t("lab.faultMeans"), technical: bench.experiment.fault };
  }
  const gap = state.gapOf(bench.id);
  if (gap !== null) {
    const key = gap.filled ? "lab.gapFilled" : "lab.gap";
    return {
      weight: gap.filled ? "good" : "warn",
      what: t(key, { count: gap.count }),
      advice: gap.filled ? "" : t("lab.gapMeans"),
    };
  }
  const silentS = state.silentS(bench);
  if (silentS > 0) {
    return { weight: "warn", what: t("lab.silent", { time: duration(silentS) }), advice: t("lab.silentMeans") };
  }
  if (bench.run !== null && bench.run.lost > 0 && bench.run.ended === null) {
    return { weight: "warn", what: t("lab.runLost", { count: bench.run.lost }), advice: t("lab.runLostMeans") };
  }
  return null;
}
