// The filters of devices: what a URL says of them, and how chips name them. Their names are those of the interface.
import { html, live, nothing } from "../vendor/lit.js";
import {
  bandText,
  dateTime,
  distance,
  place,
  security,
  SECURITY_CLASSES,
  shownName,
  shownText,
  signalText,
} from "../lib/format.js";
import { fieldTime } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { empty, icon } from "../lib/ui.js";

/**
 * @typedef {object} FilterField
 * @property {string} name The parameter of the interface.
 * @property {"list" | "text" | "number" | "time" | "area"} kind
 * @property {string} [counts] Where the summary counts devices by its values.
 */

const BOXES_MAX = 60;

/** @type {FilterField[]} */
export const FIELDS = [
  { name: "ssid_contains", kind: "text" },
  { name: "ssid", kind: "text" },
  { name: "address_prefix", kind: "text" },
  { name: "manufacturer", kind: "text", counts: "manufacturer" },
  { name: "phy", kind: "list" },
  { name: "security", kind: "list", counts: "security" },
  { name: "band", kind: "list", counts: "band" },
  { name: "channel", kind: "list", counts: "channel" },
  { name: "source", kind: "list", counts: "sources" },
  { name: "signal_min_dbm", kind: "number" },
  { name: "since", kind: "time" },
  { name: "until", kind: "time" },
  { name: "bbox", kind: "area" },
  { name: "near", kind: "area" },
  { name: "with_position", kind: "text" },
];

/**
 * One value of a filter, and the filters without it.
 * @typedef {{name: string, value: string, without: Record<string, string>}} Chip
 */

/**
 * The filters of a URL, without what is empty.
 * @param {URLSearchParams} query
 * @returns {Record<string, string>}
 */
export function filtersOf(query) {
  /** @type {Record<string, string>} */
  const filters = {};
  for (const { name } of FIELDS) {
    const value = query.get(name) ?? "";
    // Blanks around the name of a network belong to it.
    if (value.trim()) filters[name] = name === "ssid" ? value : value.trim();
  }
  return filters;
}

/**
 * One chip for each value: the values of a list can be removed one by one.
 * @param {Record<string, string>} filters
 * @returns {Chip[]}
 */
export function chipsOf(filters) {
  return Object.entries(filters).flatMap(([name, text]) => {
    const isList = FIELDS.find((field) => field.name === name)?.kind === "list";
    const values = isList ? text.split(",") : [text];
    return values.map((value) => ({
      name,
      value,
      without: changed(filters, name, values.filter((other) => other !== value).join(",")),
    }));
  });
}

/**
 * The filters with another value; an empty one removes the filter.
 * @param {Record<string, string>} filters
 * @param {string} name
 * @param {string} value
 */
export function changed(filters, name, value) {
  const next = { ...filters };
  if (value === "") delete next[name];
  else next[name] = value;
  return next;
}

/**
 * Whether a new device is wanted, as far as its row tells; `undefined` where only the server knows.
 * @param {any} row
 * @param {Record<string, string>} filters
 * @returns {boolean | undefined}
 */
export function wants(row, filters) {
  let isKnown = true;
  for (const [name, value] of Object.entries(filters)) {
    const verdict = TESTS[name]?.(row, value);
    if (verdict === false) return false;
    if (verdict === undefined) isKnown = false;
  }
  return isKnown ? true : undefined;
}

const isOneOf = (/** @type {string} */ list, /** @type {string | undefined} */ value) =>
  value !== undefined && list.split(",").includes(value);

/** @type {Record<string, (row: any, value: string) => boolean | undefined>} */
const TESTS = {
  ssid: (row, value) => (row.name === value ? true : undefined),
  ssid_contains: (row, value) => (row.name?.toLowerCase().includes(value.toLowerCase()) ? true : undefined),
  address_prefix: (row, value) =>
    row.address.replaceAll(":", "").startsWith(value.replaceAll(/[:.-]/g, "").toUpperCase()),
  phy: (row, value) => isOneOf(value, row.phy === "Bluetooth" ? "bluetooth" : "wifi"),
  security: (row, value) => isOneOf(value, row.security ?? "unknown"),
  band: (row, value) => isOneOf(value, row.band_ghz),
  with_position: (row, value) => (row.lat !== undefined) === (value === "true"),
  signal_min_dbm: (row, value) => Number(value) <= (row.signal_dbm ?? -Infinity),
};

// The panel and the chips for the filters of devices.
const HOUR_S = 3600;
const MAKERS_MAX = 100;

