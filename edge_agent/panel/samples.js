// The newest samples of one bench, column by column as a chart takes them. Knows no element of the page.

export const SHOWN = 600; // half a minute at 20 Hz: as much as the agent tells a screen that opens
const KEPT = 2 * SHOWN;

/** Samples are numbered: what a stream has dropped is a gap, drawn as one until it is filled. */
export class Samples {
  constructor() {
    this.run = "";
    this.clear();
  }

  clear() {
    this.n = [];
    this.t = [];
    this.values = {};
    this.version = 0; // changes with each sample, so that who draws knows whether there is anything new
  }

  get count() {
    return this.n.length;
  }

  /** Take in one message of a stream; `{from, to, run}` of the numbers missing before it, or null. */
  take(message) {
    if (message.run !== this.run) {
      this.run = message.run;
      this.clear();
    }
    const last = this.count ? this.n[this.count - 1] : null;
    const fresh = last === null ? 0 : message.n.findIndex((n) => n > last);
    if (fresh < 0 || message.n.length === 0) {
      return null;
    }
    const missing = last === null ? 0 : message.n[fresh] - last - 1;
    if (missing > SHOWN) {
      this.clear(); // nothing before it would be in sight
    } else if (missing > 0) {
      this.append([last + 0.5], [this.t[this.count - 1]], {});
    }
    this.append(message.n.slice(fresh), message.t_s.slice(fresh), message.values, fresh);
    this.trim();
    return missing > 0 && missing <= SHOWN ? { run: this.run, from: last + 1, to: message.n[fresh] - 1 } : null;
  }

  /** Put in what a stream had dropped, as `GET /api/runs/{run}/samples` tells it; true if it was wanted still. */
  fill(told) {
    if (told.run !== this.run || told.n.length === 0) {
      return false;
    }
    const from = told.n[0];
    const to = told.n[told.n.length - 1];
    const before = this.n.findIndex((n) => n >= from - 0.5);
    const after = this.n.findIndex((n) => n > to);
    if (before <= 0 || after < 0) {
      return false; // it has left the chart meanwhile
    }
    const since = { n: this.n.slice(after), t: this.t.slice(after), values: {} };
    Object.keys(this.values).forEach((name) => (since.values[name] = this.values[name].slice(after)));
    this.cut(before);
    this.append(told.n, told.t_s, told.values);
    this.append(since.n, since.t, since.values);
    return true;
  }

  /** The last value of a column that there is. */
  latest(name) {
    const column = this.values[name] || [];
    for (let at = column.length - 1; at >= 0; at -= 1) {
      if (column[at] !== null) {
        return column[at];
      }
    }
    return null;
  }

  append(numbers, times, values, skip) {
    const before = this.count;
    Object.keys(values).forEach((name) => {
      if (!(name in this.values)) {
        this.values[name] = new Array(before).fill(null);
      }
    });
    numbers.forEach((n, k) => {
      this.n.push(n);
      this.t.push(times[k]);
    });
    Object.keys(this.values).forEach((name) => {
      const given = values[name];
      for (let k = 0; k < numbers.length; k += 1) {
        const value = given === undefined ? null : given[k + (skip || 0)];
        this.values[name].push(value === undefined ? null : value);
      }
    });
    this.version += 1;
  }

  cut(length) {
    this.n.length = length;
    this.t.length = length;
    Object.keys(this.values).forEach((name) => (this.values[name].length = length));
  }

  trim() {
    const over = this.count - KEPT;
    if (over > 0) {
      this.n.splice(0, over);
      this.t.splice(0, over);
      Object.keys(this.values).forEach((name) => this.values[name].splice(0, over));
    }
  }
}

/** The whole number in `numbers` whose time is nearest to `t`; null where there is none. */
export function nearestTo(numbers, times, t) {
  let best = null;
  let distance = Infinity;
  times.forEach((time, k) => {
    const away = Math.abs(time - t);
    if (away < distance && numbers[k] % 1 === 0) {
      best = numbers[k];
      distance = away;
    }
  });
  return best;
}
