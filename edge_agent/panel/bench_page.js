// One bench large: a chart for each unit, its parameters, who holds it, and notes on the run that goes on.

import { readoutsView } from "./bench_card.js";
import { actionsView, benchTroubleView, leaseView, stateView } from "./bench_controls.js";
import { benchName, experimentName, firstGroup, lastedWords, quantities } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { liveChart } from "./chart.js";
import { icon, keepChildren, make, setText } from "./dom.js";
import { parametersView } from "./parameters.js";
import { number, t } from "./words.js";

const LONGEST_NOTE = 200;

/** `{node, update(state), charts(), tick(state)}`. */
export function benchPage(id, acts) {
  const back = make(
    "a",
    { class: "button quiet back", href: "#/" },
    icon("back"),
    make("span", { class: "button-text" }, t("lab.allBenches"))
  );
  const title = make("h2", { tabindex: "-1", id: "page-title" });
  const what = make("span", { class: "bench-what" });
  const simulated = make("span", { class: "badge simulated" }, t("lab.simulatedLong"));
  const status = stateView();
  const head = make(
    "div",
    { class: "page-head" },
    back,
    make("div", { class: "page-title" }, title, what),
    simulated,
    status.node
  );
  const gone = make("p", { class: "hint" }, t("lab.noSuchBench"));
  const charts = make("div", { class: "bench-charts" });
  const trouble = benchTroubleView();
  const actions = actionsView(id, acts);
  const lease = leaseView(id, acts);
  const hand = make(
    "section",
    { class: "card hand", "aria-label": t("lab.control") },
    actions.node,
    lease.node,
    trouble.node
  );
  const parameters = parametersView(id, acts);
  const run = runView(id, acts);
  const side = make("div", { class: "bench-side" }, parameters.node, run.node);
  const body = make("div", { class: "bench-page" }, charts, side);
  const node = make("main", { class: "lab" }, head, gone, hand, body);
  const groups = new Map();
  return {
    node,
    update(state) {
      const bench = state.bench(id);
      gone.hidden = bench !== null || state.benches === null;
      body.hidden = hand.hidden = status.node.hidden = bench === null;
      simulated.hidden = bench === null || !bench.simulated;
      if (bench === null) {
        setText(title, id);
        return;
      }
      setText(title, benchName(bench));
      setText(what, experimentName(bench) === benchName(bench) ? "" : experimentName(bench));
      [status, trouble, actions, lease, parameters, run].forEach((view) => view.update({ bench, state }));
      const all = quantities(bench);
      const first = firstGroup(all);
      const ordered = all.filter((one) => one === first).concat(all.filter((one) => one !== first));
      const items = ordered.map((group) => ({ group, bench, state }));
      keepChildren(
        charts,
        items,
        (item) => item.group.unit,
        (item) => {
          const view = groupView();
          groups.set(item.group.unit, view);
          return view;
        }
      );
    },
    charts: () => Array.from(groups.values()).map((view) => view.chart),
    tick(state) {
      groups.forEach((view) => view.tick(state.samplesOf(id)));
    },
  };
}

function groupView() {
  const chart = liveChart({ large: true });
  const empty = make("p", { class: "chart-empty" });
  const values = readoutsView();
  const node = make(
    "section",
    { class: "card" },
    values.node,
    make("div", { class: "chart-place" }, chart.node, empty)
  );
  return {
    node,
    chart,
    update({ group, bench, state }) {
      const samples = state.samplesOf(bench.id);
      chart.show(samples, group.columns, group.unit);
      values.update([group], group, samples);
      empty.hidden = samples.count > 0;
      setText(empty, t(bench.state === "running" ? "lab.noSamplesYet" : "lab.notStarted"));
    },
    tick(samples) {
      values.tick(samples);
      empty.hidden = samples.count > 0;
    },
  };
}

/** The run that goes on, or the last one; and a note on what is to be seen right now. */
function runView(id, acts) {
  const heading = make("h3", { id: "run-title" }, t("lab.thisRun"));
  const words = make("p", { class: "hint" });
  const look = make("a", { class: "button" }, icon("look"), make("span", { class: "button-text" }, t("lab.openRun")));
  const label = make("label", { for: "note-now" }, t("lab.noteNow"));
  const input = make("input", { id: "note-now", type: "text", maxlength: LONGEST_NOTE, autocomplete: "off" });
  const add = pushButton({ text: t("lab.addNote"), onPress: send });
  const said = make("span", { class: "wrong", role: "alert" });
  const form = make("div", { class: "field" }, label, make("div", { class: "parameter-row" }, input, add.node), said);
  const node = make("section", { class: "card", "aria-labelledby": "run-title" }, heading, words, form, look);
  let now = null;
  input.addEventListener("keydown", (event) => (event.key === "Enter" ? send() : undefined));

  function send() {
    const samples = now.state.samplesOf(id);
    const n = samples.count ? Math.floor(samples.n[samples.count - 1]) : null;
    const text = input.value.trim();
    setText(said, text === "" ? t("lab.noteEmpty") : "");
    if (text === "" || n === null) {
      input.focus();
      return;
    }
    acts.note(
      samples.run,
      n,
      text,
      () => (input.value = ""),
      (why) => setText(said, why)
    );
  }

  return {
    node,
    update({ bench, state }) {
      now = { bench, state };
      const run = bench.run;
      form.hidden = run === null || run.samples === 0;
      look.hidden = run === null;
      if (run === null) {
        setText(words, t("lab.noRunYet"));
        return;
      }
      look.setAttribute("href", "#/runs/" + run.id);
      const key = run.ended === null ? "lab.runGoesOn" : "lab.runIsOver";
      const count = run.ended === null ? Math.max(run.samples, state.samplesOf(id).count) : run.samples;
      setText(
        words,
        t(key, { time: lastedWords(run), count: number(count, 0) }) +
          (run.lost ? " " + t("lab.lostOf", { count: run.lost }) : "")
      );
    },
  };
}
