// The signal of a device over time: a chart by source, and the same numbers in a table.
import { html, nothing, ref, svg } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import { chart, lineNumber } from "../lib/chart.js";
import { dateTime, signalText, when } from "../lib/format.js";
import { locale, number, t } from "../lib/i18n.js";
import { failed, loading, table } from "../lib/ui.js";
import { SPANS, historyParams, linesOf, rowsOf } from "./device-history.js";

const DAY_S = 86_400;
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
  return new Intl.DateTimeFormat(locale(), style).format(seconds * 1000);
}
