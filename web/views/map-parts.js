// The parts of the map that are no map: legend, choices, the selected device, and the list of what the map shows.
import { html, live, nothing, svg } from "../vendor/lit.js";
import { attribution } from "../lib/basemap.js";
import {
  channel,
  distance,
  place,
  shownAddress,
  shownName,
  shownText,
  signal,
  signalText,
  when,
} from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { GROUPS, SHAPES } from "../lib/paint.js";
import { href } from "../lib/router.js";
import { settings, withoutOwn } from "../lib/settings.js";
import { failed, icon, loading, reason, securityChip } from "../lib/ui.js";
import { exportMenu } from "./export.js";
import { panel } from "./filters.js";

/** @typedef {import("../lib/paint.js").Mode} Mode */
/** @typedef {import("./map-data.js").MapState} MapState */
/** @typedef {{source: string, name?: string, position?: object}} Source */

/** How many rows of the list are shown at most. */
const ROWS_MAX = 500;
/** How many sources are shown whose tracks can be ticked; links lead to those of others. */
const TRACKS_MAX = 60;

/**
 * The map with what lies over it, and what stands beside it.
 * @param {import("./map.js").MapView} view
 * @param {import("./filters.js").Choice} choice
 * @param {{width: number, metres: number} | null} scale
 * @param {string} credit
 * @param {(changes: Record<string, string | null>) => void} set
 */
export function frame(view, choice, scale, credit, set) {
  const { state, data, map } = view;
  const { summary, rows, device } = data;
  const { apply } = choice;
  const isFiltered = Object.keys(state.filters).length > 0;
  const table = href("devices", "", state.filters);
  const placeless = href("devices", "", { ...state.filters, with_position: "false" });
  const shown = map ? data.listFilters(state, map.bounds()) : state.filters;
  const canLocate = isSecureContext && "geolocation" in navigator && !settings.demo;
  const isOpen = view.isOpen ? "true" : "false";
  return html`<div class="map-frame">
    <div class="map-stage ${view.outlining ? "map-outlines" : ""}">
      <div class="map-canvas" tabindex="0" role="application" aria-label=${t("map.label")}></div>
      ${buttons({
        zoom: (step) => map?.zoom(step),
        fit: view.fit,
        here: canLocate ? view.locate : null,
        outlining: view.outlining,
        outline: view.outline,
      })}
      ${legend(state.by, view.data.coloured(state.filters))} ${foot(credit, scale)}
      ${summary?.with_position === 0 ? nothingHere(summary, isFiltered, () => apply({}), table) : nothing}
      ${view.tileError ? tilesFailed(reason(view.tileError), view.again) : nothing}
    </div>
    <div class="map-side ${view.isOpen ? "map-side-open" : ""}">
      <button type="button" class="map-handle" aria-expanded=${isOpen} @click=${view.toggle}>
        ${t(view.isOpen ? "map.sheet.close" : "map.sheet.open")}
      </button>
      ${state.sel ? selected(view) : nothing}
      ${list({
        rows,
        error: data.listError,
        busy: data.isBusy,
        count: map?.count() ?? 0,
        isArea: state.area !== null,
        sel: device?.address ?? state.sel,
        link: href("devices", "", shown),
        select: view.select,
        more: data.cursor && rows && rows.length < ROWS_MAX ? () => void view.loadList(true) : null,
        update: data.isOld ? () => void view.loadList() : null,
        closeArea: state.area ? () => set({ area: null }) : null,
        again: () => void view.loadList(),
      })}
      ${summary ? without(summary.devices - summary.with_position, placeless) : nothing}
      ${layers({ state, basemaps: view.basemaps, base: view.base, sources: view.data.sources, set })} ${panel(choice)}
      ${exportMenu({ ...shown, ...withoutOwn(view.context.query) }, t(state.area ? "export.area" : "export.view"))}
      ${settings.demo ? html`<p class="muted">${t("map.demo")}</p>` : nothing}
    </div>
  </div>`;
}

/** @param {string} shape @param {string} token */
function mark(shape, token) {
  return html`<svg class="map-mark ${token.slice(2)}" viewBox="-7 -7 14 14" aria-hidden="true" focusable="false">
    ${svg`<path d=${SHAPES[/** @type {keyof typeof SHAPES} */ (shape)]}></path>`}
  </svg>`;
}

