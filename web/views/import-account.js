// The parts of the import: what may be said about files, what became of their rows, and the list of imports.
import { html, live, nothing } from "../vendor/lit.js";
import { address as urlOf, current, mayImport } from "../lib/api.js";
import { dateTime, shownName, shownText, when } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { settings } from "../lib/settings.js";
import { empty, icon, table } from "../lib/ui.js";

/** Counts of an account that are the sum of its rows, and those that count beside them. */
const OUTCOMES = ["taken", "duplicates", "other", "refused"];
const MARKS = ["without_place", "without_time"];

/** Pictures of the states of an import. @type {Record<string, string>} */
const STATES = { waiting: "clock", running: "clock", done: "ok", failed: "warning", cancelled: "close" };

const FORMATS = ["wigle", "kismet", "airodump", "vistumbler", "phones", "scans", "tracks", "packed"];

const EXAMPLE = `WigleWifi-1.6,appRelease=1,model=example,release=1,device=example,display=,board=,brand=example
MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type
02:00:5E:10:00:01,CoffeeShop,[WPA2-PSK-CCMP][ESS],2026-01-31 12:00:00,6,2437,-61,47.1410,9.5215,450,5,WIFI`;

/** @param {string} state */
function stateText(state) {
  return html`<span class="import-state import-${state}"
    >${icon(STATES[state] ?? "info")} ${t(`import.state.${state}`)}</span
  >`;
}

/**
 * @param {any} shown
 * @param {{running: unknown, now: unknown, close: () => void}} parts
 */
export function account(shown, { running, now, close }) {
  return html`<section class="panel" aria-labelledby="import-account">
    <div class="dialog-head">
      <h2 id="import-account" tabindex="-1">
        ${t(shown.dry_run ? "import.account.dry" : "import.account", { time: dateTime(shown.created) })}
      </h2>
      <button type="button" class="plain" aria-label=${t("close")} @click=${close}>${icon("close")}</button>
    </div>
    <p>
      ${stateText(shown.state)}${shown.source ? html` · ${t("import.source")}: ${shownName(shown.source)}` : nothing}
    </p>
    ${running} ${shown.error ? html`<p class="error-text">${shownText(shown.error)}</p>` : nothing}
    ${shown.dry_run ? html`<p class="row">${t("import.dry.done")} ${now}</p>` : nothing}
    ${shown.files.map((/** @type {any} */ file, /** @type {number} */ at) => fileAccount(shown, file, at))}
  </section>`;
}

/**
 * @param {any} shown
 * @param {any} file
 * @param {number} at its number
 */
function fileAccount(shown, file, at) {
  const notes = [
    ...(file.duplicate ? [t("import.known")] : []),
    ...(file.cut ? [t("import.cut")] : []),
    ...(file.damaged ? [t("import.damaged")] : []),
    ...file.notes.map(shownText),
  ];
  const others = Object.entries(file.others).map(([kind, n]) => `${shownText(kind)}: ${number(Number(n))}`);
  const [west, south, east, north] = file.bbox ?? [];
  // In demo mode nobody sees where exactly something is.
  const place = file.bbox && !settings.demo ? { bbox: [south, west, north, east].join(",") } : undefined;
  const span =
    file.first_seen === undefined
      ? nothing
      : html`<p>${when(file.first_seen, { exact: true })} – ${when(file.last_seen, { exact: true })}</p>`;
  return html`<section class="import-file" aria-labelledby="file-${at}">
    <h3 id="file-${at}">
      <span class="name">${shownName(file.name)}</span>
      <span class="muted">${file.form ? shownText(file.form) : t("import.unknown_form")}</span>
    </h3>
    ${file.error ? html`<p class="error-text">${icon("warning")} ${shownText(file.error)}</p>` : nothing}
    <dl class="import-counts">
      ${count("rows", file.rows)} ${OUTCOMES.map((name) => count(name, file[name]))}
      ${MARKS.map((name) => (file[name] ? count(name, file[name]) : nothing))}
    </dl>
    ${others.length ? html`<p class="muted">${t("import.others", { list: others.join(", ") })}</p>` : nothing} ${span}
    ${
      notes.length
        ? html`<ul class="troubles">
            ${notes.map((note) => html`<li>${note}</li>`)}
          </ul>`
        : nothing
    }
    ${place && !shown.dry_run ? html`<p><a class="button" href=${href("map", "", place)}>${icon("pin")} ${t("import.map")}</a></p>` : nothing}
    ${refusals(shown, file, at)}
  </section>`;
}

/** @param {string} name @param {number} value */
function count(name, value) {
  return html`<div class=${name === "refused" && value ? "import-bad" : ""}>
    <dt>${t(`import.${name}`)}</dt>
    <dd>${number(value)}</dd>
  </div>`;
}

