// The list of devices: filters, order and columns are in the address. Rows come in pages from the server, and never
// jump: new devices are counted, and shown on request.
import { guard, html, nothing, render } from "../vendor/lit.js";
import { ApiError, get, isAborted } from "../lib/api.js";
import { language, loadTexts, number, t } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { href } from "../lib/router.js";
import { onChange, remember, remembered, settings, withoutOwn } from "../lib/settings.js";
import { SourceNames } from "../lib/sources.js";
import { announce, debounce, empty, failed, icon, loading, painted, reason, table } from "../lib/ui.js";
import { columnChooser, columnsOf, DEFAULT_COLUMNS, isOwn, orderName, savedViews, SORTS } from "./device-parts.js";
import { DeviceRows } from "./device-rows.js";
import { exporter, exportMenu } from "./export.js";
import { changed, chips, chipsOf, FIELDS, filtersOf, noneLeft, panel, wants } from "./filters.js";

const PAGE = 100;
const ROWS_MAX = 500;
/** How many filters are taken away one by one to find the one that leaves nothing. */
const TRIALS_MAX = 6;
const DRAW_MS = 250;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("devices.title"),
  mount(root, context) {
    const view = new DevicesView(root, context);
    void view.start();
    return { update: () => void view.load(), unmount: () => view.stop() };
  },
};

