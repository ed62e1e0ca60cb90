// What there is, and what is new.
import { html, nothing, render, svg } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import {
  channel,
  percent,
  security,
  SECURITY_CLASSES,
  SECURITY_GROUPS,
  shownAddress,
  shownName,
  signal,
  when,
} from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { live, on } from "../lib/live.js";
import { href } from "../lib/router.js";
import { onChange } from "../lib/settings.js";
import { empty, failed, icon, loading, securityChip, table } from "../lib/ui.js";

/** Counts are read again at most this often. */
const REFRESH_MS = 10_000;
const LATEST = 10;
const HOURS = 48;

/** @typedef {{summary: any, latest: any[]}} Data */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("overview.title"),
  mount(root, { signal: gone }) {
    /** @type {Data | undefined} */
    let data;
    /** @type {unknown} */
    let error;
    let readAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let waiting;

    const draw = () => {
      if (gone.aborted) return;
      if (error && !data) render(failed(error, read), root);
      else if (!data) render(loading(), root);
      else if (data.summary.devices === 0)
        import("../lib/start.js").then(({ firstSteps }) => {
          if (!gone.aborted && data?.summary.devices === 0) {
            render(empty(t("overview.empty"), firstSteps()), root);
          }
        });
      else render(page(data), root);
    };

    const read = async () => {
      readAt = Date.now();
      error = undefined;
      draw();
      try {
        const midnight = new Date().setHours(0, 0, 0, 0) / 1000;
        const [summary, list] = await Promise.all([
          get("/api/v1/summary", { new_since: midnight }, { signal: gone }),
          get("/api/v1/devices", { limit: LATEST }, { signal: gone }),
        ]);
        data = { summary, latest: list.devices };
      } catch (failure) {
        if (isAborted(failure)) return;
        error = failure;
      }
      draw();
    };

    /** Reads soon, but not after each report. The first report shows at once. */
    const readSoon = () => {
      if (waiting !== undefined) return;
      const isFirst = data?.summary.devices === 0;
      const pause = isFirst ? 0 : Math.max(0, readAt + REFRESH_MS - Date.now());
      waiting = setTimeout(() => {
        waiting = undefined;
        if (!gone.aborted) read();
      }, pause);
    };
    const stops = [
      on("counters", (counters) => {
        if (counters.devices !== data?.summary.devices || counters.reports_per_second) readSoon();
        draw();
      }),
      on("import", readSoon),
      on("resume", readSoon),
      onChange(draw),
    ];
    read();
    return {
      update: draw,
      unmount() {
        clearTimeout(waiting);
        for (const stop of stops) stop();
      },
    };
  },
};

/** @param {Data} data */
function page({ summary, latest }) {
  const counters = live.counters;
  /** @param {string} label @param {unknown} value @param {string} link @param {string} [kind] */
  const card = (label, value, link, kind = "") =>
    html`<li class="card ${kind}">
      <a href=${link}><span class="card-value">${value}</span> <span class="card-label">${label}</span></a>
    </li>`;
  const midnight = new Date().setHours(0, 0, 0, 0) / 1000;
  return html`
    <ul class="cards-row">
      ${card(t("overview.devices"), number(summary.devices), href("devices"))}
      ${card(t("overview.new"), number(summary.new_since ?? 0), href("devices", "", { since: midnight }))}
      ${
        counters
          ? html`${card(
              t("overview.rate"),
              number(counters.reports_per_second, { maximumFractionDigits: 1 }),
              href("sources"),
            )}
            ${card(t("overview.up"), number(counters.sources_up), href("sources"))}
            ${
              counters.sources_silent
                ? card(
                    t("overview.silent"),
                    html`${icon("warning")} ${number(counters.sources_silent)}`,
                    href("sources"),
                    "card-warning",
                  )
                : nothing
            }
            ${card(
              t("overview.alerts"),
              html`${counters.alerts_open ? icon("bell") : nothing} ${number(counters.alerts_open)}`,
              href("alerts"),
              counters.alerts_open ? "card-warning" : "",
            )}`
          : nothing
      }
    </ul>
    <div class="grid">
      <section class="panel">
        <h2>${t("overview.security")}</h2>
        ${shares(summary)}
      </section>
      <section class="panel">
        <h2>${t("overview.hours")}</h2>
        ${hours(summary.hours ?? {})}
      </section>
    </div>
    <section class="panel">
      <h2>${t("overview.latest")}</h2>
      ${table({ caption: t("overview.latest.caption"), hiddenCaption: true, columns: columns(), rows: latest })}
      <p><a href=${href("devices")}>${t("overview.all")}</a></p>
    </section>
  `;
}

