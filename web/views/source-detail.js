// One scanner: its troubles with what to do about them, its reports by hour, and what was refused and why.
import { html, nothing, svg } from "../vendor/lit.js";
import { address as urlOf, send } from "../lib/api.js";
import { age, dateTime, duration, percent, place, shownName, shownText, when } from "../lib/format.js";
import { locale, number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { settings } from "../lib/settings.js";
import { announce, icon, openDialog, reason, table } from "../lib/ui.js";

const HOUR_S = 3600;
const DAY_S = 86_400;
/** More late reports than this are told as a trouble. */
const LATE_SHARE = 0.5;
/** As many bytes of a name as the server takes by default. */
const NAME_MAX = 256;
const BAR = { width: 10, gap: 2, height: 60 };

/**
 * @param {any} source
 * @param {{state: unknown, actions: unknown, close: unknown}} parts
 */
export function sourceDetail(source, { state, actions, close }) {
  const troubles = troublesOf(source);
  return html`<section class="panel" aria-labelledby="source">
    <div class="dialog-head">
      <h2 id="source">${shownName(source.name)}</h2>
      ${close}
    </div>
    <p>${state}</p>
    ${
      troubles.length
        ? html`<ul class="troubles">
            ${troubles.map(([what, todo]) => html`<li><strong>${what}</strong> ${todo}</li>`)}
          </ul>`
        : nothing
    }
    <div class="row">
      ${tracks(source)}
      <a class="button" href=${href("devices", "", { source: source.source })}
        >${icon("wifi")} ${t("sources.its_devices")}</a
      >
      ${
        source.position && !settings.demo
          ? html`<a
              class="button"
              href=${urlOf(`/api/v1/sources/${source.source}/track`)}
              download="scanpost-track-${source.source}.geojson"
              >${icon("download")} ${t("sources.geojson")}</a
            >`
          : nothing
      }
      ${actions}
      ${
        settings.demo
          ? nothing
          : html`<a class="button" href=${urlOf(`/api/v1/sources/${source.source}`)}>${icon("external")} JSON</a>`
      }
    </div>
    <div class="grid">
      <div>${facts(source)}</div>
      <div>${hours(source.reports_by_hour)}</div>
    </div>
    ${reasons("requests_by_code", "code", source.requests_refused_by_code)}
    ${reasons("reports_by_field", "field", source.reports_refused_by_field)}
    ${reasons("values_by_field", "field", source.values_ignored_by_field)}
  </section>`;
}

/** What is wrong, and what to do about it. @param {any} source @returns {[string, string][]} */
function troublesOf(source) {
  /** @type {[string, string][]} */
  const troubles = [];
  if (source.silent_since) {
    const usual = source.expected_interval_s === null ? "" : duration(source.expected_interval_s);
    troubles.push([t("sources.trouble.silent", { since: age(source.silent_since), usual }), t("sources.todo.silent")]);
  }
  if (source.clock_offset_s !== null) {
    const key = source.clock_offset_s < 0 ? "sources.trouble.behind" : "sources.trouble.ahead";
    troubles.push([t(key, { time: duration(Math.abs(source.clock_offset_s)) }), t("sources.todo.clock")]);
  }
  if (source.last_refused !== null) {
    troubles.push([
      t("sources.trouble.refused", { age: age(source.last_refused), error: shownText(source.last_refused_error) }),
      t("sources.todo.refused"),
    ]);
  }
  if (LATE_SHARE < source.late_share) {
    troubles.push([t("sources.trouble.late", { share: percent(source.late_share) }), t("sources.todo.late")]);
  }
  return troubles;
}

/** Its way today and on the day before, in the reader's zone, on the map. @param {any} source */
function tracks(source) {
  if (!source.position) return nothing;
  const today = new Date().setHours(0, 0, 0, 0) / 1000;
  const days = /** @type {const} */ ([
    ["today", today, today + DAY_S],
    ["yesterday", today - DAY_S, today],
  ]);
  return days.map(
    ([name, since, until]) =>
      html`<a
        class="button"
        href=${href("map", "", { track: source.source, track_since: since, track_until: until - 1 })}
        >${icon("pin")} ${t(`sources.track_${name}`)}</a
      >`,
  );
}

/** @param {any} source */
function facts(source) {
  /** @type {[string, unknown][]} */
  const rows = [
    ["last_contact", when(source.last_contact)],
    ["first_contact", when(source.first_contact, { exact: true })],
    ["interval", source.expected_interval_s === null ? nothing : duration(source.expected_interval_s)],
    ["reports", number(source.reports)],
    ["reports_last_hour", number(source.reports_last_hour)],
    ["devices", number(source.devices)],
    ["late", source.late_share ? percent(source.late_share) : nothing],
    ["requests_refused", source.requests_refused ? number(source.requests_refused) : nothing],
    ["reports_refused", source.reports_refused ? number(source.reports_refused) : nothing],
    ["values_ignored", source.values_ignored ? number(source.values_ignored) : nothing],
    ["place", source.position ? place(source.position.lat, source.position.lon) : nothing],
    ["program", source.user_agent ? shownText(source.user_agent) : nothing],
    ["sent_name", source.sent_name === null ? nothing : shownName(source.sent_name)],
    ["uuid", html`<span class="mono wrap">${shownText(source.source)}</span>`],
  ];
  return html`<dl class="facts">
    ${rows
      .filter(([, value]) => value !== nothing)
      .map(
        ([key, value]) =>
          html`<dt>${t(`sources.${key}`)}</dt>
            <dd>${value}</dd>`,
      )}
  </dl>`;
}

/** Reports of the last 24 hours as bars, with the numbers in a table. @param {number[]} counts */
function hours(counts) {
  const newest = Math.floor(Date.now() / 1000 / HOUR_S) * HOUR_S;
  const rows = counts.map((count, at) => ({ start: newest - (counts.length - 1 - at) * HOUR_S, count }));
  const most = Math.max(1, ...counts);
  const step = BAR.width + BAR.gap;
  const bar = (/** @type {number} */ count, /** @type {number} */ at) => {
    const height = count === 0 ? 0 : Math.max(2, (count / most) * BAR.height);
    return svg`<rect x=${at * step} y=${BAR.height - height} width=${BAR.width} height=${height}></rect>`;
  };
  const hour = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" });
  /** @type {import("../lib/ui.js").Column<any>[]} */
  const columns = [
    {
      key: "hour",
      label: t("sources.hour"),
      cell: (row) => html`<time title=${dateTime(row.start)}>${hour.format(row.start * 1000)}</time>`,
      heading: true,
    },
    { key: "count", label: t("sources.reports"), cell: (row) => number(row.count), numeric: true },
  ];
  const total = counts.reduce((sum, count) => sum + count, 0);
  return html`<h3>${t("sources.by_hour")}</h3>
    <svg
      class="hours"
      viewBox="0 0 ${counts.length * step} ${BAR.height}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${t("sources.by_hour_label", { n: total, most: number(Math.max(...counts)) })}
    >
      ${counts.map(bar)}
    </svg>
    <details class="numbers">
      <summary>${t("sources.numbers")}</summary>
      ${table({ caption: t("sources.by_hour"), columns, rows: rows.reverse() })}
    </details>`;
}

/**
 * Counts by reason, the most frequent first.
 * @param {string} name
 * @param {"code" | "field"} kind
 * @param {Record<string, number>} counts
 */
function reasons(name, kind, counts) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return nothing;
  /** @type {import("../lib/ui.js").Column<[string, number]>[]} */
  const columns = [
    {
      key: kind,
      label: t(`sources.${kind}`),
      cell: ([word]) => html`<span class="mono">${shownText(word)}</span>`,
      heading: true,
    },
    { key: "count", label: t("sources.number"), cell: ([, count]) => number(count), numeric: true },
  ];
  return table({ caption: t(`sources.${name}`), columns, rows });
}

