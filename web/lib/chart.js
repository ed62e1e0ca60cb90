// Charts of lines with bands from a minimum to a maximum. A canvas tells a screen reader nothing, so every caller shows
// the same numbers in a table beside the chart.

/**
 * One line, with the band around it.
 * @typedef {object} Line
 * @property {string} label
 * @property {(number | null)[]} mean
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 */

/**
 * What a chart shows.
 * @typedef {object} ChartData
 * @property {string} label What the chart shows, in one sentence for those who cannot see it.
 * @property {number[]} times Seconds since 1970, ascending.
 * @property {Line[]} lines
 * @property {(value: number) => string} value Writes a value of the vertical axis.
 * @property {(seconds: number, stepS: number) => string} time Writes a time of the horizontal axis.
 * @property {(seconds: number) => string} moment Writes the time under the pointer.
 */

/** Lines differ by their dashes too, for those who cannot tell the colours apart. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 5]];
export const LINES_MAX = DASHES.length;
const HEIGHT_PX = 260;
const HOUR_S = 3600;

/** @type {Promise<any> | undefined} */
let loading;

/** The library comes with the first chart. */
function library() {
  loading ??= Promise.all([
    import("../vendor/uplot.js"),
    styleSheet(new URL("../vendor/uplot.css", import.meta.url)),
  ]).then(([module]) => module.default);
  loading.catch(() => (loading = undefined));
  return loading;
}

/** @param {URL} address */
function styleSheet(address) {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.onload = resolve;
    link.onerror = () => reject(new Error(`cannot load ${address.pathname}`));
    link.href = address.href;
    document.head.append(link);
  });
}

/**
 * The number of a line's colour and dashes in the style sheet: `--chart-1` and so on.
 * @param {number} index
 */
export const lineNumber = (index) => (index % LINES_MAX) + 1;

/**
 * Draws a chart into an element, and draws it anew when the element's width or the theme changes.
 * @param {HTMLElement} host
 */
export function chart(host) {
  /** @type {ChartData | undefined} */
  let data;
  /** @type {any} */
  let plot;
  let isGone = false;

  const draw = async () => {
    const UPlot = await library();
    plot?.destroy();
    plot = undefined;
    if (isGone || !data || host.clientWidth === 0) return;
    plot = new UPlot(optionsOf(host, data), columnsOf(data), host);
  };
  const redraw = () => void draw().catch(() => host.classList.add("chart-failed"));

  const sizes = new ResizeObserver(() => {
    const width = host.clientWidth;
    if (plot && 0 < width) plot.setSize({ width, height: HEIGHT_PX });
    else redraw();
  });
  sizes.observe(host);
  const themes = new MutationObserver(redraw);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);

  return {
    /** @param {ChartData} next */
    show(next) {
      data = next;
      // At once, not with the drawing: the library may still be on its way, and an image needs its text.
      host.setAttribute("role", "img");
      host.setAttribute("aria-label", next.label);
      redraw();
    },
    destroy() {
      isGone = true;
      sizes.disconnect();
      themes.disconnect();
      dark.removeEventListener("change", redraw);
      plot?.destroy();
    },
  };
}

/** @param {ChartData} data */
function columnsOf(data) {
  return [data.times, ...data.lines.flatMap((line) => [line.max, line.min, line.mean])];
}

/**
 * @param {HTMLElement} host
 * @param {ChartData} data
 */
function optionsOf(host, data) {
  const style = getComputedStyle(host);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || style.color;
  const grid = { stroke: colour("--chart-grid"), width: 1 };
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: style.color, grid, ticks: grid, font };
  const point = (/** @type {number} */ value) => (value === null ? "" : data.value(value));
  const series = data.lines.flatMap((line, index) => {
    const stroke = colour(`--chart-${lineNumber(index)}`);
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    return [
      { ...edge, label: `${line.label} max` },
      { ...edge, label: `${line.label} min` },
      { label: line.label, stroke, width: 2, dash: DASHES[index % LINES_MAX], points: { size: 5 } },
    ];
  });
  return {
    width: host.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { range: () => rangeOf(data.times) } },
    axes: [
      {
        ...axis,
        space: 90,
        values: (/** @type {[any, number[], number, number, number]} */ ...[, at, , , step]) =>
          at.map((seconds) => data.time(seconds, step)),
      },
      {
        ...axis,
        size: 72,
        incrs: [1, 2, 5, 10, 20, 50],
        values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(point),
      },
    ],
    series: [{}, ...series],
    bands: data.lines.map((_, index) => ({
      series: [3 * index + 1, 3 * index + 2],
      // The colours are written with six digits; two more make them transparent.
      fill: `${colour(`--chart-${lineNumber(index)}`)}2e`,
    })),
    hooks: { setCursor: [(/** @type {any} */ plot) => tell(plot, data)] },
  };
}

/**
 * A single point has room on both sides.
 * @param {number[]} times
 */
function rangeOf(times) {
  const [first = 0, last = first] = [times[0], times.at(-1)];
  return first === last ? [first - HOUR_S, last + HOUR_S] : [first, last];
}

/**
 * Writes the values under the pointer below the chart, if there is a place for them.
 * @param {any} plot
 * @param {ChartData} data
 */
function tell(plot, data) {
  const place = plot.root.parentElement?.parentElement?.querySelector("[data-chart-readout]");
  if (!place) return;
  const at = plot.cursor.idx;
  if (at === null || at === undefined) {
    place.textContent = "";
    return;
  }
  const values = data.lines
    .filter((line) => line.mean[at] !== null && line.mean[at] !== undefined)
    .map((line) => `${line.label} ${data.value(/** @type {number} */ (line.mean[at]))}`);
  place.textContent = [data.moment(data.times[at] ?? 0), ...values].join(" · ");
}
