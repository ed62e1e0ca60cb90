// A base map of vector tiles with the layers of Protomaps. Each tile is drawn into a picture; the names of places lie
// over all pictures, where there is room for them.
import { createXYZ, ImageTile, PbfReader, TileLayer } from "../vendor/ol.js";
import { prefix } from "./api.js";
import { shownText } from "./format.js";
import { canvasLayer, WORLD } from "./overlay.js";
import { readValue, TILE_PX } from "./tiles.js";

/**
 * @typedef {(token: string) => string} Colour the value of a custom property
 * @typedef {{order: number, fill?: string, stroke?: string, width?: number, road?: string, dash?: number[]}} Rule
 * @typedef {{rule: Rule, lines: number[][]}} Group lines of one look, each as x and y in turn
 * @typedef {{text: string, x: number, y: number, rank: number, isLarge: boolean, width?: number}} Label x and y in parts of the world
 * @typedef {{extent: number, groups: Group[], labels: Label[]}} Decoded
 */

/** Tiles farther in than the map goes are drawn from its last zoom. */
const ZOOM_MAX = 20;
/** How many tiles are kept as they were read. */
const TILES_MAX = 64;
const LABELS_MAX = 150;
const FONT = "12px system-ui, sans-serif";
const FONT_LARGE = "600 13px system-ui, sans-serif";

/** Widths of roads at zoom 16, by the kinds of Protomaps. @type {Record<string, number>} */
const ROADS = { highway: 7, major_road: 5, medium_road: 4, minor_road: 3, rail: 1.2, path: 1, other: 1 };
const GREEN = new Set(["park", "forest", "wood", "nature_reserve", "grass", "garden", "cemetery", "meadow", "scrub"]);
/** Kinds of geometry in tiles. */
const [LINE, POLYGON] = [2, 3];

/** @type {Record<string, Rule>} */
const RULES = {
  earth: { order: 0, fill: "--map-land" },
  green: { order: 1, fill: "--map-green" },
  water: { order: 2, fill: "--map-water" },
  river: { order: 2.5, stroke: "--map-water", width: 1.5 },
  building: { order: 3, fill: "--map-building" },
  border: { order: 5, stroke: "--map-border", width: 1, dash: [4, 3] },
};
for (const [kind, width] of Object.entries(ROADS)) {
  const stroke = kind === "rail" ? "--map-border" : "--map-road";
  RULES[`road ${kind}`] = { order: 4 + width / 10, stroke, road: kind };
}

/**
 * The name of the rule for a feature.
 * @param {string} layer
 * @param {number} type
 * @param {string} kind
 */
function ruleOf(layer, type, kind) {
  if (layer === "earth") return type === POLYGON ? "earth" : "";
  if (layer === "water") return type === POLYGON ? "water" : type === LINE ? "river" : "";
  if (layer === "buildings") return type === POLYGON ? "building" : "";
  if (layer === "boundaries") return type === LINE ? "border" : "";
  if (layer === "roads" || layer === "transit")
    return type === LINE ? `road ${Object.hasOwn(ROADS, kind) ? kind : "other"}` : "";
  const isLand = layer === "landuse" || layer === "natural" || layer === "landcover";
  return isLand && type === POLYGON && GREEN.has(kind) ? "green" : "";
}

/**
 * Reads a tile.
 * @param {ArrayBuffer} body
 * @param {{z: number, x: number, y: number}} tile
 * @returns {Decoded}
 */
export function decode(body, tile) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  /** @type {Decoded} */
  const decoded = { extent: 4096, groups: [], labels: [] };
  const pbf = new PbfReader(new Uint8Array(body));
  pbf.readFields((/** @type {number} */ tag) => {
    if (tag === 3) readLayer(pbf, pbf.readVarint() + pbf.pos, tile, groups, decoded);
  }, null);
  decoded.groups = [...groups.values()].sort((a, b) => a.rule.order - b.rule.order);
  decoded.labels.sort((a, b) => b.rank - a.rank);
  return decoded;
}

/**
 * @param {any} pbf
 * @param {number} end
 * @param {{z: number, x: number, y: number}} tile
 * @param {Map<string, Group>} groups
 * @param {Decoded} decoded
 */
