// What a person has chosen in this browser. The server knows nothing of it.

const KEY = "scanpost";

/**
 * @typedef {object} Settings
 * @property {"system" | "light" | "dark"} theme
 * @property {"system" | "en" | "de"} language
 * @property {"metric" | "imperial"} units
 * @property {boolean} shortcuts whether single keys do something
 * @property {boolean} demo whether names are replaced and places blurred
 * @property {boolean} hideOwn whether lists leave out one's own networks
 * @property {string[]} own names of one's own networks
 * @property {Record<string, unknown>} views what views remember, such as columns
 */

/** As many names as the server leaves out by one filter. */
export const OWN_MAX = 32;

/** @type {Settings} */
const DEFAULTS = {
  theme: "system",
  language: "system",
  units: "metric",
  shortcuts: true,
  demo: false,
  hideOwn: false,
  own: [],
  views: {},
};

/** @type {Set<(settings: Settings) => void>} */
const listeners = new Set();

/** @type {Settings} */
export const settings = { ...DEFAULTS, ...read() };

/** @returns {Partial<Settings>} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    // No storage, or not ours.
    return {};
  }
}

/**
 * Changes some settings, for this and later visits.
 * @param {Partial<Settings>} changed
 */
export function change(changed) {
  Object.assign(settings, changed);
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // They hold until the page is closed.
  }
  for (const listener of listeners) listener(settings);
}

/**
 * The filter that leaves out one's own networks, if they are to be left out.
 * @param {URLSearchParams} query of the address; its `own` goes before the setting
 * @returns {{name_not?: string[]}}
 */
export function withoutOwn(query) {
  const own = query.get("own");
  const isHidden = own === null ? settings.hideOwn : own === "hide";
  return isHidden && 0 < settings.own.length ? { name_not: settings.own.slice(0, OWN_MAX) } : {};
}

/**
 * What a view remembers.
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @returns {T}
 */
export function remembered(name, fallback) {
  return name in settings.views ? /** @type {T} */ (settings.views[name]) : fallback;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function remember(name, value) {
  change({ views: { ...settings.views, [name]: value } });
}

/**
 * Calls a function after each change. The result ends that.
 * @param {(settings: Settings) => void} listener
 */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Lets the style sheets follow the chosen theme. Without a choice they follow the system by themselves. */
export function applyTheme() {
  const { theme } = settings;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Whether dark colours are shown now. */
export function isDark() {
  if (settings.theme !== "system") return settings.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
