// One bench as a card: what it is, whether it is simulated, its chart, its values, who holds it, and its buttons.

import { actionsView, benchTroubleView, leaseView, stateView } from "./bench_controls.js";
import { benchName, experimentName, firstGroup, quantities, valueWords } from "./bench_words.js";
import { liveChart } from "./chart.js";
import { icon, keepChildren, make, setAttribute, setText } from "./dom.js";
import { t } from "./words.js";

const VALUES_EVERY_MS = 200;

/** All benches: `{node, update(state), charts()}`. */
export function benchesPage(acts) {
  const list = make("ul", { class: "benches" });
  const none = make("p", { class: "hint" }, t("lab.noBenches"));
  const heading = make("h2", { class: "unseen" }, t("lab.benches"));
  const node = make("main", { class: "lab" }, heading, list, none);
  const cards = new Map();
  return {
    node,
    update(state) {
      const items = (state.benches || []).map((bench) => ({ bench, state }));
      keepChildren(
        list,
        items,
        (item) => item.bench.id,
        (item) => {
          const card = benchCard(item.bench.id, acts);
          cards.set(item.bench.id, card);
          return card;
        }
      );
      none.hidden = state.benches === null || items.length > 0;
    },
    charts: () => Array.from(cards.values()).map((card) => card.chart),
    tick(state) {
      (state.benches || []).forEach((bench) => {
        const card = cards.get(bench.id);
        if (card) {
          card.tick(bench, state);
        }
      });
    },
  };
}

function benchCard(id, acts) {
  const title = make("a", { class: "bench-name", href: "#/bench/" + encodeURIComponent(id) });
  const experiment = make("span", { class: "bench-what" });
  const simulated = make("span", { class: "badge simulated" }, t("lab.simulated"));
  const status = stateView();
  const chart = liveChart({});
  const empty = make("p", { class: "chart-empty" });
  const values = readoutsView();
  const trouble = benchTroubleView();
  const lease = leaseView(id, acts);
  const actions = actionsView(id, acts);
  const open = make(
    "a",
    { class: "button quiet open", href: "#/bench/" + encodeURIComponent(id) },
    icon("sliders"),
    make("span", { class: "button-text" }, t("lab.parameters"))
  );
  actions.node.append(open);
  const node = make(
    "li",
    { class: "bench card", "data-bench": id },
    make(
      "div",
      { class: "bench-head" },
      make("h3", null, title, experiment),
      make("div", { class: "bench-marks" }, simulated, status.node)
    ),
    make("div", { class: "chart-place" }, chart.node, empty),
    values.node,
    trouble.node,
    lease.node,
    actions.node
  );
  let chosen = null;
  values.onChoose = (unit) => {
    chosen = unit;
    acts.draw();
  };
  return {
    node,
    chart,
    update({ bench, state }) {
      setText(title, benchName(bench));
      const what = experimentName(bench);
      setText(experiment, what === benchName(bench) ? "" : what);
      simulated.hidden = !bench.simulated;
      setAttribute(node, "data-state", bench.state);
      const samples = state.samplesOf(bench.id);
      const groups = quantities(bench);
      const group = groups.find((one) => one.unit === chosen) || firstGroup(groups);
      if (group) {
        chart.show(samples, group.columns, group.unit);
      }
      empty.hidden = samples.count > 0;
      setText(empty, t(bench.state === "running" ? "lab.noSamplesYet" : "lab.notStarted"));
      [status, trouble, lease, actions].forEach((view) => view.update({ bench, state }));
      open.setAttribute("aria-label", t("lab.openOf", { name: benchName(bench) }));
      values.update(groups, group, samples);
    },
    tick(bench, state) {
      values.tick(state.samplesOf(bench.id));
      empty.hidden = state.samplesOf(bench.id).count > 0;
    },
  };
}

/** The values of this moment; pressing one shows its chart. `onChoose(unit)` may be set. */
export function readoutsView() {
  const node = make("ul", { class: "readouts" });
  let told = 0;
  let items = [];
  const view = {
    node,
    onChoose: () => undefined,
    update(groups, group, samples) {
      items = [].concat(
        ...groups.map((one) =>
          one.columns.map((column) => ({
            column,
            samples,
            shown: one === group,
            choose: () => view.onChoose(one.unit),
          }))
        )
      );
      keepChildren(node, items, (item) => item.column.name, readoutView);
    },
    tick(samples) {
      const now = Date.now();
      if (now - told >= VALUES_EVERY_MS && samples.count > 0) {
        told = now;
        keepChildren(node, items, (item) => item.column.name, readoutView);
      }
    },
  };
  return view;
}

function readoutView() {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  const name = make("span", { class: "readout-name" });
  const value = make("strong");
  const node = make("li");
  const button = make("button", { type: "button", class: "readout" }, swatch, name, value);
  let now = null;
  button.addEventListener("click", () => now.choose());
  node.append(button);
  return {
    node,
    update(item) {
      now = item;
      setText(name, item.column.shown);
      setAttribute(button, "title", item.column.shown);
      setText(value, valueWords(item.samples.latest(item.column.name), item.column.unit));
      setAttribute(button, "aria-pressed", item.shown ? "true" : "false");
      setAttribute(swatch, "data-ink", item.shown ? (item.column.ink % 6) + 1 : "none");
    },
  };
}
