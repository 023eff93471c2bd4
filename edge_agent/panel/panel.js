// The wall panel: joins what the agent says to what is shown, and what is tapped to what the agent is asked.

import * as agent from "./agent.js";
import { alarmActs, alarmsView } from "./alarms.js";
import { pushButton } from "./buttons.js";
import { closeDialog, openDialog } from "./dialog.js";
import { devicesView } from "./devices.js";
import { make } from "./dom.js";
import { Drawing, measureTop, updateViews } from "./drawing.js";
import { headerView } from "./header.js";
import { headline, lessonView } from "./lesson_card.js";
import { leftOut, troubles } from "./lesson_story.js";
import { Live } from "./live.js";
import { announce, notice } from "./notices.js";
import { openPreview } from "./preview.js";
import { readingsView, uplinkView } from "./readings.js";
import { ALL_OFF, RoomState } from "./room_state.js";
import { Session } from "./session.js";
import { followSystemTheme, language, setLanguage, setTheme, theme } from "./settings.js";
import { tilesView } from "./tiles.js";
import { timetableView } from "./timetable.js";
import { deviceName, named, t, troubleWords } from "./words.js";

const DRAW_EVERY_MS = 50; // an old tablet draws a busy room at most 20 times a second
const LOAD_AGAIN_MS = 3000;
const TIMETABLE_EVERY_MS = 60000;

const state = new RoomState();
let views = [];
const drawing = new Drawing(DRAW_EVERY_MS, () => updateViews(state, views));
const draw = () => drawing.soon();
let version = null;
let spoken = "";
let wasAway = false;

const live = new Live(
  {
    onEvent(name, content) {
      state.hear(name, content);
      if (name === "catalogue") {
        hearCatalogue(content);
      }
      speakOfLesson();
      draw();
    },
    onLive: becomeLive,
    onAway: becomeAway,
  },
  { also: ["catalogue"] }
);

const session = new Session(state, { draw, tellError, onUnlocked: () => live.resume(), onLocked: becomeAway });

