// Scanners: whether each reports as it usually does, and if not, since when, what that means and what to do.
import { html, nothing, render } from "../vendor/lit.js";
import { get, isAborted, mayWrite, send } from "../lib/api.js";
import { age, dateTime, duration, percent, shownName, shownText, when } from "../lib/format.js";
import { loadTexts, number, t } from "../lib/i18n.js";
import { live, on } from "../lib/live.js";
import { href } from "../lib/router.js";
import { onChange, settings } from "../lib/settings.js";
import { announce, debounce, empty, failed, icon, loading, openDialog, reason, table } from "../lib/ui.js";
import { exporter } from "./export.js";
import { openRename, sourceDetail } from "./source-detail.js";

const REFRESH_MS = 15_000;
const SOON_MS = 500;
/** Rows at first, and how many more come on request: one page of the server each. */
const ROWS = 100;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("sources.title"),
  mount(root, context) {
    const view = new SourcesView(root, context);
    void view.start();
    return { update: () => void view.update(), unmount: () => view.stop() };
  },
};

class SourcesView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {any[] | undefined} */
    this.sources = undefined;
    /** @type {any[]} */
    this.unattributed = [];
    /** How many there are, and how many of them are silent. */
    this.total = 0;
    this.silent = 0;
    /** The chosen source with its counts. @type {any} */
    this.chosen = undefined;
    /** @type {unknown} */
    this.error = undefined;
    /** @type {string | undefined} */
    this.trouble = undefined;
    /** @type {(() => unknown) | undefined} */
    this.firstSteps = undefined;
    this.rowsMax = ROWS;
    this.export = exporter(() => this.draw());
    const soon = debounce(() => void this.read(), SOON_MS);
    this.ends = [on("source", soon), on("resume", soon), onChange(() => this.draw())];
    this.timer = setInterval(() => {
      if (!document.hidden && !this.error) void this.read();
    }, REFRESH_MS);
  }

  async start() {
    render(loading(), this.root);
    await loadTexts("filters");
    await this.read();
  }

  stop() {
    clearInterval(this.timer);
    this.export.stop();
    for (const end of this.ends) end();
  }

  async read() {
    const { signal } = this.context;
    try {
      await this.readPages(signal);
      this.error = undefined;
      if (this.total === 0 && !this.firstSteps) {
        // The overview has the texts of the first steps.
        const [{ firstSteps }] = await Promise.all([import("../lib/start.js"), loadTexts("overview")]);
        this.firstSteps = firstSteps;
      }
    } catch (error) {
      if (isAborted(error)) return;
      this.error = error;
    }
    await this.update();
  }

  /** Reads as many pages as are shown. @param {AbortSignal} signal */
  async readPages(signal) {
    /** @type {any[]} */
    const sources = [];
    /** @type {string | undefined} */
    let cursor;
    do {
      const page = await get("/api/v1/sources", { limit: ROWS, cursor }, { signal });
      sources.push(...page.sources);
      this.unattributed = page.unattributed_refusals;
      cursor = page.next_cursor;
    } while (cursor && sources.length < this.rowsMax);
    this.sources = sources;
    this.silent = sources.filter((source) => source.silent_since).length;
    this.total = sources.length;
    if (!cursor) return;
    const status = await get("/api/v1/status", {}, { signal });
    this.total = Math.max(this.total, status.sources);
    this.silent = Math.max(this.silent, live.counters?.sources_silent ?? 0);
  }

  async update() {
    const uuid = this.context.query.get("source")?.toUpperCase();
    if (this.chosen?.source !== uuid) this.chosen = undefined;
    this.draw();
    if (!uuid) return;
    try {
      const { signal } = this.context;
      const chosen = await get(`/api/v1/sources/${encodeURIComponent(uuid)}`, {}, { signal });
      if (this.context.query.get("source")?.toUpperCase() === uuid) this.chosen = chosen;
    } catch (error) {
      if (isAborted(error)) return;
      this.trouble = reason(error);
    }
    this.draw();
  }

  /** @param {() => Promise<unknown>} work @param {string} done */
  async run(work, done) {
    this.trouble = undefined;
    try {
      await work();
      announce(done);
    } catch (error) {
      this.trouble = reason(error);
    }
    await this.read();
  }

  /** @param {any} source */
  pause(source) {
    const verb = source.paused ? "resume" : "pause";
    const path = `/datasource/by-uuid/${source.source}/${verb}_source.cmd`;
    void this.run(() => send("POST", path, {}), t(`sources.done.${verb}`));
  }

  /** @param {any} source */
  forget(source) {
    const name = shownName(source.name);
    openDialog(t("sources.forget_title", { name }), (close) => {
      const forget = () => {
        close();
        const path = `/api/v1/sources/${source.source}`;
        void this.run(() => send("DELETE", path), t("sources.done.forget")).then(() =>
          this.context.setQuery({ source: null }),
        );
      };
      return html`<p>${t("sources.forget_note")}</p>
        <div class="row">
          <button type="button" class="danger" @click=${forget}>${icon("trash")} ${t("sources.forget")}</button>
          <button type="button" @click=${close}>${t("cancel")}</button>
        </div>`;
    });
  }

  draw() {
    if (this.context.signal.aborted) return;
    render(this.template(), this.root);
  }

  template() {
    if (this.error && !this.sources) return failed(this.error, () => void this.read());
    if (!this.sources) return loading();
    if (this.sources.length === 0) {
      return html`${empty(t("sources.none"), this.firstSteps?.())} ${this.strangers()}`;
    }
    const { silent, total } = this;
    return html`<div class="row">
        <p class="total">
          ${t("sources.count", { n: total })}${silent ? html` · <strong>${t("sources.silent_count", { n: silent })}</strong>` : nothing}
        </p>
        ${this.export.button("/api/v1/sources", {}, "sources")}
      </div>
      ${this.error ? html`<p class="error-text" role="alert">${reason(this.error)}</p>` : nothing}
      ${this.trouble ? html`<p class="error-text" role="alert">${this.trouble}</p>` : nothing} ${this.detail()}
      ${table({
        caption: t("sources.caption"),
        columns: this.columns(),
        rows: this.sources,
        rowClass: (row) => (row.source === this.chosen?.source ? "chosen" : ""),
      })}
      ${
        this.sources.length < total
          ? html`<p class="more">
              <button type="button" @click=${() => void this.more()}>${t("more")}</button>
              <span class="muted">${t("sources.shown", { shown: this.sources.length, n: total })}</span>
            </p>`
          : nothing
      }
      ${this.strangers()}`;
  }

  async more() {
    const before = this.sources?.length ?? 0;
    this.rowsMax = before + ROWS;
    await this.read();
    // The button may be gone; reading goes on where the new rows begin.
    this.root.querySelectorAll("tbody tr")[before]?.querySelector("a")?.focus();
  }

  detail() {
    if (!this.context.query.get("source")) return nothing;
    if (!this.chosen) return this.trouble ? nothing : loading();
    const source = this.chosen;
    const isPaused = source.paused;
    const actions = mayWrite()
      ? html`${
            // Its names would be shown as they are.
            settings.demo
              ? nothing
              : html`<button type="button" @click=${() => openRename(source, () => void this.read())}>
                  ${icon("edit")} ${t("sources.rename")}
                </button>`
          }
          <button type="button" aria-pressed=${isPaused} @click=${() => this.pause(source)}>
            ${icon("pause")} ${t(isPaused ? "sources.resume" : "sources.pause")}
          </button>
          <button type="button" class="danger" @click=${() => this.forget(source)}>
            ${icon("trash")} ${t("sources.forget")}
          </button>`
      : nothing;
    const close = html`<a class="button plain" href=${href("sources")} aria-label=${t("close")}>${icon("close")}</a>`;
    return sourceDetail(source, { state: this.state(source), actions, close });
  }

  /** How a source is, as icon and words. @param {any} source */
  state(source) {
    if (source.paused) {
      return html`<span class="state-paused">${icon("pause")} ${t("sources.state.paused")}</span>`;
    }
    if (source.silent_since) {
      return html`<span class="state-silent" title=${dateTime(source.silent_since)}
        >${icon("warning")} ${t("sources.state.silent", { since: age(source.silent_since) })}</span
      >`;
    }
    // Without a usual pace nobody can tell whether it is late.
    if (source.expected_interval_s === null) {
      return html`<span class="state-paused">${icon("question")} ${t("sources.state.unknown")}</span>`;
    }
    return html`<span class="state-up">${icon("ok")} ${t("sources.state.up")}</span>`;
  }

  /** @returns {import("../lib/ui.js").Column<any>[]} */
  columns() {
    return [
      {
        key: "name",
        label: t("sources.name"),
        cell: (row) =>
          html`<a class="name" href=${href("sources", "", { source: row.source })}>${shownName(row.name)}</a>`,
        heading: true,
      },
      { key: "state", label: t("sources.state"), cell: (row) => this.state(row) },
      { key: "contact", label: t("sources.last_contact"), cell: (row) => when(row.last_contact) },
      {
        key: "interval",
        label: t("sources.interval"),
        cell: (row) => (row.expected_interval_s === null ? nothing : duration(row.expected_interval_s)),
      },
      {
        key: "hour",
        label: t("sources.reports_last_hour"),
        cell: (row) => number(row.reports_last_hour),
        numeric: true,
      },
      { key: "refused", label: t("sources.refused"), cell: refused },
      {
        key: "late",
        label: t("sources.late"),
        cell: (row) => (row.late_share ? percent(row.late_share) : nothing),
        numeric: true,
      },
      {
        key: "clock",
        label: t("sources.clock"),
        cell: (row) => (row.clock_offset_s === null ? nothing : clockText(row.clock_offset_s)),
      },
      { key: "devices", label: t("sources.devices"), cell: (row) => number(row.devices), numeric: true },
      {
        key: "program",
        label: t("sources.program"),
        cell: (row) => (row.user_agent ? shownText(row.user_agent) : nothing),
      },
    ];
  }

  /** Requests that no known scanner sent: a board that has never succeeded is among them. */
  strangers() {
    if (this.unattributed.length === 0) return nothing;
    /** @type {import("../lib/ui.js").Column<any>[]} */
    const columns = [
      { key: "time", label: t("sources.time"), cell: (row) => when(row.refused), heading: true },
      { key: "error", label: t("sources.error"), cell: (row) => shownText(row.error) },
      { key: "code", label: t("sources.code"), cell: (row) => html`<span class="mono">${shownText(row.code)}</span>` },
      {
        key: "program",
        label: t("sources.program"),
        cell: (row) => (row.user_agent ? shownText(row.user_agent) : nothing),
      },
    ];
    return html`<section class="panel strangers" aria-labelledby="strangers">
      <h2 id="strangers">${t("sources.strangers")}</h2>
      <p class="muted">${t("sources.strangers_note")}</p>
      ${table({ caption: t("sources.strangers_caption"), columns, rows: this.unattributed })}
    </section>`;
  }
}

/** How much was refused, and the code of the latest refusal. @param {any} row */
function refused(row) {
  const count = row.requests_refused + row.reports_refused;
  if (count === 0) return nothing;
  return html`<span title=${shownText(row.last_refused_error)}
    >${number(count)} <span class="mono muted">${shownText(row.last_refused_code)}</span></span
  >`;
}

/** @param {number} seconds */
function clockText(seconds) {
  return t(seconds < 0 ? "sources.clock_behind" : "sources.clock_ahead", { time: duration(Math.abs(seconds)) });
}
