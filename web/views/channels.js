// How full the channels are: access points by channel and width, and what reaches over from neighbours.
import { html, nothing, render, svg } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import { bandText, signal } from "../lib/format.js";
import { loadTexts, number, t } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { go, href, style } from "../lib/router.js";
import { SourceNames } from "../lib/sources.js";
import { debounce, empty, failed, loading, table } from "../lib/ui.js";
import { chips, filtersOf, panel } from "./filters.js";

/** @typedef {import("../lib/router.js").Context} Context */
/** @typedef {{channel: number, count: number, widths: Record<string, number>, strongest?: any, isRead: boolean}} Row */
/** @typedef {{band: string, devices: number, rows: Row[]}} Band */

const BANDS = ["2.4", "5", "6"];
const WIDTHS = ["20", "40", "80", "160", "320", "unknown"];
/** Channels whose widths are read, the fullest first: each costs the server two reads. */
const READ_MAX = 40;
/** How many of these reads are under way. */
const AT_ONCE = 2;
/** First channels of the blocks that wide channels of 5 GHz lie in. */
const BLOCKS = [36, 100, 149];

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("channels.title"),
  mount(root, context) {
    const view = new ChannelsView(root, context);
    void view.start();
    return { update: (changed) => view.update(changed), unmount: () => view.stop() };
  },
};

/** The middle of a channel in MHz. @param {string} band @param {number} channel */
function middle(band, channel) {
  if (band === "2.4") return channel === 14 ? 2484 : 2407 + 5 * channel;
  return (band === "5" ? 5000 : channel === 2 ? 5925 : 5950) + 5 * channel;
}

/**
 * From where to where an access point transmits, in MHz.
 * @param {string} band
 * @param {number} channel its primary channel
 * @param {string} width in MHz
 */
export function span(band, channel, width) {
  const mhz = Number(width) || 20;
  const at = middle(band, channel);
  if (mhz <= 20) return { from: at - 10, to: at + 10 };
  if (band === "2.4") {
    // The second half lies above or below. Without a word on that, it is where there is room.
    return channel <= 7 ? { from: at - 10, to: at + 30 } : { from: at - 30, to: at + 10 };
  }
  const first = band === "6" ? 1 : (BLOCKS.findLast((block) => block <= channel) ?? 36);
  const index = Math.floor((channel - first) / 4 / (mhz / 20));
  const from = middle(band, first) - 10 + index * mhz;
  return { from, to: from + mhz };
}

/**
 * How many access points reach into a channel of 20 MHz.
 * @param {Band} band
 * @param {number} channel
 */
export function reaching({ band, rows }, channel) {
  const own = span(band, channel, "20");
  let sum = 0;
  for (const row of rows) {
    for (const [width, count] of Object.entries(row.widths)) {
      const other = span(band, row.channel, width);
      if (other.from < own.to && own.from < other.to) sum += count;
    }
  }
  return sum;
}

