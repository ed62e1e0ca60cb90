// Parts that several views show.
import { html, nothing, render } from "../vendor/lit.js";
import { ApiError } from "./api.js";
import { security } from "./format.js";
import { has, t } from "./i18n.js";
import { icon } from "./icons.js";

/** @typedef {unknown} Template what lit's `html` gives, a text, or nothing */

/** Says that something is on its way. */
export function loading() {
  return html`<p class="state" role="status"><span class="spinner" aria-hidden="true"></span> ${t("loading")}</p>`;
}

/**
 * Says that there is nothing, why, and what to do.
 * @param {Template} title
 * @param {Template} [body]
 */
export function empty(title, body) {
  return html`<section class="state state-empty">
    <h2>${title}</h2>
    ${body ?? nothing}
  </section>`;
}

/**
 * Says what went wrong, with a button to try again.
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function failed(error, again) {
  return html`<section class="state state-error" role="alert">
    <h2>${icon("warning")} ${t("error.title")}</h2>
    <p>${reason(error)}</p>
    ${again ? html`<button type="button" @click=${again}>${t("error.again")}</button>` : nothing}
  </section>`;
}

/**
 * An error in words.
 * @param {unknown} error
 */
export function reason(error) {
  if (!(error instanceof ApiError)) return String(error instanceof Error ? error.message : error);
  if (error.retryAfterS !== undefined) return t("error.retry", { reason: error.message, n: error.retryAfterS });
  return has(`error.${error.code}`) ? t(`error.${error.code}`) : error.message;
}

/**
 * A class of security: icon, word and colour.
 * @param {string | undefined | null} name
 * @param {string} [label] the server's words
 */
export function securityChip(name, label) {
  const { group, icon: picture, label: own } = security(name);
  return html`<span class="badge security-${group}">${icon(picture)} ${label ?? own}</span>`;
}

/**
 * A filter that is on, with a button that takes it away.
 * @param {Template} label
 * @param {() => void} remove
 */
export function chip(label, remove) {
  return html`<span class="chip"
    >${label}<button type="button" class="chip-remove" @click=${remove}>
      ${icon("close")}<span class="sr">${t("filter.remove")} ${label}</span>
    </button></span
  >`;
}

/**
 * A column of a table.
 * @template Row
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: Row) => Template} cell what is unknown is `nothing` or ""
 * @property {boolean} [numeric]
 * @property {boolean} [heading] whether its cells are the headings of their rows
 * @property {string} [sort] what sorting by it is called. Without this the column cannot be sorted
 */

/**
 * A table, whose rows become cards where there is little room. The first link of each row is what j and k go to.
 * @template Row
 * @param {object} options
 * @param {string} options.caption
 * @param {boolean} [options.hiddenCaption] where a heading says the same
 * @param {readonly Column<Row>[]} options.columns
 * @param {readonly Row[]} options.rows
 * @param {{by: string, descending: boolean}} [options.sorted]
 * @param {(by: string) => void} [options.sort]
 * @param {(row: Row) => string} [options.rowClass]
 */
