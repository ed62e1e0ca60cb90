// What the address of the map says, and what the map reads besides its tiles: the list of what it shows, the selected
// device, tracks and counts.
import { get, isAborted } from "../lib/api.js";
import { GROUPS, SOURCES_MAX } from "../lib/paint.js";
import { SourceNames } from "../lib/sources.js";
import { boundsOf } from "../lib/worldmap.js";
import { filtersOf } from "./filters.js";

/** @typedef {import("../lib/worldmap.js").Place} Place */
/** @typedef {import("../lib/paint.js").Mode} Mode */
/** @typedef {import("./map-parts.js").Source} Source */

/**
 * @typedef {object} MapState
 * @property {Record<string, string>} filters
 * @property {{lat: number, lon: number, zoom: number} | null} at
 * @property {Mode} by
 * @property {string} base
 * @property {string} sel the address of the selected device
 * @property {string[]} tracks UUIDs of sources
 * @property {string} since of tracks
 * @property {string} until
 * @property {Place[] | null} area
 */

const PAGE = 100;
/** An outlined area is a part of the rectangle around it, of which so many pages are read at once. */
const AREA_PAGES = 5;

/** @param {URLSearchParams} query @returns {MapState} */
export function read(query) {
  const by = query.get("by") ?? "";
  const list = (/** @type {string} */ name) => (query.get(name) ?? "").split(",").filter(Boolean);
  const filters = filtersOf(query);
  return {
    filters,
    at: place(query.get("at") ?? ""),
    by: /** @type {Mode} */ (Object.keys(GROUPS).includes(by) ? by : "security"),
    base: query.get("base") ?? "",
    sel: query.get("sel") ?? "",
    tracks: list("track"),
    since: query.get("track_since") ?? "",
    until: query.get("track_until") ?? "",
    area: ring(query.get("area") ?? ""),
  };
}

/** @param {string} text */
function place(text) {
  const [lat, lon, zoom] = text.split(",").map(Number);
  const isPlace = text !== "" && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return isPlace ? { lat, lon, zoom: zoom >= 0 && zoom <= 22 ? zoom : 16 } : null;
}

/** @param {string} text @returns {Place[] | null} */
function ring(text) {
  const corners = text.split(";").map((corner) => corner.split(",").map(Number));
  const isRing = corners.length > 2 && corners.every(([lat, lon]) => Math.abs(lat) <= 90 && Math.abs(lon) <= 180);
  return isRing ? corners.map(([lat, lon]) => [lon, lat]) : null;
}

/** @param {{lat: number, lon: number, zoom: number}} at */
export function writePlace({ lat, lon, zoom }) {
  return `${lat.toFixed(5)},${lon.toFixed(5)},${zoom.toFixed(2)}`;
}

/** @param {Place[]} area */
export function writeRing(area) {
  return area.map(([lon, lat]) => `${lat.toFixed(5)},${lon.toFixed(5)}`).join(";");
}

/** The parameter `bbox` of the interface. @param {import("../lib/worldmap.js").Bounds} bounds */
function bbox({ lat_min, lon_min, lat_max, lon_max }) {
  const round = (/** @type {number} */ value, /** @type {number} */ most) =>
    Math.max(-most, Math.min(most, value)).toFixed(5);
  return [round(lat_min, 90), round(lon_min, 180), round(lat_max, 90), round(lon_max, 180)].join(",");
}

/**
 * Whether a place is within a ring.
 * @param {Place} place
 * @param {Place[]} ring
 */
