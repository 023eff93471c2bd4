// Questions to the agent over HTTP (docs/api.md). Every one has a time limit and fails as an AgentError.

import { HeldLeases } from "./held_leases.js";

/** `code` is one of docs/api.md, or `no-answer` where none came. */
export class AgentError extends Error {
  constructor(code, detail, device, retryAfterS) {
    super(code + (detail ? ": " + detail : ""));
    this.code = code;
    this.detail = detail || "";
    this.device = device || null;
    this.retryAfterS = retryAfterS || 0;
  }
}

const ORDINARY_MS = 15000;
const PREFLIGHT_MS = 90000;
const DEVICE_MS = 240000; // a projector may have to cool down before it warms up

export const getHealth = () => ask("GET", "api/health");
export const getSession = () => ask("GET", "api/session");
export const logIn = (pin) => ask("POST", "api/session", { pin });
export const logOut = () => ask("DELETE", "api/session");
export const getTimetable = () => ask("GET", "api/timetable");
export const getProfiles = () => ask("GET", "api/profiles");
export const startLesson = (profile, without) => ask("POST", "api/lesson", { profile, without, dry_run: false });
export const previewLesson = (profile, without) =>
  ask("POST", "api/lesson", { profile, without, dry_run: true }, PREFLIGHT_MS);
export const endLesson = () => ask("DELETE", "api/lesson");
export const tripInterlock = (id) => ask("POST", "api/interlocks/" + encodeURIComponent(id) + "/trip");
export const resetInterlock = (id, reason) =>
  ask("POST", "api/interlocks/" + encodeURIComponent(id) + "/reset", { reason });
export const command = (device, target, value) =>
  ask(
    "POST",
    "api/devices/" + encodeURIComponent(device) + "/commands",
    { target, value },
    DEVICE_MS,
    new HeldLeases().headers() // what this browser holds in the lab, it holds here
  );

/** The answer's JSON, or null where it has none. `headers`: further ones. */
export async function ask(method, path, content, limitMs, headers) {
  const told = Object.assign({ Accept: "application/json" }, headers);
  const request = { method, credentials: "same-origin", cache: "no-store", headers: told };
  if (content !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(content);
  }
  const response = await within(limitMs || ORDINARY_MS, window.fetch(path, request));
  const answer = await within(ORDINARY_MS, response.json().catch(() => null));
  if (response.ok) {
    return answer;
  }
  const said = answer || {};
  const retryAfterS = parseInt(response.headers.get("Retry-After") || "0", 10);
  throw new AgentError(said.error || "invalid", said.detail || "HTTP " + response.status, said.device, retryAfterS);
}

function within(limitMs, promise) {
  return new Promise((resolve, reject) => {
    const late = window.setTimeout(() => reject(new AgentError("no-answer", "no answer in time")), limitMs);
    promise.then(
      (value) => {
        window.clearTimeout(late);
        resolve(value);
      },
      (error) => {
        window.clearTimeout(late);
        reject(error instanceof AgentError ? error : new AgentError("no-answer", String(error)));
      }
    );
  });
}
