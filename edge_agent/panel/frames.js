// Draws the charts that have news, a few milliseconds a frame: a slow tablet draws each less often, and stays quick.

const BUDGET_MS = 9;

/** Charts are `{isStale(), draw()}`; each frame goes on where the last one stopped. */
export class Frames {
  constructor() {
    this.charts = [];
    this.next = 0;
    this.asked = false;
  }

  set(charts) {
    this.charts = charts;
    this.next = 0;
    this.ask();
  }

  /** Something has changed: look at them in the next frame. */
  ask() {
    if (!this.asked) {
      this.asked = true;
      window.requestAnimationFrame(() => this.draw());
    }
  }

  draw() {
    this.asked = false;
    const until = performance.now() + BUDGET_MS;
    const count = this.charts.length;
    for (let k = 0; k < count; k += 1) {
      const chart = this.charts[this.next % count];
      this.next = (this.next + 1) % count;
      if (chart.isStale()) {
        chart.draw();
        if (performance.now() >= until) {
          this.ask();
          return;
        }
      }
    }
  }
}