function isWithin([x, y], ring) {
  let inside = false;
  for (let at = 0, before = ring.length - 1; at < ring.length; before = at, at += 1) {
    const [x1, y1] = ring[at];
    const [x2, y2] = ring[before];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}

export class MapData {
  /**
   * @param {AbortSignal} signal
   * @param {() => void} changed
   */
  constructor(signal, changed) {
    this.signal = signal;
    this.changed = changed;
    /** @type {any[] | null} */
    this.rows = null;
    /** @type {string | null} */
    this.cursor = null;
    /** @type {unknown} */
    this.listError = null;
    this.isBusy = false;
    /** Whether there may be newer rows. */
    this.isOld = false;
    /** @type {AbortController | null} */
    this.reading = null;
    /** @type {any} */
    this.device = null;
    /** @type {unknown} */
    this.deviceError = null;
    /** @type {Map<string, Place[]>} */
    this.tracks = new Map();
    /** @type {any} */
    this.summary = null;
    this.names = new SourceNames(signal);
  }

  /** Reads the first sources, and those that the address names. @param {MapState} state */
  async readNames({ filters, tracks }) {
    try {
      if (this.names.size === 0) await this.names.readFirst();
      await this.names.lookUpFor(filters);
      await this.names.lookUp(tracks);
    } catch {
      // The map is shown without them.
    }
  }

  /** @returns {Source[]} */
  get sources() {
    return this.names.rows.filter((/** @type {Source} */ source) => source.position || source.name);
  }

  /** The sources that colours tell apart. @param {Record<string, string>} filters */
  coloured(filters) {
    const wanted = filters.source?.split(",");
    const isWanted = (/** @type {Source} */ { source, name }) =>
      !wanted || wanted.some((one) => one.toUpperCase() === source || one === name);
    return this.sources.filter(isWanted).slice(0, SOURCES_MAX);
  }

  /** @param {import("../lib/api.js").Params} filters */
  async loadSummary(filters) {
    this.summary = await get("/api/v1/summary", filters, { signal: this.signal }).catch(() => null);
    this.changed();
  }

  /** @param {string} address */
  async loadDevice(address) {
    this.device = null;
    this.deviceError = null;
    if (!address) return;
    this.changed();
    try {
      this.device = await get(`/api/v1/devices/${encodeURIComponent(address)}`, {}, { signal: this.signal });
    } catch (error) {
      if (!isAborted(error)) this.deviceError = error;
    }
    this.changed();
  }

  /** How far from its mean position the selected device was heard. */
  get radiusM() {
    const position = this.device?.position;
    if (!position) return 0;
    const up = (position.lat_max - position.lat_min) * 111_320;
    const right = (position.lon_max - position.lon_min) * 111_320 * Math.cos((position.lat * Math.PI) / 180);
    return Math.hypot(up, right) / 2;
  }

  /** @param {MapState} state */
  async loadTracks({ tracks, since, until }) {
    const from = since.startsWith("-") ? Math.floor(Date.now() / 1000) + Number(since) : since;
    const params = { since: from, until, points_max: 1000 };
    const lines = tracks.map(async (uuid) => {
      const path = `/api/v1/sources/${encodeURIComponent(uuid)}/track`;
      const { geometry } = await get(path, params, { signal: this.signal });
      if (!geometry) return null;
      const places = geometry.type === "Point" ? [geometry.coordinates] : geometry.coordinates;
      return /** @type {[string, Place[]]} */ ([uuid, places]);
    });
    const found = await Promise.all(lines.map((line) => line.catch(() => null)));
    this.tracks = new Map(found.filter((line) => line !== null));
    this.changed();
  }

  /**
   * The filters, and where the map looks. A rectangle among the filters narrows that down.
   * @param {MapState} state
   * @param {import("../lib/worldmap.js").Bounds} view
   */
  listFilters({ filters, area }, view) {
    const shown = area ? boundsOf(area) : view;
    const [south, west, north, east] = (filters.bbox ?? "").split(",").map(Number);
    // What crosses the date line is left as it is.
    if (east === undefined || east < west || shown.lon_max < shown.lon_min) return { ...filters, bbox: bbox(shown) };
    const common = {
      lat_min: Math.max(shown.lat_min, south),
      lon_min: Math.max(shown.lon_min, west),
      lat_max: Math.min(shown.lat_max, north),
      lon_max: Math.min(shown.lon_max, east),
    };
    const isApart = common.lat_max < common.lat_min || common.lon_max < common.lon_min;
    const corner = { ...shown, lat_max: shown.lat_min, lon_max: shown.lon_min };
    return { ...filters, bbox: bbox(isApart ? corner : common) };
  }

  /**
   * Reads the list from its beginning, or with `more` the rows behind those that are there.
   * @param {MapState} state
   * @param {import("../lib/worldmap.js").Bounds} view
   * @param {boolean} more
   * @param {import("../lib/api.js").Params} besides Further filters.
   */
  async loadList(state, view, more, besides) {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    this.isBusy = true;
    this.listError = null;
    this.changed();
    const { area } = state;
    const rows = more ? [...(this.rows ?? [])] : [];
    let cursor = more ? this.cursor : null;
    try {
      for (let pages = 0; pages < (area ? AREA_PAGES : 1); pages += 1) {
        const params = { ...this.listFilters(state, view), ...besides, limit: PAGE, cursor };
        const answer = await get("/api/v1/devices", params, { signal: reading.signal });
        rows.push(...answer.devices.filter((/** @type {any} */ { lon, lat }) => !area || isWithin([lon, lat], area)));
        cursor = answer.next_cursor ?? null;
        if (!cursor) break;
      }
      this.rows = rows;
      this.cursor = cursor;
      this.isOld = false;
    } catch (error) {
      if (isAborted(error)) return;
      this.listError = error;
    }
    this.isBusy = false;
    this.changed();
  }
}
