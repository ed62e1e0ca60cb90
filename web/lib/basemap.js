// What lies below the devices: the outline of the world, or a map of the user's own.
import {
  createXYZ,
  Fill,
  ImageTile,
  MVT,
  Stroke,
  Style,
  Text,
  textHeights,
  TileLayer,
  VectorTileLayer,
  VectorTileSource,
} from "../vendor/ol.js";
import { get, prefix } from "./api.js";
import { TILE_PX } from "./tiles.js";

/**
 * @typedef {{name: string, kind: string, format: string, zoom_min: number, zoom_max: number, attribution?: string,
 *   bounds?: {lat_min: number, lon_min: number, lat_max: number, lon_max: number}, error?: string}} Basemap
 * @typedef {(token: string) => string} Colour the value of a custom property
 * @typedef {{points: Float64Array, box: [number, number, number, number]}} Arc
 * @typedef {{rings: number[][], box: [number, number, number, number]}} Area
 */

/** Beyond this zoom the outline is only magnified. */
const OUTLINE_ZOOM_MAX = 12;
const FONT = "12px system-ui, sans-serif";
const FONT_LARGE = "600 13px system-ui, sans-serif";
textHeights[FONT] = 15;
textHeights[FONT_LARGE] = 16;

/** All base maps that can be used. @param {AbortSignal} [signal] @returns {Promise<Basemap[]>} */
export async function list(signal) {
  const { basemaps } = await get("/api/v1/basemaps", {}, { signal });
  return basemaps.filter((/** @type {Basemap} */ map) => !map.error);
}

/**
 * The layer of a base map.
 * @param {Basemap} map
 * @param {Colour} colour
 */
export function layer(map, colour) {
  if (map.name === "outline") return outlineLayer(colour);
  const url = `${prefix}/api/v1/basemaps/${encodeURIComponent(map.name)}/{z}/{x}/{y}`;
  const zooms = { minZoom: map.zoom_min, maxZoom: map.zoom_max };
  if (map.kind === "vector") {
    return new VectorTileLayer({
      source: new VectorTileSource({ format: new MVT(), url, ...zooms }),
      style: vectorStyle(colour),
      declutter: true,
      renderMode: "hybrid",
    });
  }
  return new TileLayer({ source: new ImageTile({ url, ...zooms }), cacheSize: 256 });
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

/** @type {Promise<{arcs: Arc[], areas: Area[]}> | undefined} */
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
      const { arcs, areas } = await outline;
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      if (context) drawOutline(context, arcs, areas, { z, x, y, side }, colour);
      return canvas;
    },
  });
  return new TileLayer({ source, cacheSize: 48 });
}

async function readOutline() {
  const topology = await get("/api/v1/basemaps/outline");
  const { scale, translate } = topology.transform;
  /** @type {Arc[]} */
  const arcs = topology.arcs.map((/** @type {number[][]} */ deltas) => {
    const points = new Float64Array(deltas.length * 2);
    let [lon, lat] = [0, 0];
    deltas.forEach(([right, up], index) => {
      lon += right;
      lat += up;
      const limited = Math.max(-85.06, Math.min(85.06, lat * scale[1] + translate[1]));
      points[2 * index] = (lon * scale[0] + translate[0] + 180) / 360;
      points[2 * index + 1] = (1 - Math.asinh(Math.tan((limited * Math.PI) / 180)) / Math.PI) / 2;
    });
    return { points, box: boxOf([points]) };
  });
  /** @type {Area[]} */
  const areas = [];
  const geometries = topology.objects.land.geometries ?? [topology.objects.land];
  for (const geometry of geometries) {
    const polygons = geometry.type === "Polygon" ? [geometry.arcs] : geometry.arcs;
    for (const rings of polygons) {
      const used = rings[0].map((/** @type {number} */ index) => arcs[index < 0 ? ~index : index].points);
      areas.push({ rings, box: boxOf(used) });
    }
  }
  return { arcs, areas };
}

/** @param {Float64Array[]} lines @returns {[number, number, number, number]} */
function boxOf(lines) {
  /** @type {[number, number, number, number]} */
  const box = [1, 1, 0, 0];
  for (const points of lines) {
    for (let at = 0; at < points.length; at += 2) {
      box[0] = Math.min(box[0], points[at]);
      box[1] = Math.min(box[1], points[at + 1]);
      box[2] = Math.max(box[2], points[at]);
      box[3] = Math.max(box[3], points[at + 1]);
    }
  }
  return box;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Arc[]} arcs
 * @param {Area[]} areas
 * @param {{z: number, x: number, y: number, side: number}} tile
 * @param {Colour} colour
 */
