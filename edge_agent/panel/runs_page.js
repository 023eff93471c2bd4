// The recorded runs: found by what they were of, looked at, and laid over each other.

import { benchName, experimentName, lastedWords, momentWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import { asSlug } from "./held_leases.js";
import { capitalised, number, t, troubleWords } from "./words.js";

export const MOST_COMPARED = 6;
const SHOWN = 200;

/** `{node, update(state), charts()}`. */
export function runsPage(acts) {
  const heading = make("h2", { tabindex: "-1", id: "page-title" }, t("lab.runs"));
  const label = make("label", { class: "unseen", for: "search" }, t("lab.search"));
  const search = make("input", { id: "search", type: "search", placeholder: t("lab.search"), autocomplete: "off" });
  const again = pushButton({ class: "quiet", icon: "again", text: t("lab.reload"), onPress: acts.loadRuns });
  const compare = pushButton({
    class: "strong",
    icon: "compare",
    onPress: () => acts.go("#/runs/" + chosen.join(",")),
  });
  const said = make("p", { class: "hint", role: "status" });
  const list = make("ul", { class: "runs" });
  const head = make(
    "div",
    { class: "page-head runs-head" },
    heading,
    make("div", { class: "search" }, label, search),
    again.node,
    compare.node
  );
  const node = make("main", { class: "lab" }, head, said, list);
  let chosen = [];
  let now = null;
  search.addEventListener("input", () => view.update(now));
  const view = {
    node,
    update(state) {
      now = state;
      const runs = state.runs || [];
      chosen = chosen.filter((id) => runs.some((run) => run.id === id));
      const words = asSlug(search.value)
        .split("-")
        .filter((word) => word !== "");
      const found = runs.filter((run) => words.every((word) => sought(run, state).includes(word)));
      const items = found.slice(0, SHOWN).map((run) => ({ run, state, chosen: chosen.includes(run.id), choose }));
      keepChildren(list, items, (item) => item.run.id, runRow);
      compare.text(t(chosen.length < 2 ? "lab.compareNone" : "lab.compare", { count: chosen.length }));
      compare.refuse(chosen.length < 2 ? t("lab.chooseTwo") : null);
      setText(said, saidOf(state, runs.length, found.length));
      said.hidden = said.textContent === "";
    },
    charts: () => [],
    tick: () => undefined,
  };

  function choose(id, wanted) {
    chosen = chosen
      .filter((one) => one !== id)
      .concat(wanted ? [id] : [])
      .slice(-MOST_COMPARED);
    view.update(now);
  }

  return view;
}

function saidOf(state, all, found) {
  if (state.runsFailed !== null) {
    const words = troubleWords(state.runsFailed.code, null, "");
    return words.what + " " + words.advice;
  }
  if (state.runs === null) {
    return t("lab.loadingRuns");
  }
  if (all === 0) {
    return t("lab.noRuns");
  }
  return found === 0
    ? t("lab.noneFound")
    : found > SHOWN
      ? t("lab.firstRuns", { count: SHOWN, of: number(found, 0) })
      : "";
}

/** All that a search may ask for, without marks and in small letters. */
function sought(run, state) {
  const bench = state.bench(run.bench);
  const names = bench ? [bench.name.vi, bench.name.en] : [];
  const shown = bench && bench.experiment ? [bench.experiment.shown.vi, bench.experiment.shown.en] : [];
  const mark = run.simulated ? [t("lab.simulated")] : [];
  return names
    .concat(shown, mark, [run.bench, run.experiment, run.id, momentWords(run.started, state)])
    .map(asWords)
    .join("-");
}

function asWords(text) {
  return asSlug(text || "");
}

/** What a run is called beside others: "Con lắc đơn, 08:15". */
export function runName(run, state) {
  const bench = state.bench(run.bench);
  const what =
    bench && bench.experiment && bench.experiment.id === run.experiment
      ? experimentName(bench)
      : capitalised(run.experiment || t("lab.sensors"));
  return what + ", " + momentWords(run.started, state);
}

function runRow() {
  const box = make("input", { type: "checkbox" });
  const pick = make("label", { class: "pick" }, box, make("span", { class: "unseen" }));
  const name = make("a", { class: "run-name" });
  const bench = make("span", { class: "run-bench" });
  const simulated = make("span", { class: "badge simulated" }, t("lab.simulated"));
  const lasted = make("span");
  const ending = make("span", { class: "run-ending" });
  const words = make(
    "div",
    { class: "run-words" },
    make("p", null, name, " ", simulated),
    make("p", { class: "hint" }, bench, " · ", lasted, " · ", ending)
  );
  const node = make("li", { class: "run card" }, pick, words);
  let now = null;
  box.addEventListener("change", () => now.choose(now.run.id, box.checked));
  return {
    node,
    update(item) {
      now = item;
      const { run, state } = item;
      const known = state.bench(run.bench);
      setAttribute(node, "data-run", run.id);
      setText(name, runName(run, state));
      name.setAttribute("href", "#/runs/" + run.id);
      setText(pick.querySelector(".unseen"), t("lab.choose", { name: runName(run, state) }));
      setText(bench, known ? benchName(known) : run.bench);
      simulated.hidden = !run.simulated;
      setText(lasted, t("lab.lasted", { time: lastedWords(run), count: number(run.samples, 0) }));
      setText(ending, endingWords(run));
      setAttribute(ending, "data-lost", run.lost > 0);
      box.checked = item.chosen;
      setAttribute(node, "data-chosen", item.chosen);
    },
  };
}

export function endingWords(run) {
  const ending = t("lab.ending-" + (run.ending || "none"));
  const lost = run.lost > 0 ? ", " + t("lab.lostOf", { count: run.lost }) : "";
  return ending + lost + (run.exact ? "" : ", " + t("lab.inexact"));
}
