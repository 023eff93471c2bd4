// A stream of the agent, kept alive: it notices silence, drops and sleep, and comes back by itself.
//
//   opening ── first event ──► live ── error, or 12 s of silence ──► away ── backoff ──► opening, still shown as away

const SILENCE_MS = 12000; // the agent sends a heartbeat every 5 s
const WAITS_MS = [300, 1000, 2000, 4000, 5000];
const EVENTS = ["room", "device", "lesson", "uplink", "heartbeat"];

/**
 * Call `onEvent(name, content)` for each event, `onLive()` and `onAway()` as the connection comes and goes. `options`:
 * `path` of another stream than the room's, which may begin with any of its events; `also`: further events to hear.
 */
export class Live {
  constructor(calls, options) {
    const asked = options || {};
    this.calls = calls;
    this.path = asked.path || "api/events";
    this.events = EVENTS.concat((asked.also || []).filter((name) => !EVENTS.includes(name)));
    this.source = null;
    this.waiting = null;
    this.tries = 0;
    this.paused = false;
    this.isLive = false;
    this.heardAt = Date.now();
  }

  start() {
    window.setInterval(() => this.listenForSilence(), 1000);
    // after sleep the timers are late and the line may be dead without saying so
    document.addEventListener("visibilitychange", () => this.listenForSilence());
    window.addEventListener("pageshow", () => this.listenForSilence());
    window.addEventListener("focus", () => this.listenForSilence());
    window.addEventListener("online", () => this.tryNow());
    this.open();
  }

  /** Do not wait for the next try. */
  tryNow() {
    if (!this.paused && !this.isLive) {
      this.open();
    }
  }

  /** Stop until `resume`: there is nothing to see without a PIN. */
  pause() {
    this.paused = true;
    this.close();
  }

  resume() {
    this.paused = false;
    this.open();
  }

  open() {
    this.close();
    this.heardAt = Date.now();
    const source = new window.EventSource(this.path);
    this.source = source;
    this.events.forEach((name) => {
      source.addEventListener(name, (event) => {
        if (this.source === source) {
          this.hear(name, event.data);
        }
      });
    });
    source.onerror = () => {
      if (this.source === source) {
        this.lose();
      }
    };
  }

  hear(name, text) {
    this.heardAt = Date.now();
    let content = null;
    try {
      content = name === "heartbeat" ? null : JSON.parse(text);
    } catch (garbled) {
      this.lose();
      return;
    }
    if (name === "heartbeat") {
      this.tries = 0; // only a connection that lasts ends the backoff
    }
    if (name === "room" || this.path !== "api/events") {
      this.calls.onEvent(name, content);
      if (!this.isLive) {
        this.isLive = true;
        this.calls.onLive();
      }
    } else if (this.isLive) {
      this.calls.onEvent(name, content);
    }
  }

  listenForSilence() {
    const now = Date.now();
    if (now < this.heardAt) {
      this.heardAt = now; // the clock was set back
    }
    if (this.source && now - this.heardAt >= SILENCE_MS) {
      this.lose();
    }
  }

  lose() {
    this.close();
    this.isLive = false;
    const waitMs = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    this.waiting = window.setTimeout(() => this.open(), waitMs * (0.8 + 0.4 * Math.random()));
    this.calls.onAway();
  }

  close() {
    window.clearTimeout(this.waiting);
    if (this.source) {
      this.source.close();
      this.source = null;
    }
  }
}
