// Who is logged in here: asks for the PIN when something needs one, and says when the session is over.

import * as agent from "./agent.js";
import { announce, notice } from "./notices.js";
import { openPinPad } from "./pin_pad.js";
import { t } from "./words.js";

/**
 * `calls`: `draw()`, `tellError(error)`, `onUnlocked()` after a PIN where nothing was to be seen without one, and
 * `onLocked()` after logging out of a room of which nothing is to be seen without one.
 */
export class Session {
  constructor(state, calls) {
    this.state = state;
    this.calls = calls;
  }

  async refresh() {
    try {
      this.state.setSession(await agent.getSession());
    } catch (error) {
      // the stream's own state says what is wrong
    }
    this.calls.draw();
  }

  /** The stream has ended: the agent is away, or nobody may look any more; `pause()` stops asking for it then. */
  async becomeAway(pause) {
    const state = this.state;
    state.awayAt = state.link === "away" ? state.awayAt : Date.now();
    state.link = "away";
    this.calls.draw();
    try {
      state.setSession(await agent.getSession());
      if (state.session.role === "open") {
        state.locked = true;
        state.room = null;
        pause();
      }
    } catch (error) {
      // no answer: it is away, as the banner says
    }
    this.calls.draw();
  }

  /** Once a second. */
  async watch() {
    if (this.state.sessionEndsAt !== null && this.state.sessionLeftS() === 0) {
      this.state.sessionEndsAt = null;
      await this.refresh();
      if (!this.state.mayControl()) {
        notice("plain", t("session.ended"));
      }
    }
  }

  ask(what, onIn) {
    openPinPad({
      what,
      pinsSet: this.state.session.pins_set !== false,
      logIn: async (pin) => {
        const session = await agent.logIn(pin);
        this.state.setSession(Object.assign({ pins_set: true }, session));
      },
      onIn: () => {
        announce(t("session.welcome", { who: t("session." + this.state.session.role) }));
        if (this.state.locked) {
          this.state.locked = false;
          this.state.link = "opening";
          this.calls.onUnlocked();
        }
        this.calls.draw();
        onIn();
      },
    });
  }

  async logOut() {
    try {
      await agent.logOut();
      notice("plain", t("session.bye"));
    } catch (error) {
      this.calls.tellError(error);
    }
    await this.refresh();
    if (this.state.session.role === "open") {
      this.calls.onLocked();
    }
  }

  /** What the button does that says who is logged in. */
  press() {
    if (this.state.mayControl()) {
      this.logOut();
    } else {
      this.ask("", () => undefined);
    }
  }

  /** Do it as whoever is logged in, or nobody. */
  async attempt(action, otherwise) {
    try {
      await action();
      this.refresh(); // what a person does renews the session
    } catch (error) {
      await (otherwise || this.calls.tellError)(error);
    }
    this.calls.draw();
  }

  /** Do it as a teacher; ask for the PIN first where nobody, or no longer anybody, is logged in. */
  async asTeacher(what, action) {
    const askFirst = () => this.ask(what, () => this.attempt(action));
    if (!this.state.mayControl()) {
      askFirst();
      return;
    }
    await this.attempt(action, async (error) => {
      if (error.code !== "not-allowed") {
        this.calls.tellError(error);
        return;
      }
      await this.refresh();
      if (this.state.mayControl()) {
        notice("bad", t("session.notEnough"));
      } else {
        askFirst();
      }
    });
  }
}
