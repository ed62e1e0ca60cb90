// Requests to the server, and who makes them. Errors of the server become ApiError, with what its answer says.

/** What the address of the server ends with, such as "" or "/scans". */
export const prefix = document.documentElement.dataset.prefix ?? "";

/** How often a read is repeated that a busy server put off, and how long it may ask to wait. */
const BUSY_RETRIES = 2;
const BUSY_WAIT_MAX_S = 3;

/** An answer that is not a success, or none. */
export class ApiError extends Error {
  /**
   * @param {string} message for people, in the server's words
   * @param {{status?: number, code?: string, parameter?: string, retryAfterS?: number}} [about]
   */
  constructor(message, { status = 0, code = "offline", parameter, retryAfterS } = {}) {
    super(message);
    /** 0 if the server cannot be reached. */
    this.status = status;
    /** The kind of the error in one word. */
    this.code = code;
    this.parameter = parameter;
    this.retryAfterS = retryAfterS;
  }
}

/** @type {(() => void) | undefined} */
let loginNeeded;

/**
 * Sets what happens when a request needs a login.
 * @param {() => void} handler
 */
export function onLoginNeeded(handler) {
  loginNeeded = handler;
}

/**
 * @typedef {Record<string, string | number | boolean | readonly string[] | null | undefined>} Params
 */

/** Names may have commas: each of them is a parameter of its own. */
const REPEATED = new Set(["name_not"]);

/**
 * The address of an endpoint. Parameters without a value are left out; lists are joined with commas.
 * @param {string} path such as "/api/v1/devices"
 * @param {Params | URLSearchParams} [params]
 */
export function address(path, params = {}) {
  const query = new URLSearchParams();
  const entries = params instanceof URLSearchParams ? [...params] : Object.entries(params);
  for (const [name, value] of entries) {
    if (value === undefined || value === null || value === "") continue;
    if (Array.isArray(value) && value.length === 0) continue;
    const values = REPEATED.has(name) && Array.isArray(value) ? value : [value];
    for (const one of values) query.append(name, String(one));
  }
  const text = query.toString();
  return prefix + path + (text ? `?${text}` : "");
}

/** @typedef {import('../../tests/web/api').paths} Paths as the server's OpenAPI document describes them */

/**
 * What a read of a path answers. Paths with arguments are not known by their text.
 * @template {string} P
 * @typedef {P extends keyof Paths
 *   ? Paths[P] extends {get: {responses: {200: {content: {"application/json": infer A}}}}} ? (unknown extends A ? any : A) : any
 *   : any} Answer
 */

/**
 * Reads JSON.
 * @template {string} P
 * @param {P} path
 * @param {Params | URLSearchParams} [params]
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<Answer<P>>}
 */
export async function get(path, params, { signal } = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await (await request("GET", address(path, params), undefined, signal)).json();
    } catch (error) {
      const waitS = error instanceof ApiError && error.status === 503 ? error.retryAfterS : undefined;
      if (waitS === undefined || BUSY_WAIT_MAX_S < waitS || BUSY_RETRIES <= tries) throw error;
      await pause(waitS * 1000, signal);
    }
  }
}

/**
 * Sends JSON and reads the answer, which is text if it is not JSON.
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  const response = await request(method, prefix + path, body);
  const isJson = response.headers.get("Content-Type")?.includes("json");
  return isJson ? response.json() : response.text();
}

/**
 * @param {string} method
 * @param {string} url
 * @param {object | undefined} body
 * @param {AbortSignal} [signal]
 */
async function request(method, url, body, signal) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "X-Requested-With": "scanpost" };
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("", { code: "offline" });
  }
  if (response.ok) return response;
  const error = await failure(response);
  if (error.status === 401 && error.code !== "wrong_password") loginNeeded?.();
  throw error;
}

/** @param {Response} response */
async function failure(response) {
  /** @type {any} */
  const told = await response.json().catch(() => ({}));
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError(String(told.status ?? response.statusText), {
    status: response.status,
    code: String(told.code ?? `status_${response.status}`),
    parameter: told.parameter,
    retryAfterS: Number.isNaN(retryAfter) ? undefined : retryAfter,
  });
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAborted(/** @type {unknown} */ error) {
  return error instanceof DOMException && error.name === "AbortError";
}

// Who uses the page, and what they may do.
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

/** Whether this client may send files to be imported. */
export function mayImport() {
  return mayWrite() || session.role === "scanreport";
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
