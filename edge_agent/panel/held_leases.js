// The keys of what this browser holds, kept through a reload; a key proves to the agent that one is the holder.

const NAME = "lophoc.leases";
const HOLDER = "lophoc.holder";

/** Lease id to its key. */
export class HeldLeases {
  constructor() {
    this.keys = read(NAME) || {};
  }

  has(lease) {
    return lease !== null && lease.id in this.keys;
  }

  get isHolding() {
    return Object.keys(this.keys).length > 0;
  }

  put(lease) {
    this.keys[lease.id] = lease.key;
    keep(NAME, this.keys);
  }

  /** Forget those that the agent no longer has. */
  keepOnly(leases) {
    const there = leases.map((lease) => lease.id);
    const over = Object.keys(this.keys).filter((id) => !there.includes(id));
    over.forEach((id) => delete this.keys[id]);
    if (over.length) {
      keep(NAME, this.keys);
    }
  }

  /** What a request says of them. */
  headers() {
    return this.isHolding
      ? {
          "X-Lophoc-Lease": Object.keys(this.keys)
            .map((id) => this.keys[id])
            .slice(-16)
            .join(","),
        }
      : {};
  }
}

/** What this tablet or desk is called, as the agent takes it; never a person's name. */
export function holderName() {
  return read(HOLDER) || "";
}

export function setHolderName(name) {
  keep(HOLDER, name);
}

/** "Bàn số 3" as "ban-so-3". */
export function asSlug(name) {
  const plain = name
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/đ/g, "d")
    .replace(/Đ/g, "D");
  return plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
}

function read(name) {
  try {
    return JSON.parse(window.localStorage.getItem(name));
  } catch (refused) {
    return null; // storage is off, or holds something else
  }
}

function keep(name, value) {
  try {
    window.localStorage.setItem(name, JSON.stringify(value));
  } catch (refused) {
    // then it lasts until the page is closed, and the lease until its silence is noticed
  }
}