function readLayer(pbf, end, { z, x, y }, groups, decoded) {
  let layer = "";
  let extent = 4096;
  /** @type {string[]} */
  const keys = [];
  /** @type {any[]} */
  const values = [];
  /** @type {number[]} */
  const features = [];
  pbf.readFields(
    (/** @type {number} */ tag) => {
      if (tag === 1) layer = pbf.readString();
      else if (tag === 2) features.push(pbf.pos);
      else if (tag === 3) keys.push(pbf.readString());
      else if (tag === 4) values.push(readValue(pbf, pbf.readVarint() + pbf.pos));
      else if (tag === 5) extent = pbf.readVarint() || 4096;
    },
    null,
    end,
  );
  for (const position of features) {
    pbf.pos = position;
    const { type, about, geometry } = readFeature(pbf, pbf.readVarint() + pbf.pos, keys, values);
    const kind = String(about.kind ?? about["pmap:kind"] ?? "other");
    if (layer === "places") {
      const text = about.name ?? about["name:en"];
      const point = readLines(pbf, geometry)[0];
      if (!text || !point) continue;
      const rank = Number(about.population_rank ?? 0) + (kind === "country" ? 100 : kind === "region" ? 20 : 0);
      const at = (/** @type {number} */ tileAt, /** @type {number} */ within) => (tileAt + within / extent) / 2 ** z;
      const place = { x: at(x, point[0]), y: at(y, point[1]) };
      decoded.labels.push({ text: shownText(text), ...place, rank, isLarge: 10 < rank });
      continue;
    }
    const name = ruleOf(layer, type, kind);
    if (!name) continue;
    let group = groups.get(name);
    if (!group) groups.set(name, (group = { rule: RULES[name], lines: [] }));
    // Layers of other extents are brought to the usual one.
    for (const line of readLines(pbf, geometry)) {
      group.lines.push(extent === 4096 ? line : line.map((value) => (value * 4096) / extent));
    }
  }
  pbf.pos = end;
}

/**
 * @param {any} pbf
 * @param {number} end
 * @param {string[]} keys
 * @param {any[]} values
 */
function readFeature(pbf, end, keys, values) {
  /** @type {{type: number, about: Record<string, unknown>, geometry: number}} */
  const feature = { type: 0, about: {}, geometry: 0 };
  pbf.readFields(
    (/** @type {number} */ tag) => {
      if (tag === 2) {
        const stop = pbf.readVarint() + pbf.pos;
        while (pbf.pos < stop) feature.about[keys[pbf.readVarint()]] = values[pbf.readVarint()];
      } else if (tag === 3) feature.type = pbf.readVarint();
      else if (tag === 4) feature.geometry = pbf.pos;
    },
    null,
    end,
  );
  return feature;
}

/** The lines, rings or points of a feature. @param {any} pbf @param {number} position */
function readLines(pbf, position) {
  /** @type {number[][]} */
  const lines = [];
  if (!position) return lines;
  pbf.pos = position;
  const end = pbf.readVarint() + pbf.pos;
  let [x, y, command, count] = [0, 0, 0, 0];
  while (pbf.pos < end) {
    if (count <= 0) {
      const next = pbf.readVarint();
      [command, count] = [next & 7, next >> 3];
    }
    count -= 1;
    if (command === 7) {
      // Rings are closed when they are filled.
      count = 0;
      continue;
    }
    x += pbf.readSVarint();
    y += pbf.readSVarint();
    if (command === 1) lines.push([]);
    lines.at(-1)?.push(x, y);
  }
  return lines;
}

/**
 * Draws a part of a tile.
 * @param {CanvasRenderingContext2D} context
 * @param {Decoded} decoded
 * @param {{scale: number, left: number, top: number, zoom: number}} part
 * @param {Colour} colour
 */
function draw(context, { groups }, { scale, left, top, zoom }, colour) {
  context.lineJoin = context.lineCap = "round";
  for (const { rule, lines } of groups) {
    context.beginPath();
    for (const line of lines) {
      for (let at = 0; at < line.length; at += 2) {
        const [px, py] = [line[at] * scale - left, line[at + 1] * scale - top];
        if (at === 0) context.moveTo(px, py);
        else context.lineTo(px, py);
      }
      if (rule.fill) context.closePath();
    }
    if (rule.fill) {
      context.fillStyle = colour(rule.fill);
      context.fill();
      continue;
    }
    const width = rule.road ? Math.max(0.6, ROADS[rule.road] * 2 ** ((zoom - 15) / 2)) : rule.width;
    context.lineWidth = width ?? 1;
    context.strokeStyle = colour(rule.stroke ?? "");
    context.setLineDash(rule.dash ?? []);
    context.stroke();
  }
}

/** What was read, by map and tile. @type {Map<string, Promise<Decoded>>} */
const reads = new Map();
/** The labels of tiles that are there. @type {Map<string, Label[]>} */
const labels = new Map();

