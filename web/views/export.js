// The CSV of a list: the pages that the server writes, put together. The browser keeps them as parts of one file, and
// never as one text.
import { guard, html, nothing } from "../vendor/lit.js";
import { address, ApiError, isAborted } from "../lib/api.js";
import { language, t } from "../lib/i18n.js";
import { settings } from "../lib/settings.js";
import { announce, icon, reason } from "../lib/ui.js";

/** Pages are long, because each of them is a look at all devices. */
const PAGE_ROWS = 1000;

/**
 * The rows of a CSV text. Quoted fields may hold commas, quotes and line breaks.
 * @param {string} text
 * @returns {{cells: string[], text: string}[]}
 */
export function rowsOfCsv(text) {
  const rows = [];
  /** @type {string[]} */
  let cells = [];
  let cell = "";
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === ",") {
      cells.push(cell);
      cell = "";
    } else if (character === "\n") {
      cells.push(cell.replace(/\r$/, ""));
      rows.push({ cells, text: text.slice(start, at + 1) });
      [cells, cell, start] = [[], "", at + 1];
    } else cell += character;
  }
  if (start < text.length) rows.push({ cells: [...cells, cell], text: text.slice(start) });
  return rows;
}

/**
 * Reads all pages of a list as CSV.
 * @param {string} path
 * @param {import("../lib/api.js").Params} params
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(rows: number) => void} options.progress
 * @returns {Promise<Blob>}
 */
export async function readCsv(path, params, { signal, progress }) {
  /** @type {string[]} */
  const parts = [];
  let count = 0;
  /** @type {string | null} */
  let cursor = null;
  do {
    const asked = { ...params, limit: String(PAGE_ROWS), ...(cursor ? { cursor } : {}) };
    const answer = await readPage(address(path, asked), signal);
    const [head, ...rows] = rowsOfCsv(await answer.text());
    if (head && parts.length === 0) parts.push(head.text);
    parts.push(rows.map((row) => row.text).join(""));
    count += rows.length;
    progress(count);
    cursor = answer.headers.get("X-Next-Cursor");
  } while (cursor);
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function readPage(url, signal) {
  const answer = await fetch(url, { headers: { Accept: "text/csv" }, credentials: "same-origin", signal });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new ApiError(String(told.status ?? answer.statusText), { status: answer.status, code: told.code });
}

/**
 * Hands a file to the browser's downloads.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads the address when the download starts, which is after this call.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * The button of an export, which counts the rows while they come and stops them on another click.
 * @param {() => void} draw Draws the view anew.
 */
export function exporter(draw) {
  /** @type {AbortController | undefined} */
  let running;
  let rows = 0;
  /** @type {string} */
  let told = "";

  /**
   * @param {string} path
   * @param {import("../lib/api.js").Params} params
   * @param {string} name
   */
  const run = async (path, params, name) => {
    const own = new AbortController();
    running = own;
    [rows, told] = [0, ""];
    const progress = (/** @type {number} */ count) => {
      rows = count;
      draw();
    };
    try {
      const blob = await readCsv(path, params, { signal: own.signal, progress });
      save(blob, `scanpost-${name}-${new Date().toISOString().slice(0, 10)}.csv`);
      told = t("export.done", { n: rows });
    } catch (error) {
      if (!isAborted(error)) told = t("export.failed", { message: reason(error) });
    }
    if (running === own) running = undefined;
    if (told) announce(told);
    draw();
  };

  return {
    stop: () => running?.abort(),
    /** @type {(path: string, params: import("../lib/api.js").Params, name: string) => unknown} */
    button(path, params, name) {
      // The server writes no aliases into the CSV of a list.
      if (settings.demo) return html`<p class="muted export-off">${t("export.demo")}</p>`;
      const click = () => (running ? running.abort() : void run(path, params, name));
      return html`<button type="button" @click=${click}>
          ${icon(running ? "close" : "download")} ${running ? t("export.running", { n: rows }) : t("export.csv")}
        </button>
        <span class="muted">${told}</span>`;
    },
  };
}

/** The forms of files, as the server names them, and what each is asked besides the filters. */
export const FORMS = /** @type {const} */ ([
  ["wiglecsv", "wiglecsv", {}],
  ["wiglecsv-1.4", "wiglecsv", { version: "1.4" }],
  ["csv", "csv", {}],
  ["geojson", "geojson", {}],
  ["geojsonseq", "geojsonseq", {}],
  ["kml", "kml", {}],
  ["kmz", "kmz", {}],
  ["gpx", "gpx", {}],
  ["kismetdb", "kismetdb", {}],
  ["parquet", "parquet", {}],
  ["netxml", "netxml", {}],
  ["cot", "cot", {}],
  ["cotzip", "cotzip", {}],
]);

/** What files have aliases for in demo mode. Places are as exact as on the page. */
const DEMO = "addresses,names,places:1000";
/** Forms that the server writes only with what is really there. */
const NOT_REDACTED = new Set(["kismetdb"]);

/**
 * Links to files of what filters choose. The server makes a file while it is sent, and the browser saves it.
 * @param {import("../lib/api.js").Params} params The filters.
 * @param {unknown} [note] What to know of these files.
 */
export function exportMenu(params, note = nothing) {
  const redact = settings.demo ? DEMO : undefined;
  const forms = FORMS.filter(([, form]) => !redact || !NOT_REDACTED.has(form));
  const entry = (/** @type {(typeof FORMS)[number]} */ [name, form, options]) =>
    html`<li>
      <a href=${address(`/api/v1/export/${form}`, { ...params, ...options, redact })} download
        >${t(`export.form.${name}`)}</a
      >
      <span class="muted">${t(`export.form.${name}.about`)}</span>
    </li>`;
  const menu = () =>
    html`<details class="columns export-menu">
      <summary>${t("export.menu")}</summary>
      <ul>
        ${forms.map(entry)}
      </ul>
      <p class="muted">${note} ${t("export.note")} ${redact ? t("export.demo_files") : nothing}</p>
    </details>`;
  return guard([JSON.stringify(params), settings.demo, language(), note], menu);
}