/**
 * Opens a dialog that gives a scanner a name, or its own name back.
 * @param {any} source
 * @param {() => void} changed
 */
export function openRename(source, changed) {
  /** @type {string | undefined} */
  let trouble;
  let isBusy = false;
  const give = async (/** @type {string} */ name) => {
    isBusy = true;
    trouble = undefined;
    dialog.update();
    try {
      await send("POST", `/api/v1/sources/${source.source}/name`, { name });
      dialog.close();
      announce(t("sources.done.rename"));
      changed();
    } catch (error) {
      trouble = reason(error);
      isBusy = false;
      dialog.update();
    }
  };
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    void give(String(form.get("name")).trim());
  };
  const sent = source.sent_name;
  const dialog = openDialog(
    t("sources.rename_title", { name: shownText(source.name) }),
    (close) =>
      html`<form @submit=${submit}>
        <label
          >${t("sources.new_name")}
          <input name="name" required maxlength=${NAME_MAX} autocomplete="off" autofocus .defaultValue=${source.name}
        /></label>
        <p class="muted">${sent ? t("sources.sent_name_is", { name: shownText(sent) }) : t("sources.rename_note")}</p>
        ${trouble ? html`<p class="error-text" role="alert">${trouble}</p>` : nothing}
        <div class="row">
          <button type="submit" class="primary" ?disabled=${isBusy}>${t("save")}</button>
          ${
            sent
              ? html`<button type="button" ?disabled=${isBusy} @click=${() => void give("")}>
                  ${t("sources.sent_name_again")}
                </button>`
              : nothing
          }
          <button type="button" @click=${close}>${t("cancel")}</button>
        </div>
      </form>`,
  );
}
