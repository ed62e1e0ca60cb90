// Tiles of devices: each is read once, drawn once into a canvas, and then only moved over the screen.
import { PbfReader } from "../vendor/ol.js";
import { address, ApiError, get, pause } from "./api.js";

/** Side of a tile on the screen, in CSS pixels. */
export const TILE_PX = 512;
/** Coordinates within a tile go from 0 to this. */
export const EXTENT = 4096;
/** From this zoom on, points have names. */
export const LABEL_ZOOM = 16;

/**
 * A point or a cell of a tile.
 * @typedef {{x: number, y: number, address?: string, security?: string, ssid?: string, signal?: number,
 *   lastSeen?: number, count?: number, classes?: Record<string, number>}} Item
 * @typedef {{cells: boolean, items: Item[]}} Decoded
 * @typedef {{etag: string | null, body: ArrayBuffer} | null} Answer null: the tile is the one of `etag`
 * @typedef {import("./api.js").Params} Params
 * @typedef {{z: number, x: number, y: number, key: string, canvas: HTMLCanvasElement, parts: Decoded[],
 *   etags: (string | null)[], bodies: number, stale: boolean, pending: Promise<void> | null}} Entry
 * @typedef {(context: CanvasRenderingContext2D, parts: Decoded[], z: number, cut: (item: Item) => boolean) => void} Painter
 */

/** How often a tile is asked for again that a busy server put off. */
const BUSY_RETRIES = 3;

/**
 * Asks the server for a tile.
 * @param {string} path
 * @param {Params} params
 * @param {{signal: AbortSignal, etag: string | null}} options
 * @returns {Promise<Answer>}
 */
export async function readTile(path, params, { signal, etag }) {
  /** @type {Record<string, string>} */
  const headers = { "X-Requested-With": "scanpost" };
  if (etag) headers["If-None-Match"] = etag;
  for (let tries = 0; ; tries += 1) {
    /** @type {Response} */
    let response;
    try {
      response = await fetch(address(path, params), { headers, signal, credentials: "same-origin" });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ApiError("", { code: "offline" });
    }
    if (response.status === 304) return null;
    if (response.ok) return { etag: response.headers.get("ETag"), body: await response.arrayBuffer() };
    const waitS = Number(response.headers.get("Retry-After") ?? NaN);
    if (response.status === 503 && waitS <= 3 && tries < BUSY_RETRIES) {
      await pause(waitS * 1000, signal);
      continue;
    }
    // A read of JSON leads to the form for logins.
    if (response.status === 401) await get("/api/v1/status", {}, { signal });
    const told = await response.json().catch(() => ({}));
    const { status, code, parameter } = told;
    throw new ApiError(String(status ?? response.statusText), { status: response.status, code, parameter });
  }
}

/**
 * Reads the layer `aps` of a vector tile.
 * @param {ArrayBuffer} body
 * @returns {Decoded}
 */
export function decode(body) {
  /** @type {Decoded} */
  const decoded = { cells: false, items: [] };
  if (body.byteLength === 0) return decoded;
  const pbf = new PbfReader(new Uint8Array(body));
  pbf.readFields((/** @type {number} */ tag) => {
    if (tag === 3) readLayer(pbf, pbf.readVarint() + pbf.pos, decoded);
  }, null);
  return decoded;
}

/** Where keys of a tile go. @type {Record<string, "address" | "security" | "ssid" | "signal" | "lastSeen" | "count">} */
const FIELDS = {
  address: "address",
  security: "security",
  ssid: "ssid",
  signal_dbm: "signal",
  signal_strongest_dbm: "signal",
  last_seen: "lastSeen",
  count: "count",
};

/**
 * @param {any} pbf
 * @param {number} end
 * @param {Decoded} decoded
 */
function readLayer(pbf, end, decoded) {
  /** @type {string[]} */
  const keys = [];
  /** @type {any[]} */
  const values = [];
  /** @type {number[]} */
  const features = [];
  pbf.readFields(
    (/** @type {number} */ tag) => {
      if (tag === 2) features.push(pbf.pos);
      else if (tag === 3) keys.push(pbf.readString());
      else if (tag === 4) values.push(readValue(pbf, pbf.readVarint() + pbf.pos));
    },
    null,
    end,
  );
  for (const position of features) {
    pbf.pos = position;
    const item = readFeature(pbf, pbf.readVarint() + pbf.pos, keys, values);
    if (item.count !== undefined) decoded.cells = true;
    decoded.items.push(item);
  }
  pbf.pos = end;
}

