// Questions to the agent about benches, runs and leases (docs/lab.md); each says which leases this browser holds.

import { ask } from "./agent.js";
import { HeldLeases } from "./held_leases.js";

export const held = new HeldLeases();

const BENCH_MS = 60000;
const of = encodeURIComponent;
const said = (method, path, content, limitMs) => ask(method, path, content, limitMs, held.headers());

export const getBenches = () => said("GET", "api/benches");
export const getLeases = () => said("GET", "api/leases");
export const getRuns = () => said("GET", "api/runs?most=1000");
export const getRun = (run) => said("GET", "api/runs/" + of(run));
export const tellBench = (bench, target, value) =>
  said("POST", "api/bench/" + of(bench) + "/commands", { target, value }, BENCH_MS);
export const addNote = (run, n, text) => said("POST", "api/runs/" + of(run) + "/notes", { n, text });
export const exportPath = (run, format) => "api/runs/" + of(run) + "/export?format=" + format;

/** At most `most` samples of a run, evenly, from number `fromN` to `toN` where those are given. */
export function getSamples(run, most, fromN, toN) {
  const part = fromN === undefined ? "" : "&from_n=" + fromN + "&to_n=" + toN;
  return said("GET", "api/runs/" + of(run) + "/samples?most=" + most + part);
}

/** `asked`: `{target, holder, for_s, silence_s}`, and `reason` to take it from somebody. */
export async function takeLease(asked) {
  const lease = await said("POST", asked.reason ? "api/leases/take-over" : "api/leases", asked);
  held.put(lease);
  return lease;
}

export const renewLease = (id, forS) => said("POST", "api/leases/" + of(id) + "/renew", { for_s: forS });
export const releaseLease = (id) => said("DELETE", "api/leases/" + of(id));
