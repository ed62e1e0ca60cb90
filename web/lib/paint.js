// How devices are drawn on the map: groups of colours with a shape each, which the legend shows too.
import { SECURITY_GROUPS, security, strength } from "./format.js";
import { EXTENT, LABEL_ZOOM, TILE_PX } from "./tiles.js";

/** @typedef {import("./tiles.js").Decoded} Decoded */
/** @typedef {import("./tiles.js").Item} Item */
/** @typedef {"security" | "signal" | "age" | "source"} Mode */
/** @typedef {{id: string, shape: string, token: string}} Group */

/** Outlines of the shapes, within -5 to 5. */
export const SHAPES = {
  circle: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z",
  square: "M-4 -4H4V4H-4Z",
  triangle: "M0 -5L5 4H-5Z",
  down: "M0 5L5 -4H-5Z",
  diamond: "M0 -5.2L5.2 0L0 5.2L-5.2 0Z",
  plus: "M-1.8 -5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z",
};

/** Shapes of groups in their order, so that nothing hangs on colours alone. */
const SHAPE_ORDER = ["triangle", "diamond", "circle", "square", "down", "plus"];

/** Groups of each mode, with the custom property of their colour. @type {Record<Mode, Group[]>} */
export const GROUPS = {
  security: SECURITY_GROUPS.map((id, index) => ({
    id,
    shape: SHAPE_ORDER[index] ?? "circle",
    token: `--security-${id}`,
  })),
  signal: ["excellent", "good", "fair", "weak", "faint", "unknown"].map((id, index) => ({
    id,
    shape: SHAPE_ORDER[index] ?? "circle",
    token: id === "unknown" ? "--security-unknown" : `--map-step-${5 - index}`,
  })),
  age: ["hour", "day", "week", "older"].map((id, index) => ({
    id,
    shape: SHAPE_ORDER[index] ?? "circle",
    token: `--map-step-${5 - index}`,
  })),
  source: SHAPE_ORDER.map((shape, index) => ({ id: String(index), shape, token: `--map-source-${index}` })),
};

/** How many sources the map tells apart. */
export const SOURCES_MAX = GROUPS.source.length;

/** @type {Map<string | number, string>} */
const known = new Map();

/** @param {number | undefined} dbm */
function signalGroup(dbm) {
  if (dbm === undefined) return "unknown";
  const group = known.get(dbm) ?? strength(dbm).word;
  known.set(dbm, group);
  return group;
}

/** @param {string | undefined} word */
function securityGroup(word = "unknown") {
  const group = known.get(word) ?? security(word).group;
  known.set(word, group);
  return group;
}

/** @param {number | undefined} lastSeen @param {number} now both in seconds */
function ageGroup(lastSeen, now) {
  const age = now - (lastSeen ?? 0);
  if (age <= 3600) return "hour";
  if (age <= 86400) return "day";
  return age <= 7 * 86400 ? "week" : "older";
}

/**
 * The requests of a tile under a mode. The first one is always made; of the others `null` says that they are not known yet.
 * @param {Mode} mode
 * @param {string[]} sources
 * @param {number} now in seconds
 * @param {Decoded | null} first
 * @returns {Record<string, string>[]}
 */
export function plan(mode, sources, now, first) {
  // All devices come first: they are counted and found by clicks, but only those of each source are drawn.
  if (mode === "source") return [{}, ...sources.slice(0, SOURCES_MAX).map((source) => ({ source }))];
  if (mode !== "age" || !first?.cells) return [{}];
  // Cells do not say how old their devices are, so each age is asked for. Whole hours let answers be kept.
  const hour = Math.floor(now / 3600) * 3600;
  return [{}, ...[7 * 24, 24, 1].map((hours) => ({ since: String(hour - hours * 3600) }))];
}

/** Between two zooms tiles are shown smaller than they are drawn, so symbols are larger than those of the legend. */
const GROWTH = 1.25;

/** @param {string} shape */
function outline(shape) {
  const path = new Path2D();
  path.addPath(new Path2D(SHAPES[/** @type {keyof typeof SHAPES} */ (shape)]), new DOMMatrix().scale(GROWTH));
  return path;
}

/**
 * A painter for tiles.
 * @param {object} options
 * @param {Mode} options.mode
 * @param {(token: string) => string} options.colour the value of a custom property
 * @param {() => number} options.now in seconds
 * @param {((text: string) => string) | null} options.label shows a name; without it no names are drawn
 * @returns {import("./tiles.js").Painter}
 */
