// Networks by name: how many access points show each, and whether they protect it alike.
import { html, nothing, render } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import { security, shownName, when } from "../lib/format.js";
import { loadTexts, number, t } from "../lib/i18n.js";
import { href, style } from "../lib/router.js";
import { onChange, settings, withoutOwn } from "../lib/settings.js";
import { SourceNames } from "../lib/sources.js";
import { announce, empty, failed, icon, loading, securityChip, table } from "../lib/ui.js";
import { exporter } from "./export.js";
import { chips, chipsOf, FIELDS, filtersOf, noneLeft, panel } from "./filters.js";

const PAGE = 100;
const ROWS_MAX = 500;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("ssids.title"),
  mount(root, context) {
    const view = new NetworksView(root, context);
    void view.start();
    return { update: () => void view.load(), unmount: () => view.stop() };
  },
};

class NetworksView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {any[] | undefined} */
    this.rows = undefined;
    /** @type {string | undefined} */
    this.cursor = undefined;
    /** @type {unknown} */
    this.error = undefined;
    this.isLoading = false;
    /** @type {any} */
    this.summary = undefined;
    this.sources = new SourceNames(context.signal);
    /** @type {{filter: import("./filters.js").Chip, count: number}[]} */
    this.trials = [];
    this.asked = "";
    /** @type {AbortController | undefined} */
    this.reading = undefined;
    this.export = exporter(() => this.draw());
    this.end = onChange(() => void this.load());
  }

  async start() {
    render(loading(), this.root);
    await Promise.all([loadTexts("filters"), loadTexts("devices"), style("styles/devices.css")]);
    if (this.context.signal.aborted) return;
    void this.readChoices();
    await this.load();
  }

  stop() {
    this.reading?.abort();
    this.export.stop();
    this.end();
  }

  get filters() {
    return filtersOf(this.context.query);
  }

  get hidesOwn() {
    return "name_not" in withoutOwn(this.context.query);
  }

  /** The filters, and that of one's own networks. @returns {import("../lib/api.js").Params} */
  get wanted() {
    return { ...this.filters, ...withoutOwn(this.context.query) };
  }

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

  /** @param {boolean} [again] */
  async load(again = false) {
    const asked = JSON.stringify(this.wanted);
    if (asked === this.asked && !again) return this.draw();
    this.asked = asked;
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    Object.assign(this, { rows: undefined, cursor: undefined, trials: [] });
    await this.readPage(reading.signal);
    if (this.rows?.length === 0 && !reading.signal.aborted) await this.tryFilters(reading.signal);
  }

  /** @param {AbortSignal} signal */
  async readPage(signal) {
    Object.assign(this, { isLoading: true, error: undefined });
    this.draw();
    try {
      const params = { ...this.wanted, limit: PAGE, cursor: this.cursor };
      const page = await get("/api/v1/ssids", params, { signal });
      this.rows = [...(this.rows ?? []), ...page.ssids];
      this.cursor = page.next_cursor;
      announce(t("ssids.shown", { n: this.rows.length }));
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.draw();
  }

  async more() {
    const before = this.rows?.length ?? 0;
    await this.readPage(this.reading?.signal ?? this.context.signal);
    this.root.querySelectorAll("tbody tr")[before]?.querySelector("a")?.focus();
  }

  /** @param {AbortSignal} signal */
  async tryFilters(signal) {
    const counts = await Promise.all(
      chipsOf(this.filters).map(async (filter) => {
        const { devices } = await get("/api/v1/summary", filter.without, { signal });
        return { filter, count: devices };
      }),
    ).catch(() => []);
    this.trials = counts.sort((a, b) => b.count - a.count);
    this.draw();
  }

  /** @param {Record<string, string>} filters */
  apply(filters) {
    const changes = Object.fromEntries(FIELDS.map(({ name }) => [name, filters[name] ?? null]));
    this.context.setQuery(changes, { push: true });
  }

  draw() {
    if (this.context.signal.aborted) return;
    const choice = {
      filters: this.filters,
      summary: this.summary,
      sources: this.sources,
      apply: (/** @type {Record<string, string>} */ filters) => this.apply(filters),
    };
    const own = () => this.context.setQuery({ own: this.hidesOwn ? "show" : "hide" });
    render(
      html`<div class="toolbar">
          ${
            settings.own.length
              ? html`<label class="check total"
                  ><input type="checkbox" .checked=${this.hidesOwn} @change=${own} /><span
                    >${t("devices.hide_own")}</span
                  ></label
                >`
              : nothing
          }
          ${this.export.button("/api/v1/ssids", this.wanted, "networks")}
        </div>
        ${panel(choice)} ${chips(choice)} ${this.body(choice)}`,
      this.root,
    );
  }

  /** @param {import("./filters.js").Choice} choice */
  body(choice) {
    if (this.error) return failed(this.error, () => this.load(true));
    if (!this.rows) return loading();
    if (this.rows.length === 0) {
      const hasFilters = 0 < Object.keys(this.filters).length;
      return hasFilters ? noneLeft(choice, this.trials) : empty(t("ssids.none"), html`<p>${t("ssids.none_hint")}</p>`);
    }
    const { rows } = this;
    return html`<div class="busy-line" aria-busy=${this.isLoading}>
        ${table({ caption: t("ssids.caption"), hiddenCaption: true, columns: this.columns(), rows })}
      </div>
      <p class="more">
        ${
          this.cursor && this.rows.length < ROWS_MAX
            ? html`<button type="button" ?disabled=${this.isLoading} @click=${() => this.more()}>${t("more")}</button>`
            : nothing
        }
        <span class="muted"
          >${t("ssids.shown", { n: rows.length })}
          ${this.cursor && ROWS_MAX <= this.rows.length ? t("ssids.more_limit", { n: ROWS_MAX }) : nothing}</span
        >
      </p>`;
  }

  /** @returns {import("../lib/ui.js").Column<any>[]} */
  columns() {
    return [
      { key: "ssid", label: t("ssids.name"), cell: (row) => this.link(row), heading: true },
      {
        key: "access_points",
        label: t("ssids.access_points"),
        cell: (row) => number(row.access_points),
        numeric: true,
      },
      { key: "security", label: t("ssids.security"), cell: mix },
      { key: "reports", label: t("ssids.reports"), cell: (row) => number(row.reports), numeric: true },
      { key: "first", label: t("ssids.first_seen"), cell: (row) => when(row.first_seen, { exact: true }) },
      { key: "last", label: t("ssids.last_seen"), cell: (row) => when(row.last_seen) },
    ];
  }

  /** @param {any} row */
  link({ ssid }) {
    if (ssid === "") return html`<span class="muted">${t("ssids.hidden")}</span>`;
    // A name with bytes that are no text is written with escapes, which only a search for a part of it knows.
    const name = /\\x[0-9a-f]{2}/i.test(ssid) ? "ssid_contains" : "ssid";
    return html`<a class="name" href=${href("devices", "", { ...this.filters, [name]: ssid })}>${shownName(ssid)}</a>`;
  }
}

/** The classes of a network's access points. A name that is protected by some and open at others may be a trap. @param {any} row */
function mix(row) {
  const groups = new Set(row.security.map((/** @type {string} */ name) => security(name).group));
  const isUneven = row.ssid !== "" && groups.has("open") && 1 < groups.size;
  return html`<span class="mix"
    >${row.security.map((/** @type {string} */ name) => securityChip(name))}
    ${isUneven ? html`<span class="uneven">${icon("warning")} ${t("ssids.uneven")}</span>` : nothing}</span
  >`;
}