/** @param {Source} source */
function sourceName({ source, name }) {
  return name ? shownName(name) : source;
}

/**
 * What the colours and shapes mean.
 * @param {Mode} mode
 * @param {Source[]} sources
 */
function legend(mode, sources) {
  const groups = mode === "source" ? GROUPS.source.slice(0, sources.length) : GROUPS[mode];
  return html`<div class="map-legend">
    <h2 id="map-legend">${t(`map.by.${mode}`)}</h2>
    <ul aria-labelledby="map-legend">
      ${groups.map(
        ({ id, shape, token }, index) =>
          html`<li>${mark(shape, token)} ${mode === "source" ? sourceName(sources[index]) : label(mode, id)}</li>`,
      )}
      <li class="map-legend-note">${t(mode === "signal" ? "map.cells.signal" : "map.cells")}</li>
    </ul>
  </div>`;
}

/** @param {Mode} mode @param {string} id */
function label(mode, id) {
  if (mode === "security") return t(`security.${id}`);
  if (mode === "age") return t(`map.age.${id}`);
  if (id === "unknown") return t("unknown");
  const from = { excellent: "≥ −55", good: "≥ −67", fair: "≥ −75", weak: "≥ −85", faint: "< −85" };
  return `${t(`signal.${id}`)} (${t("unit.dbm", { value: from[/** @type {keyof typeof from} */ (id)] })})`;
}

/**
 * Buttons over the map.
 * @param {object} options
 * @param {(step: number) => void} options.zoom
 * @param {() => void} options.fit
 * @param {(() => void) | null} options.here
 * @param {"box" | "lasso" | null} options.outlining
 * @param {(kind: "box" | "lasso" | null) => void} options.outline
 */
