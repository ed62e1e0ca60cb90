// Parts that several views show.
import { html, nothing, ref, render, svg } from "../vendor/lit.js";
import { ApiError } from "./api.js";
import { security, shownText } from "./format.js";
import { has, t } from "./i18n.js";

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
  if (!(error instanceof ApiError)) return shownText(error instanceof Error ? error.message : error);
  // The server repeats what it does not understand.
  const words = shownText(error.message);
  if (error.retryAfterS !== undefined) return t("error.retry", { reason: words, n: error.retryAfterS });
  return has(`error.${error.code}`) ? t(`error.${error.code}`) : words;
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
 * @property {(row: Row) => Template} [cell] what is unknown is `nothing` or "". Tables that write their rows have none
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
 * @param {(body: Element | undefined) => void} [options.body] Gets the empty body of the table, and writes the rows itself
 */
export function table({ caption, hiddenCaption = false, columns, rows, sorted, sort, rowClass, body }) {
  /** @param {Column<Row>} column */
  const head = (column) => {
    const isSorted = sorted !== undefined && column.sort === sorted.by;
    const order = isSorted ? (sorted.descending ? "descending" : "ascending") : undefined;
    const arrow = isSorted ? icon(sorted.descending ? "down" : "up") : nothing;
    return html`<th
      scope="col"
      role="columnheader"
      class=${`col-${column.key} ${column.numeric ? "numeric" : ""}`}
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
    const content = column.cell?.(row);
    const isBlank = content === nothing || content === "" || content === undefined || content === null;
    const classes = `col-${column.key} ${column.numeric ? "numeric" : ""} ${isBlank ? "blank" : ""}`;
    return column.heading
      ? html`<th scope="row" role="rowheader" class=${classes} data-label=${column.label}><div>${content}</div></th>`
      : html`<td role="cell" class=${classes} data-label=${column.label}><div>${content}</div></td>`;
  };
  const line = (/** @type {Row} */ row) =>
    html`<tr role="row" class=${rowClass?.(row) ?? ""}>
      ${columns.map((column) => cell(row, column))}
    </tr>`;
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
      ${
        body
          ? html`<tbody role="rowgroup" ${ref(body)}></tbody>`
          : html`<tbody role="rowgroup">
              ${rows.map(line)}
            </tbody>`
      }
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

/** Closes the dialog that is open. @type {(() => void) | undefined} */
let closeDialog;

/**
 * Opens a dialog. Escape and its button close it, and the focus goes back to where it was.
 * @param {string} title
 * @param {(close: () => void) => Template} body
 * @param {object} [options]
 * @param {() => void} [options.onClose]
 * @param {boolean} [options.asks] Whether it has to be answered before anything else. What only tells something opens much
 *   faster without this, because the browser need not shut off each element of the page.
 */
export function openDialog(title, body, { onClose, asks = true } = {}) {
  closeDialog?.();
  const opened = document.createElement("dialog");
  opened.setAttribute("aria-labelledby", "dialog-title");
  if (!asks) opened.popover = "auto";
  const close = () => (asks ? opened.close() : opened.hidePopover());
  closeDialog = close;
  const closed = () => {
    opened.remove();
    if (closeDialog === close) closeDialog = undefined;
    onClose?.();
  };
  opened.addEventListener("close", closed);
  opened.addEventListener("toggle", ({ newState }) => {
    if (!asks && newState === "closed") closed();
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
  if (asks) opened.showModal();
  else opened.showPopover();
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

/** How long somebody waits who hides the page: it is not painted then. */
const FRAME_MS = 100;

/** Waits until what was drawn is on the screen. @returns {Promise<void>} */
export function painted() {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, FRAME_MS);
    requestAnimationFrame(() => {
      clearTimeout(late);
      // The frame is painted after this call.
      setTimeout(resolve);
    });
  });
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

// Small pictures. Each stands beside a word, or its button has a label.

/** @type {Record<string, string>} */
const PATHS = {
  unlocked: "M7 10V7a5 5 0 0 1 9.6-2M5 10h14v10H5z",
  locked: "M7 10V7a5 5 0 0 1 10 0v3M5 10h14v10H5z",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-5",
  half: "M7 10V7a5 5 0 0 1 10 0v3M5 10h14v10H5zM12 10v10",
  warning: "M12 4L2.5 20h19zM12 10v5M12 17.5v.5",
  question: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.400M12 17.5v.5M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19",
  ok: "M4 12.5l5 5L20 6.5",
  info: "M12 11v6M12 7v.5M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19",
  close: "M5 5l14 14M19 5L5 19",
  menu: "M3 6h18M3 12h18M3 18h18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L21 21",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  up: "M12 20V5M5 12l7-7 7 7",
  down: "M12 4v15M5 12l7 7 7-7",
  more: "M9 5l7 7-7 7",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  upload: "M12 20V8M6 13l6-6 6 6M4 4h16",
  download: "M12 3v12M6 10l6 6 6-6M4 20h16",
  wifi: "M2.5 9a14 14 0 0 1 19 0M6 13a8.5 8.5 0 0 1 12 0M9.5 16.5a3.5 3.5 0 0 1 5 0M12 20v.2",
  bluetooth: "M7 7.5l10 9-5 4.5V3l5 4.5-10 9",
  clock: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19M12 7v5.5l3.5 2",
  pause: "M8 5v14M16 5v14",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  pin: "M12 21s7-6.5 7-12a7 7 0 0 0-14 0c0 5.5 7 12 7 12M12 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  target: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 1v6M12 17v6M1 12h6M17 12h6",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  eye: "M2 12s3.5-7 10-7 10 7 10 7-3.5 7-10 7S2 12 2 12M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  trash: "M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15",
};

/** The lines of a picture. @param {string} name */
export function iconPath(name) {
  return PATHS[name] ?? PATHS.question ?? "";
}

/**
 * @param {string} name
 */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    ${svg`<path d=${iconPath(name)}></path>`}
  </svg>`;
}