/**
 * @typedef {object} Choice
 * @property {Record<string, string>} filters
 * @property {any} [summary] Counts without filters, for the values that there are.
 * @property {Map<string, string>} sources Names of sources by their UUIDs.
 * @property {(filters: Record<string, string>) => void} apply
 */

/**
 * A filter's value in words.
 * @param {string} name
 * @param {string} value
 * @param {Map<string, string>} sources
 * @returns {string}
 */
export function valueText(name, value, sources) {
  switch (name) {
    case "security":
      return shownText(security(value).label);
    case "band":
      return bandText(value);
    case "phy":
      return value === "wifi" || value === "bluetooth" ? t(`filters.phy.${value}`) : shownText(value);
    case "source":
      return shownName(sources.get(value) ?? value);
    case "ssid":
    case "ssid_contains":
      return shownName(value);
    case "signal_min_dbm":
      return signalText(Number(value));
    case "since":
    case "until":
      return timeText(value);
    case "with_position":
      return value === "true" || value === "false" ? t(`filters.with_position.${value}`) : shownText(value);
    case "bbox":
      return t("filters.bbox.value");
    case "near": {
      const [lat = 0, lon = 0, radius = 0] = value.split(",").map(Number);
      return t("filters.near.value", { distance: distance(radius), place: place(lat, lon) });
    }
    default:
      return shownText(value);
  }
}

/** @param {string} value */
function timeText(value) {
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  return Number.isNaN(ms) ? shownText(value) : dateTime(ms / 1000);
}

/**
 * A filter in words.
 * @param {string} name
 * @param {string} value
 * @param {Map<string, string>} sources
 */
export function filterText(name, value, sources) {
  return t("filters.chip", { name: t(`filters.${name}`), value: valueText(name, value, sources) });
}

/** @param {Choice} choice */
export function chips({ filters, sources, apply }) {
  const all = chipsOf(filters);
  if (all.length === 0) return nothing;
  const one = (/** @type {ReturnType<typeof chipsOf>[number]} */ { name, value, without }) => {
    const text = filterText(name, value, sources);
    return html`<li>
      <button
        type="button"
        class="chip chip-button"
        @click=${() => apply(without)}
        aria-label=${t("filters.remove", { filter: text })}
      >
        <span class="chip-text">${text}</span>${icon("close")}
      </button>
    </li>`;
  };
  return html`<ul class="chips" aria-label=${t("filters.list")}>
    ${all.map(one)}
    ${
      1 < all.length
        ? html`<li><button type="button" class="plain" @click=${() => apply({})}>${t("filters.clear")}</button></li>`
        : nothing
    }
  </ul>`;
}

/**
 * Says that the filters leave nothing, and which of them keeps out what.
 * @param {Choice} choice
 * @param {{filter: import("./filters.js").Chip, count: number}[]} trials How many devices there are without each filter.
 */
export function noneLeft({ sources, apply }, trials) {
  const one = (/** @type {(typeof trials)[number]} */ { filter, count }) => {
    const text = filterText(filter.name, filter.value, sources);
    return html`<li>
      <button type="button" @click=${() => apply(filter.without)}>
        ${t("filters.without", { filter: text, n: count })}
      </button>
    </li>`;
  };
  return empty(
    t("filters.nothing"),
    html`<ul class="trials">
        ${trials.filter(({ count }) => 0 < count).map(one)}
      </ul>
      <p><button type="button" @click=${() => apply({})}>${t("filters.clear")}</button></p>`,
  );
}

/** @param {Choice} choice */
export function panel(choice) {
  const { filters, summary, sources } = choice;
  const counts = (/** @type {string} */ name) => summary?.[name] ?? {};
  const makers = Object.entries(counts("manufacturer"))
    .filter(([name]) => name !== "unknown")
    .sort((a, b) => b[1] - a[1])
    .slice(0, MAKERS_MAX)
    .map(([name]) => name);
  const channels = Object.keys(counts("channel")).filter((name) => name !== "unknown");
  const sourceLabel = (/** @type {string} */ uuid) => shownName(sources.get(uuid) ?? uuid);
  const active = Object.keys(filters).length;
  return html`<details class="panel filters">
    <summary>
      ${icon("settings")}
      ${t("filters.title")}${active ? html` <span class="filters-count">${number(active)}</span>` : nothing}
    </summary>
    <form class="filters-body" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      ${boxes("security", SECURITY_CLASSES, counts("security"), (value) => security(value).label, choice)}
      ${boxes("band", ["2.4", "5", "6", "60"], counts("band"), bandText, choice)}
      ${boxes("phy", ["wifi", "bluetooth"], undefined, (value) => t(`filters.phy.${value}`), choice)}
      ${boxes("source", [...sources.keys()], counts("sources"), sourceLabel, choice)}
      <div class="fields">
        ${field("ssid_contains", {}, choice)} ${field("address_prefix", {}, choice)}
        ${field("manufacturer", { list: makers }, choice)} ${field("channel", { list: channels }, choice)}
        ${field("signal_min_dbm", { type: "number", min: -120, max: 0, step: 1, unit: "dBm" }, choice)}
        ${times("since", choice)} ${times("until", choice)} ${position(choice)}
      </div>
    </form>
  </details>`;
}

