// All that the panel knows at one moment, changed only by the agent's events and answers. Knows no element of the page.

import { isOver } from "./lesson_story.js";

export const ALL_OFF = "end-of-day";

export class RoomState {
  constructor() {
    this.link = "opening"; // or "live", "away"
    this.locked = false; // there is nothing to see without a PIN
    this.heardAt = null; // when the last event came, in milliseconds of this browser
    this.awayAt = null; // since when the agent has been away
    this.session = { role: "open", pins_set: true };
    this.sessionEndsAt = null;
    this.profiles = [];
    this.profilesKnown = false;
    this.room = null;
    this.devices = [];
    this.lesson = null;
    this.interlocks = [];
    this.uplink = null;
    this.timetable = null; // what is on in the room and what comes next; null until it was told
    this.serial = null; // of the catalogue that holds; null until one was told
    this.sending = false; // a lesson is being asked for or ended
    this.aheadMs = 0; // how far the agent's clock is ahead of this browser's
    this.dismissed = null;
    this.pending = new Map(); // "device target" to the value asked for
    this.failed = new Map(); // device to the last command's AgentError
  }

  /** Take in one event of `GET /api/events`. */
  hear(name, content) {
    this.heardAt = Date.now();
    if (name === "room") {
      this.room = content;
      this.devices = content.devices;
      this.lesson = content.lesson;
      this.interlocks = content.interlocks || [];
      this.uplink = content.uplink;
      this.aheadMs = content.time * 1000 - Date.now();
    } else if (name === "device") {
      this.setDevice(content);
    } else if (name === "lesson") {
      this.lesson = content;
    } else if (name === "interlock") {
      this.interlocks = this.interlocks.map((one) => (one.id === content.id ? content : one));
    } else if (name === "uplink") {
      this.uplink = content;
    }
  }

  setDevice(device) {
    const place = this.devices.findIndex((one) => one.id === device.id);
    if (place >= 0) {
      this.devices[place] = device;
    } else {
      this.devices.push(device);
    }
  }

  setSession(session) {
    this.session = session;
    const ends = this.mayControl() && typeof session.expires_s === "number";
    this.sessionEndsAt = ends ? Date.now() + session.expires_s * 1000 : null;
  }

  sessionLeftS() {
    return this.sessionEndsAt === null ? Infinity : Math.max(0, (this.sessionEndsAt - Date.now()) / 1000);
  }

  mayControl() {
    return this.session.role === "teacher" || this.session.role === "technician";
  }

  isTechnician() {
    return this.session.role === "technician";
  }

  device(id) {
    return this.devices.find((one) => one.id === id) || null;
  }

  interlock(id) {
    return this.interlocks.find((one) => one.id === id) || null;
  }

  profile(id) {
    return this.profiles.find((one) => one.id === id) || null;
  }

  /** The profile behind "all off"; null where a school has none. */
  profileOff() {
    return this.profile(ALL_OFF);
  }

  /** True for what may interrupt: "all off" and emergencies. */
  preempts(profile) {
    return profile.preempts === true || profile.preempts === "yes";
  }

  /** The lesson, unless it is over and its message was put away. */
  shownLesson() {
    const lesson = this.lesson;
    return lesson !== null && isOver(lesson) && lesson.id === this.dismissed ? null : lesson;
  }

  isPending(device, target) {
    return this.pending.has(device + " " + target);
  }

  pendingValue(device, target) {
    return this.pending.get(device + " " + target);
  }

  failedCommand(device) {
    return this.failed.get(device) || null;
  }

  /** A moment of the agent's clock (seconds) in this browser's (milliseconds): a tablet's clock is often wrong. */
  localMs(agentS) {
    return agentS * 1000 - this.aheadMs;
  }

  nowMs() {
    return Date.now();
  }
}
