// The shell of the page: header, navigation, live line, shortcuts, and the view that the address names.
import { html, nothing, render } from "./vendor/lit.js";
import { ApiError, current, logOut, mayImport, mayRead, onLoginNeeded, onSession, prefix, refresh } from "./lib/api.js";
import { duration, shownText } from "./lib/format.js";
import { forgetTexts, language, loadTexts, number, t } from "./lib/i18n.js";
import { go, href, load, onNavigate, route, watchLinks } from "./lib/router.js";
import { applyTheme, onChange, settings } from "./lib/settings.js";
import { announce, empty, failed, icon, loading, moveRow, openDialog } from "./lib/ui.js";
import * as stream from "./lib/live.js";

/** @typedef {import("./lib/router.js").Context} Context */
/** @typedef {import("./lib/router.js").Mounted} Mounted */

const NAVIGATION = ["overview", "map", "devices", "ssids", "channels", "sources", "alerts", "import"];
/** Whether a view is shown without the right to read. @param {string} name */
const isOpenView = (name) => ["login", "settings"].includes(name) || (name === "import" && mayImport());

/** Keys behind `g`, and the views that they lead to. */
const VIEW_KEYS = /** @type {const} */ ({
  o: "overview",
  m: "map",
  d: "devices",
  n: "ssids",
  c: "channels",
  s: "sources",
  a: "alerts",
  i: "import",
});

/** How long a `g` waits for its second key. */
const SECOND_KEY_MS = 1500;

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** What is shown now. */
/** @type {{name: string, param: string, context?: Context, mounted?: Mounted, stop?: AbortController}} */
let shown = { name: "", param: "" };
let isMenuOpen = false;
let wasLost = false;
let isDrawn = false;

function shell() {
  const { live } = stream;
  // The document has a header already, to be seen while the scripts come.
  if (!isDrawn) app.replaceChildren();
  isDrawn = true;
  const session = current();
  /** @param {string} name */
  const link = (name) =>
    html`<li>
      <a href=${href(name)} aria-current=${shown.name === name ? "page" : nothing} @click=${closeMenu}
        >${t(`nav.${name}`)}${
          name === "alerts" && live.counters?.alerts_open
            ? html` <span class="count">${number(live.counters.alerts_open)}</span>`
            : nothing
        }</a
      >
    </li>`;
  render(
    html`<a class="skip" href="#main" @click=${skip}>${t("skip")}</a>
      <header class="top">
        <a class="brand" href=${href("overview")}>scanpost</a>
        <button type="button" class="menu" aria-expanded=${isMenuOpen} aria-controls="nav" @click=${toggleMenu}>
          ${icon("menu")} ${t("menu")}
        </button>
        ${
          mayRead()
            ? html`<form role="search" class="search" @submit=${search}>
                  <label for="search" class="sr">${t("search.label")}</label>
                  <input id="search" name="q" type="search" placeholder=${t("search.placeholder")} autocomplete="off" />
                </form>
                <nav id="nav" aria-label=${t("nav.label")} class=${isMenuOpen ? "open" : ""}>
                  <ul>
                    ${NAVIGATION.map(link)}
                  </ul>
                </nav>`
            : nothing
        }
        <div class="tools">
          <button type="button" class="plain" @click=${help} aria-label=${t("help.title")}>${icon("question")}</button>
          <a class="button plain" href=${href("settings")} aria-label=${t("nav.settings")}>${icon("settings")}</a>
          ${account(session)}
        </div>
      </header>
      <p class=${live.connected || !mayRead() ? "live" : "live live-lost"}>${liveLine()}</p>
      <div id="announcer" class="sr" role="status" aria-live="polite"></div>
      <main id="main" tabindex="-1" class="view-${shown.name}">
        <h1 id="title"></h1>
        <div id="view"></div>
      </main>`,
    app,
  );
}

/** @param {import("./lib/api.js").Session} session */
function account(session) {
  if (session.name && session.kind === "user") {
    return html`<span class="who">${shownText(session.name)}</span>
      <button type="button" @click=${leave}>${t("logout")}</button>`;
  }
  if (!session.login_possible || shown.name === "login") return nothing;
  return html`<a class="button" href=${loginAddress()}>${t("login")}</a>`;
}

