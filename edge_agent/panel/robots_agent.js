// Questions to the agent about the robot kits (docs/robots.md); each says which leases this browser holds.

import { ask } from "./agent.js";
import { HeldLeases } from "./held_leases.js";

const BEGIN_MS = 30000;
const wish = (name, content) => ask("POST", "api/robots/" + name, content, BEGIN_MS, new HeldLeases().headers());

/** `which`: `{groups, kits}`, both empty for all. */
export const check = (which) => wish("check", which);
export const stop = (which) => wish("stop", which);
export const retry = () => wish("retry", {});
export const deploy = (which, program, run) => wish("deploy", Object.assign({ program, run }, which));
export const flash = (which, firmware) => wish("flash", Object.assign({ firmware }, which));