/**
 * Values to tick, those that no device has left out.
 * @param {string} name
 * @param {readonly string[]} values
 * @param {Record<string, number> | undefined} counts
 * @param {(value: string) => string} label
 * @param {Choice} choice
 */
function boxes(name, values, counts, label, { filters, apply }) {
  const chosen = filters[name]?.split(",") ?? [];
  const present = values.filter((value) => !counts || counts[value] || chosen.includes(value));
  const rank = (/** @type {string} */ value) => (chosen.includes(value) ? Infinity : (counts?.[value] ?? 0));
  // Of thousands of scanners, those with the most devices.
  const shown = present.length <= BOXES_MAX ? present : present.sort((a, b) => rank(b) - rank(a)).slice(0, BOXES_MAX);
  if (shown.length === 0) return nothing;
  const toggle = (/** @type {string} */ value) => {
    const next = chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
    apply(changed(filters, name, next.join(",")));
  };
  return html`<fieldset>
    <legend>${t(`filters.${name}`)}</legend>
    ${shown.map(
      (value) =>
        html`<label class="check"
          ><input type="checkbox" .checked=${live(chosen.includes(value))} @change=${() => toggle(value)} />
          <span>${label(value)}</span
          >${counts?.[value] ? html` <span class="muted">${number(counts[value])}</span>` : nothing}</label
        >`,
    )}
  </fieldset>`;
}

/**
 * @param {string} name
 * @param {{list?: string[], type?: string, min?: number, max?: number, step?: number, unit?: string}} options
 * @param {Choice} choice
 */
function field(name, { list, type = "text", min, max, step, unit }, { filters, apply }) {
  const change = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.reportValidity()) apply(changed(filters, name, input.value.trim()));
  };
  return html`<label class="field"
    >${t(`filters.${name}`)}${unit ? ` (${unit})` : ""}
    <input
      name=${name}
      type=${type}
      autocomplete="off"
      min=${min ?? nothing}
      max=${max ?? nothing}
      step=${step ?? nothing}
      list=${list ? `list-${name}` : nothing}
      .value=${live(filters[name] ?? "")}
      @change=${change}
    />
    ${
      list
        ? html`<datalist id="list-${name}">${list.map((value) => html`<option value=${value}></option>`)}</datalist>`
        : nothing
    }
  </label>`;
}

/** @param {Choice} choice */
function position({ filters, apply }) {
  const chosen = filters.with_position ?? "";
  const change = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    apply(changed(filters, "with_position", value));
  };
  return html`<label class="field"
    >${t("filters.with_position")}
    <select name="with_position" @change=${change}>
      ${["", "true", "false"].map(
        (value) =>
          html`<option value=${value} ?selected=${value === chosen}>
            ${t(`filters.with_position.${value || "any"}`)}
          </option>`,
      )}
    </select></label
  >`;
}

/**
 * A time: chosen exactly, or for `since` as a span until now.
 * @param {"since" | "until"} name
 * @param {Choice} choice
 */
function times(name, { filters, apply }) {
  const set = (/** @type {string} */ value) => apply(changed(filters, name, value));
  const exact = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    set(value && `${new Date(value).toISOString().slice(0, 19)}Z`);
  };
  const ago = (/** @type {number} */ seconds) => () =>
    set(`${new Date(Date.now() - seconds * 1000).toISOString().slice(0, 19)}Z`);
  const spans = /** @type {const} */ ([
    ["last_hour", HOUR_S],
    ["last_day", 24 * HOUR_S],
    ["last_week", 7 * 24 * HOUR_S],
  ]);
  return html`<div class="field">
    <label for="field-${name}">${t(`filters.${name}`)}</label>
    <input id="field-${name}" type="datetime-local" .value=${live(fieldTime(filters[name]))} @change=${exact} />
    ${
      name === "since"
        ? html`<span class="spans"
            >${spans.map(
              ([key, seconds]) =>
                html`<button type="button" class="plain" @click=${ago(seconds)}>${t(`filters.${key}`)}</button>`,
            )}</span
          >`
        : nothing
    }
  </div>`;
}
