// Who uses the page, and what they may do.
import { get, send } from "./api.js";

/**
 * @typedef {object} Session
 * @property {string | null} [name]
 * @property {string | null} [kind]
 * @property {string | null} [role]
 * @property {number | null} [expires]
 * @property {boolean} login_required
 * @property {boolean} login_possible
 */

/** @type {Session} */
let session = {
  name: null,
  kind: null,
  role: null,
  expires: null,
  login_required: false,
  login_possible: true,
};

/** @type {Set<() => void>} */
const listeners = new Set();

export function current() {
  return session;
}

/** Whether this client may read. */
export function mayRead() {
  const { role, login_required: required } = session;
  return !required || role === "readonly" || role === "admin";
}

/** Whether this client may change what others see. Where nobody has to log in, everybody may. */
export function mayWrite() {
  return session.role === "admin" || (!session.role && !session.login_required);
}

/** Whether this client may manage keys and passwords, which takes a login in any case. */
export function mayManage() {
  return session.role === "admin";
}

export async function refresh() {
  set(await get("/api/v1/session"));
}

/**
 * @param {string} username
 * @param {string} password
 */
export async function logIn(username, password) {
  set(await send("POST", "/api/v1/session", { username, password }));
}

export async function logOut() {
  set(await send("DELETE", "/api/v1/session"));
}

/** @param {Session} known */
function set(known) {
  session = known;
  for (const listener of listeners) listener();
}

/** @param {() => void} listener */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
