// The lab's screen: joins what the agent says of benches, runs and leases to what is shown, and to what is tapped.

import * as agent from "./agent.js";
import { alarmActs, alarmsView } from "./alarms.js";
import { benchPage } from "./bench_page.js";
import { benchesPage } from "./bench_card.js";
import { benchName } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { comparePage } from "./compare_page.js";
import { closeDialog } from "./dialog.js";
import { make, setText } from "./dom.js";
import { Drawing } from "./drawing.js";
import { Frames } from "./frames.js";
import * as lab from "./lab_agent.js";
import { labAlarmsView } from "./lab_alarms.js";
import { labHeaderView } from "./lab_header.js";
import { LabState } from "./lab_state.js";
import { openLease } from "./lease_dialog.js";
import { Live } from "./live.js";
import { announce, notice } from "./notices.js";
import { MOST_COMPARED, runsPage } from "./runs_page.js";
import { Session } from "./session.js";
import { followSystemTheme, language, setLanguage, setTheme, theme } from "./settings.js";
import { LAB_EN } from "./words_lab_en.js";
import { LAB_VI } from "./words_lab_vi.js";
import { addWords, t, troubleWords } from "./words.js";

const DRAW_EVERY_MS = 100;
const LOAD_AGAIN_MS = 3000;
const HEARD_EVERY_MS = 20000; // leases end by themselves when nothing was heard of this screen
const RENEWED_S = 45 * 60;
const FILL_AFTER_MS = 1500; // a sample is on the disk, where it can be asked for, within a second

addWords(LAB_VI, LAB_EN);

const state = new LabState();
const frames = new Frames();
let route = routeOf(window.location.hash);
let views = [];
let page = null;
const drawing = new Drawing(DRAW_EVERY_MS, drawAll);
const draw = () => drawing.soon();
let version = null;
let wasAway = false;

const live = new Live(
  {
    onEvent(name, content) {
      state.hear(name, content);
      draw();
    },
    onLive: becomeLive,
    onAway: becomeAway,
  },
  { also: ["bench", "leases"] }
);

const stream = new Live(
  {
    onEvent(name, content) {
      if (name === "samples") {
        hearSamples(content);
      }
    },
    onLive: () => beStreaming("live"),
    onAway: () => beStreaming("away"),
  },
  { path: "api/benches/stream", also: ["samples"] }
);

const session = new Session(state, {
  draw,
  tellError,
  onUnlocked: () => [live, stream].forEach((one) => one.resume()),
  onLocked: becomeAway,
});

const acts = Object.assign(alarmActs(state, session), {
  draw,
  go: (hash) => (window.location.hash = hash),
  tell,
  hold: (id) => lease(id, null),
  takeOver: (id) => lease(id, state.bench(id).lease),
  renew: (id) => leaseDone(id, () => lab.renewLease(state.bench(id).lease.id, RENEWED_S), "lab.renewed"),
  release: (id) => leaseDone(id, () => lab.releaseLease(state.bench(id).lease.id), "lab.released"),
  note,
  download,
  loadRuns,
  stopAll,
  person: () => session.press(),
  language() {
    setLanguage(language() === "vi" ? "en" : "vi");
    build();
    document.getElementById("language").focus({ preventScroll: true });
  },
  theme() {
    setTheme(theme() === "dark" ? "light" : "dark");
    repaint();
  },
  tryNow: () => [live, stream].forEach((one) => one.tryNow()),
});

build();
live.start();
stream.start();
session.refresh();
window.setInterval(() => {
  session.watch();
  draw();
}, 1000);
window.setInterval(sayAlive, HEARD_EVERY_MS);
followSystemTheme(repaint);
window.addEventListener("resize", () => {
  frames.ask();
  if (page.resized) {
    page.resized();
  }
});
window.addEventListener("scroll", () => frames.ask(), { passive: true });
window.addEventListener("hashchange", () => {
  route = routeOf(window.location.hash);
  closeDialog();
  showPage();
  window.scrollTo(0, 0);
  const title = document.getElementById("page-title");
  if (title) {
    title.focus({ preventScroll: true });
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream.pause(); // nobody looks; the last half minute comes at once when somebody does
  } else if (!state.locked) {
    stream.resume();
  }
});

