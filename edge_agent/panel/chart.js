// Charts of the lab's screen, over uPlot: a live one that scrolls, and one that lays runs over each other.

import uPlot from "./uplot.js";
import { make } from "./dom.js";
import { SHOWN } from "./samples.js";
import { unitWords } from "./bench_words.js";
import { number, t } from "./words.js";

const MARGIN = 0.08;
const DASHES = [[], [14, 4], [5, 3], [14, 3, 3, 3], [8, 6], [2, 3]];
const INKS = 6;
const LEAST_OF_WIDEST = 0.05;
const LEAST_OF_VALUE = 0.01;

/** The colour of the `k`-th line, as the style says it for these colours of the page. */
export function ink(k) {
  return colour("--line-" + ((k % INKS) + 1));
}

/** Lines that lie over each other differ in more than their colour. */
export function dashes(k) {
  return DASHES[k % DASHES.length];
}

/**
 * The last half minute of some columns of a bench. `options.large`: with room for names of the axes.
 * `{node, show(samples, columns, unit), isStale(), draw(), repaint(), remove()}`; `columns`: `[{name, shown}]`.
 */
export function liveChart(options) {
  const node = make("div", { class: options.large ? "chart chart-large" : "chart", "aria-hidden": "true" });
  let plot = null;
  let shown = null;
  let key = "";
  let drawn = -1;
  let range = [0, 1];
  let steady = steadyRange();
  let run = "";

  function build(width, height) {
    const series = shown.columns.map((column) => ({
      label: column.shown,
      stroke: ink(column.ink),
      width: 1.75,
      points: { show: false },
      spanGaps: column.sparse === true,
    }));
    plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        scales: { x: { time: false, range: () => range }, y: { range: (u, low, high) => steady(low, high) } },
        axes: axes(options.large, "s", shown.unit),
        series: [{}].concat(series),
      },
      [[]].concat(shown.columns.map(() => [])),
      node
    );
  }

  return {
    node,
    show(samples, columns, unit) {
      const now = unit + " " + columns.map((one) => one.name + one.ink).join(" ");
      if (now !== key) {
        key = now;
        this.remove();
      }
      shown = { samples, columns, unit };
    },
    isStale() {
      const offsetWidth = node.offsetWidth;
      const isNew = shown !== null && (plot === null || drawn !== shown.samples.version || plot.width !== offsetWidth);
      return isNew && offsetWidth > 0 && inSight(node);
    },
    draw() {
      if (plot === null) {
        build(node.offsetWidth, node.offsetHeight);
      } else if (plot.width !== node.offsetWidth) {
        plot.setSize({ width: node.offsetWidth, height: node.offsetHeight });
      }
      const { samples, columns } = shown;
      if (samples.run !== run) {
        run = samples.run;
        steady = steadyRange();
      }
      drawn = samples.version;
      range = lastHalfMinute(samples.t);
      const from = Math.max(0, samples.count - SHOWN);
      const times = samples.t.slice(from);
      plot.setData([times].concat(columns.map((one) => columnOf(samples, one.name, from))));
    },
    repaint() {
      this.remove();
    },
    remove() {
      if (plot !== null) {
        plot.destroy();
        plot = null;
        drawn = -1;
      }
    },
  };
}

/**
 * Runs over each other. `lines`: `[{t, values, label, ink}]` of one quantity; `notes`: `[{t, line, label}]`.
 * `{node, remove()}`. `onPick(line, t)`: a person chose a point. `onMove(t or null, [value or null])`: points at one.
 */
export function runsChart(place, lines, unit, notes, calls) {
  const [width, height] = [place.offsetWidth, place.offsetHeight];
  const tables = lines.map((line) => [line.t, line.values]);
  const joined = lines.length ? uPlot.join(tables) : [[]];
  const series = lines.map((line, k) => ({
    label: line.label,
    stroke: ink(line.ink),
    width: 2,
    dash: dashes(k),
    spanGaps: true,
    points: { show: false },
  }));
  const plot = new uPlot(
    {
      width,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: true }, points: { size: 9 } },
      padding: [14, 12, 0, 0],
      scales: { x: { time: false }, y: { range: (u, low, high) => padded(low, high) } },
      axes: axes(true, "s", unit),
      series: [{}].concat(series),
      hooks: {
        draw: [(u) => drawNotes(u, notes, lines)],
        setCursor: [(u) => point(u)],
      },
    },
    joined,
    place
  );

  function point(u) {
    const at = u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, "x");
    calls.onMove(at, at === null ? [] : lines.map((line) => valueAt(line, at)));
  }

  plot.over.addEventListener("click", () => {
    if (plot.cursor.left >= 0) {
      const at = plot.posToVal(plot.cursor.left, "x");
      const height_ = plot.posToVal(plot.cursor.top, "y");
      calls.onPick(nearestLine(lines, at, height_), at);
    }
  });
  return {
    width: () => plot.width,
    resize: () => plot.setSize({ width: place.offsetWidth, height: place.offsetHeight }),
    remove: () => plot.destroy(),
  };
}