function drawOutline(context, arcs, areas, { z, x, y, side }, colour) {
  const scale = side * 2 ** z;
  const margin = 4 / scale;
  const left = x / 2 ** z - margin;
  const top = y / 2 ** z - margin;
  const right = (x + 1) / 2 ** z + margin;
  const bottom = (y + 1) / 2 ** z + margin;
  const isNear = (/** @type {number[]} */ box) => box[0] < right && left < box[2] && box[1] < bottom && top < box[3];
  let [lastX, lastY] = [NaN, NaN];
  const trace = (/** @type {Float64Array} */ points, /** @type {boolean} */ back, /** @type {boolean} */ begins) => {
    const count = points.length / 2;
    for (let at = 0; at < count; at += 1) {
      const index = 2 * (back ? count - 1 - at : at);
      const px = points[index] * scale - x * side;
      const py = points[index + 1] * scale - y * side;
      if (begins && at === 0) context.moveTo(px, py);
      // Points closer than this would be drawn for nothing.
      else if (at < count - 1 && Math.abs(px - lastX) + Math.abs(py - lastY) < 0.7) continue;
      else context.lineTo(px, py);
      lastX = px;
      lastY = py;
    }
  };
  context.beginPath();
  for (const { rings, box } of areas) {
    if (!isNear(box)) continue;
    for (const ring of rings) {
      ring.forEach((index, order) => trace(arcs[index < 0 ? ~index : index].points, index < 0, order === 0));
      context.closePath();
    }
  }
  context.fillStyle = colour("--map-land");
  context.fill("evenodd");
  context.beginPath();
  for (const { points, box } of arcs) if (isNear(box)) trace(points, false, true);
  context.strokeStyle = colour("--map-border");
  context.lineWidth = 1;
  context.stroke();
}

/** Widths of roads at zoom 16, by the kinds of Protomaps. @type {Record<string, number>} */
const ROADS = { highway: 7, major_road: 5, medium_road: 4, minor_road: 3, path: 1, other: 1, rail: 1.2 };
const GREEN = new Set(["park", "forest", "wood", "nature_reserve", "grass", "garden", "cemetery", "meadow", "scrub"]);

/**
 * The rules for vector tiles with the layers of Protomaps.
 * @param {Colour} colour
 */
function vectorStyle(colour) {
  /** @param {string} token @param {number} zIndex */
  const fill = (token, zIndex) => new Style({ fill: new Fill({ color: colour(token) }), zIndex });
  const earth = fill("--map-land", 0);
  const green = fill("--map-green", 1);
  const water = fill("--map-water", 2);
  const building = fill("--map-building", 3);
  const river = new Style({ stroke: new Stroke({ color: colour("--map-water"), width: 1.5 }), zIndex: 2 });
  const border = new Style({ stroke: new Stroke({ color: colour("--map-border"), lineDash: [4, 3] }), zIndex: 5 });
  const halo = new Stroke({ color: colour("--map-halo"), width: 3 });
  const ink = new Fill({ color: colour("--map-text") });
  /** @type {Map<string, Style>} */
  const roads = new Map();
  /** @param {string} kind @param {number} resolution */
  const road = (kind, resolution) => {
    const zoom = Math.round(Math.log2(156543.03 / resolution));
    const key = `${kind} ${zoom}`;
    let style = roads.get(key);
    if (!style) {
      const width = Math.max(0.6, (ROADS[kind] ?? 1) * 2 ** ((zoom - 16) / 2));
      style = new Style({
        stroke: new Stroke({ color: colour(kind === "rail" ? "--map-border" : "--map-road"), width }),
        zIndex: 4,
      });
      roads.set(key, style);
    }
    return style;
  };
  /** @param {any} feature @param {number} resolution */
  return (feature, resolution) => {
    const kind = String(feature.get("kind") ?? feature.get("pmap:kind") ?? "other");
    const isLine = feature.getType().endsWith("LineString");
    switch (feature.get("layer")) {
      case "earth":
        return isLine ? undefined : earth;
      case "water":
        return isLine ? river : feature.getType() === "Point" ? undefined : water;
      case "buildings":
        return building;
      case "landuse":
      case "natural":
      case "landcover":
        return GREEN.has(kind) ? green : undefined;
      case "boundaries":
        return border;
      case "roads":
      case "transit":
        return isLine ? road(kind, resolution) : undefined;
      case "places": {
        const text = feature.get("name") ?? feature.get("name:en");
        if (!text) return undefined;
        const isLarge = kind === "country" || Number(feature.get("population_rank") ?? 0) > 10;
        return new Style({
          text: new Text({ text: String(text), font: isLarge ? FONT_LARGE : FONT, fill: ink, stroke: halo }),
        });
      }
      default:
        return undefined;
    }
  };
}
