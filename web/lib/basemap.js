// What lies below the devices: the outline of the world, or a map of the user's own.
import { createXYZ, fromLonLat, ImageTile, TileLayer } from "../vendor/ol.js";
import { get, prefix } from "./api.js";
import { TILE_PX } from "./tiles.js";

/**
 * @typedef {{name: string, kind: string, format: string, zoom_min: number, zoom_max: number, attribution?: string,
 *   bounds?: {lat_min: number, lon_min: number, lat_max: number, lon_max: number}, error?: string}} Basemap
 * @typedef {(token: string) => string} Colour the value of a custom property
 * @typedef {[number, number, number, number]} Box
 * @typedef {{lines: Float64Array[], box: Box}} Shape lines in parts of the world's width, and the box around the first
 */

const WORLD = { lat_min: -90, lon_min: -180, lat_max: 90, lon_max: 180 };
/** Beyond this zoom the outline is only magnified. */
const OUTLINE_ZOOM_MAX = 12;

/** All base maps that can be used. @param {AbortSignal} [signal] @returns {Promise<Basemap[]>} */
export async function list(signal) {
  const { basemaps } = await get("/api/v1/basemaps", {}, { signal });
  return /** @type {Basemap[]} */ (basemaps.filter((map) => !map.error));
}

/**
 * The layers of a base map. The outline lies below the user's own maps, which mostly show a small part of the world.
 * @param {Basemap[]} maps
 * @param {string} name
 * @param {Colour} colour
 * @returns {Promise<any[]>}
 */
export async function layers(maps, name, colour) {
  const map = maps.find((one) => one.name === name);
  if (!map) return [];
  const hasOutline = maps.some((one) => one.name === "outline");
  return [...(hasOutline ? [outlineLayer(colour)] : []), ...(name === "outline" ? [] : await ownLayers(map, colour))];
}

/** @param {Basemap} map @param {Colour} colour */
async function ownLayers(map, colour) {
  const { lat_min: south, lon_min: west, lat_max: north, lon_max: east } = map.bounds ?? WORLD;
  const corner = (/** @type {number} */ lon, /** @type {number} */ lat) =>
    fromLonLat([lon, Math.max(-85.06, Math.min(85.06, lat))]);
  // Farther out than its smallest zoom, a map would be made of very many tiles.
  const shown = { extent: [...corner(west, south), ...corner(east, north)], minZoom: Math.max(0, map.zoom_min - 1.5) };
  if (map.kind === "vector") {
    const { vectorLayers } = await import("./vectormap.js");
    return vectorLayers(map, shown, colour);
  }
  const url = `${prefix}/api/v1/basemaps/${encodeURIComponent(map.name)}/{z}/{x}/{y}`;
  const source = new ImageTile({ url, minZoom: map.zoom_min, maxZoom: map.zoom_max });
  return [new TileLayer({ source, cacheSize: 256, ...shown })];
}

/**
 * The parts of an attribution: texts, and links to pages outside. What archives say may be HTML, which is not trusted.
 * @param {string} html
 * @returns {{text: string, href?: string}[]}
 */
