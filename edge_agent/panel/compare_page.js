// One recorded run, or several over each other: the same axis and unit, what was set differently, notes, files.

import { benchName, columnWords, lastedWords, settingWords, unitWords, valueWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { dashes, runsChart } from "./chart.js";
import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import { exportPath, getRun, getSamples } from "./lab_agent.js";
import { noteForm, notesView } from "./notes.js";
import { endingWords, runName } from "./runs_page.js";
import { capitalised, named, number, t, troubleWords } from "./words.js";

const MOST_SAMPLES = 2000;
const MOST_TRIES = 2;
const AGAIN_MS = 1000;

/** `{node, update(state), charts(), tick(), repaint()}` of the runs of these ids. */
export function comparePage(ids, acts) {
  const back = make(
    "a",
    { class: "button quiet back", href: "#/runs" },
    icon("back"),
    make("span", { class: "button-text" }, t("lab.allRuns"))
  );
  const title = make("h2", { tabindex: "-1", id: "page-title" });
  const simulated = make("span", { class: "badge simulated" });
  const again = pushButton({ class: "quiet", icon: "again", text: t("lab.reload"), onPress: load });
  const head = make(
    "div",
    { class: "page-head" },
    back,
    make("div", { class: "page-title" }, title),
    simulated,
    again.node
  );
  const said = make("p", { class: "hint", role: "status" }, t("lab.loadingRuns"));
  const choices = make("div", { class: "quantities", role: "group", "aria-label": t("lab.quantity") });
  const chart = make("div", { class: "chart chart-runs", role: "img" });
  const pointed = make("p", { class: "pointed", "aria-hidden": "true" }, t("lab.pointHint"));
  const chartCard = make("section", { class: "card" }, choices, chart, pointed);
  const legend = make("ul", { class: "legend" });
  const settings = settingsTable();
  const form = noteForm((at, text, clear, wrong) => annotate(at, text, clear, wrong));
  const notes = notesView();
  const notesCard = make(
    "section",
    { class: "card", "aria-labelledby": "notes-title" },
    make("h3", { id: "notes-title" }, t("lab.notes")),
    notes.node,
    form.node
  );
  const side = make(
    "div",
    { class: "bench-side" },
    make("section", { class: "card", "aria-label": t("lab.runs") }, legend),
    notesCard
  );
  const body = make(
    "div",
    { class: "bench-page", hidden: true },
    make("div", { class: "bench-charts" }, chartCard, settings.node),
    side
  );
  const node = make("main", { class: "lab" }, head, said, body);
  let runs = [];
  let plot = null;
  let tries = 0;
  let quantity = null;
  let now = null;
  let hasNames = false;
  load();

  async function load() {
    try {
      runs = await Promise.all(
        ids.map(async (id, k) => ({ run: await getRun(id), samples: await getSamples(id, MOST_SAMPLES), ink: k }))
      );
      setText(said, "");
      body.hidden = false;
    } catch (error) {
      if (error.code === "unknown-run" && tries < MOST_TRIES) {
        tries += 1; // one that has just begun is on the disk within a second
        window.setTimeout(load, AGAIN_MS);
        return;
      }
      const words = troubleWords(error.code, null, "");
      setText(said, words.what + " " + words.advice);
    }
    said.hidden = said.textContent === "";
    redraw();
  }

  /** All again, from what was told last. */
  function redraw() {
    if (plot !== null) {
      plot.remove();
      plot = null;
    }
    const all = quantitiesOf(runs, now);
    quantity = all.find((one) => quantity !== null && one.key === quantity.key) || all[0] || null;
    const items = all.map((one) => ({ one, chosen: one === quantity }));
    keepChildren(
      choices,
      items,
      (item) => item.one.key,
      (item) => quantityButton(item.one.key)
    );
    if (quantity !== null && chart.offsetWidth > 0) {
      const lines = linesOf();
      const marks = allNotes().filter((note) => lines.some((line) => line.run === note.run));
      const shown = marks.map((note) => ({
        t: note.t,
        line: lines.findIndex((line) => line.run === note.run),
        label: String(note.number),
      }));
      plot = runsChart(chart, lines, quantity.unit, shown, {
        onPick: (line, at) => form.set(lines[line].run.id, at),
        onMove: point,
      });
      setAttribute(chart, "aria-label", t("lab.chartOf", { what: quantity.shown, count: lines.length }));
    }
    update();
  }

  function linesOf() {
    return runs
      .filter((one) => one.samples.values[quantity.name] !== undefined)
      .map((one) => ({
        run: one.run,
        ink: one.ink,
        t: one.samples.t_s,
        values: one.samples.values[quantity.name],
        label: runName(one.run, now),
      }));
  }

  function allNotes() {
    const all = [].concat(
      ...runs.map((one) =>
        one.run.notes.map((note) => ({ note, run: one.run, ink: one.ink, t: secondsOf(one, note.n) }))
      )
    );
    return all.map((one, k) => Object.assign(one, { number: k + 1 }));
  }

  function point(at, values) {
    const texts = values.map((value) => valueWords(value, quantity.unit));
    setText(pointed, at === null ? t("lab.pointHint") : valueWords(at, "s") + ":  " + texts.join("  |  "));
  }

  function quantityButton(key) {
    const button = make("button", { type: "button", class: "choice-button" });
    button.addEventListener("click", () => {
      quantity = quantitiesOf(runs, now).find((one) => one.key === key);
      redraw();
    });
    return {
      node: button,
      update({ one, chosen }) {
        setText(button, one.shown + (unitWords(one.unit) ? " (" + one.unit + ")" : ""));
        setAttribute(button, "aria-pressed", chosen ? "true" : "false");
      },
    };
  }

  function annotate(asked, text, clear, wrong) {
    const one = runs.find((other) => other.run.id === asked.run);
    const n = numberAt(one, asked.t);
    acts.note(
      one.run.id,
      n,
      text,
      (note) => {
        one.run.notes = one.run.notes.concat(note).sort((a, b) => a.n - b.n);
        clear();
        redraw();
      },
      wrong
    );
  }

  function update() {
    if (now === null || runs.length === 0) {
      setText(title, runs.length === 0 ? t("lab.runs") : "");
      simulated.hidden = true;
      return;
    }
    setText(title, runs.length === 1 ? runName(runs[0].run, now) : t("lab.comparing", { count: runs.length }));
    const some = runs.filter((one) => one.run.simulated).length;
    simulated.hidden = some === 0;
    setText(simulated, t(some === runs.length ? "lab.simulatedLong" : "lab.someSimulated"));
    const items = runs.map((one, k) => ({
      one,
      k,
      state: now,
      missing: quantity !== null && one.samples.values[quantity.name] === undefined,
    }));
    keepChildren(
      legend,
      items,
      (item) => item.one.run.id,
      () => legendView(acts)
    );
    settings.update(runs, now);
    notes.update(allNotes(), now);
    form.update(runs, now);
  }

  return {
    node,
    update(state) {
      now = state;
      const names = state.benches !== null;
      if (runs.length && (names !== hasNames || (plot === null && chart.offsetWidth > 0))) {
        hasNames = names; // the benches have come: their quantities have names now
        redraw();
      } else {
        update();
      }
    },
    charts: () => [],
    tick: () => undefined,
    repaint: redraw,
    resized: () => (plot !== null && plot.width() !== chart.offsetWidth ? plot.resize() : undefined),
    remove: () => (plot !== null ? plot.remove() : undefined),
  };
}

/** Every quantity that one of the runs has; those that all have come first. */
function quantitiesOf(runs, state) {
  const found = new Map();
  runs.forEach(({ run }) =>
    run.columns.forEach((column) => {
      const key = column.name + " " + column.unit;
      const known = found.get(key) || {
        key,
        name: column.name,
        unit: column.unit,
        shown: outputName(run, column, state),
        count: 0,
      };
      known.count += 1;
      found.set(key, known);
    })
  );
  return Array.from(found.values()).sort((a, b) => b.count - a.count);
}

function outputName(run, column, state) {
  const bench = state && state.bench(run.bench);
  const outputs = bench && bench.experiment && bench.experiment.id === run.experiment ? bench.experiment.outputs : [];
  const output = outputs.find((one) => one.name === column.name);
  return output ? named(output.shown) : columnWords(column.name);
}

function secondsOf({ run, samples }, n) {
  if (run.rate_hz) {
    return n / run.rate_hz;
  }
  const at = samples.n.findIndex((one) => one >= n);
  return at < 0 ? samples.t_s[samples.t_s.length - 1] || 0 : samples.t_s[at];
}

function numberAt({ run, samples }, seconds) {
  if (run.rate_hz) {
    return Math.max(0, Math.min(run.last_n, Math.round(seconds * run.rate_hz)));
  }
  let best = 0;
  samples.t_s.forEach((one, k) => (best = Math.abs(one - seconds) < Math.abs(samples.t_s[best] - seconds) ? k : best));
  return samples.n[best] || 0;
}

function legendView(acts) {
  const swatch = make("canvas", { class: "line-swatch", width: 64, height: 12, "aria-hidden": "true" });
  const name = make("strong");
  const about = make("p", { class: "hint" });
  const missing = make("p", { class: "hint" });
  let run = null;
  const csv = pushButton({
    class: "quiet",
    icon: "file",
    text: "CSV",
    onPress: () => acts.download(exportPath(run.id, "csv")),
  });
  const parquet = pushButton({
    class: "quiet",
    icon: "file",
    text: "Parquet",
    onPress: () => acts.download(exportPath(run.id, "parquet")),
  });
  const node = make(
    "li",
    null,
    make("div", { class: "legend-head" }, swatch, name),
    about,
    missing,
    make("div", { class: "files" }, csv.node, parquet.node)
  );
  return {
    node,
    update(item) {
      run = item.one.run;
      const bench = item.state.bench(run.bench);
      setText(name, runName(run, item.state));
      const words = [
        bench ? benchName(bench) : run.bench,
        run.simulated ? t("lab.simulated") : t("lab.real"),
        t("lab.lasted", { time: lastedWords(run), count: number(run.samples, 0) }),
        endingWords(run),
      ];
      setText(about, words.join(" · "));
      setText(missing, item.missing ? t("lab.hasNot") : "");
      missing.hidden = !item.missing;
      [csv, parquet].forEach((button, k) =>
        button.label(t("lab.exportOf", { name: runName(run, item.state), format: ["CSV", "Parquet"][k] }))
      );
      drawSwatch(swatch, item.one.ink, item.k);
    },
  };
}

function drawSwatch(canvas, ink, k) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, 64, 12);
  context.strokeStyle = window
    .getComputedStyle(document.documentElement)
    .getPropertyValue("--line-" + ((ink % 6) + 1))
    .trim();
  context.lineWidth = 4;
  context.setLineDash(dashes(k).map((length) => length * 2));
  context.beginPath();
  context.moveTo(2, 6);
  context.lineTo(62, 6);
  context.stroke();
}