/** "#/bench/pendulum", "#/runs", "#/runs/ID,ID"; anything else is the benches. */
function routeOf(hash) {
  const parts = hash
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => decodeURIComponent(part));
  if (parts[0] === "bench" && parts[1]) {
    return { page: "bench", bench: parts[1] };
  }
  const ids = (parts[0] === "runs" && parts[1] ? parts[1].split(",") : []).filter((id) => id !== "");
  return parts[0] === "runs" ? { page: "runs", ids: ids.slice(0, MOST_COMPARED) } : { page: "benches" };
}

/** Make the whole page anew: at the start and when the language changes. */
function build() {
  closeDialog();
  const header = labHeaderView(acts);
  const interlocks = alarmsView(acts);
  const alarms = labAlarmsView();
  const dropped = droppedView();
  const opening = openingView();
  const place = make("div", { id: "lab-page" });
  const whole = document.getElementById("page");
  while (whole.firstChild) {
    whole.firstChild.remove();
  }
  whole.append(header.node, interlocks.node, alarms.node, dropped.node, opening.node, place);
  views = [header, interlocks, alarms, dropped, opening];
  showPage();
}

/** Put up the page of the route. */
function showPage() {
  if (page !== null) {
    page.charts().forEach((chart) => chart.remove());
    if (page.remove) {
      page.remove();
    }
    page.node.remove();
  }
  if (route.page === "runs") {
    page = route.ids.length ? comparePage(route.ids, acts) : runsPage(acts);
    if (!route.ids.length) {
      loadRuns();
    }
  } else {
    page = route.page === "bench" ? benchPage(route.bench, acts) : benchesPage(acts);
  }
  document.getElementById("lab-page").append(page.node);
  const title = { benches: "lab.title", bench: "lab.title", runs: "lab.runs" }[route.page];
  document.title = t(title) + " · lophoc";
  drawing.now();
}

/** The page while there is nothing to show, or nothing without a PIN. */
function openingView() {
  const text = make("h2");
  const logIn = pushButton({ class: "strong", icon: "person", text: t("session.logIn"), onPress: acts.person });
  const node = make("main", { class: "placeholder" }, text, logIn.node);
  return {
    node,
    update() {
      node.hidden = state.room !== null && state.benches !== null && !state.locked;
      setText(text, t(state.locked ? "ui.locked" : "ui.opening"));
      logIn.node.hidden = !state.locked;
    },
  };
}

/** While the room is there and its samples are not. */
function droppedView() {
  const node = make("p", { class: "stream-away", role: "status" });
  return {
    node,
    update() {
      node.hidden = state.link !== "live" || state.streaming !== "away";
      setText(node, node.hidden ? "" : t("lab.streamAway"));
    },
  };
}

function drawAll() {
  document.documentElement.dataset.link = state.link;
  views.forEach((view) => view.update(state, route));
  page.node.hidden = state.room === null || state.benches === null || state.locked;
  page.update(state);
  frames.set(page.charts());
}

function repaint() {
  page.charts().forEach((chart) => chart.repaint());
  if (page.repaint) {
    page.repaint();
  }
  drawing.now();
}

// what is heard

function hearSamples(message) {
  const gap = state.hearSamples(message);
  if (gap !== null) {
    draw();
    window.setTimeout(() => fill(message.bench, gap), FILL_AFTER_MS);
  }
  page.tick(state);
  frames.ask();
}

/** Ask for what the stream has dropped: the agent has recorded it all the same. */
async function fill(bench, gap) {
  try {
    const told = await lab.getSamples(gap.run, gap.to - gap.from + 1, gap.from, gap.to);
    if (state.samplesOf(bench).fill(told)) {
      state.setFilled(bench);
      frames.ask();
    }
  } catch (error) {
    // the gap stays to be seen, and its word with it
  }
  draw();
}

function beStreaming(how) {
  state.streaming = how;
  draw();
}

function becomeLive() {
  state.link = "live";
  state.locked = false;
  if (wasAway) {
    wasAway = false;
    notice("good", t("away.back"));
    stream.tryNow();
  }
  draw();
  session.refresh();
  load();
}

async function load() {
  try {
    state.setBenches(await lab.getBenches());
    state.profiles = await agent.getProfiles();
    sayAlive();
    const health = await agent.getHealth();
    if (version !== null && version !== health.version) {
      window.location.reload(); // the agent was updated while this page was open
    }
    version = health.version;
  } catch (error) {
    if (state.link === "live") {
      window.setTimeout(load, LOAD_AGAIN_MS);
    }
  }
  draw();
}

