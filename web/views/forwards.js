// The services that reports are passed on to: how each of them is, and orders to them. TAK programs are shown devices.
import { html, nothing } from "../vendor/lit.js";
import { ApiError, get, isAborted, send } from "../lib/api.js";
import { dateTime, shownText, when } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { announce, failed, icon, openDialog, reason, table } from "../lib/ui.js";

const REFRESH_MS = 5000;

/** Icon and style of each state. @type {Record<string, [string, string]>} */
const STATES = {
  starting: ["clock", "state-paused"],
  idle: ["ok", "state-up"],
  working: ["upload", "state-up"],
  waiting: ["clock", "state-paused"],
  stopped: ["warning", "state-silent"],
};

/** The same of TAK targets. @type {Record<string, [string, string]>} */
const TAK_STATES = {
  connecting: ["clock", "state-paused"],
  sending: ["ok", "state-up"],
  failed: ["warning", "state-silent"],
};

/** The names of the services. */
const SERVICES = /** @type {Record<string, string>} */ ({
  wigle: "WiGLE",
  wdgwars: "WDGWars",
  wardriver: "wardriver.org",
  geosubmit: "geosubmit",
  scanpost: "scanpost",
});

/**
 * @param {AbortSignal} gone
 * @param {() => void} draw
 */
export function forwards(gone, draw) {
  /** @type {any[] | undefined} */
  let list;
  /** @type {unknown} */
  let error;
  /** @type {string | undefined} */
  let trouble;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  const read = async () => {
    try {
      list = await readAll(gone);
      error = undefined;
    } catch (failure) {
      if (isAborted(failure)) return;
      error = failure;
    }
    if (list?.length && timer === undefined && !gone.aborted) {
      timer = setInterval(() => {
        if (!document.hidden) void read();
      }, REFRESH_MS);
    }
    draw();
  };

  /** @param {any} target @param {string} verb @param {string} done */
  const order = async (target, verb, done) => {
    trouble = undefined;
    try {
      await send("POST", `/api/v1/forwards/${encodeURIComponent(target.name)}/${verb}`);
      announce(done);
    } catch (failure) {
      trouble = reason(failure);
    }
    await read();
  };

  /** @param {any} target */
  const reset = (target) => {
    openDialog(t("forwards.reset_title", { name: shownText(target.name) }), (close) => {
      const begin = (/** @type {string} */ to) => () => {
        close();
        void order(target, `reset?to=${to}`, t("forwards.done.reset"));
      };
      return html`<p>${t("forwards.reset_note")}</p>
        <div class="row">
          <button type="button" @click=${begin("end")}>${t("forwards.reset_end")}</button>
          <button type="button" class="danger" @click=${begin("start")}>${t("forwards.reset_start")}</button>
          <button type="button" @click=${close}>${t("cancel")}</button>
        </div>`;
    });
  };

  /** @param {any} target */
  const actions = (target) =>
    html`<div class="row">
      <button type="button" @click=${() => void order(target, "run", t("forwards.done.run"))}>
        ${t("forwards.run")}<span class="sr"> ${shownText(target.name)}</span>
      </button>
      <button type="button" @click=${() => reset(target)}>
        ${t("forwards.reset")}<span class="sr"> ${shownText(target.name)}</span>
      </button>
    </div>`;

  /** @type {() => import("../lib/ui.js").Column<any>[]} */
  const columns = () => [
    { key: "name", label: t("forwards.name"), cell: (row) => shownText(row.name), heading: true },
    { key: "service", label: t("forwards.service"), cell: service },
    { key: "state", label: t("forwards.state"), cell: state },
    { key: "rows", label: t("forwards.rows"), cell: taken, numeric: true },
    { key: "behind", label: t("forwards.behind"), cell: (row) => number(row.behind), numeric: true },
    {
      key: "refused",
      label: t("forwards.refused"),
      cell: (row) => (row.refused_rows ? number(row.refused_rows) : nothing),
      numeric: true,
    },
    {
      key: "error",
      label: t("forwards.error"),
      cell: (row) => (row.last_error === undefined ? nothing : shownText(row.last_error)),
    },
    { key: "actions", label: t("forwards.actions"), cell: actions },
  ];

  return {
    read,
    stop: () => clearInterval(timer),
    template() {
      // Servers of earlier versions pass nothing on.
      if (error instanceof ApiError && error.status === 404) return nothing;
      if (!list && !error) return nothing;
      return html`<section class="panel" aria-labelledby="forwards">
        <h2 id="forwards">${t("forwards.title")}</h2>
        ${error ? failed(error, () => void read()) : nothing}
        ${trouble ? html`<p class="error-text" role="alert">${trouble}</p>` : nothing}
        ${
          list?.length
            ? table({ caption: t("forwards.caption"), columns: columns(), rows: list })
            : list
              ? html`<p>${t("forwards.none")}</p>`
              : nothing
        }
      </section>`;
    },
  };
}