const acts = Object.assign(alarmActs(state, session), {
  tap(id) {
    const profile = state.profile(id);
    if (state.preempts(profile)) {
      confirmPreempting(profile);
    } else {
      start(id, []);
    }
  },
  allOff: () => confirmPreempting(state.profile(ALL_OFF)),
  preview,
  again: (without) => start(state.lesson.profile, leftOut(state.lesson).concat(without)),
  end: endLesson,
  dismiss() {
    state.dismissed = state.lesson ? state.lesson.id : null;
    draw();
    focusOn(".tile-start");
  },
  command,
  person: () => session.press(),
  language() {
    setLanguage(language() === "vi" ? "en" : "vi");
    build();
    focusOn("#language");
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
window.setInterval(() => {
  if (state.link === "live") {
    loadTimetable();
  }
}, TIMETABLE_EVERY_MS);
followSystemTheme(draw);
window.addEventListener("resize", measureTop);

/** Make the whole page anew: at the start and when the language changes. */
function build() {
  closeDialog();
  document.title = t("ui.panel") + " · lophoc";
  const header = headerView(acts);
  const alarms = alarmsView(acts);
  const timetable = timetableView(acts);
  const tiles = tilesView(acts);
  const lesson = lessonView(acts);
  const readings = readingsView();
  const devices = devicesView(acts);
  const uplink = uplinkView();
  const room = make("div", { class: "room" }, readings.node, devices.node, uplink.node);
  const main = make("main", { class: "columns" }, lesson.node, tiles.node, room);
  const opening = placeholderView();
  const page = document.getElementById("page");
  while (page.firstChild) {
    page.firstChild.remove();
  }
  page.append(header.node, alarms.node, timetable.node, opening.node, main);
  const columns = { update: () => (main.hidden = state.room === null || state.locked) };
  views = [header, alarms, timetable, opening, columns, tiles, lesson, readings, devices, uplink];
  drawing.now();
  measureTop();
}

/** What stands in the middle before there is a room to show, or while it is locked. */
function placeholderView() {
  const text = make("h2");
  const means = make("p", { class: "hint" });
  const logIn = pushButton({ class: "strong", icon: "person", text: t("session.logIn"), onPress: acts.person });
  const node = make("main", { class: "placeholder" }, text, means, logIn.node);
  return {
    node,
    update() {
      node.hidden = state.room !== null && !state.locked;
      text.textContent = state.locked ? t("ui.locked") : t("ui.opening");
      means.textContent = state.locked ? t("ui.lockedMeans") : "";
      logIn.node.hidden = !state.locked;
    },
  };
}

// the connection

function becomeLive() {
  state.link = "live";
  state.locked = false;
  if (wasAway) {
    wasAway = false;
    notice("good", t("away.back"));
  }
  draw();
  session.refresh();
  loadProfiles();
  loadTimetable();
}

/** Other profiles or another timetable may hold. */
function hearCatalogue(catalogue) {
  if (catalogue !== null && catalogue.serial !== state.serial) {
    state.serial = catalogue.serial;
    loadProfiles();
  }
  loadTimetable();
}

async function loadTimetable() {
  try {
    state.timetable = await agent.getTimetable();
  } catch (error) {
    // then what was known holds on; a room without a catalogue has none
  }
  draw();
}

async function loadProfiles() {
  try {
    state.profiles = await agent.getProfiles();
    state.profilesKnown = true;
    const health = await agent.getHealth();
    if (version !== null && version !== health.version) {
      window.location.reload(); // the agent was updated while this page was open
    }
    version = health.version;
  } catch (error) {
    if (state.link === "live") {
      window.setTimeout(loadProfiles, LOAD_AGAIN_MS);
    }
  }
  draw();
}

function becomeAway() {
  state.pending.clear();
  wasAway = wasAway || state.room !== null;
  return session.becomeAway(() => live.pause());
}

// lessons

function start(id, without) {
  const what = named(state.profile(id) ? state.profile(id).name : { vi: id });
  session.asTeacher(what, () => sendLesson(() => agent.startLesson(id, without)));
}

async function sendLesson(ask) {
  state.sending = true;
  draw();
  try {
    const lesson = await ask();
    if (lesson && (state.lesson === null || state.lesson.id !== lesson.id)) {
      state.lesson = lesson; // the stream says the rest
    }
    showLesson();
  } finally {
    state.sending = false;
  }
}

function preview(id, without) {
  const profile = state.profile(id);
  session.asTeacher(t("ui.previewOf", { name: named(profile.name) }), async () => {
    const asking = agent.previewLesson(id, without);
    openPreview(profile, state, () => answered(asking), (others) => {
      focusOn('[data-profile="' + id + '"] .tile-start');
      start(id, without.concat(others));
    });
    await asking;
  });
}

/** The answer, or null where it failed: whoever asked tells of it. */
function answered(asking) {
  return asking.catch(() => null);
}

function endLesson() {
  const lesson = state.lesson;
  const end = () => session.asTeacher(t("ui.endLesson"), () => sendLesson(() => agent.endLesson()));
  if (lesson.state !== "ready") {
    end();
    return;
  }
  confirm(t("ui.endAsk", { name: named(lesson.name) }), t("ui.endMeans"), t("ui.yesEnd"), t("ui.keepOn"), "undo", end);
}

function confirmPreempting(profile) {
  const name = named(profile.name);
  const isOff = profile.id === ALL_OFF;
  const question = isOff ? t("ui.allOffAsk") : t("ui.startAsk", { name });
  const yes = isOff ? t("ui.yesAllOff") : t("ui.yesStart");
  const means = named(profile.description) + " " + t("ui.stopsOthers");
  confirm(question, means, yes, t("ui.no"), profile.icon, () => start(profile.id, []));
}

function confirm(question, means, yes, no, picture, action) {
  const go = pushButton({
    class: "grave",
    icon: picture,
    text: yes,
    onPress: () => {
      dialog.close();
      action();
    },
  });
  const stay = pushButton({ class: "quiet", icon: "cross", text: no, onPress: () => dialog.close() });
  go.node.setAttribute("data-first", "");
  const actions = make("div", { class: "actions" }, go.node, stay.node);
  const dialog = openDialog(question, [make("p", null, means), actions], { class: "confirm" });
}

function speakOfLesson() {
  const lesson = state.lesson;
  const now = lesson ? [lesson.id, lesson.state].concat(lesson.lost.map((one) => one.device)).join(" ") : "";
  if (now === spoken) {
    return;
  }
  const first = spoken === "" && lesson === null;
  spoken = now;
  if (first || !lesson) {
    return;
  }
  const wrong = troubles(lesson).map((trouble) => {
    const device = state.device(trouble.device);
    return deviceName(device, trouble.role) + ": " + troubleWords(trouble.code, device, trouble.role).what;
  });
  announce([headline(state, lesson)].concat(wrong).join(". "));
}

// devices

function command(device, target, value) {
  const key = device + " " + target;
  const what = deviceName(state.device(device), device);
  session.asTeacher(what, async () => {
    state.pending.set(key, value);
    state.failed.delete(device);
    draw();
    try {
      const changed = await agent.command(device, target, value);
      if (changed && changed.id === device) {
        state.setDevice(changed);
      }
    } catch (error) {
      if (error.code === "not-allowed") {
        throw error;
      }
      state.failed.set(device, error);
      announce(what + ": " + troubleWords(error.code, state.device(device), "").what);
    } finally {
      state.pending.delete(key);
    }
  });
}

function tellError(error) {
  const words = troubleWords(error.code || "unknown", error.device ? state.device(error.device) : null, "", {
    seconds: error.retryAfterS || "",
  });
  notice("bad", words.what, words.advice);
}

function showLesson() {
  if (window.pageYOffset > 0) {
    window.scrollTo(0, 0); // on a phone the tile tapped may be far below the lesson
  }
}

function focusOn(selector) {
  const node = document.querySelector(selector);
  if (node) {
    node.focus({ preventScroll: true });
  }
}