function buttons({ zoom, fit, here, outlining, outline }) {
  const tool = (/** @type {"box" | "lasso"} */ kind, /** @type {string} */ path) =>
    html`<button
      type="button"
      aria-pressed=${outlining === kind ? "true" : "false"}
      aria-label=${t(`map.${kind}`)}
      title=${t(`map.${kind}`)}
      @click=${() => outline(outlining === kind ? null : kind)}
    >
      <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${svg`<path d=${path}></path>`}</svg>
    </button>`;
  return html`<div class="map-buttons" role="group" aria-label=${t("map.tools")}>
    <button type="button" aria-label=${t("map.zoom_in")} title=${t("map.zoom_in")} @click=${() => zoom(1)}>+</button>
    <button type="button" aria-label=${t("map.zoom_out")} title=${t("map.zoom_out")} @click=${() => zoom(-1)}>−</button>
    <button type="button" aria-label=${t("map.fit")} title=${t("map.fit")} @click=${fit}>
      <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        ${svg`<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"></path>`}
      </svg>
    </button>
    ${
      here
        ? html`<button type="button" aria-label=${t("map.here")} title=${t("map.here")} @click=${here}>
            ${icon("target")}
          </button>`
        : nothing
    }
    ${tool("box", "M4 5h16v14H4z")} ${tool("lasso", "M12 4c5 0 9 2 9 5s-4 5-9 5-9-2-9-5 4-5 9-5M8 14c0 3 1 4 3 6")}
  </div>`;
}

/**
 * Colours, base map and tracks.
 * @param {object} options
 * @param {MapState} options.state
 * @param {import("../lib/basemap.js").Basemap[]} options.basemaps
 * @param {string} options.base
 * @param {Source[]} options.sources
 * @param {(changes: Record<string, string | null>) => void} options.set
 */
function layers({ state, basemaps, base, sources, set }) {
  const choice = (/** @type {string} */ name, /** @type {string} */ value, /** @type {[string, string][]} */ entries) =>
    html`<label class="field"
      >${t(`map.${name}`)}
      <select .value=${live(value)} @change=${(/** @type {any} */ event) => set({ [name]: event.target.value })}>
        ${entries.map(([key, text]) => html`<option value=${key} .selected=${key === value}>${text}</option>`)}
      </select>
    </label>`;
  const isShown = (/** @type {Source} */ { source }, /** @type {number} */ at) =>
    at < TRACKS_MAX || state.tracks.includes(source);
  const spans = ["3600", "86400", "604800", ""];
  const since = state.since.startsWith("-") ? state.since.slice(1) : "";
  const toggle = (/** @type {string} */ uuid) => {
    const next = state.tracks.includes(uuid) ? state.tracks.filter((one) => one !== uuid) : [...state.tracks, uuid];
    set({ track: next.join(",") || null });
  };
  return html`<details class="panel filters">
    <summary>${icon("settings")} ${t("map.layers")}</summary>
    <div class="filters-body">
      ${choice(
        "by",
        state.by,
        Object.keys(GROUPS).map((mode) => [mode, t(`map.by.${mode}`)]),
      )}
      ${choice("base", base, [
        ...basemaps.map(
          ({ name }) => /** @type {[string, string]} */ ([name, name === "outline" ? t("map.base.outline") : name]),
        ),
        ["none", t("map.base.none")],
      ])}
      ${
        sources.length
          ? html`<fieldset>
                <legend>${t("map.tracks")}</legend>
                ${sources.filter(isShown).map(
                  (source) =>
                    html`<label class="check">
                      <input
                        type="checkbox"
                        .checked=${live(state.tracks.includes(source.source))}
                        @change=${() => toggle(source.source)}
                      />
                      ${sourceName(source)}
                    </label>`,
                )}
              </fieldset>
              ${choice(
                "track_since",
                since && `-${since}`,
                spans.map((span) => [span && `-${span}`, t(`map.span.${span || "all"}`)]),
              )}`
          : nothing
      }
      ${isSecureContext ? nothing : html`<p class="muted">${t("map.insecure")}</p>`}
    </div>
  </details>`;
}

/** The selected device. @param {import("./map.js").MapView} view */
function selected(view) {
  const { device, deviceError: error, radiusM } = view.data;
  const show = device?.position ? view.show : null;
  const fact = (/** @type {string} */ name, /** @type {unknown} */ value) =>
    value === nothing || value === ""
      ? nothing
      : html`<dt>${t(`map.fact.${name}`)}</dt>
          <dd>${value}</dd>`;
  const body = () => html`
    <dl class="facts">
      ${fact("address", html`<span class="mono">${shownAddress(device.address)}</span>`)}
      ${fact("security", device.phy === "Bluetooth" ? "" : securityChip(device.security))}
      ${fact("signal", signal(device.signal_dbm))} ${fact("channel", channel(device))}
      ${fact("maker", shownText(device.manufacturer ?? ""))} ${fact("last_seen", when(device.last_seen))}
      ${
        device.position
          ? fact(
              "place",
              html`${place(device.position.lat, device.position.lon)}
              ${radiusM > 1 ? t("map.within", { distance: distance(radiusM) }) : nothing}`,
            )
          : fact("place", t("map.no_place"))
      }
    </dl>
    <p class="row">
      ${show ? html`<button type="button" @click=${show}>${icon("pin")} ${t("map.show")}</button>` : nothing}
      <a class="button" href=${href("device", device.address)}>${t("map.details")}</a>
      <a class="button" href=${href("locate", device.address)}>${icon("target")} ${t("map.locate")}</a>
    </p>
  `;
  return html`<section class="panel map-selected" aria-labelledby="map-selected">
    <div class="dialog-head">
      <h2 id="map-selected" tabindex="-1">
        ${device ? (device.name ? shownName(device.name) : t("map.no_name")) : t("map.selected")}
      </h2>
      <button type="button" class="plain" aria-label=${t("map.unselect")} @click=${() => view.select(null)}>
        ${icon("close")}
      </button>
    </div>
    ${error ? failed(error, () => void view.loadDevice()) : device ? body() : loading()}
  </section>`;
}

/**
 * What the map shows, as a list.
 * @param {object} options
 * @param {any[] | null} options.rows
 * @param {unknown} options.error
 * @param {boolean} options.busy
 * @param {number} options.count by the tiles
 * @param {boolean} options.isArea whether it is about what was outlined
 * @param {string} options.sel
 * @param {string} options.link to the same devices as a table
 * @param {(address: string) => void} options.select
 * @param {(() => void) | null} options.more
 * @param {(() => void) | null} options.update
 * @param {(() => void) | null} options.closeArea
 * @param {() => void} options.again
 */
function list(options) {
  const { rows, error, busy, count, isArea, sel, link, select, more, update, closeArea, again } = options;
  const row = (/** @type {any} */ device) => {
    const name = device.name ? shownName(device.name) : shownAddress(device.address);
    return html`<li data-row>
      <button
        type="button"
        class="map-row"
        aria-pressed=${device.address === sel ? "true" : "false"}
        @click=${() => select(device.address)}
      >
        <span class="map-row-name">${name}</span>
        <span class="map-row-facts">
          ${device.phy === "Bluetooth" ? icon("bluetooth") : securityChip(device.security)}
          ${device.signal_dbm === undefined ? nothing : html`<span>${signalText(device.signal_dbm)}</span>`}
          <span>${when(device.last_seen)}</span>
        </span>
      </button>
    </li>`;
  };
  const n = isArea ? (rows?.length ?? 0) : Math.max(count, rows?.length ?? 0);
  return html`<section class="map-list busy-line" aria-labelledby="map-list" aria-busy=${busy ? "true" : "false"}>
    <div class="row map-list-head">
      <h2 id="map-list">${t(isArea ? "map.list.area" : "map.list.view", { n })}</h2>
      ${closeArea ? html`<button type="button" @click=${closeArea}>${icon("close")} ${t("map.area.close")}</button>` : nothing}
      <a href=${link}>${t("map.list.table")}</a>
      ${update ? html`<button type="button" @click=${update}>${t("map.list.update")}</button>` : nothing}
    </div>
    ${error ? failed(error, again) : nothing} ${rows === null && !error ? loading() : nothing}
    ${
      rows?.length
        ? html`<ul>
            ${rows.map(row)}
          </ul>`
        : nothing
    }
    ${rows?.length === 0 && !busy && !error ? html`<p class="muted">${t("map.list.none")}</p>` : nothing}
    ${more ? html`<button type="button" @click=${more}>${t("more")}</button>` : nothing}
    ${rows && rows.length >= ROWS_MAX ? html`<p class="muted">${t("map.list.max", { n: ROWS_MAX })}</p>` : nothing}
  </section>`;
}

/**
 * @param {string} text of the base map
 * @param {{width: number, metres: number} | null} scale
 */
function foot(text, scale) {
  return html`<div class="map-foot">
    ${scale ? html`<span class="map-scale"><span class="map-scale-bar"></span>${distance(scale.metres)}</span>` : nothing}
    ${
      text
        ? html`<span
            >${attribution(text).map(({ text: words, href: to }) =>
              to ? html`<a href=${to} rel="noreferrer">${shownText(words)}</a>` : shownText(words),
            )}</span
          >`
        : nothing
    }
  </div>`;
}

/**
 * Why there is nothing to see.
 * @param {{devices: number, with_position: number}} summary
 * @param {boolean} isFiltered
 * @param {() => void} clear
 * @param {string} link
 */
function nothingHere({ devices }, isFiltered, clear, link) {
  return html`<div class="map-empty state state-empty">
    <h2>${t(isFiltered ? "map.empty.filtered" : "map.empty")}</h2>
    ${isFiltered ? html`<button type="button" @click=${clear}>${t("filters.clear")}</button>` : nothing}
    ${
      devices
        ? html`<p><a href=${link}>${t("map.without", { n: devices })}</a></p>`
        : isFiltered
          ? nothing
          : html`<p>${t("map.empty.hint")}</p>`
    }
  </div>`;
}

/** @param {string} why @param {() => void} again */
function tilesFailed(why, again) {
  return html`<p class="map-error state-error" role="alert">
    ${t("map.tiles.failed", { reason: why })}
    <button type="button" @click=${again}>${t("error.again")}</button>
  </p>`;
}

/** How many devices are on no map. @param {number} n @param {string} link */
function without(n, link) {
  return n > 0 ? html`<p class="muted map-without"><a href=${link}>${t("map.without", { n })}</a></p>` : nothing;
}
