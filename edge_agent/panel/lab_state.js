// All that the lab's screen knows at one moment: the room's, and its benches, samples, leases and runs. No element.

import { held } from "./lab_agent.js";
import { RoomState } from "./room_state.js";
import { Samples } from "./samples.js";

const SILENT_MS = 4000;
const GAP_SHOWN_MS = 12000;

export class LabState extends RoomState {
  constructor() {
    super();
    this.benches = null; // null until they were told once
    this.samples = new Map();
    this.heardOf = new Map(); // bench to when its last samples came, of this browser's clock
    this.gaps = new Map(); // bench to {count, since, filled}
    this.streaming = "opening"; // or "live", "away"
    this.leaseEnds = new WeakMap(); // each told lease to when it ends, of this browser's clock
    this.runs = null;
    this.runsFailed = null;
  }

  hear(name, content) {
    super.hear(name, content);
    if (name === "bench") {
      this.setBench(content);
    } else if (name === "leases") {
      held.keepOnly(content);
    }
  }

  setBenches(benches) {
    this.benches = benches;
    benches.forEach((bench) => this.samplesOf(bench.id));
  }

  setBench(bench) {
    if (this.benches !== null) {
      this.benches = this.benches.map((one) => (one.id === bench.id ? bench : one));
    }
  }

  bench(id) {
    return (this.benches || []).find((one) => one.id === id) || null;
  }

  samplesOf(bench) {
    if (!this.samples.has(bench)) {
      this.samples.set(bench, new Samples());
    }
    return this.samples.get(bench);
  }

  /** Take in one message of the samples' stream; what is missing, as `Samples.take` tells it. */
  hearSamples(message) {
    this.heardOf.set(message.bench, Date.now());
    const gap = this.samplesOf(message.bench).take(message);
    if (gap !== null) {
      this.gaps.set(message.bench, { count: gap.to - gap.from + 1, since: Date.now(), filled: false });
    }
    return gap;
  }

  setFilled(bench) {
    const gap = this.gaps.get(bench);
    if (gap) {
      gap.filled = true;
      gap.since = Date.now();
    }
  }

  /** A gap that is still worth a word. */
  gapOf(bench) {
    const gap = this.gaps.get(bench);
    return gap && (!gap.filled || Date.now() - gap.since < GAP_SHOWN_MS) ? gap : null;
  }

  /** The devices of a bench that cannot be reached. */
  unreachable(bench) {
    return bench.devices.map((id) => this.device(id)).filter((one) => one && one.health.state === "unreachable");
  }

  /** Since how many seconds a running bench has said nothing; 0 while it speaks. */
  silentS(bench) {
    const heard = this.heardOf.get(bench.id);
    if (bench.state !== "running" || bench.experiment === null || heard === undefined || this.streaming !== "live") {
      return 0;
    }
    const ms = Date.now() - heard;
    return ms > SILENT_MS ? Math.floor(ms / 1000) : 0;
  }

  /** Seconds until it ends: they run on between two messages of the agent. */
  leaseLeftS(lease) {
    if (!this.leaseEnds.has(lease)) {
      this.leaseEnds.set(lease, Date.now() + lease.expires_s * 1000);
    }
    return Math.max(0, (this.leaseEnds.get(lease) - Date.now()) / 1000);
  }

  isMine(lease) {
    return held.has(lease);
  }

  /** The profile of the emergency button; null where a school has none. */
  emergency() {
    return this.profiles.find((one) => one.icon === "emergency" && this.preempts(one)) || null;
  }
}
