// What the address of the map says.
import { GROUPS } from "../lib/paint.js";
import { filtersOf } from "./filters.js";

/** @typedef {import("../lib/worldmap.js").Place} Place */
/** @typedef {import("../lib/paint.js").Mode} Mode */

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
export function bbox({ lat_min, lon_min, lat_max, lon_max }) {
  const round = (/** @type {number} */ value, /** @type {number} */ most) =>
    Math.max(-most, Math.min(most, value)).toFixed(5);
  return [round(lat_min, 90), round(lon_min, 180), round(lat_max, 90), round(lon_max, 180)].join(",");
}