/** Shares of the groups of security. Each leads to its devices. */
function shares(/** @type {any} */ { security: counts, devices }) {
  /** @type {Record<string, number>} */
  const groups = {};
  for (const [name, count] of Object.entries(counts ?? {})) {
    const { group } = security(name);
    groups[group] = (groups[group] ?? 0) + Number(count);
  }
  const row = (/** @type {string} */ group) => {
    const count = groups[group];
    if (!count) return nothing;
    const members = SECURITY_CLASSES.filter((name) => security(name).group === group);
    const first = security(members[0]);
    const share = count / devices;
    return html`<li>
      <a href=${href("devices", "", { security: members.filter((name) => counts[name]).join(",") })}>
        <span class="share-label security-${group}">${icon(first.icon)} ${t(`security.${group}`)}</span>
        <svg class="share-bar security-${group}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          ${svg`<rect width="100" height="8" class="share-all"></rect><rect width=${share * 100} height="8"></rect>`}
        </svg>
        <span class="share-value">${number(count)} <span class="muted">${percent(share)}</span></span>
      </a>
    </li>`;
  };
  return html`<ul class="shares">
    ${SECURITY_GROUPS.map(row)}
  </ul>`;
}

/** New devices in each of the last hours: a picture, and the same as a table. */
function hours(/** @type {Record<string, number>} */ counts) {
  const now = Math.floor(Date.now() / 3_600_000);
  const list = Array.from({ length: HOURS }, (_, at) => {
    const start = (now - HOURS + 1 + at) * 3600;
    const key = new Date(start * 1000).toISOString().slice(0, 13);
    return { start, count: counts[key] ?? 0 };
  });
  const most = Math.max(1, ...list.map(({ count }) => count));
  const height = (/** @type {number} */ count) => (count === 0 ? 0 : Math.max(1.5, (count / most) * 60));
  const seen = list.filter(({ count }) => 0 < count);
  const total = list.reduce((sum, { count }) => sum + count, 0);
  return html`
    <svg
      class="hours"
      viewBox="0 0 ${HOURS * 10} 60"
      preserveAspectRatio="none"
      role="img"
      aria-label=${t("overview.hours.label", { n: total })}
    >
      ${list.map(
        ({ count }, at) =>
          svg`<rect x=${at * 10 + 1} y=${60 - height(count)} width="8" height=${height(count)}></rect>`,
      )}
    </svg>
    <p class="hours-ends muted"><span>${when(list[0]?.start)}</span><span>${t("overview.now")}</span></p>
    ${
      seen.length
        ? html`<details>
            <summary>${t("overview.hours.table")}</summary>
            ${table({
              caption: t("overview.hours"),
              hiddenCaption: true,
              columns: [
                {
                  key: "hour",
                  label: t("overview.hour"),
                  heading: true,
                  cell: (row) => when(row.start, { exact: true }),
                },
                { key: "count", label: t("overview.new.devices"), numeric: true, cell: (row) => number(row.count) },
              ],
              rows: seen.reverse(),
            })}
          </details>`
        : html`<p>${t("overview.hours.none")}</p>`
    }
  `;
}

/** @returns {import("../lib/ui.js").Column<any>[]} */
function columns() {
  return [
    {
      key: "name",
      label: t("overview.name"),
      heading: true,
      cell: (device) =>
        html`<a class="name" href=${href("device", device.address)}
          >${device.name ? shownName(device.name) : shownAddress(device.address)}</a
        >`,
    },
    {
      key: "address",
      label: t("overview.address"),
      cell: (device) => html`<span class="mono">${shownAddress(device.address)}</span>`,
    },
    {
      key: "security",
      label: t("overview.security"),
      cell: (device) => (device.security ? securityChip(device.security, device.security_label) : nothing),
    },
    { key: "channel", label: t("overview.channel"), cell: (device) => channel(device) },
    { key: "signal", label: t("overview.signal"), cell: (device) => signal(device.signal_dbm) },
    { key: "seen", label: t("overview.seen"), cell: (device) => when(device.last_seen) },
  ];
}