/** The rows that were refused, and all of them as a file. @param {any} shown @param {any} file @param {number} at */
function refusals(shown, file, at) {
  if (file.refused === 0) return nothing;
  const isOwn = mayImport() && (current().role !== "scanreport" || shown.sender === current().name);
  const rest = file.refused - file.refusals.length;
  return html`${table({
    caption: t("import.refusals"),
    columns: [
      { key: "line", label: t("import.line"), cell: (row) => number(row.line), heading: true },
      { key: "reason", label: t("import.reason"), cell: (row) => shownText(row.reason) },
    ],
    rows: file.refusals,
  })}
  ${rest ? html`<p class="muted">${t("import.refusals.rest", { n: rest })}</p>` : nothing}
  ${
    isOwn && !settings.demo
      ? html`<p>
          <a
            class="button"
            href=${urlOf(`/api/v1/imports/${shown.id}/refusals/${at}`)}
            download="scanpost-import-${shown.id}-${at}-refused.csv"
            >${icon("download")} ${t("import.refusals.csv")}</a
          >
        </p>`
      : nothing
  }`;
}

/**
 * The imports, the newest first.
 * @param {any[]} imports
 * @param {string} chosen
 * @param {(() => void) | undefined} more
 */
export function list(imports, chosen, more) {
  if (imports.length === 0) return empty(t("import.none"), html`<p>${t("import.none.hint")}</p>`);
  const sum = (/** @type {string} */ name) => (/** @type {any} */ row) =>
    number(row.files.reduce((/** @type {number} */ all, /** @type {any} */ file) => all + file[name], 0));
  const names = (/** @type {any} */ row) => {
    const first = row.files[0]?.name ?? "";
    const rest = row.files_total - 1;
    return html`<a class="name" href=${href("import", "", { import: row.id })}
      >${first ? shownName(first) : t("import.number", { id: row.id })}${0 < rest ? ` ${t("import.and", { n: rest })}` : ""}</a
    >`;
  };
  return html`${table({
    caption: t("import.list"),
    columns: [
      { key: "files", label: t("import.files"), cell: names, heading: true },
      { key: "time", label: t("import.when"), cell: (row) => when(row.created) },
      { key: "state", label: t("import.state"), cell: (row) => stateText(row.state) },
      { key: "dry", label: t("import.dry"), cell: (row) => (row.dry_run ? t("import.dry.yes") : nothing) },
      { key: "source", label: t("import.source"), cell: (row) => (row.source ? shownName(row.source) : nothing) },
      { key: "sender", label: t("import.sender"), cell: (row) => (row.sender ? shownText(row.sender) : nothing) },
      ...["rows", "taken", "duplicates", "refused"].map((name) => ({
        key: name,
        label: t(`import.${name}`),
        cell: sum(name),
        numeric: true,
      })),
    ],
    rows: imports,
    rowClass: (row) => (row.id === chosen ? "chosen" : ""),
  })}
  ${more ? html`<p><button type="button" @click=${more}>${t("more")}</button></p>` : nothing}`;
}

/**
 * What may be said about the files.
 * @param {{source: string, tz: string, time: string, dry_run: boolean}} options
 * @param {() => void} draw
 */
export function optionFields(options, draw) {
  const set = (/** @type {"source" | "tz"} */ name) => (/** @type {Event} */ event) => {
    options[name] = /** @type {HTMLInputElement} */ (event.currentTarget).value.trim();
  };
  const time = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.currentTarget);
    options.time = value && `${new Date(value).toISOString().slice(0, 19)}Z`;
  };
  const dry = (/** @type {Event} */ event) => {
    options.dry_run = /** @type {HTMLInputElement} */ (event.currentTarget).checked;
    draw();
  };
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  return html`<label class="check"
      ><input type="checkbox" .checked=${live(options.dry_run)} @change=${dry} aria-describedby="dry-about" />
      ${t("import.dry")}</label
    >
    <p id="dry-about" class="muted">${t("import.dry.about")}</p>
    <details>
      <summary>${t("import.options")}</summary>
      <div class="grid">
        <div class="field">
          <label for="import-source">${t("import.source")}</label>
          <input
            id="import-source"
            maxlength="256"
            autocomplete="off"
            @change=${set("source")}
            aria-describedby="source-about"
          />
          <span id="source-about" class="muted">${t("import.source.about")}</span>
        </div>
        <div class="field">
          <label for="import-tz">${t("import.tz")}</label>
          <input
            id="import-tz"
            list="zones"
            autocomplete="off"
            spellcheck="false"
            @change=${set("tz")}
            aria-describedby="tz-about"
          />
          <datalist id="zones">${zones.map((zone) => html`<option value=${zone}></option>`)}</datalist>
          <span id="tz-about" class="muted">${t("import.tz.about")}</span>
        </div>
        <div class="field">
          <label for="import-time">${t("import.time")}</label>
          <input id="import-time" type="datetime-local" @change=${time} aria-describedby="time-about" />
          <span id="time-about" class="muted">${t("import.time.about")}</span>
        </div>
      </div>
    </details>`;
}

/** Which files can be imported, with an example. */
export function formats() {
  return html`<details class="panel">
    <summary>${t("import.formats")}</summary>
    <p>${t("import.formats.about")}</p>
    <ul>
      ${FORMATS.map((name) => html`<li>${t(`import.format.${name}`)}</li>`)}
    </ul>
    <h2 id="import-example">${t("import.example")}</h2>
    <pre tabindex="0" aria-labelledby="import-example"><code>${EXAMPLE}</code></pre>
  </details>`;
}