class ChannelsView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {Band[] | null} */
    this.bands = null;
    /** @type {unknown} */
    this.error = null;
    /** @type {any} */
    this.summary = undefined;
    this.sources = new SourceNames(context.signal);
    /** @type {AbortController | null} */
    this.reading = null;
    /** Devices that came in since the counts were read. */
    this.fresh = 0;
    this.drawSoon = debounce(() => this.draw(), 100);
    this.ends = [on("device", () => this.arrived(1)), on("devices", ({ left_out: count }) => this.arrived(count))];
  }

  async start() {
    render(loading(), this.root);
    await Promise.all([loadTexts("filters"), style("styles/devices.css")]);
    void this.sources
      .readFirst()
      .then(() => this.sources.lookUpFor(this.filters))
      .then(() => this.drawSoon())
      .catch(() => {});
    await this.load();
  }

  stop() {
    for (const end of this.ends) end();
    this.reading?.abort();
  }

  /** @param {Context} context */
  update(context) {
    this.context = context;
    void this.load();
  }

  /** @param {number} count */
  arrived(count) {
    this.fresh += count;
    this.drawSoon();
  }

  get filters() {
    return filtersOf(this.context.query);
  }

  async load() {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    const { signal } = reading;
    const { band: chosen, channel: _, ...filters } = this.filters;
    const wanted = BANDS.filter((band) => !chosen || chosen.split(",").includes(band));
    this.fresh = 0;
    try {
      this.summary ??= await get("/api/v1/summary", { phy: "wifi" }, { signal });
      this.bands = await Promise.all(
        wanted.map(async (band) => {
          const summary = await get("/api/v1/summary", { ...filters, phy: "wifi", band }, { signal });
          return { band, devices: summary.devices, rows: rowsOf(summary.channel) };
        }),
      );
      this.error = null;
    } catch (error) {
      if (isAborted(error)) return;
      this.error = error;
    }
    this.draw();
    if (!this.error) await this.readWidths(filters, signal);
  }

  /** Reads widths and the strongest device of each channel, little by little. @param {Record<string, string>} filters @param {AbortSignal} signal */
  async readWidths(filters, signal) {
    const all = (this.bands ?? []).flatMap(({ band, rows }) => rows.map((row) => ({ band, row })));
    const queue = all.sort((a, b) => b.row.count - a.row.count).slice(0, READ_MAX);
    const work = async () => {
      for (let next = queue.shift(); next && !signal.aborted; next = queue.shift()) {
        const { band, row } = next;
        const params = { ...filters, phy: "wifi", band, channel: String(row.channel) };
        try {
          const summary = await get("/api/v1/summary", params, { signal });
          const { devices } = await get("/api/v1/devices", { ...params, sort: "signal", limit: 1 }, { signal });
          Object.assign(row, { widths: summary.width, strongest: devices[0], isRead: true });
        } catch {
          // The count of the channel is there all the same.
        }
        if (!signal.aborted) this.drawSoon();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** @param {string} band @param {number} channel */
  link(band, channel) {
    return href("devices", "", { ...this.filters, phy: "wifi", band, channel: String(channel) });
  }

  draw() {
    if (this.context.signal.aborted) return;
    const { bands, error } = this;
    const apply = (/** @type {Record<string, string>} */ filters) => {
      const gone = Object.keys(this.filters).map((name) => [name, null]);
      this.context.setQuery({ ...Object.fromEntries(gone), ...filters }, { push: true });
    };
    const choice = { filters: this.filters, summary: this.summary, sources: this.sources, apply };
    const shown = (bands ?? []).filter(({ rows }) => rows.length > 0);
    const isFiltered = Object.keys(this.filters).length > 0;
    const none = () =>
      isFiltered
        ? empty(
            t("channels.none.filtered"),
            html`<button type="button" @click=${() => apply({})}>${t("filters.clear")}</button>`,
          )
        : empty(t("channels.none"), html`<p>${t("channels.none.hint")}</p>`);
    render(
      html`${chips(choice)} ${panel(choice)}
      ${
        this.fresh
          ? html`<p>
              <button type="button" @click=${() => void this.load()}>${t("channels.fresh", { n: this.fresh })}</button>
            </p>`
          : nothing
      }
      ${error ? failed(error, () => void this.load()) : bands === null ? loading() : shown.length === 0 ? none() : nothing}
      ${error ? nothing : shown.map((band) => this.band(band))}`,
      this.root,
    );
  }

  /** @param {Band} band */
  band(band) {
    const columns = /** @type {import("../lib/ui.js").Column<Row>[]} */ ([
      {
        key: "channel",
        label: t("channels.channel"),
        heading: true,
        cell: ({ channel }) => html`<a href=${this.link(band.band, channel)}>${channel}</a>`,
      },
      { key: "count", label: t("channels.count"), numeric: true, cell: ({ count }) => number(count) },
      ...WIDTHS.filter((width) => band.rows.some(({ widths, isRead }) => isRead && widths[width])).map((width) => ({
        key: width,
        label: width === "unknown" ? t("channels.width.unknown") : t("channels.width", { width }),
        numeric: true,
        cell: (/** @type {Row} */ { widths, isRead }) => (isRead && widths[width] ? number(widths[width]) : ""),
      })),
      {
        key: "reach",
        label: t("channels.reach"),
        numeric: true,
        cell: ({ channel }) => number(reaching(band, channel)),
      },
      { key: "strongest", label: t("channels.strongest"), cell: ({ strongest }) => signal(strongest?.signal_dbm) },
    ]);
    const name = bandText(band.band);
    return html`<section class="panel channels-band" aria-labelledby="band-${band.band}">
      <h2 id="band-${band.band}">${t("channels.band", { band: name, n: band.devices })}</h2>
      ${this.chart(band)} ${table({ caption: t("channels.caption", { band: name }), columns, rows: band.rows })}
    </section>`;
  }

  /** Bars for the primary channels; behind them, how many reach into each channel. @param {Band} band */
  chart(band) {
    const { rows } = band;
    const spans = rows.flatMap((row) => Object.keys(row.widths).map((width) => span(band.band, row.channel, width)));
    const from = Math.min(...spans.map((one) => one.from)) - 10;
    const to = Math.max(...spans.map((one) => one.to)) + 10;
    const [width, height, foot] = [Math.max(300, (to - from) * 1.6), 160, 20];
    const x = (/** @type {number} */ mhz) => ((mhz - from) / (to - from)) * width;
    const counts = countsByStep(band, from, to);
    const most = Math.max(1, ...counts.map(({ count }) => count));
    const y = (/** @type {number} */ count) => height - (count / most) * (height - 18);
    const outline = counts.map(({ mhz, count }) => `H${x(mhz).toFixed(1)}V${y(count).toFixed(1)}`).join("");
    const labelled = spread(
      rows.map(({ channel }) => x(middle(band.band, channel))),
      24,
    );
    const bar = (/** @type {Row} */ row, /** @type {number} */ index) => {
      const at = x(middle(band.band, row.channel));
      const side = Math.max(6, x(from + (band.band === "2.4" ? 4 : 14)));
      return svg`<g class="channels-bar" @click=${() => go(this.link(band.band, row.channel))}>
        <title>${t("channels.bar", { channel: row.channel, n: row.count })}</title>
        <rect x=${at - side / 2} y="0" width=${side} height=${height + foot} class="channels-hit"></rect>
        <rect x=${at - side / 2} y=${y(row.count)} width=${side} height=${height - y(row.count)}></rect>
        ${labelled[index] ? svg`<text x=${at} y=${height + 15}>${row.channel}</text>` : nothing}
      </g>`;
    };
    return html`<div
        class="channels-chart"
        tabindex="0"
        role="group"
        aria-label=${t("channels.chart", { band: bandText(band.band) })}
      >
        <svg
          class="channels-svg"
          width=${width}
          viewBox="0 0 ${width} ${height + foot}"
          aria-hidden="true"
          focusable="false"
        >
          ${svg`<path class="channels-reach" d="M0 ${height}${outline}H${width}V${height}Z"></path>
            ${rows.map(bar)}
            <line x1="0" x2=${width} y1=${height} y2=${height}></line>
            <text class="channels-most" x="2" y="12">${number(most)}</text>`}
        </svg>
      </div>
      <p class="channels-legend">
        <span><i class="channels-key channels-key-bar" aria-hidden="true"></i>${t("channels.legend.bar")}</span>
        <span><i class="channels-key channels-key-reach" aria-hidden="true"></i>${t("channels.legend.reach")}</span>
      </p>`;
  }
}

/** Counts of channels as the server spells them, such as "36" and "36HT40+", by number. @param {Record<string, number>} counts @returns {Row[]} */
function rowsOf(counts) {
  /** @type {Map<number, Row>} */
  const rows = new Map();
  for (const [name, count] of Object.entries(counts)) {
    const channel = Number.parseInt(name, 10);
    if (Number.isNaN(channel)) continue;
    const row = rows.get(channel) ?? { channel, count: 0, widths: { 20: 0 }, isRead: false };
    row.count += count;
    row.widths = { 20: row.count };
    rows.set(channel, row);
  }
  return [...rows.values()].sort((a, b) => a.channel - b.channel);
}

/**
 * How many access points transmit at each frequency: the steps where that changes.
 * @param {Band} band
 * @param {number} from
 * @param {number} to
 */
function countsByStep({ band, rows }, from, to) {
  /** @type {Map<number, number>} */
  const changes = new Map([[from, 0]]);
  for (const row of rows) {
    for (const [width, count] of Object.entries(row.widths)) {
      const one = span(band, row.channel, width);
      changes.set(one.from, (changes.get(one.from) ?? 0) + count);
      changes.set(one.to, (changes.get(one.to) ?? 0) - count);
    }
  }
  let count = 0;
  return [...changes]
    .filter(([mhz]) => mhz <= to)
    .sort((a, b) => a[0] - b[0])
    .map(([mhz, change]) => ({ mhz, count: (count += change) }));
}

/** Which of these places can have a label without touching the one before. @param {number[]} places @param {number} room */
function spread(places, room) {
  let last = -Infinity;
  return places.map((place) => {
    if (place - last < room) return false;
    last = place;
    return true;
  });
}