function liveLine() {
  const { live } = stream;
  if (!mayRead()) return nothing;
  if (!live.connected) {
    if (live.heard === undefined) return html`<span class="dot" aria-hidden="true"></span> ${t("live.connecting")}`;
    const since = duration((Date.now() - live.heard) / 1000);
    return html`<span class="dot" aria-hidden="true"></span> ${t("live.lost", { since })}`;
  }
  const counters = live.counters;
  if (!counters) return nothing;
  const rate = number(counters.reports_per_second, { maximumFractionDigits: 1 });
  return html`<span class="dot" aria-hidden="true"></span> ${t("live.line", { n: counters.devices, rate })}`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function toggleMenu() {
  isMenuOpen = !isMenuOpen;
  shell();
}

function closeMenu() {
  isMenuOpen = false;
}

/** @param {SubmitEvent} event */
function search(event) {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (document.getElementById("search"));
  const text = field.value.trim();
  if (text === "") return;
  const isAddress = /^([0-9a-f]{2}[:-]){2,5}[0-9a-f]{0,2}$/i.test(text);
  const filter = isAddress ? { address_prefix: text } : { ssid_contains: text };
  field.value = "";
  go(href("devices", "", filter));
}

async function leave() {
  stream.stop();
  try {
    await logOut();
  } catch (error) {
    announce(String(error instanceof Error ? error.message : error));
  }
  if (mayRead()) stream.start();
  go(mayRead() ? href("overview") : href("login"));
}

/** The form, which leads back to where one is now. */
function loginAddress() {
  const here = location.pathname + location.search;
  const isThere = route(location)?.name === "login";
  return isThere ? location.href : href("login", "", { next: here === `${prefix}/` ? "" : here });
}

/**
 * Shows the view that the address names.
 * @param {{focus?: boolean, replace?: boolean}} [options]
 */
async function show({ focus = false } = {}) {
  const wanted = route(location) ?? { name: "missing", param: "" };
  if (!mayRead() && !isOpenView(wanted.name)) {
    go(loginAddress(), { replace: true });
    return;
  }
  const { mounted, context } = shown;
  if (wanted.name === shown.name && wanted.param === shown.param && mounted?.update && context) {
    context.query = new URLSearchParams(location.search);
    mounted.update(context);
    shell();
    return;
  }
  leaveView();
  const stop = new AbortController();
  shown = { ...wanted, stop };
  shell();
  const root = freshRoot();
  render(loading(), root);
  try {
    const [view] = await Promise.all([
      load(wanted.name),
      wanted.name === "missing" ? undefined : loadTexts(wanted.name),
    ]);
    if (stop.signal.aborted) return;
    render(nothing, root);
    if (view) mount(view, root, stop);
    else showMissing(root);
  } catch (error) {
    if (!stop.signal.aborted) {
      setTitle(t("error.title"));
      render(
        failed(error, () => location.reload()),
        root,
      );
    }
  }
  if (focus && !stop.signal.aborted) {
    scrollTo(0, 0);
    const main = document.getElementById("main");
    // A form may have put it into its first field.
    if (!main?.contains(document.activeElement)) main?.focus({ preventScroll: true });
    announce(document.title);
  }
}

function leaveView() {
  shown.stop?.abort();
  shown.mounted?.unmount?.();
}

/** An element for a view that no other view has rendered into. */
function freshRoot() {
  const old = /** @type {HTMLElement} */ (document.getElementById("view"));
  const root = document.createElement("div");
  root.id = "view";
  old.replaceWith(root);
  return root;
}

/**
 * @param {import("./lib/router.js").View} view
 * @param {HTMLElement} root
 * @param {AbortController} stop
 */
function mount(view, root, stop) {
  /** @type {Context} */
  const context = {
    name: shown.name,
    param: shown.param,
    query: new URLSearchParams(location.search),
    signal: stop.signal,
    setTitle: (title) => {
      if (!stop.signal.aborted) setTitle(title);
    },
    setQuery: (changes, { push = false } = {}) => {
      if (stop.signal.aborted) return;
      const query = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") query.delete(name);
        else query.set(name, String(value));
      }
      go(href(shown.name, shown.param, query), { replace: !push });
    },
  };
  shown.context = context;
  setTitle(view.title(context));
  shown.mounted = view.mount(root, context) ?? undefined;
}

