// Views by their addresses. A view is a module in views/ whose default export is a View. All state of a view is in the
// query of its address, so a link opens the same for somebody else.
import { prefix } from "./api.js";

/**
 * @typedef {object} View
 * @property {(context: Context) => string} title heading and title of the page, in words
 * @property {(root: HTMLElement, context: Context) => Mounted | void} mount shows the view in an empty element
 */

/**
 * @typedef {object} Mounted
 * @property {(context: Context) => void} [update] the query or the session has changed. Without this, the view is
 *   mounted again
 * @property {() => void} [unmount] the view goes away. The context's signal is aborted too
 */

/**
 * @typedef {object} Context
 * @property {string} name of the view
 * @property {string} param what stands in the path behind the name, such as an address. Mostly empty
 * @property {URLSearchParams} query a copy
 * @property {AbortSignal} signal aborted when the view goes away
 * @property {(changes: Record<string, string | number | null | undefined>, options?: {push?: boolean}) => void} setQuery
 *   writes to the query of the address, and calls `update`. null takes a name away. With `push`, the button "back"
 *   leads to what was before
 * @property {(title: string) => void} setTitle for views that learn late what they show
 */

/** @type {Record<string, () => Promise<{default: View}>>} */
const VIEWS = {
  overview: () => import("../views/overview.js"),
  map: () => import("../views/map.js"),
  devices: () => import("../views/devices.js"),
  device: () => import("../views/device.js"),
  locate: () => import("../views/locate.js"),
  channels: () => import("../views/channels.js"),
  ssids: () => import("../views/networks.js"),
  sources: () => import("../views/sources.js"),
  alerts: () => import("../views/alerts.js"),
  import: () => import("../views/import.js"),
  settings: () => import("../views/settings.js"),
  login: () => import("../views/login.js"),
};

/** Views whose path has a part behind the name. */
const WITH_PARAM = ["device", "locate"];

/** Style sheets that a view brings along. Texts are loaded with each view, from lang/{language}/{view}.json. */
const STYLES = ["map", "device", "devices", "locate", "channels", "ssids", "sources", "alerts", "import"];

/**
 * The address of a view, for links.
 * @param {string} name
 * @param {string} [param]
 * @param {Record<string, string | number | readonly string[] | null | undefined> | URLSearchParams} [query]
 */
export function href(name, param = "", query = {}) {
  const path = name === "overview" ? "/ui/" : `/ui/${name}${param && `/${encodeURIComponent(param)}`}`;
  const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  // Lists have many links without a query.
  if (entries.length === 0) return prefix + path;
  const kept = new URLSearchParams();
  for (const [key, value] of entries) {
    if (value === null || value === undefined || value === "") continue;
    kept.append(key, String(value));
  }
  const text = kept.toString();
  return prefix + path + (text && `?${text}`);
}

/**
 * What an address asks for.
 * @param {Location | URL} location
 * @returns {{name: string, param: string} | undefined}
 */
export function route(location) {
  const path = location.pathname.slice(prefix.length).replace(/^\/(ui\/?)?/, "");
  const [name = "", param = "", ...rest] = path.split("/").map(decode);
  if (name === "") return { name: "overview", param: "" };
  const isKnown = Object.hasOwn(VIEWS, name) && rest.length === 0;
  if (!isKnown || WITH_PARAM.includes(name) !== (param !== "")) return undefined;
  return { name, param };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The module of a view, and its style sheet.
 * @param {string} name
 */
export async function load(name) {
  const module = VIEWS[name]?.();
  if (STYLES.includes(name)) await style(`styles/${name}.css`);
  return (await module)?.default;
}

/**
 * Loads a style sheet once.
 * @param {string} path below web/
 * @returns {Promise<void>}
 */
export function style(path) {
  const url = new URL(`../${path}`, import.meta.url).href;
  if (document.querySelector(`link[href="${url}"]`)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    link.onload = () => resolve();
    link.onerror = () => reject(new Error(`cannot load ${path}`));
    document.head.append(link);
  });
}

/** @type {((options: {replace?: boolean, focus?: boolean}) => void) | undefined} */
let navigated;

/** Sets what happens after the address has changed. */
export function onNavigate(/** @type {NonNullable<typeof navigated>} */ handler) {
  navigated = handler;
}

/**
 * Goes to an address of the page.
 * @param {string} url
 * @param {{replace?: boolean}} [options]
 */
export function go(url, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  navigated?.({ replace, focus: true });
}

/** Lets links within the page change the view without a reload. */
export function watchLinks() {
  document.addEventListener("click", (event) => {
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!isPlain || event.defaultPrevented || !(link instanceof HTMLAnchorElement)) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    const isView = link.pathname === `${prefix}/` || link.pathname.startsWith(`${prefix}/ui`);
    if (!isView || !route(link instanceof HTMLAnchorElement ? new URL(link.href) : location)) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.href);
  });
  window.addEventListener("popstate", () => navigated?.({ focus: false }));
}