/**
 * @param {any} pbf
 * @param {number} end
 */
export function readValue(pbf, end) {
  /** @type {string | number | boolean | null} */
  let value = null;
  pbf.readFields(
    (/** @type {number} */ tag) => {
      if (tag === 1) value = pbf.readString();
      else if (tag === 2) value = pbf.readFloat();
      else if (tag === 3) value = pbf.readDouble();
      else if (tag === 4) value = pbf.readVarint(true);
      else if (tag === 5) value = pbf.readVarint();
      else if (tag === 6) value = pbf.readSVarint();
      else if (tag === 7) value = pbf.readBoolean();
    },
    null,
    end,
  );
  return value;
}

/**
 * @param {any} pbf
 * @param {number} end
 * @param {string[]} keys
 * @param {any[]} values
 */
function readFeature(pbf, end, keys, values) {
  /** @type {Item} */
  const item = { x: 0, y: 0 };
  pbf.readFields(
    (/** @type {number} */ tag) => {
      if (tag === 2) {
        const stop = pbf.readVarint() + pbf.pos;
        while (pbf.pos < stop) {
          const key = keys[pbf.readVarint()];
          const value = values[pbf.readVarint()];
          const field = FIELDS[key];
          if (field) /** @type {any} */ (item)[field] = value;
          else (item.classes ??= {})[key] = value;
        }
      } else if (tag === 4) {
        pbf.readVarint(); // the length
        pbf.readVarint(); // the command: move to
        item.x = pbf.readSVarint();
        item.y = pbf.readSVarint();
      }
    },
    null,
    end,
  );
  return item;
}

/** The decoded tiles, and a canvas for each. */
export class DeviceTiles {
  /**
   * @param {object} options
   * @param {(z: number, x: number, y: number, params: Params, etag: string | null) => Promise<Answer>} options.fetch
   * @param {(first: Decoded | null) => Params[]} options.plan the requests of a tile, given the answer of the first
   * @param {Painter} options.paint
   * @param {number} options.scale canvas pixels of a CSS pixel
   * @param {number} options.max how many tiles are kept
   * @param {() => void} options.changed
   * @param {(error: unknown) => void} options.failed
   */
  constructor(options) {
    this.options = options;
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    this.generation = 0;
  }

  /**
   * The canvas of a tile, once it is drawn.
   * @param {number} z
   * @param {number} x
   * @param {number} y
   */
  async load(z, x, y) {
    const entry = this.#entry(z, x, y);
    if (!entry.pending && (entry.stale || entry.bodies === 0)) this.#read(entry);
    await entry.pending;
    return entry.canvas;
  }

  /** Forgets all tiles: the filters or the requests of a tile are others. */
  reset() {
    this.generation += 1;
    this.entries.clear();
  }

  /** Draws all tiles again, in other colours. */
  repaint() {
    for (const entry of this.entries.values()) this.#paint(entry);
    this.options.changed();
  }

  /** There are newer data. */
  markStale() {
    for (const entry of this.entries.values()) entry.stale = true;
  }

  /**
   * Asks for newer versions of these tiles, where they are stale.
   * @param {Iterable<string>} keys
   */
  async refresh(keys) {
    const waiting = [];
    for (const key of keys) {
      const entry = this.entries.get(key);
      if (!entry?.stale) continue;
      if (!entry.pending) this.#read(entry);
      waiting.push(entry.pending);
    }
    await Promise.all(waiting);
  }