export function painter({ mode, colour, now, label }) {
  const edge = colour("--map-edge");
  const groups = GROUPS[mode].map((group) => ({
    ...group,
    fill: colour(group.token),
    path: outline(group.shape),
  }));
  const byId = new Map(groups.map((group) => [group.id, group]));
  /** @param {Item} item @param {number} part */
  const groupOf = (item, part) => {
    if (mode === "source") return byId.get(String(part - 1));
    if (mode === "signal") return byId.get(signalGroup(item.signal));
    if (mode === "age") return byId.get(ageGroup(item.lastSeen, now()));
    return byId.get(securityGroup(item.security));
  };

  return (context, parts, z, cut) => {
    const unit = TILE_PX / EXTENT;
    if (parts.some((part) => part?.cells)) drawCells(context, parts, mode, groups, edge, cut);
    context.strokeStyle = edge;
    parts.forEach((part, index) => {
      if (!part || part.cells || (mode === "age" && index > 0) || (mode === "source" && index === 0)) return;
      // A device that several sources saw would hide behind the last of them: each source has a place of its own.
      const aside = mode === "source" ? (index - parts.length / 2) * 4 : 0;
      for (const item of part.items) {
        if (cut(item)) continue;
        const group = groupOf(item, index);
        if (!group) continue;
        const x = item.x * unit + aside;
        const y = item.y * unit;
        context.translate(x, y);
        context.fillStyle = group.fill;
        context.fill(group.path);
        context.lineWidth = 1;
        context.stroke(group.path);
        context.translate(-x, -y);
      }
    });
    if (label && z >= LABEL_ZOOM) drawLabels(context, parts, colour, label, cut);
  };
}

/**
 * Squares: the larger, the more devices; divided by the shares of the groups.
 * @param {CanvasRenderingContext2D} context
 * @param {Decoded[]} parts
 * @param {Mode} mode
 * @param {{id: string, fill: string}[]} groups
 * @param {string} edge
 * @param {(item: Item) => boolean} cut
 */
function drawCells(context, parts, mode, groups, edge, cut) {
  const unit = TILE_PX / EXTENT;
  const cell = TILE_PX / 32;
  context.strokeStyle = edge;
  context.lineWidth = 1;
  for (const { x, y, count, shares } of cellShares(parts, mode).values()) {
    if (count === 0 || cut({ x, y })) continue;
    const side = Math.min(cell - 1, 5 + 2.2 * Math.log2(count + 1));
    const left = x * unit - side / 2;
    const top = y * unit - side / 2;
    let done = 0;
    for (const group of groups) {
      const share = shares[group.id];
      if (!share) continue;
      const width = (side * share) / count;
      context.fillStyle = group.fill;
      context.fillRect(left + done, top, width, side);
      done += width;
    }
    context.strokeRect(left, top, side, side);
  }
}

/**
 * Counts by group of each cell. Points of other answers count in the cell that they are in.
 * @param {Decoded[]} parts
 * @param {Mode} mode
 */
export function cellShares(parts, mode) {
  const width = EXTENT / 32;
  /** @type {Map<number, {x: number, y: number, count: number, shares: Record<string, number>}>} */
  const cells = new Map();
  const ages = ["older", "week", "day", "hour"];
  parts.forEach((part, index) => {
    for (const item of part?.items ?? []) {
      if (mode === "source" && (index === 0 || !part.cells)) continue;
      const column = Math.min(31, Math.floor(item.x / width));
      const row = Math.min(31, Math.floor(item.y / width));
      const key = row * 32 + column;
      let found = cells.get(key);
      if (!found) {
        found = { x: (column + 0.5) * width, y: (row + 0.5) * width, count: 0, shares: {} };
        cells.set(key, found);
      }
      const { shares } = found;
      const count = item.count ?? 1;
      if (mode === "age") {
        // Each answer is a part of the one before: its devices change from the older group to the newer one.
        shares[ages[index]] = (shares[ages[index]] ?? 0) + count;
        if (index > 0) shares[ages[index - 1]] = Math.max(0, (shares[ages[index - 1]] ?? 0) - count);
        else found.count += count;
        continue;
      }
      found.count += count;
      if (mode === "source") shares[String(index - 1)] = (shares[String(index - 1)] ?? 0) + count;
      else if (mode === "signal") shares[signalGroup(item.signal)] = count;
      else
        for (const [word, n] of Object.entries(item.classes ?? {})) {
          const group = securityGroup(word);
          shares[group] = (shares[group] ?? 0) + n;
        }
    }
  });
  return cells;
}

/**
 * Names beside points, where there is room.
 * @param {CanvasRenderingContext2D} context
 * @param {Decoded[]} parts
 * @param {(token: string) => string} colour
 * @param {(text: string) => string} label
 * @param {(item: Item) => boolean} cut
 */
function drawLabels(context, parts, colour, label, cut) {
  const unit = TILE_PX / EXTENT;
  context.font = "14px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colour("--map-halo");
  context.fillStyle = colour("--map-text");
  /** @type {Set<string>} */
  const taken = new Set();
  for (const part of parts) {
    if (!part || part.cells) continue;
    for (const item of part.items) {
      if (!item.ssid) continue;
      const text = label(item.ssid).slice(0, 24);
      const x = item.x * unit + 10;
      const y = item.y * unit;
      const width = text.length * 8;
      const row = Math.round(y / 16);
      const first = Math.floor(x / 28);
      const last = Math.floor((x + width) / 28);
      let free = true;
      for (let column = first; column <= last && free; column += 1) free = !taken.has(`${row}:${column}`);
      if (!free) continue;
      for (let column = first; column <= last; column += 1) taken.add(`${row}:${column}`);
      if (cut(item)) continue;
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    }
  }
}
