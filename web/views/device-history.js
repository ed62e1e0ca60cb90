// The history of a device: lines of a chart by source, with their numbers in a table, places and channels.
import { html, nothing, ref, svg } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import { chart, lineNumber, LINES_MAX } from "../lib/chart.js";
import { dateTime, signalText, when } from "../lib/format.js";
import { format, number, t } from "../lib/i18n.js";
import { failed, loading, table } from "../lib/ui.js";

const DAY_S = 86_400;

/** The spans of time that a reader may choose, in seconds; `all` begins with the first report. */
export const SPANS = { "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S, all: undefined };

const BUCKETS_S = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, DAY_S, 7 * DAY_S, 28 * DAY_S];
const BUCKETS_WANTED = 96;

/**
 * The shortest bucket that divides a span into no more buckets than a chart can show.
 * @param {number} seconds
 */
export function bucketFor(seconds) {
  const fits = BUCKETS_S.find((bucket) => seconds / bucket <= BUCKETS_WANTED);
  return fits ?? Math.ceil(seconds / BUCKETS_WANTED / DAY_S) * DAY_S;
}

/**
 * The parameters that ask for a span.
 * @param {string} span
 * @param {{first_seen: number}} device
 * @param {number} nowS
 */
export function historyParams(span, device, nowS) {
  const length = SPANS[/** @type {keyof typeof SPANS} */ (span)];
  const start = length === undefined ? device.first_seen : nowS - length;
  const bucket = bucketFor(Math.max(nowS - start, 1));
  return length === undefined ? { bucket: `${bucket}s` } : { bucket: `${bucket}s`, since: start };
}

/**
 * The times and lines of a chart, the busiest sources first. More sources than a chart can tell apart are in the table
 * only.
 * @param {any} history
 * @param {(source: string) => string} nameOf
 */
export function linesOf(history, nameOf) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const bucket of history.buckets)
    for (const [source, part] of Object.entries(bucket.sources ?? {}))
      if (part.signal_mean_dbm !== undefined) counts.set(source, (counts.get(source) ?? 0) + part.count);
  const sources = [...counts].sort((a, b) => b[1] - a[1]).map(([source]) => source);
  const times = [];
  /** @type {any[]} */
  const at = [];
  let last;
  for (const bucket of history.buckets) {
    // A gap is a gap: without a point between, the line would cross a silence.
    if (last !== undefined && history.bucket_s * 2 <= bucket.start - last) {
      times.push(last + history.bucket_s);
      at.push({});
    }
    times.push(bucket.start);
    at.push(bucket.sources ?? {});
    last = bucket.start;
  }
  const lines = sources.slice(0, LINES_MAX).map((source) => ({
    label: nameOf(source),
    mean: at.map((parts) => parts[source]?.signal_mean_dbm ?? null),
    min: at.map((parts) => parts[source]?.signal_min_dbm ?? null),
    max: at.map((parts) => parts[source]?.signal_max_dbm ?? null),
  }));
  return { times, lines, sources };
}

/**
 * One row for each bucket and source that has a signal, the newest first.
 * @param {any} history
 */
export function rowsOf(history) {
  return [...history.buckets].reverse().flatMap((/** @type {any} */ bucket) =>
    Object.entries(bucket.sources ?? {}).map(([source, part]) => ({
      start: bucket.start,
      source,
      .../** @type {any} */ (part),
    })),
  );
}

/**
 * The places of all buckets, the one with the strongest signal first.
 * @param {any} history
 */
export function placesOf(history) {
  /** @type {Map<string, any>} */
  const places = new Map();
  for (const bucket of history.buckets)
    for (const part of bucket.places ?? []) {
      const key = `${Math.floor(part.lat * 1000)},${Math.floor(part.lon * 1000)}`;
      const known = places.get(key);
      if (!known) {
        places.set(key, { ...part, last: bucket.start });
        continue;
      }
      const count = known.count + part.count;
      known.lat += ((part.lat - known.lat) * part.count) / count;
      known.lon += ((part.lon - known.lon) * part.count) / count;
      known.count = count;
      known.last = Math.max(known.last, bucket.start);
      if (part.signal_max_dbm !== undefined)
        known.signal_max_dbm = Math.max(known.signal_max_dbm ?? -Infinity, part.signal_max_dbm);
    }
  const strength = (/** @type {any} */ place) => place.signal_max_dbm ?? -Infinity;
  return [...places.values()].sort((a, b) => strength(b) - strength(a) || b.count - a.count);
}

/**
 * The channels of all buckets, the latest first.
 * @param {any} history
 */
export function channelsOf(history) {
  /** @type {Map<string, {channel: string, count: number, first: number, last: number}>} */
  const channels = new Map();
  for (const bucket of history.buckets)
    for (const [channel, part] of Object.entries(bucket.channels ?? {})) {
      const known = channels.get(channel) ?? { channel, count: 0, first: bucket.start, last: 0 };
      known.count += /** @type {any} */ (part).count;
      known.last = Math.max(known.last, bucket.start);
      channels.set(channel, known);
    }
  return [...channels.values()].sort((a, b) => b.last - a.last || b.count - a.count);
}

// The signal of a device over time: a chart by source, and the same numbers in a table.

/** Rows that the table shows at once, the newest. */
const ROWS_MAX = 200;

/**
 * @param {object} options
 * @param {() => any} options.device
 * @param {(source: string) => string} options.nameOf
 * @param {() => void} options.draw
 * @param {AbortSignal} options.signal
 */