/** @param {string} name @param {{z: number, x: number, y: number}} tile */
function read(name, tile) {
  const path = `${encodeURIComponent(name)}/${tile.z}/${tile.x}/${tile.y}`;
  let reading = reads.get(path);
  reads.delete(path);
  reading ??= fetch(`${prefix}/api/v1/basemaps/${path}`, { credentials: "same-origin" }).then(async (response) => {
    if (!response.ok && response.status !== 404) throw new Error(`${path}: ${response.status}`);
    const decoded = decode(response.ok ? await response.arrayBuffer() : new ArrayBuffer(0), tile);
    labels.set(path, decoded.labels);
    return decoded;
  });
  reads.set(path, reading);
  reading.catch(() => reads.delete(path));
  const oldest = reads.keys().next().value;
  if (TILES_MAX < reads.size && oldest !== undefined) {
    reads.delete(oldest);
    labels.delete(oldest);
  }
  return reading;
}

/**
 * The layers of a vector map: its tiles, and its labels.
 * @param {import("./basemap.js").Basemap} map
 * @param {object} shown where and from which zoom it is shown
 * @param {Colour} colour
 */
export function vectorLayers(map, shown, colour) {
  const scale = Math.min(2, devicePixelRatio || 1);
  const grid = createXYZ({ tileSize: TILE_PX, minZoom: map.zoom_min, maxZoom: Math.max(ZOOM_MAX, map.zoom_max) });
  /** The tile of the map that has another one. @param {number} z @param {number} x @param {number} y */
  const origin = (z, x, y) => {
    const deeper = Math.max(0, z - map.zoom_max);
    return { z: z - deeper, x: x >> deeper, y: y >> deeper, deeper };
  };
  const source = new ImageTile({
    tileGrid: grid,
    tileSize: TILE_PX * scale,
    transition: 0,
    loader: async (/** @type {number} */ z, /** @type {number} */ x, /** @type {number} */ y) => {
      const { deeper, ...from } = origin(z, x, y);
      const decoded = await read(map.name, from);
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = TILE_PX * scale;
      const context = canvas.getContext("2d");
      context?.scale(scale, scale);
      const [left, top] = [x - (from.x << deeper), y - (from.y << deeper)].map((at) => at * TILE_PX);
      const part = { scale: (TILE_PX / 4096) * 2 ** deeper, left, top, zoom: z };
      if (context) draw(context, decoded, part, colour);
      return canvas;
    },
  });
  const names = canvasLayer(
    0,
    (context, frame) => {
      const z = grid.getZForResolution(frame.resolution);
      /** @type {Map<string, {label: Label, aside: number}>} */
      const found = new Map();
      grid.forEachTileCoord(frame.extent, z, (/** @type {number[]} */ [, column, y]) => {
        const side = 2 ** z;
        const aside = Math.floor(column / side);
        const { z: fromZ, x, y: fromY } = origin(z, column - aside * side, y);
        const path = `${encodeURIComponent(map.name)}/${fromZ}/${x}/${fromY}`;
        for (const label of labels.get(path) ?? [])
          found.set(`${aside} ${label.text} ${label.x} ${label.y}`, { label, aside });
      });
      drawLabels(context, [...found.values()], frame, colour);
    },
    shown,
  );
  return [new TileLayer({ source, cacheSize: 64, ...shown }), names];
}

/**
 * Draws the names of places, the largest first, as far as there is room.
 * @param {CanvasRenderingContext2D} context
 * @param {{label: Label, aside: number}[]} found
 * @param {import("./overlay.js").Frame} frame
 * @param {Colour} colour
 */
function drawLabels(context, found, { toPixel, size }, colour) {
  found.sort((a, b) => b.label.rank - a.label.rank);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = colour("--map-halo");
  context.fillStyle = colour("--map-text");
  /** @type {number[][]} */
  const taken = [];
  for (const { label, aside } of found) {
    if (LABELS_MAX <= taken.length) return;
    const [x, y] = toPixel([(label.x + aside - 0.5) * WORLD, (0.5 - label.y) * WORLD]);
    context.font = label.isLarge ? FONT_LARGE : FONT;
    label.width ??= context.measureText(label.text).width;
    const [half, up] = [label.width / 2 + 4, 10];
    if (x + half < 0 || size[0] < x - half || y + up < 0 || size[1] < y - up) continue;
    const isHit = taken.some(([left, top, right, bottom]) => {
      return x - half < right && left < x + half && y - up < bottom && top < y + up;
    });
    if (isHit) continue;
    taken.push([x - half, y - up, x + half, y + up]);
    context.strokeText(label.text, x, y);
    context.fillText(label.text, x, y);
  }
}