/** Reads all pages. @param {AbortSignal} signal */
async function readAll(signal) {
  /** @type {any[]} */
  const all = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    /** @type {any} */
    const page = await get("/api/v1/forwards", { cursor }, { signal });
    all.push(...page.forwards);
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}

/** @param {any} row */
function service(row) {
  return html`${SERVICES[row.kind] ?? shownText(row.kind)}
    <span class="muted">${shownText(row.host)}</span>
    ${row.dry_run ? html`<strong>${t("forwards.dry_run")}</strong>` : nothing}`;
}

/** How a target is, as icon and words, and when it goes on. @param {any} row */
function state(row) {
  const [picture, style] = STATES[row.state] ?? ["question", "state-paused"];
  const next = row.state !== "stopped" && row.next_try !== undefined;
  return html`<span class=${style}>${icon(picture)} ${t(`forwards.state.${row.state}`)}</span>
    ${next ? html`<span class="muted">${t("forwards.next", { time: dateTime(row.next_try) })}</span>` : nothing}
    ${row.part ? html`<span class="muted">${t("forwards.part", { n: row.part.rows })}</span>` : nothing}`;
}

/** @param {any} row */
function taken(row) {
  return html`${number(row.rows)}
  ${row.last_taken === undefined ? nothing : html`<span class="muted">${when(row.last_taken)}</span>`}`;
}

/**
 * The TAK programs that are shown devices while they are reported: how each of them is.
 * @param {AbortSignal} gone
 * @param {() => void} draw
 */
export function tak(gone, draw) {
  /** @type {any[]} */
  let list = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  const read = async () => {
    try {
      // There are few targets, so that they come without pages.
      list = (await get("/api/v1/tak", {}, { signal: gone })).tak;
    } catch (failure) {
      // What is shown stays. Servers of earlier versions have no such targets.
      if (isAborted(failure)) return;
    }
    if (list.length && timer === undefined && !gone.aborted) {
      timer = setInterval(() => {
        if (!document.hidden) void read();
      }, REFRESH_MS);
    }
    draw();
  };

  /** @type {() => import("../lib/ui.js").Column<any>[]} */
  const columns = () => [
    { key: "name", label: t("forwards.name"), cell: (row) => shownText(row.name), heading: true },
    { key: "url", label: t("tak.url"), cell: (row) => shownText(row.url) },
    { key: "state", label: t("forwards.state"), cell: takState },
    { key: "events", label: t("tak.events"), cell: (row) => number(row.events), numeric: true },
    { key: "waiting", label: t("tak.waiting"), cell: (row) => number(row.waiting), numeric: true },
    {
      key: "left_out",
      label: t("tak.left_out"),
      cell: (row) => (row.left_out + row.stale ? number(row.left_out + row.stale) : nothing),
      numeric: true,
    },
    {
      key: "error",
      label: t("forwards.error"),
      cell: (row) => (row.last_error === undefined ? nothing : shownText(row.last_error)),
    },
  ];

  return {
    read,
    stop: () => clearInterval(timer),
    template() {
      if (!list.length) return nothing;
      return html`<section class="panel" aria-labelledby="tak">
        <h2 id="tak">${t("tak.title")}</h2>
        ${table({ caption: t("tak.caption"), columns: columns(), rows: list })}
      </section>`;
    },
  };
}

/** How a target is, as icon and words, since when, and when it goes on. @param {any} row */
function takState(row) {
  const [picture, style] = TAK_STATES[row.state] ?? ["question", "state-paused"];
  return html`<span class=${style}>${icon(picture)} ${t(`tak.state.${row.state}`)}</span>
    <span class="muted">${when(row.since)}</span>
    ${
      row.next_try === undefined
        ? nothing
        : html`<span class="muted">${t("forwards.next", { time: dateTime(row.next_try) })}</span>`
    }`;
}