  /** @param {number} z @param {number} x @param {number} y @returns {Entry} */
  #entry(z, x, y) {
    const key = `${z}/${x}/${y}`;
    let entry = this.entries.get(key);
    if (entry) this.entries.delete(key);
    else {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = TILE_PX * this.options.scale;
      entry = { z, x, y, key, canvas, parts: [], etags: [], bodies: 0, stale: false, pending: null };
    }
    this.entries.set(key, entry);
    if (this.entries.size > this.options.max) {
      const oldest = this.entries.keys().next().value;
      if (oldest !== undefined && oldest !== key) this.entries.delete(oldest);
    }
    return entry;
  }

  /** @param {Entry} entry */
  #read(entry) {
    const generation = this.generation;
    const first = entry.bodies === 0;
    entry.stale = false;
    entry.pending = this.#ask(entry)
      .then((fresh) => {
        if (generation !== this.generation || !fresh) return;
        this.#paint(entry);
        for (const other of this.#around(entry)) {
          // What was drawn over the edge before is taken away only by drawing the neighbour again.
          if (first) this.#spill(entry, other);
          else if (spills(entry)) this.#paint(other);
        }
        this.options.changed();
      })
      .catch((error) => {
        entry.stale = true;
        if (generation === this.generation) this.options.failed(error);
      })
      .finally(() => {
        entry.pending = null;
      });
  }

  /** @param {Entry} entry @returns {Promise<boolean>} whether anything is new */
  async #ask(entry) {
    const { fetch, plan } = this.options;
    let fresh = false;
    const ask = async (/** @type {Params} */ params, /** @type {number} */ index) => {
      const answer = await fetch(entry.z, entry.x, entry.y, params, entry.etags[index] ?? null);
      if (!answer) return;
      entry.etags[index] = answer.etag;
      entry.parts[index] = decode(answer.body);
      entry.bodies += 1;
      fresh = true;
    };
    const [first] = plan(null);
    if (first) await ask(first, 0);
    const all = plan(entry.parts[0] ?? null);
    await Promise.all(all.slice(1).map((params, index) => ask(params, index + 1)));
    entry.parts.length = entry.etags.length = all.length;
    return fresh;
  }

  /** The tiles around one that are there. @param {Entry} entry @returns {Entry[]} */
  #around({ z, x, y }) {
    const found = [];
    const side = 2 ** z;
    for (let down = -1; down <= 1; down += 1) {
      for (let right = -1; right <= 1; right += 1) {
        if (!down && !right) continue;
        const other = this.entries.get(`${z}/${(x + right + side) % side}/${y + down}`);
        if (other?.parts.length && !other.pending) found.push(other);
      }
    }
    return found;
  }

  /** Draws a tile, and what of its neighbours reaches over the edge. @param {Entry} entry */
  #paint(entry) {
    const context = entry.canvas.getContext("2d");
    if (!context) return;
    const { scale, paint } = this.options;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, entry.canvas.width, entry.canvas.height);
    for (const other of this.#around(entry)) this.#spill(other, entry);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    paint(context, entry.parts, entry.z, () => false);
  }

  /**
   * Draws what of a tile reaches into another one.
   * @param {Entry} from
   * @param {Entry} onto
   */
  #spill(from, onto) {
    const context = onto.canvas.getContext("2d");
    if (!context || !spills(from)) return;
    const { scale, paint } = this.options;
    const side = 2 ** from.z;
    let right = from.x - onto.x;
    if (Math.abs(right) > 1) right -= Math.sign(right) * side;
    const dx = right * EXTENT;
    const dy = (from.y - onto.y) * EXTENT;
    const least = -((from.z >= LABEL_ZOOM ? 160 : 10) * EXTENT) / TILE_PX;
    const most = EXTENT - least;
    context.setTransform(scale, 0, 0, scale, right * TILE_PX * scale, (from.y - onto.y) * TILE_PX * scale);
    paint(
      context,
      from.parts,
      from.z,
      ({ x, y }) => x + dx < least || x + dx > most || y + dy < least || y + dy > most,
    );
  }
}

/** Whether symbols of a tile can reach over its edge; those of cells cannot. @param {Entry} entry */
function spills(entry) {
  return entry.parts.some((part) => part && !part.cells && part.items.length > 0);
}

/**
 * What is nearest to a place in a tile.
 * @param {Decoded[]} parts
 * @param {number} x in units of the tile
 * @param {number} y
 * @param {number} reachPx
 * @returns {Item | null}
 */
export function nearest(parts, x, y, reachPx) {
  const reach = (reachPx * EXTENT) / TILE_PX;
  const half = EXTENT / 64;
  let point = null;
  let cell = null;
  let least = reach * reach;
  for (const part of parts) {
    for (const item of part?.items ?? []) {
      const dx = item.x - x;
      const dy = item.y - y;
      const distance = dx * dx + dy * dy;
      if (item.count !== undefined) {
        if (Math.abs(dx) <= half && Math.abs(dy) <= half) cell = item;
      } else if (distance < least) {
        least = distance;
        point = item;
      }
    }
  }
  return point ?? cell;
}