function becomeAway() {
  state.pending.clear();
  wasAway = wasAway || state.room !== null;
  return session.becomeAway(() => [live, stream].forEach((one) => one.pause()));
}

/** A lease lives as long as its holder is heard of; asking who holds what is a word of life. */
async function sayAlive() {
  if (lab.held.isHolding && state.link === "live") {
    try {
      lab.held.keepOnly(await lab.getLeases());
    } catch (error) {
      // the next time
    }
  }
}

async function loadRuns() {
  try {
    state.runs = await lab.getRuns();
    state.runsFailed = null;
  } catch (error) {
    state.runsFailed = error;
  }
  draw();
}

// what is tapped

/** `calls.done()` and `calls.failed(error)`: where a mistake is said at the field that it is of. */
function tell(bench, target, value, calls) {
  const key = target === "experiment" ? "experiment" : target;
  session.asTeacher(benchName(state.bench(bench)), async () => {
    state.pending.set(bench + " " + key, value);
    state.failed.delete(bench);
    draw();
    try {
      state.setBench(await lab.tellBench(bench, target, value));
      if (calls) {
        calls.done();
      }
    } catch (error) {
      if (error.code === "not-allowed") {
        throw error;
      }
      if (calls) {
        calls.failed(error);
      } else {
        state.failed.set(bench, error);
      }
      announce(benchName(state.bench(bench)) + ": " + troubleWords(error.code, null, "experiment").what);
    } finally {
      state.pending.delete(bench + " " + key);
    }
  });
}

function lease(id, holder) {
  const name = benchName(state.bench(id));
  const open = () =>
    openLease(
      name,
      holder,
      async (asked) => {
        await lab.takeLease(Object.assign({ target: id }, asked));
        await refreshBenches();
        notice("good", t("lab.nowYours", { name }));
        session.refresh();
      },
      (error) => {
        const words = troubleWords(error.code, null, "experiment");
        return error.code === "not-allowed" ? t("lab.mayNotTakeOver") : words.what + " " + words.advice;
      }
    );
  if (state.mayControl()) {
    open();
  } else {
    session.ask(t(holder ? "lab.takeOverAsk" : "lab.holdAsk", { name }), open);
  }
}

async function leaseDone(id, ask, said) {
  try {
    await ask();
    notice("good", t(said, { name: benchName(state.bench(id)) }));
  } catch (error) {
    tellError(error);
  }
  await refreshBenches();
}

async function refreshBenches() {
  try {
    state.setBenches(await lab.getBenches());
  } catch (error) {
    // the stream says the rest
  }
  draw();
}

function note(run, n, text, done, failed) {
  session.asTeacher(t("lab.addNote"), async () => {
    try {
      done(await lab.addNote(run, n, text));
      notice("good", t("lab.noted"));
    } catch (error) {
      if (error.code === "not-allowed") {
        throw error;
      }
      const words = troubleWords(error.code, null, "");
      failed(words.what + " " + words.advice);
    }
  });
}

/** As a file of the browser: it goes on in the background, with the session's cookie. */
function download(path) {
  session.asTeacher(t("lab.export"), async () => {
    const link = make("a", { href: path, download: "" });
    document.body.append(link);
    link.click();
    link.remove();
  });
}

/** The emergency stop: the room's interlocks that have a button need no PIN; else the emergency profile is started. */
async function stopAll() {
  const buttons = state.interlocks.filter((one) => one.button);
  const profile = state.emergency();
  announce(t("lab.stopping", { time: "" }));
  if (buttons.length) {
    try {
      await Promise.all(buttons.map((one) => agent.tripInterlock(one.id)));
      notice("bad", t("lab.stopSent"));
    } catch (error) {
      tellError(error);
    }
  } else if (profile !== null) {
    session.asTeacher(t("lab.stop"), async () => {
      const lesson = await agent.startLesson(profile.id, []);
      state.lesson = lesson || state.lesson;
      notice("bad", t("lab.stopSent"));
    });
  }
}

function tellError(error) {
  const words = troubleWords(error.code || "unknown", null, "", { seconds: error.retryAfterS || "" });
  notice("bad", words.what, words.advice);
}