export function table({ caption, hiddenCaption = false, columns, rows, sorted, sort, rowClass }) {
  /** @param {Column<Row>} column */
  const head = (column) => {
    const isSorted = sorted !== undefined && column.sort === sorted.by;
    const order = isSorted ? (sorted.descending ? "descending" : "ascending") : undefined;
    const arrow = isSorted ? icon(sorted.descending ? "down" : "up") : nothing;
    return html`<th
      scope="col"
      role="columnheader"
      class=${column.numeric ? "numeric" : ""}
      aria-sort=${order ?? nothing}
    >
      ${
        column.sort && sort
          ? html`<button type="button" class="sort" @click=${() => sort(column.sort ?? "")}>
              ${column.label}${arrow}
            </button>`
          : column.label
      }
    </th>`;
  };
  /** @param {Row} row @param {Column<Row>} column */
  const cell = (row, column) => {
    const content = column.cell(row);
    const isBlank = content === nothing || content === "" || content === undefined || content === null;
    const classes = `${column.numeric ? "numeric" : ""} ${isBlank ? "blank" : ""}`;
    return column.heading
      ? html`<th scope="row" role="rowheader" class=${classes} data-label=${column.label}><div>${content}</div></th>`
      : html`<td role="cell" class=${classes} data-label=${column.label}><div>${content}</div></td>`;
  };
  // The roles are those that the elements have anyway: some browsers forget them where rows are shown as cards.
  return html`<div class="table-frame">
    <table class="cards" role="table">
      <caption class=${hiddenCaption ? "sr" : ""}>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(head)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) =>
            html`<tr role="row" class=${rowClass?.(row) ?? ""}>
              ${columns.map((column) => cell(row, column))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Rows between which j and k move. */
const ROWS = "main tbody tr, main [data-row]";

/**
 * Moves the focus by some rows.
 * @param {number} step
 */
export function moveRow(step) {
  const rows = [...document.querySelectorAll(ROWS)];
  const focused = document.activeElement?.closest("tbody tr, [data-row]");
  const at = focused ? rows.indexOf(focused) + step : step < 0 ? rows.length - 1 : 0;
  const row = rows[Math.max(0, Math.min(rows.length - 1, at))];
  const target = row?.matches("a, button") ? row : row?.querySelector("a, button");
  if (target instanceof HTMLElement) target.focus();
}

/** @type {HTMLDialogElement | undefined} */
let dialog;

/**
 * Opens a dialog. Escape and its button close it, and the focus goes back to where it was.
 * @param {string} title
 * @param {(close: () => void) => Template} body
 * @param {{onClose?: () => void}} [options]
 */
export function openDialog(title, body, { onClose } = {}) {
  dialog?.close();
  const opened = document.createElement("dialog");
  dialog = opened;
  opened.setAttribute("aria-labelledby", "dialog-title");
  const close = () => opened.close();
  opened.addEventListener("close", () => {
    opened.remove();
    if (dialog === opened) dialog = undefined;
    onClose?.();
  });
  document.body.append(opened);
  const update = () =>
    render(
      html`<div class="dialog-head">
          <h2 id="dialog-title">${title}</h2>
          <button type="button" class="plain" @click=${close} aria-label=${t("close")}>${icon("close")}</button>
        </div>
        <div class="dialog-body">${body(close)}</div>`,
      opened,
    );
  update();
  opened.showModal();
  return { close, update };
}

/** How long the live region waits between two lines. */
const SAID_MS = 10_000;
let saidAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saying;

/**
 * Tells users of screen readers something. At most one line in ten seconds; of several the last one counts.
 * @param {string} text
 */
export function announce(text) {
  clearTimeout(saying);
  const wait = Math.max(0, saidAt + SAID_MS - Date.now());
  saying = setTimeout(() => {
    saidAt = Date.now();
    const region = document.getElementById("announcer");
    if (region) region.textContent = text;
  }, wait);
}

/**
 * Calls a function once calls have stopped coming for a while.
 * @template {unknown[]} A
 * @param {(...args: A) => void} call
 * @param {number} ms
 */
export function debounce(call, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return (/** @type {A} */ ...args) => {
    clearTimeout(timer);
    timer = setTimeout(call, ms, ...args);
  };
}

/**
 * Copies a text. Browsers allow it in secure contexts only, so the button is left out elsewhere.
 * @param {string} text
 */
export function copyButton(text) {
  if (!navigator.clipboard) return nothing;
  const copy = async (/** @type {Event} */ event) => {
    const button = event.currentTarget;
    await navigator.clipboard.writeText(text);
    if (button instanceof HTMLElement) button.textContent = t("copied");
  };
  return html`<button type="button" class="copy" @click=${copy}>${t("copy")}</button>`;
}