/** @param {string} title */
function setTitle(title) {
  document.title = `${title} · scanpost`;
  const heading = document.getElementById("title");
  if (heading) heading.textContent = title;
}

/** @param {HTMLElement} root */
function showMissing(root) {
  setTitle(t("missing.title"));
  render(empty(t("missing.body"), html`<p><a href=${href("overview")}>${t("nav.overview")}</a></p>`), root);
}

/** Draws everything again in another language. */
async function changeLanguage() {
  forgetTexts();
  await loadTexts("common");
  shown = { name: "", param: "", stop: shown.stop };
  const { id } = document.activeElement ?? {};
  await show();
  if (id) document.getElementById(id)?.focus();
}

async function begin() {
  applyTheme();
  let known = language();
  onChange(() => {
    applyTheme();
    if (known !== language()) {
      known = language();
      changeLanguage();
    }
  });
  // Nothing can be shown without the texts; the session decides what is shown.
  const session = refresh().catch((error) => error);
  await loadTexts("common");
  const error = await session;
  if (error) {
    shell();
    setTitle(t("error.title"));
    const root = freshRoot();
    render(
      failed(error instanceof ApiError ? error : new Error(String(error)), () => location.reload()),
      root,
    );
    return;
  }
  onLoginNeeded(async () => {
    stream.stop();
    await refresh().catch(() => undefined);
    if (!mayRead() && route(location)?.name !== "login") go(loginAddress(), { replace: true });
  });
  onSession(() => {
    if (mayRead()) stream.start();
    shell();
  });
  onNavigate(show);
  watchLinks();
  listen({ isOn: () => settings.shortcuts });
  stream.on("counters", shell);
  stream.on("alert", (alert) => announce(`${t("live.alert")} ${settings.demo ? alert.rule : shownText(alert.text)}`));
  stream.on("state", () => {
    shell();
    if (!stream.live.connected && stream.live.heard !== undefined) announce(t("live.gone"));
    else if (wasLost) announce(t("live.back"));
    wasLost = !stream.live.connected;
  });
  setInterval(() => {
    if (!document.hidden && !stream.live.connected) shell();
  }, 5000);
  await show();
  if (mayRead()) stream.start();
}

begin();

const isDialogOpen = () => document.querySelector("dialog[open], dialog:popover-open") !== null;

// Single keys for people who would rather not reach for the mouse. They can be turned off in the settings.

/** @param {{isOn: () => boolean}} options */
function listen({ isOn }) {
  let waitsUntil = 0;
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const isTyping = target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && isTyping && target.id === "search") target.blur();
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isOn() || isTyping || !isPlain || event.defaultPrevented || isDialogOpen()) return;
    const name = Date.now() < waitsUntil ? VIEW_KEYS[/** @type {"o"} */ (event.key)] : undefined;
    waitsUntil = 0;
    if (name) go(href(name));
    else if (event.key === "g") waitsUntil = Date.now() + SECOND_KEY_MS;
    else if (event.key === "/") document.getElementById("search")?.focus();
    else if (event.key === "?") help();
    else if (event.key === "j") moveRow(1);
    else if (event.key === "k") moveRow(-1);
    else return;
    event.preventDefault();
  });
}

/** Shows the list of shortcuts. */
function help() {
  /** @param {string} keys @param {string} meaning */
  const row = (keys, meaning) =>
    html`<tr>
      <td>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</td>
      <td>${meaning}</td>
    </tr>`;
  openDialog(
    t("help.title"),
    () =>
      html`<table class="keys">
          <caption class="sr">
            ${t("help.title")}
          </caption>
          <thead>
            <tr>
              <th scope="col">${t("help.key")}</th>
              <th scope="col">${t("help.meaning")}</th>
            </tr>
          </thead>
          <tbody>
            ${row("/", t("help.search"))} ${row("j", t("help.next"))} ${row("k", t("help.previous"))}
            ${row("Esc", t("help.close"))} ${row("?", t("help.help"))}
            ${Object.entries(VIEW_KEYS).map(([key, view]) => row(`g ${key}`, t(`nav.${view}`)))}
          </tbody>
        </table>
        <p>${t("help.off")}</p>`,
    { asks: false },
  );
}