export function signalHistory({ device, nameOf, draw, signal }) {
  /** @type {any} */
  let history;
  /** @type {unknown} */
  let error;
  let span = "";
  /** @type {AbortController | undefined} */
  let reading;
  /** @type {ReturnType<typeof chart> | undefined} */
  let plot;
  /** @type {ReturnType<typeof linesOf>} */
  let lines = { times: [], lines: [], sources: [] };

  const show = () => {
    if (!plot || lines.lines.length === 0) return;
    plot.show({
      label: summary(history, lines),
      times: lines.times,
      lines: lines.lines,
      value: (value) => signalText(value),
      time: axisTime,
      moment: dateTime,
    });
  };
  const host = (/** @type {Element | undefined} */ element) => {
    plot?.destroy();
    plot = element instanceof HTMLElement ? chart(element) : undefined;
    show();
  };

  /** @param {string} wanted @param {boolean} [again] */
  const read = async (wanted, again = false) => {
    if (span === wanted && !again) return;
    span = wanted;
    reading?.abort();
    const own = new AbortController();
    reading = own;
    signal.addEventListener("abort", () => own.abort(), { once: true });
    error = undefined;
    draw();
    try {
      const { address } = device();
      const params = historyParams(span, device(), Math.floor(Date.now() / 1000));
      history = await get(`/api/v1/devices/${address}/history`, params, { signal: own.signal });
      lines = linesOf(history, nameOf);
      show();
    } catch (failure) {
      if (isAborted(failure) || own.signal.aborted) return;
      error = failure;
    }
    draw();
  };

  return {
    read,
    get history() {
      return history;
    },
    stop: () => plot?.destroy(),
    /** @param {(span: string) => void} choose */
    template(choose) {
      return html`<section class="panel" aria-labelledby="signal">
        <h2 id="signal">${t("device.signal")}</h2>
        <div class="row" role="group" aria-label=${t("device.span")}>
          ${Object.keys(SPANS).map(
            (name) =>
              html`<button type="button" aria-pressed=${name === span} @click=${() => choose(name)}>
                ${t(`device.span.${name}`)}
              </button>`,
          )}
        </div>
        ${error ? failed(error, () => read(span, true)) : !history ? loading() : body(history, lines, host, nameOf)}
      </section>`;
    },
  };
}

/**
 * @param {any} history
 * @param {ReturnType<typeof linesOf>} lines
 * @param {(element: Element | undefined) => void} host
 * @param {(source: string) => string} nameOf
 */
function body(history, { lines, sources }, host, nameOf) {
  if (history.buckets.length === 0) return html`<p>${t("device.signal_none_in_span")}</p>`;
  if (lines.length === 0) return html`<p>${t("device.signal_none")}</p>`;
  const rows = rowsOf(history);
  const columns = [
    {
      key: "start",
      label: t("device.bucket_start"),
      cell: (/** @type {any} */ row) => when(row.start, { exact: true }),
      heading: true,
    },
    { key: "source", label: t("device.source"), cell: (/** @type {any} */ row) => nameOf(row.source) },
    ...["min", "mean", "max"].map((kind) => ({
      key: kind,
      label: t(`device.${kind}`),
      cell: (/** @type {any} */ row) => decibels(row[`signal_${kind}_dbm`]),
      numeric: true,
    })),
    { key: "count", label: t("device.reports"), cell: (/** @type {any} */ row) => number(row.count), numeric: true },
  ];
  return html`<div class="signal-history">
    <figure class="chart-frame">
      <div class="chart" ${ref(host)}></div>
      <p class="chart-readout muted" data-chart-readout></p>
      <figcaption>
        <ul class="legend" aria-label=${t("device.legend")}>
          ${lines.map((line, index) => html`<li>${swatch(index)} ${line.label}</li>`)}
        </ul>
        <p class="muted">
          ${t("device.band_note")}
          ${lines.length < sources.length ? t("device.more_sources", { n: sources.length - lines.length }) : nothing}
        </p>
      </figcaption>
    </figure>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("device.signal_table")}>
      ${table({ caption: t("device.signal_table"), columns, rows: rows.slice(0, ROWS_MAX) })}
      ${ROWS_MAX < rows.length ? html`<p class="muted">${t("device.rows_max", { n: ROWS_MAX })}</p>` : nothing}
    </div>
  </div>`;
}

/** @param {number | undefined} value */
const decibels = (value) =>
  value === undefined ? nothing : t("unit.dbm", { value: number(value, { maximumFractionDigits: 1 }) });

/**
 * A piece of a line, with its colour and dashes.
 * @param {number} index
 */
function swatch(index) {
  return html`<svg class="swatch line-${lineNumber(index)}" viewBox="0 0 36 10" aria-hidden="true">
    ${svg`<path d="M0 5h36"></path>`}
  </svg>`;
}

/**
 * The chart in one sentence.
 * @param {any} history
 * @param {ReturnType<typeof linesOf>} lines
 */
function summary(history, lines) {
  const values = history.buckets.flatMap((/** @type {any} */ bucket) =>
    bucket.signal_min_dbm === undefined ? [] : [bucket.signal_min_dbm, bucket.signal_max_dbm],
  );
  return t("device.chart_label", {
    n: history.buckets.length,
    sources: lines.lines.map((line) => line.label).join(", "),
    min: signalText(Math.min(...values)),
    max: signalText(Math.max(...values)),
  });
}

/** @param {number} seconds @param {number} stepS */
function axisTime(seconds, stepS) {
  /** @type {Intl.DateTimeFormatOptions} */
  const style =
    stepS < DAY_S
      ? {
          hour: "numeric",
          minute: "2-digit",
          ...(new Date(seconds * 1000).getHours() === 0 ? { day: "numeric", month: "short" } : {}),
        }
      : { day: "numeric", month: "short" };
  return format(Intl.DateTimeFormat, style).format(seconds * 1000);
}
