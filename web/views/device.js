// One device with all that is known of it. What was never reported is left out.
import { html, nothing, render } from "../vendor/lit.js";
import { address as urlOf, ApiError, get, isAborted, mayWrite } from "../lib/api.js";
import { place, shownAddress, shownName, shownText, signal, signalText, when } from "../lib/format.js";
import { loadTexts, number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { onChange, settings } from "../lib/settings.js";
import { empty, failed, icon, loading, reason, securityChip, table } from "../lib/ui.js";
import { bluetooth, channels, facts, range, securities, tuning, twins } from "./device-facts.js";
import { placesOf, signalHistory } from "./device-history.js";
import { notes, openErase, ownSwitch } from "./device-notes.js";
import { deviceName } from "./device-parts.js";
import { exporter } from "./export.js";

const REFRESH_MS = 10_000;
const PLACES = 20;
const OBSERVATIONS = 50;
const OBSERVATIONS_MAX = 500;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: ({ param }) => shownAddress(param),
  mount(root, context) {
    const view = new DeviceView(root, context);
    void view.start();
    return { update: () => view.update(), unmount: () => view.stop() };
  },
};

class DeviceView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    const { signal } = context;
    /** @type {any} */
    this.device = undefined;
    /** @type {unknown} */
    this.error = undefined;
    /** @type {{rows: any[], cursor?: string, isLoading: boolean, error?: unknown}} */
    this.raw = { rows: [], isLoading: false };
    this.places = PLACES;
    this.export = exporter(() => this.draw());
    const draw = () => this.draw();
    const nameOf = (/** @type {string} */ source) => this.sourceName(source);
    this.history = signalHistory({ device: () => this.device, nameOf, draw, signal });
    /** @type {(() => unknown) | undefined} */
    this.notes = undefined;
    this.timer = setInterval(() => {
      if (!document.hidden && this.device) void this.read().catch(() => undefined);
    }, REFRESH_MS);
    this.end = onChange(draw);
  }

  async start() {
    render(loading(), this.root);
    try {
      await Promise.all([loadTexts("devices"), loadTexts("filters")]);
      await this.read();
      const { signal } = this.context;
      if (mayWrite()) {
        this.notes = notes({
          device: () => this.device,
          changed: () => this.read(),
          draw: () => this.draw(),
          signal,
        });
      }
      this.update();
    } catch (error) {
      if (isAborted(error)) return;
      this.error = error;
      this.draw();
    }
  }

  update() {
    if (!this.device) return;
    const span = this.context.query.get("span") ?? "7d";
    void this.history.read(span);
    if (this.context.query.get("reports") === "shown" && this.raw.rows.length === 0) void this.readRaw();
    this.draw();
  }

  stop() {
    clearInterval(this.timer);
    this.history.stop();
    this.export.stop();
    this.end();
  }

  async read() {
    const { param, signal } = this.context;
    this.device = await get(`/api/v1/devices/${encodeURIComponent(param)}`, {}, { signal });
    this.error = undefined;
    this.context.setTitle(String(deviceName(this.device)));
    this.draw();
  }

  async readRaw() {
    const { raw } = this;
    Object.assign(raw, { isLoading: true, error: undefined });
    this.draw();
    try {
      const params = { limit: OBSERVATIONS, cursor: raw.cursor };
      const path = `/api/v1/devices/${this.device.address}/observations`;
      const page = await get(path, params, { signal: this.context.signal });
      raw.rows = [...raw.rows, ...page.observations];
      raw.cursor = page.next_cursor;
    } catch (error) {
      if (isAborted(error)) return;
      raw.error = error;
    }
    raw.isLoading = false;
    this.draw();
  }

  /** @param {string} source */
  sourceName(source) {
    const seen = this.device.seen_by.find((/** @type {any} */ one) => one.source === source);
    return shownName(seen?.source_name ?? source);
  }

  draw() {
    if (this.context.signal.aborted) return;
    render(this.template(), this.root);
  }

  template() {
    const { device, error } = this;
    if (!device && error instanceof ApiError && error.status === 404) {
      return empty(t("device.unknown"), html`<p><a href=${href("devices")}>${t("nav.devices")}</a></p>`);
    }
    if (!device && error) return failed(error, () => void this.start());
    if (!device) return loading();
    return html`${this.actions(device)} ${facts(device)} ${device.ssids?.length ? securities(device) : nothing}
    ${this.changes()}
    ${this.history.template((span) => this.context.setQuery({ span: span === "7d" ? null : span }, { push: true }))}
    ${this.heardBy(device)} ${this.whereHeard()} ${channels(device, this.history.history)} ${bluetooth(device)}
    ${twins(device)} ${this.notes?.() ?? nothing} ${this.observations(device)}`;
  }

  /** @param {any} device */
  actions(device) {
    const map = device.position && href("map", "", { sel: device.address });
    return html`<div class="row">
      <a class="button primary" href=${href("locate", device.address)}>${icon("target")} ${t("device.locate")}</a>
      ${map ? html`<a class="button" href=${map}>${icon("pin")} ${t("devices.map")}</a>` : nothing}
      <a class="button" href=${href("alerts", "", { address: device.address, state: "all" })}
        >${icon("bell")} ${t("device.alerts")}</a
      >
      ${device.name && device.phy !== "Bluetooth" ? ownSwitch(device.name) : nothing}
      ${
        settings.demo
          ? nothing
          : html`<a class="button" href=${urlOf(`/api/v1/devices/${device.address}`)}>${icon("external")} JSON</a>`
      }
      ${
        mayWrite()
          ? html`<button
              type="button"
              class="danger"
              @click=${() => openErase(device.address, String(deviceName(device)))}
            >
              ${icon("trash")} ${t("device.erase")}
            </button>`
          : nothing
      }
    </div>`;
  }

  /** How the class of security changed, as the history in the chosen span tells. */
  changes() {
    const changes = this.history.history?.security_changes ?? [];
    if (changes.length === 0) return nothing;
    const columns = [
      {
        key: "time",
        label: t("device.time"),
        cell: (/** @type {any} */ row) => when(row.time, { exact: true }),
        heading: true,
      },
      { key: "before", label: t("device.before"), cell: (/** @type {any} */ row) => securityChip(row.before) },
      { key: "after", label: t("device.after"), cell: (/** @type {any} */ row) => securityChip(row.after) },
      { key: "source", label: t("device.source"), cell: (/** @type {any} */ row) => this.sourceName(row.source) },
    ];
    return html`<section class="panel" aria-labelledby="changes">
      <h2 id="changes">${t("device.changes")}</h2>
      ${table({ caption: t("device.changes_caption"), columns, rows: [...changes].reverse() })}
    </section>`;
  }

  /** @param {any} device */
  heardBy(device) {
    const columns = [
      {
        key: "source",
        label: t("device.source"),
        cell: (/** @type {any} */ row) =>
          row.source
            ? html`<a href=${href("sources", "", { source: row.source })}
                >${shownName(row.source_name ?? row.source)}</a
              >`
            : t("device.forgotten"),
        heading: true,
      },
      { key: "signal", label: t("device.signal_last"), cell: (/** @type {any} */ row) => signal(row.signal_dbm) },
      { key: "range", label: t("device.signal_range"), cell: range },
      {
        key: "reports",
        label: t("device.reports"),
        cell: (/** @type {any} */ row) => number(row.reports),
        numeric: true,
      },
      {
        key: "first",
        label: t("device.first"),
        cell: (/** @type {any} */ row) => when(row.first_seen, { exact: true }),
      },
      { key: "last", label: t("device.last"), cell: (/** @type {any} */ row) => when(row.last_seen) },
    ];
    return html`<section class="panel" aria-labelledby="heard-by">
      <h2 id="heard-by">${t("device.heard_by")}</h2>
      ${table({ caption: t("device.heard_by_caption"), columns, rows: device.seen_by })}
    </section>`;
  }

  whereHeard() {
    const { history } = this.history;
    const places = history ? placesOf(history) : [];
    if (places.length === 0) return nothing;
    const columns = [
      {
        key: "place",
        label: t("device.place"),
        cell: (/** @type {any} */ row) =>
          html`<a
            href=${href("map", "", { at: `${place(row.lat, row.lon).replace(" ", "")},17`, sel: this.device.address })}
            >${place(row.lat, row.lon)}</a
          >`,
        heading: true,
      },
      { key: "signal", label: t("device.signal_best"), cell: (/** @type {any} */ row) => signal(row.signal_max_dbm) },
      {
        key: "reports",
        label: t("device.reports"),
        cell: (/** @type {any} */ row) => number(row.count),
        numeric: true,
      },
      { key: "last", label: t("device.last"), cell: (/** @type {any} */ row) => when(row.last, { exact: true }) },
    ];
    const more = () => {
      this.places = Infinity;
      this.draw();
    };
    return html`<section class="panel" aria-labelledby="where">
      <h2 id="where">${t("device.where")}</h2>
      ${table({ caption: t("device.where_caption", { n: places.length }), columns, rows: places.slice(0, this.places) })}
      ${
        this.places < places.length
          ? html`<button type="button" @click=${more}>${t("device.places_all", { n: places.length })}</button>`
          : nothing
      }
    </section>`;
  }

  /** @param {any} device */
  observations(device) {
    const { rows, cursor, isLoading, error } = this.raw;
    const isShown = this.context.query.get("reports") === "shown";
    const toggle = () => this.context.setQuery({ reports: isShown ? null : "shown" });
    const columns = [
      {
        key: "time",
        label: t("device.time"),
        cell: (/** @type {any} */ row) => when(row.time, { exact: true }),
        heading: true,
      },
      {
        key: "source",
        label: t("device.source"),
        cell: (/** @type {any} */ row) => shownName(row.source_name ?? row.source),
      },
      { key: "signal", label: t("device.signal_short"), cell: (/** @type {any} */ row) => signalText(row.signal_dbm) },
      { key: "channel", label: t("devices.column.channel"), cell: tuning },
      { key: "ssid", label: t("device.ssid"), cell: (/** @type {any} */ row) => shownName(row.ssid ?? row.name ?? "") },
      {
        key: "capabilities",
        label: t("device.capabilities"),
        cell: (/** @type {any} */ row) => html`<span class="mono wrap">${shownText(row.capabilities)}</span>`,
      },
      {
        key: "place",
        label: t("device.place"),
        cell: (/** @type {any} */ row) => (row.lat === undefined ? nothing : place(row.lat, row.lon)),
      },
    ];
    const path = `/api/v1/devices/${device.address}/observations`;
    return html`<section class="panel" aria-labelledby="raw">
      <h2 id="raw">${t("device.raw")}</h2>
      <div class="row">
        <button type="button" aria-expanded=${isShown} @click=${toggle}>
          ${t(isShown ? "device.raw_hide" : "device.raw_show")}
        </button>
        ${settings.demo ? nothing : html`<a class="button" href=${urlOf(path)}>${icon("external")} JSON</a>`}
        ${this.export.button(path, {}, "reports")}
      </div>
      ${isShown && rows.length ? table({ caption: t("device.raw_caption"), columns, rows }) : nothing}
      ${isShown && error ? html`<p class="error-text" role="alert">${reason(error)}</p>` : nothing}
      ${isShown && isLoading ? loading() : nothing}
      ${
        isShown && cursor && !isLoading && rows.length < OBSERVATIONS_MAX
          ? html`<button type="button" @click=${() => this.readRaw()}>${t("devices.more")}</button>`
          : nothing
      }
    </section>`;
  }
}