class DevicesView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {any[] | undefined} */
    this.rows = undefined;
    /** @type {string | undefined} */
    this.cursor = undefined;
    /** @type {number | undefined} */
    this.total = undefined;
    /** @type {unknown} */
    this.error = undefined;
    this.isLoading = false;
    /** New devices since the list was read; Infinity if their number is not known. */
    this.fresh = 0;
    /** @type {any} */
    this.summary = undefined;
    this.sources = new SourceNames(context.signal);
    /** @type {{filter: import("./filters.js").Chip, count: number}[]} */
    this.trials = [];
    this.showsOwn = false;
    this.hidden = 0; // How many of one's own are left out.
    this.asked = "";
    this.counted = ""; // The filters of what was counted last.
    /** @type {AbortController | undefined} */
    this.reading = undefined;
    this.lines = new DeviceRows();
    this.export = exporter(() => this.draw());
    this.drawSoon = debounce(() => this.draw(), DRAW_MS);
    this.ends = [
      on("device", (row) => this.arrived(row)),
      on("devices", () => this.arrivedMany()),
      on("resume", () => this.arrivedMany()),
      onChange(() => void this.load()),
    ];
  }

  async start() {
    render(loading(), this.root);
    await loadTexts("filters");
    if (this.context.signal.aborted) return;
    void this.readChoices();
    await this.load();
  }

  stop() {
    this.reading?.abort();
    this.export.stop();
    for (const end of this.ends) end();
  }

  get filters() {
    return filtersOf(this.context.query);
  }

  get order() {
    const sort = this.context.query.get("sort") ?? "last_seen";
    const by = Object.hasOwn(SORTS, sort) ? sort : "last_seen";
    const order = this.context.query.get("order");
    return { by, descending: (order === "asc" || order === "desc" ? order : SORTS[by]) === "desc" };
  }

  get columns() {
    const text = this.context.query.get("columns");
    return text === null ? remembered("devices.columns", DEFAULT_COLUMNS) : text.split(",");
  }

  get hidesOwn() {
    return "name_not" in withoutOwn(this.context.query);
  }

  /** The filters, and that of one's own networks. @returns {import("../lib/api.js").Params} */
  get wanted() {
    return { ...this.filters, ...(this.showsOwn ? {} : withoutOwn(this.context.query)) };
  }

  /** What the server is asked for. Columns are the page's own business. @returns {import("../lib/api.js").Params} */
  get params() {
    const { by, descending } = this.order;
    return { ...this.wanted, sort: by, order: descending ? "desc" : "asc" };
  }

  /** Counts by value and names of sources, for the panel. The list does not wait for them. */
  async readChoices() {
    const { signal } = this.context;
    try {
      const [summary] = await Promise.all([get("/api/v1/summary", {}, { signal }), this.sources.readFirst()]);
      this.summary = summary;
      this.draw();
      await this.sources.lookUpFor(this.filters, summary.sources);
      this.draw();
    } catch {
      // The panel has text fields without them.
    }
  }

  /** Reads the first page, unless only columns or the like have changed. @param {boolean} [again] */
  async load(again = false) {
    const asked = JSON.stringify(this.params);
    if (asked === this.asked && !again) return this.draw();
    this.asked = asked;
    this.reading?.abort();
    const { signal } = (this.reading = new AbortController());
    const counted = JSON.stringify(this.wanted);
    // In another order there are as many.
    if (counted !== this.counted) Object.assign(this, { counted, total: undefined, hidden: 0 });
    Object.assign(this, { isLoading: true, error: undefined, fresh: 0, trials: [] });
    this.draw();
    try {
      // Whoever clicks sees at once that something happens, and the rows after that.
      const reads = get("/api/v1/devices", { ...this.params, limit: PAGE }, { signal });
      const [page] = await Promise.all([reads, painted()]);
      if (signal.aborted) return;
      this.rows = page.devices;
      this.cursor = page.next_cursor;
      this.isLoading = false;
      this.draw();
      announce(t("devices.shown", { n: page.devices.length }));
      // Counting a million devices would keep the server and the browser from the rows.
      void painted().then(() => this.count(signal));
      if (page.devices.length === 0) await this.tryFilters(signal);
    } catch (error) {
      this.failed(error, signal);
    }
  }

  /** @param {AbortSignal} signal */
  async count(signal) {
    try {
      const { wanted, filters } = this;
      const { devices } = await get("/api/v1/summary", wanted, { signal });
      this.total = devices;
      this.draw();
      if (!("name_not" in wanted)) return;
      const all = await get("/api/v1/summary", filters, { signal });
      this.hidden = Math.max(0, all.devices - devices);
      this.draw();
    } catch {
      // The list says what is wrong.
    }
  }

  /** Counts what each filter keeps out, to name the one that leaves nothing. @param {AbortSignal} signal */
  async tryFilters(signal) {
    const trials = chipsOf(this.filters).slice(0, TRIALS_MAX);
    const counts = await Promise.all(
      trials.map(async (filter) => {
        const { devices } = await get("/api/v1/summary", filter.without, { signal });
        return { filter, count: devices };
      }),
    );
    this.trials = counts.sort((a, b) => b.count - a.count);
    this.draw();
  }

  async more() {
    if (this.isLoading) return;
    const signal = this.reading?.signal ?? this.context.signal;
    const before = this.rows?.length ?? 0;
    this.isLoading = true;
    this.draw();
    try {
      const params = { ...this.params, limit: PAGE, cursor: this.cursor };
      const page = await get("/api/v1/devices", params, { signal });
      const known = new Set(this.rows?.map((row) => row.key));
      const added = page.devices.filter((/** @type {any} */ row) => !known.has(row.key));
      this.rows = [...(this.rows ?? []), ...added];
      this.cursor = page.next_cursor;
      this.isLoading = false;
      this.draw();
      // The button may be gone; reading goes on where the new rows begin.
      const next = this.root.querySelectorAll("tbody tr")[before];
      next?.querySelector("a")?.focus();
    } catch (error) {
      this.failed(error, signal);
    }
  }

  /** @param {unknown} error @param {AbortSignal} signal */
  failed(error, signal) {
    if (signal.aborted || isAborted(error)) return;
    this.isLoading = false;
    this.error = error;
    this.draw();
  }

  /** @param {any} row */
  arrived(row) {
    if (!this.rows || this.rows.some((known) => known.key === row.key)) return;
    if (this.hidesOwn && !this.showsOwn && isOwn(row)) return;
    const wanted = wants(row, this.filters);
    if (wanted === false) return;
    this.fresh += wanted ? 1 : Infinity;
    this.drawSoon();
  }

  arrivedMany() {
    this.fresh = Infinity;
    this.drawSoon();
  }

  /** @param {Record<string, string>} filters */
  apply(filters) {
    const changes = Object.fromEntries(FIELDS.map(({ name }) => [name, filters[name] ?? null]));
    this.context.setQuery(changes, { push: true });
  }

  /** @param {string} by @param {"asc" | "desc"} [order] */
  sortBy(by, order) {
    const { by: old, descending } = this.order;
    const next = order ?? (old === by ? (descending ? "asc" : "desc") : SORTS[by]);
    const isDefault = by === "last_seen" && next === "desc";
    this.context.setQuery(
      { sort: isDefault ? null : by, order: isDefault || next === SORTS[by] ? null : next },
      { push: true },
    );
  }

  /** @param {string} name */
  toggleColumn(name) {
    const { columns } = this;
    const next = columns.includes(name) ? columns.filter((one) => one !== name) : [...columns, name];
    remember("devices.columns", next);
    const isDefault = String(next) === String(DEFAULT_COLUMNS);
    this.context.setQuery({ columns: isDefault ? null : next.join(",") || "none" });
  }

  draw() {
    if (this.context.signal.aborted) return;
    render(this.template(), this.root);
    // An attribute of an option would make the browser lay out the list at once, twice for each change.
    const select = this.root.querySelector("#sort");
    if (select instanceof HTMLSelectElement) select.value = orderName(this.order);
    this.lines.write(this.rows ?? [], this.columns);
  }

  template() {
    const choice = {
      filters: this.filters,
      summary: this.summary,
      sources: this.sources,
      apply: (/** @type {Record<string, string>} */ filters) => this.apply(filters),
    };
    // Most draws change none of its many fields, and whoever clicks need not wait until all are compared.
    const chosen = [JSON.stringify(this.filters), this.summary, this.sources.size, language(), settings.demo];
    return html`<div class="toolbar">
        <p class="total">${this.total === undefined ? nothing : t("devices.count", { n: this.total })}</p>
        <a class="button" href=${href("map", "", this.filters)}>${icon("pin")} ${t("devices.map")}</a>
        ${settings.demo ? nothing : this.export.button("/api/v1/devices", { ...this.wanted, sort: "address" }, "devices")}
      </div>
      ${guard(chosen, () => panel(choice))} ${this.options()} ${chips(choice)}
      ${
        this.fresh
          ? html`<p class="fresh">
              <button type="button" class="primary" @click=${() => this.load(true)}>
                ${this.fresh === Infinity ? t("devices.new_many") : t("devices.new", { n: this.fresh })}
              </button>
            </p>`
          : nothing
      }
      ${this.body(choice)}`;
  }

  options() {
    const orders = Object.keys(SORTS).flatMap((name) => [`${name}.desc`, `${name}.asc`]);
    const sort = (/** @type {Event} */ event) => {
      const [name = "", order] = /** @type {HTMLSelectElement} */ (event.target).value.split(".");
      this.sortBy(name, order === "asc" ? "asc" : "desc");
    };
    return html`<div class="options">
      <label class="inline"
        >${t("devices.sort")}
        <select id="sort" @change=${sort}>
          ${orders.map((order) => html`<option value=${order}>${t(`devices.sort.${order}`)}</option>`)}
        </select></label
      >
      ${columnChooser(this.columns, (name) => this.toggleColumn(name))} ${savedViews(this.context.query.toString())}
      ${exportMenu(this.wanted)} ${this.ownSwitch()}
    </div>`;
  }

  ownSwitch() {
    if (settings.own.length === 0) {
      return html`<p class="muted"><a href=${href("settings")}>${t("devices.own_none")}</a></p>`;
    }
    const toggle = () => {
      this.showsOwn = false;
      this.context.setQuery({ own: this.hidesOwn ? "show" : "hide" });
    };
    return html`<label class="check"
      ><input type="checkbox" .checked=${this.hidesOwn} @change=${toggle} /><span>${t("devices.hide_own")}</span></label
    >`;
  }

  /** @param {import("./filters.js").Choice} choice */
  body(choice) {
    if (this.error) return html`${failed(this.error, () => this.load(true))}${this.wrongFilter()}`;
    if (!this.rows) return loading();
    const { rows, hidden } = this;
    const showOwn = () => {
      this.showsOwn = true;
      void this.load();
    };
    if (rows.length === 0 && !hidden) return this.isLoading ? loading() : this.nothingFound(choice);
    const sorted = this.order;
    return html`<div class="busy-line" aria-busy=${this.isLoading}>
        ${
          rows.length === 0
            ? empty(t("devices.only_own"))
            : table({
                caption: t("devices.caption", { order: t(`devices.sort.${orderName(sorted)}`) }),
                hiddenCaption: true,
                columns: columnsOf(this.columns),
                rows,
                sorted,
                sort: (name) => this.sortBy(name),
                body: this.lines.take,
              })
        }
      </div>
      ${
        hidden
          ? html`<p class="muted">
              ${t("devices.own_hidden", { n: hidden })}
              <button type="button" class="plain" @click=${showOwn}>${t("devices.own_show")}</button>
            </p>`
          : nothing
      }
      ${this.footer(rows.length)}`;
  }

  /** @param {number} shown */
  footer(shown) {
    if (!this.cursor) return html`<p class="muted">${t("devices.shown", { n: shown })}</p>`;
    if (ROWS_MAX <= shown) return html`<p class="muted">${t("devices.more_limit", { n: number(ROWS_MAX) })}</p>`;
    return html`<p class="more">
      <button type="button" @click=${() => this.more()}>${t("devices.more")}</button>
      <span class="muted">${t("devices.shown", { n: shown })}</span>
    </p>`;
  }

  /** A filter that the server refuses can be removed where the refusal is told. */
  wrongFilter() {
    const { error } = this;
    const name = error instanceof ApiError && error.status === 400 ? error.parameter : undefined;
    if (!name || !(name in this.filters)) return nothing;
    return html`<p>
      ${t("filters.error", { message: reason(error) })}
      <button type="button" @click=${() => this.apply(changed(this.filters, name, ""))}>
        ${t("filters.remove", { filter: t(`filters.${name}`) })}
      </button>
    </p>`;
  }

  /** @param {import("./filters.js").Choice} choice */
  nothingFound(choice) {
    if (Object.keys(this.filters).length === 0) {
      return empty(
        t("devices.none"),
        html`<p>${t("devices.none_hint")} <a href=${href("overview")}>${t("nav.overview")}</a></p>`,
      );
    }
    return noneLeft(choice, this.trials);
  }
}
