// When a page draws: soon after something has changed, not more often than an old tablet can; and how high its top is.

export class Drawing {
  /** `now()`: draw it all. */
  constructor(everyMs, now) {
    this.everyMs = everyMs;
    this.draw = now;
    this.waiting = null;
  }

  soon() {
    if (this.waiting === null) {
      this.waiting = window.setTimeout(() => this.now(), this.everyMs);
    }
  }

  now() {
    window.clearTimeout(this.waiting);
    this.waiting = null;
    this.draw();
  }
}

/** Views of a page whose top tells when the agent is away, and is then of another height. */
export function updateViews(state, views) {
  const page = document.documentElement;
  const linkWas = page.dataset.link;
  page.dataset.link = state.link;
  views.forEach((view) => view.update(state));
  if (linkWas !== state.link) {
    measureTop();
  }
}

/** How high the top is, for what sticks below it. */
export function measureTop() {
  const top = document.querySelector(".top");
  document.documentElement.style.setProperty("--top", top.offsetHeight + "px");
}