export function attribution(html) {
  /** @type {Record<string, string>} */
  const entities = { amp: "&", lt: "<", gt: ">", quot: '"', copy: "©", nbsp: " ", "#169": "©", "#39": "'" };
  const parts = [];
  let href;
  for (const piece of html.split(/(<[^>]*>)/)) {
    if (piece.startsWith("<")) {
      href = /^<a\s/i.test(piece) ? /href\s*=\s*["']?(https?:\/\/[^"'\s>]+)/i.exec(piece)?.[1] : undefined;
      continue;
    }
    const text = piece.replace(/&(#?\w+);/g, (whole, name) => entities[name.toLowerCase()] ?? whole);
    if (text) parts.push({ text, href });
  }
  return parts;
}

/** @type {Promise<{borders: Shape[], areas: Shape[]}> | undefined} */
let outline;

/** @param {Colour} colour */
function outlineLayer(colour) {
  const side = TILE_PX;
  const source = new ImageTile({
    tileGrid: createXYZ({ tileSize: side, maxZoom: OUTLINE_ZOOM_MAX }),
    tileSize: side,
    transition: 0,
    loader: async (/** @type {number} */ z, /** @type {number} */ x, /** @type {number} */ y) => {
      outline ??= readOutline();
      outline.catch(() => (outline = undefined));
      const { borders, areas } = await outline;
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      if (context) drawOutline(context, borders, areas, { z, x, y, side }, colour);
      return canvas;
    },
  });
  return new TileLayer({ source, cacheSize: 48 });
}

async function readOutline() {
  const topology = await get("/api/v1/basemaps/outline");
  const { scale, translate } = topology.transform;
  /** @type {number[][]} */
  const arcs = topology.arcs.map((/** @type {number[][]} */ deltas) => {
    let [lon, lat] = [0, 0];
    return deltas.flatMap(([right, up]) => {
      lon += right;
      lat += up;
      const limited = Math.max(-85.06, Math.min(85.06, lat * scale[1] + translate[1]));
      const y = (1 - Math.asinh(Math.tan((limited * Math.PI) / 180)) / Math.PI) / 2;
      return [(lon * scale[0] + translate[0] + 180) / 360, y];
    });
  });
  const geometries = topology.objects.land.geometries ?? [topology.objects.land];
  /** @type {number[][][]} */
  const polygons = geometries.flatMap((/** @type {any} */ { type, arcs: used }) =>
    type === "Polygon" ? [used] : used,
  );
  const areas = polygons.map((rings) =>
    shape(
      rings.map((ring) =>
        unwrapped(
          ring.map((index) => arcOf(arcs, index)),
          true,
        ),
      ),
    ),
  );
  return { areas, borders: arcs.map((arc) => shape([unwrapped([arc], false)])) };
}

/** An arc of a topology; a negative index means it backwards. @param {number[][]} arcs @param {number} index */
function arcOf(arcs, index) {
  if (index >= 0) return arcs[index];
  const arc = arcs[~index];
  const back = [];
  for (let at = arc.length - 2; at >= 0; at -= 2) back.push(arc[at], arc[at + 1]);
  return back;
}

/**
 * One line of several, which goes on beyond the edge of the world where it crosses the date line.
 * @param {number[][]} lines
 * @param {boolean} isRing
 */
function unwrapped(lines, isRing) {
  const points = [];
  let [turns, last] = [0, lines[0][0]];
  for (const line of lines) {
    for (let at = 0; at < line.length; at += 2) {
      if (Math.abs(line[at] - last) > 0.5) turns += Math.sign(last - line[at]);
      last = line[at];
      points.push(last + turns, line[at + 1]);
    }
  }
  // A ring around a pole does not come back to its beginning: it is closed along the edge of the map.
  if (isRing && turns !== 0) points.push(last + turns, 1.1, points[0], 1.1);
  return Float64Array.from(points);
}

/** @param {Float64Array[]} lines @returns {Shape} */
function shape(lines) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const [points] = lines;
  for (let at = 0; at < points.length; at += 2) {
    box[0] = Math.min(box[0], points[at]);
    box[1] = Math.min(box[1], points[at + 1]);
    box[2] = Math.max(box[2], points[at]);
    box[3] = Math.max(box[3], points[at + 1]);
  }
  return { lines, box };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape[]} borders
 * @param {Shape[]} areas
 * @param {{z: number, x: number, y: number, side: number}} tile
 * @param {Colour} colour
 */
function drawOutline(context, borders, areas, { z, x, y, side }, colour) {
  const scale = side * 2 ** z;
  const margin = 4 / scale;
  const [left, right] = [x / 2 ** z - margin, (x + 1) / 2 ** z + margin];
  const [top, bottom] = [y / 2 ** z - margin, (y + 1) / 2 ** z + margin];
  /** @param {Float64Array} points @param {number} aside */
  const trace = (points, aside) => {
    let [lastX, lastY] = [NaN, NaN];
    for (let at = 0; at < points.length; at += 2) {
      const px = (points[at] + aside) * scale - x * side;
      const py = points[at + 1] * scale - y * side;
      if (at === 0) context.moveTo(px, py);
      // Points closer than this would be drawn for nothing.
      else if (at < points.length - 2 && Math.abs(px - lastX) + Math.abs(py - lastY) < 0.7) continue;
      else context.lineTo(px, py);
      lastX = px;
      lastY = py;
    }
  };
  /** @param {Shape[]} shapes @param {boolean} isClosed */
  const traceAll = (shapes, isClosed) => {
    context.beginPath();
    for (const { lines, box } of shapes) {
      for (const aside of [-1, 0, 1]) {
        if (right < box[0] + aside || box[2] + aside < left || bottom < box[1] || box[3] < top) continue;
        for (const line of lines) {
          trace(line, aside);
          if (isClosed) context.closePath();
        }
      }
    }
  };
  traceAll(areas, true);
  context.fillStyle = colour("--map-land");
  context.fill("evenodd");
  traceAll(borders, false);
  context.strokeStyle = colour("--map-border");
  context.lineWidth = 1;
  context.stroke();
}
