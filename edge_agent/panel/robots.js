// The page of the robot kits: joins what the agent says to what is shown, and what is tapped to what it is asked.

import * as agent from "./agent.js";
import { alarmActs, alarmsView } from "./alarms.js";
import { pushButton } from "./buttons.js";
import { closeDialog, openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { Drawing, measureTop, updateViews } from "./drawing.js";
import { Live } from "./live.js";
import { announce, notice } from "./notices.js";
import * as robots from "./robots_agent.js";
import { robotsHeaderView } from "./robots_header.js";
import { kitsView, readyView, tabsView } from "./robots_kits.js";
import { firmwaresView, jobView, programsView } from "./robots_programs.js";
import { RobotsState } from "./robots_state.js";
import { jobWords, programName, tallyWords } from "./robots_words.js";
import { Session } from "./session.js";
import { followSystemTheme, language, setLanguage, setTheme, theme } from "./settings.js";
import { addWords, t, troubleWords } from "./words.js";
import { ROBOTS_EN } from "./words_robots_en.js";
import { ROBOTS_VI } from "./words_robots_vi.js";

const DRAW_EVERY_MS = 100; // as often as the agent tells

addWords(ROBOTS_VI, ROBOTS_EN);

const state = new RobotsState();
let views = [];
const drawing = new Drawing(DRAW_EVERY_MS, () => updateViews(state, views));
const draw = () => drawing.soon();
let wasAway = false;
let spoken = null;

const live = new Live(
  {
    onEvent(name, content) {
      state.hear(name, content);
      speakOfJob();
      draw();
    },
    onLive() {
      state.link = "live";
      state.locked = false;
      if (wasAway) {
        wasAway = false;
        notice("good", t("away.back"));
      }
      session.refresh();
      draw();
    },
    onAway: becomeAway,
  },
  { also: ["robots", "kit", "leases"] }
);

const session = new Session(state, { draw, tellError, onUnlocked: () => live.resume(), onLocked: becomeAway });

const acts = Object.assign(alarmActs(state, session), {
  deploy(name, run) {
    const program = state.library.programs.find((one) => one.name === name);
    wish(programName(program), () => robots.deploy(state.which(), name, run));
  },
  check: () => wish(t("robots.check"), () => robots.check(state.which())),
  retry: () => wish(t("robots.title"), () => robots.retry()),
  stopAll: () => wish(t("robots.stopAll"), () => robots.stop({ groups: [], kits: [] })),
  stopGroup: () => wish(t("robots.stopAll"), () => robots.stop(state.which())),
  stopOne: (kit) => wish(t("robots.stopOne"), () => robots.stop({ groups: [], kits: [kit] })),
  flash: confirmFlash,
  tab(group) {
    state.group = group;
    draw();
  },
  search(text) {
    state.search = text;
    draw();
  },
  person: () => session.press(),
  language() {
    setLanguage(language() === "vi" ? "en" : "vi");
    build();
    document.getElementById("language").focus({ preventScroll: true });
  },
  theme() {
    setTheme(theme() === "dark" ? "light" : "dark");
    draw();
  },
  tryNow: () => live.tryNow(),
});

build();
live.start();
session.refresh();
window.setInterval(() => {
  session.watch();
  draw();
}, 1000);
followSystemTheme(draw);
window.addEventListener("resize", measureTop);

/** Make the whole page anew: at the start and when the language changes. */
function build() {
  closeDialog();
  document.title = t("robots.title") + " · lophoc";
  const header = robotsHeaderView(acts);
  const alarms = alarmsView(acts);
  const waiting = placeholderView();
  const tabs = tabsView(acts);
  const ready = readyView(acts);
  const job = jobView(acts);
  const programs = programsView(acts);
  const firmwares = firmwaresView(acts);
  const kits = kitsView(acts);
  const side = make("div", { class: "robots-side" }, job.node, programs.node, ready.node, firmwares.node);
  const columns = make("div", { class: "robots-columns" }, side, kits.node);
  const main = make("main", { class: "robots" }, tabs.node, columns);
  const page = document.getElementById("page");
  while (page.firstChild) {
    page.firstChild.remove();
  }
  page.append(header.node, alarms.node, waiting.node, main);
  const nothing = () => state.locked || state.room === null || state.kits.length === 0;
  const whole = { update: () => (main.hidden = nothing()) };
  views = [header, alarms, waiting, whole, tabs, job, ready, programs, firmwares, kits];
  drawing.now();
  measureTop();
}

/** What stands in the middle while there are no kits to show. */
function placeholderView() {
  const text = make("h2");
  const means = make("p", { class: "hint" });
  const logIn = pushButton({ class: "strong", icon: "person", text: t("session.logIn"), onPress: acts.person });
  const node = make("main", { class: "placeholder" }, text, means, logIn.node);
  return {
    node,
    update() {
      const none = state.room !== null && !state.room.devices.some((one) => one.role === "robot-kit");
      node.hidden = !state.locked && state.kits.length > 0;
      text.textContent = state.locked ? t("ui.locked") : none ? t("robots.none") : t("robots.opening");
      means.textContent = state.locked ? t("ui.lockedMeans") : "";
      logIn.node.hidden = !state.locked;
    },
  };
}

function becomeAway() {
  wasAway = wasAway || state.room !== null;
  return session.becomeAway(() => live.pause());
}

/** Ask the agent for it as a teacher; the stream says what becomes of it. */
function wish(what, ask) {
  session.asTeacher(what, async () => {
    const job = await ask();
    if (job && (state.job === null || state.job.began <= job.began)) {
      state.job = job;
    }
  });
}

function confirmFlash(name) {
  const firmware = state.library.firmwares.find((one) => one.name === name);
  const words = { firmware: firmware.name + " " + firmware.version, count: state.chosen().length };
  const which = state.named();
  const go = pushButton({
    class: "grave",
    icon: "warning",
    text: t("robots.yesFlash"),
    onPress: () => {
      dialog.close();
      wish(words.firmware, () => robots.flash(which, name));
    },
  });
  const stay = pushButton({ class: "quiet", icon: "cross", text: t("ui.no"), onPress: () => dialog.close() });
  stay.node.setAttribute("data-first", "");
  const actions = make("div", { class: "actions" }, go.node, stay.node);
  const dialog = openDialog(t("robots.flashAsk", words), [make("p", null, t("robots.flashMeans")), actions], {
    class: "confirm",
  });
}

/** To screen readers: a job that began, and how it ended. */
function speakOfJob() {
  const job = state.job;
  const now = job === null ? "" : job.id + (job.ended === null ? "" : " over");
  if (spoken === null || now === spoken) {
    spoken = state.isKnown ? now : spoken;
    return;
  }
  spoken = now;
  if (job !== null) {
    const tally = state.tally();
    announce(jobWords(job, tally, state.library) + ". " + tallyWords(tally));
  }
}

function tellError(error) {
  const words = troubleWords(error.code || "unknown", null, "", { seconds: error.retryAfterS || "" });
  notice("bad", words.what, words.advice);
}
