// All that the page of the robot kits knows at one moment. Knows no element of the page.

import { RoomState } from "./room_state.js";

const GOOD = ["done", "unchanged"];
const BAD = ["failed", "interrupted"];

export class RobotsState extends RoomState {
  constructor() {
    super();
    this.groups = [];
    this.kits = [];
    this.library = { programs: [], firmwares: [], problems: [] };
    this.job = null;
    this.leases = [];
    this.isKnown = false; // whether the agent has said what kits there are
    this.group = ""; // the tab; empty for all
    this.search = "";
  }

  hear(name, content) {
    super.hear(name, content);
    if (name === "room") {
      this.isKnown = false;
      this.kits = [];
    } else if (name === "robots") {
      this.isKnown = true;
      this.groups = content.groups;
      this.kits = content.kits;
      this.library = content.library;
      this.job = content.job;
      if (!this.groups.includes(this.group)) {
        this.group = "";
      }
    } else if (name === "kit") {
      this.kits = this.kits.map((kit) => (kit.id === content.id ? content : kit));
    } else if (name === "leases") {
      this.leases = content;
    }
  }

  /** The kits of the tab. */
  chosen() {
    return this.kits.filter((kit) => this.group === "" || kit.group === this.group);
  }

  /** The tab as the agent takes it. */
  which() {
    return { groups: this.group === "" ? [] : [this.group], kits: [] };
  }

  /** The tab as flashing takes it: by name, for the kits of a room may be of several kinds. */
  named() {
    return { groups: [], kits: this.chosen().map((kit) => kit.id) };
  }

  /** The kits of the tab that match what is looked for. */
  shown() {
    return this.chosen().filter((kit) => {
      const holds = kit.holds.map((one) => one.name + " " + one.version);
      const own = [kit.id, kit.name.vi, kit.name.en, kit.group, kit.firmware, kit.program];
      return matches(this.search, own.concat(holds));
    });
  }

  programs() {
    return this.library.programs.filter((program) => {
      const title = program.title || {};
      return matches(this.search, [program.name, title.vi || "", title.en || ""]) || !this.searchesPrograms();
    });
  }

  /** False where what is looked for is no program's name: then all are shown. */
  searchesPrograms() {
    return this.library.programs.some((program) => {
      const title = program.title || {};
      return this.search !== "" && matches(this.search, [program.name, title.vi || "", title.en || ""]);
    });
  }

  holder(kit) {
    const lease = this.leases.find((one) => one.devices.includes(kit.id));
    return lease ? lease.holder : "";
  }

  /** `{all, done, skipped, failed, busy, percent}` of the last job's kits; null where there was none. */
  tally() {
    if (this.job === null) {
      return null;
    }
    const of = this.kits.filter((kit) => this.job.kits.includes(kit.id));
    const own = of.filter((kit) => kit.work !== null && kit.work.job === this.job.id);
    const failed = own.filter((kit) => BAD.includes(kit.work.state)).length;
    const busy = own.filter((kit) => kit.work.state === "working").length;
    const good = own.filter((kit) => GOOD.includes(kit.work.state)).length;
    const skipped = own.filter((kit) => kit.work.state === "skipped").length;
    const parts = own.reduce((sum, kit) => sum + (kit.work.state === "working" ? (kit.work.percent || 0) / 100 : 1), 0);
    const percent = own.length ? Math.floor((100 * parts) / own.length) : 100;
    return { all: this.job.kits.length, done: good, skipped, failed, busy, percent };
  }

  has(program) {
    return this.chosen().filter((kit) =>
      kit.holds.some((one) => one.name === program.name && one.version === program.version && one.whole !== false)
    );
  }
}

/** Each word that is looked for begins one of the words in the texts, whatever its accents and capitals. */
export function matches(search, texts) {
  const there = wordsOf(texts.join(" "));
  return wordsOf(search).every((word) => there.some((one) => one.startsWith(word)));
}

function wordsOf(text) {
  const plain = text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/đ/g, "d");
  return plain.split(/[^a-z0-9.]+/).filter((word) => word !== "");
}
