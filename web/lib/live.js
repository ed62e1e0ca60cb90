// The live stream of the server: one connection for the whole page. It stops while nobody looks, and says how old the
// data are when it is lost.
import { ApiError, get, prefix } from "./api.js";

const EVENTS = ["counters", "device", "devices", "alert", "source", "import", "lagged", "heartbeat", "end"];
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** How long a hidden tab keeps its connection. */
const HIDDEN_MS = 10_000;
/** Three missed heartbeats of the default interval. */
const SILENCE_MS = 95_000;

/**
 * @typedef {object} Counters
 * @property {number} devices
 * @property {number} reports_per_second
 * @property {number} sources_up
 * @property {number} sources_silent
 * @property {number} alerts_open
 */

/**
 * @typedef {object} LiveState
 * @property {boolean} connected
 * @property {number | undefined} heard when something came last, in milliseconds
 * @property {Counters | undefined} counters
 */

/** @type {LiveState} */
export const live = { connected: false, heard: undefined, counters: undefined };

/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();

/** @type {EventSource | undefined} */
let stream;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiding;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;
let retryMs = RETRY_MIN_MS;
let wanted = false;

/**
 * Calls a function with the data of each event of a kind: those of the API (docs/api.md), `state` after the connection
 * came or went, and `resume` when events were missed, so that a view has to read again. The result ends that.
 * @param {string} kind
 * @param {(data: any) => void} listener
 * @returns {() => void}
 */
export function on(kind, listener) {
  const known = listeners.get(kind) ?? new Set();
  listeners.set(kind, known.add(listener));
  return () => known.delete(listener);
}

/**
 * @param {string} kind
 * @param {any} [data]
 */
function emit(kind, data) {
  for (const listener of listeners.get(kind) ?? []) listener(data);
}

export function start() {
  wanted = true;
  connect();
}

export function stop() {
  wanted = false;
  disconnect();
}

function connect() {
  clearTimeout(retry);
  if (stream || !wanted || document.hidden) return;
  stream = new EventSource(`${prefix}/api/v1/live`);
  stream.onopen = opened;
  stream.onerror = failed;
  for (const kind of EVENTS) {
    stream.addEventListener(kind, (event) => {
      heard();
      const data = JSON.parse(event.data);
      if (kind === "counters") live.counters = data;
      if (kind === "end") failed();
      emit(kind === "lagged" ? "resume" : kind, data);
    });
  }
}

function opened() {
  const isAgain = live.heard !== undefined;
  live.connected = true;
  retryMs = RETRY_MIN_MS;
  heard();
  emit("state", live);
  if (isAgain) emit("resume");
}

function heard() {
  live.heard = Date.now();
  clearTimeout(silence);
  silence = setTimeout(failed, SILENCE_MS);
}

/** Tries again later: each time after twice as long, and not all pages at once. */
function failed() {
  disconnect();
  if (!wanted) return;
  retry = setTimeout(connect, retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  // A stream tells no status. If the login has ended, this leads to the form.
  get("/api/v1/status").catch((error) => {
    if (error instanceof ApiError && error.status === 401) stop();
  });
}

function disconnect() {
  stream?.close();
  stream = undefined;
  clearTimeout(silence);
  if (live.connected) {
    live.connected = false;
    emit("state", live);
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(disconnect, HIDDEN_MS);
  else connect();
});
window.addEventListener("online", connect);
window.addEventListener("pagehide", disconnect);
window.addEventListener("pageshow", connect);