/** What was set, run by run; what differs is marked, since it is mostly what one looks for. */
function settingsTable() {
  const heading = make("h3", { id: "settings-title" }, t("lab.settings"));
  const table = make("table", { class: "settings" });
  const node = make(
    "section",
    { class: "card", "aria-labelledby": "settings-title" },
    heading,
    make("div", { class: "settings-scroll" }, table)
  );
  return {
    node,
    update(runs, state) {
      const names = Array.from(new Set([].concat(...runs.map(({ run }) => Object.keys(run.parameters)))));
      while (table.firstChild) {
        table.firstChild.remove();
      }
      names.concat("seed").forEach((name) => {
        const cells = runs.map(({ run }) => cellWords(run, name, state));
        const row = make(
          "tr",
          null,
          make("th", { scope: "row" }, settingName(runs[0].run, name, state)),
          ...cells.map((words) => make("td", null, words))
        );
        setAttribute(row, "data-differs", new Set(cells).size > 1);
        table.append(row);
      });
    },
  };
}

function parameterOf(run, name, state) {
  const bench = state.bench(run.bench);
  const known = bench && bench.experiment && bench.experiment.id === run.experiment ? bench.experiment.parameters : [];
  return known.find((one) => one.name === name) || null;
}

function settingName(run, name, state) {
  const known = parameterOf(run, name, state);
  return name === "seed" ? t("lab.seed") : known ? named(known.shown) : capitalised(name.replace(/_/g, " "));
}

/** "1 m → 0,5 m" where it was turned meanwhile. */
function cellWords(run, name, state) {
  if (name === "seed") {
    return run.seed === null ? "–" : String(run.seed);
  }
  const known = parameterOf(run, name, state);
  const words = (value) => {
    const option = known && known.options[value];
    return option ? named(option) : settingWords(value, known ? known.unit : "");
  };
  if (!(name in run.parameters)) {
    return "–";
  }
  return [run.parameters[name]]
    .concat(run.turned.filter((one) => one.name === name).map((one) => one.value))
    .map(words)
    .join(" → ");
}