function axes(large, xUnit, yUnit) {
  const quiet = { stroke: colour("--muted"), font: font(large), grid: { stroke: colour("--grid"), width: 1 } };
  const ticks = { stroke: colour("--grid"), width: 1, size: 4 };
  const x = Object.assign({}, quiet, {
    ticks,
    size: large ? 44 : 28,
    space: large ? 70 : 56,
    gap: 4,
    values: (u, splits) => splits.map((value) => axisNumber(value, splits) + (large ? "" : "\u00a0" + xUnit)),
  });
  const y = Object.assign({}, quiet, {
    ticks,
    size: (u, values) => ySize(u, values, large),
    space: large ? 44 : 30,
    gap: 4,
    values: (u, splits) => splits.map((value) => axisNumber(value, splits)),
  });
  if (large) {
    x.label = t("lab.time") + " (" + xUnit + ")";
    x.labelFont = y.labelFont = font(true);
    x.labelSize = y.labelSize = 24;
    y.label = unitWords(yUnit) || " ";
  }
  return [x, y];
}

function ySize(u, values, large) {
  const longest = (values || []).reduce((most, text) => Math.max(most, text.length), 2);
  return 14 + longest * (large ? 8 : 7.2);
}

function axisNumber(value, splits) {
  const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  return number(value, decimals);
}

/** Half a minute that ends with the last sample; a run that has just begun grows into it. */
function lastHalfMinute(times) {
  const count = times.length;
  if (count < 2) {
    return [times[0] || 0, (times[0] || 0) + 1];
  }
  const from = Math.max(0, count - SHOWN);
  const perSample = (times[count - 1] - times[from]) / (count - 1 - from);
  return [times[from], times[from] + Math.max(perSample * (SHOWN - 1), 1e-6)];
}

/**
 * A range that follows the values without trembling: it grows at once, and shrinks when half of it is empty, but never
 * so far that the noise of an instrument fills it.
 */
function steadyRange() {
  let kept = null;
  let widest = 0;
  return (low, high) => {
    if (low === null || high === null) {
      return kept || [0, 1];
    }
    widest = Math.max(widest, high - low);
    const least = Math.max(widest * LEAST_OF_WIDEST, Math.max(Math.abs(low), Math.abs(high)) * LEAST_OF_VALUE);
    const lacking = Math.max(0, least - (high - low)) / 2;
    const wanted = padded(low - lacking, high + lacking);
    const fits = kept !== null && low >= kept[0] && high <= kept[1];
    if (!fits || wanted[1] - wanted[0] < 0.5 * (kept[1] - kept[0])) {
      kept = wanted;
    }
    return kept;
  };
}

function padded(low, high) {
  if (low === null || high === null) {
    return [0, 1];
  }
  const span = high - low || Math.abs(high) * 0.1 || 1;
  return [low - span * MARGIN, high + span * MARGIN];
}

function columnOf(samples, name, from) {
  const column = samples.values[name];
  return column === undefined ? new Array(samples.count - from).fill(null) : column.slice(from);
}

function inSight(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > -50 && box.top < window.innerHeight + 50;
}

function valueAt(line, t) {
  const at = nearestIndex(line.t, t);
  return at === null || t > line.t[line.t.length - 1] ? null : line.values[at];
}

function nearestLine(lines, t, value) {
  let best = 0;
  let distance = Infinity;
  lines.forEach((line, k) => {
    const there = valueAt(line, t);
    if (there !== null && Math.abs(there - value) < distance) {
      distance = Math.abs(there - value);
      best = k;
    }
  });
  return best;
}

function nearestIndex(times, t) {
  if (times.length === 0) {
    return null;
  }
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] < t) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return t - times[low] < times[high] - t ? low : high;
}

function drawNotes(u, notes, lines) {
  const ratio = window.devicePixelRatio || 1;
  const context = u.ctx;
  context.save();
  context.font = "bold " + 13 * ratio + "px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  notes.forEach((note) => {
    const x = u.valToPos(note.t, "x", true);
    if (x < u.bbox.left - 1 || x > u.bbox.left + u.bbox.width + 1) {
      return;
    }
    const value = valueAt(lines[note.line], note.t);
    const y = value === null ? u.bbox.top + u.bbox.height / 2 : u.valToPos(value, "y", true);
    context.strokeStyle = context.fillStyle = ink(lines[note.line].ink);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x, u.bbox.top + 8 * ratio);
    context.lineWidth = ratio;
    context.stroke();
    context.beginPath();
    context.arc(x, u.bbox.top + 8 * ratio, 10 * ratio, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = colour("--surface");
    context.fillText(note.label, x, u.bbox.top + 8.5 * ratio);
  });
  context.restore();
}

function font(large) {
  return (large ? 14 : 12) + "px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
}

function colour(name) {
  return window.getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888888";
}
