// Questions to the agent about the robot kits (docs/robots.md); each says which leases this browser holds.

import { ask } from "./agent.js";

const BEGIN_MS = 30000;
const LEASES = "lophoc.leases"; // where the lab's screen keeps the keys of what this browser holds
const wish = (name, content) => ask("POST", "api/robots/" + name, content, BEGIN_MS, leaseHeaders());

/** `which`: `{groups, kits}`, both empty for all. */
export const check = (which) => wish("check", which);
export const stop = (which) => wish("stop", which);
export const retry = () => wish("retry", {});
export const deploy = (which, program, run) => wish("deploy", Object.assign({ program, run }, which));
export const flash = (which, firmware) => wish("flash", Object.assign({ firmware }, which));

function leaseHeaders() {
  let keys = {};
  try {
    keys = JSON.parse(window.localStorage.getItem(LEASES)) || {};
  } catch (refused) {
    // storage is off, or holds something else: then this browser holds nothing
  }
  const told = Object.keys(keys).map((id) => keys[id]).slice(-16).join(",");
  return told ? { "X-Lophoc-Lease": told } : {};
}
