// The map itself: OpenLayers with the tiles of devices, what is selected, tracks, and outlining with the pointer.
import {
  createXYZ,
  DoubleClickZoom,
  DragPan,
  fromLonLat,
  ImageTile,
  KeyboardPan,
  KeyboardZoom,
  Kinetic,
  Map as OlMap,
  MouseWheelZoom,
  PinchZoom,
  PointerInteraction,
  TileLayer,
  toLonLat,
  View,
} from "../vendor/ol.js";
import { canvasLayer, marksPainter } from "./overlay.js";
import { nearest, TILE_PX, EXTENT } from "./tiles.js";

/** @typedef {[number, number]} Place longitude and latitude */
/** @typedef {{lat_min: number, lon_min: number, lat_max: number, lon_max: number}} Bounds */

const ZOOM_MAX = 20;
const grid = createXYZ({ tileSize: TILE_PX, maxZoom: ZOOM_MAX });

/** Draws a box or a free line while the pointer is down. */
class Outliner extends PointerInteraction {
  /** @param {(ring: Place[]) => void} done */
  constructor(done) {
    super({
      handleDownEvent: (/** @type {any} */ event) => {
        if (!this.kind) return false;
        this.points = [event.pixel];
        this.draw(event.map);
        return true;
      },
      handleDragEvent: (/** @type {any} */ event) => {
        if (this.kind === "box") this.points[1] = event.pixel;
        else this.points.push(event.pixel);
        this.draw(event.map);
      },
      handleUpEvent: (/** @type {any} */ event) => {
        const places = this.ring().map((pixel) => toLonLat(event.map.getCoordinateFromPixel(pixel)));
        const ring = /** @type {Place[]} */ (places);
        this.shape?.remove();
        this.shape = null;
        if (ring.length > 3) done(ring);
        return false;
      },
    });
    /** @type {"box" | "lasso" | null} */
    this.kind = null;
    /** @type {number[][]} */
    this.points = [];
    /** @type {SVGSVGElement | null} */
    this.shape = null;
  }

  /** @returns {number[][]} pixels */
  ring() {
    const [from, to] = this.points;
    if (this.kind === "box") return to ? [from, [to[0], from[1]], to, [from[0], to[1]]] : [];
    // A link has room for some forty corners.
    const step = Math.max(1, Math.ceil(this.points.length / 40));
    return this.points.filter((_, index) => index % step === 0);
  }

  /** @param {any} map */
  draw(map) {
    const name = "http://www.w3.org/2000/svg";
    if (!this.shape) {
      this.shape = document.createElementNS(name, "svg");
      this.shape.setAttribute("class", "map-outlining");
      this.shape.setAttribute("aria-hidden", "true");
      this.shape.append(document.createElementNS(name, "polygon"));
      map.getOverlayContainer().append(this.shape);
    }
    this.shape.firstElementChild?.setAttribute(
      "points",
      this.ring()
        .map((pixel) => pixel.join(","))
        .join(" "),
    );
  }
}

export class WorldMap {
  /**
   * @param {HTMLElement} target
   * @param {object} options
   * @param {import("./tiles.js").DeviceTiles} options.tiles
   * @param {(token: string) => string} options.colour
   * @param {() => void} options.moved
   * @param {(hit: {address: string} | {bounds: Bounds} | null) => void} options.picked
   * @param {(ring: Place[]) => void} options.outlined
   * @param {number} options.zoomMax
   */
  constructor(target, { tiles, colour, moved, picked, outlined, zoomMax }) {
    this.tiles = tiles;
    this.colour = colour;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.duration = still ? 0 : 200;
    this.view = new View({
      center: [0, 0],
      zoom: 1,
      minZoom: 0,
      maxZoom: zoomMax,
      enableRotation: false,
      multiWorld: true,
      // Tiles as large as they were drawn are copied; others are scaled in each frame, which takes four times as long.
      constrainResolution: true,
    });
    this.source = this.#source();
    this.devices = new TileLayer({
      source: this.source,
      cacheSize: devicePixelRatio > 1 ? 32 : 64,
      zIndex: 1,
      visible: false,
    });
    /** @type {import("./overlay.js").Marks | null} */
    this.marks = null;
    this.overlay = canvasLayer(
      2,
      marksPainter(() => this.marks, colour),
    );
    /** @type {any[]} */
    this.ground = [];
    this.outliner = new Outliner(outlined);
    this.map = new OlMap({
      target,
      view: this.view,
      layers: [this.devices, this.overlay],
      controls: [],
      interactions: [
        new DoubleClickZoom(),
        new DragPan({ kinetic: still ? undefined : new Kinetic(-0.005, 0.05, 100) }),
        new PinchZoom(),
        new KeyboardPan(),
        new KeyboardZoom(),
        new MouseWheelZoom(),
        // The last one is asked first.
        this.outliner,
      ],
      moveTolerance: 4,
    });
    this.map.on("moveend", moved);
    this.map.on("singleclick", (/** @type {any} */ event) => picked(this.#pick(event)));
  }

  #source() {
    return new ImageTile({
      tileGrid: grid,
      tileSize: TILE_PX * this.tiles.options.scale,
      transition: 0,
      loader: (/** @type {number} */ z, /** @type {number} */ x, /** @type {number} */ y) => this.tiles.load(z, x, y),
    });
  }

  remove() {
    this.map.setTarget(undefined);
    this.map.dispose();
  }

  /** Reads all tiles again, because they are others now. */
  reset() {
    this.tiles.reset();
    this.source = this.#source();
    this.devices.setSource(this.source);
  }

  redraw() {
    this.devices.changed();
  }

  /** @param {any[]} layers what lies below */
  setGround(layers) {
    for (const layer of this.ground) this.map.removeLayer(layer);
    this.ground = layers;
    layers.forEach((layer, index) => this.map.getLayers().insertAt(index, layer));
  }

  /** @param {"box" | "lasso" | null} kind */
  outline(kind) {
    this.outliner.kind = kind;
  }

  /** Where the map is: latitude, longitude and zoom. */
  at() {
    const [lon, lat] = toLonLat(this.view.getCenter() ?? [0, 0]);
    return { lat, lon, zoom: this.view.getZoom() ?? 0 };
  }

  /** @param {{lat: number, lon: number, zoom: number}} at */
  go({ lat, lon, zoom }) {
    this.view.cancelAnimations();
    this.view.setCenter(fromLonLat([lon, lat]));
    this.view.setZoom(zoom);
  }

  /** @param {number} step */
  zoom(step) {
    const zoom = (this.view.getZoom() ?? 0) + step;
    this.view.animate({ zoom, duration: this.duration });
  }

  /** @param {Bounds} bounds @param {number} [maxZoom] */
  fit({ lat_min, lon_min, lat_max, lon_max }, maxZoom = 17) {
    const [west, south] = fromLonLat([lon_min, Math.max(-85, lat_min)]);
    const [east, north] = fromLonLat([lon_max, Math.min(85, lat_max)]);
    this.map.updateSize();
    this.view.fit([west, south, east, north], { maxZoom, padding: [50, 50, 50, 50] });
  }

  /** What the screen shows. @returns {Bounds} */
  bounds() {
    const [west, south, east, north] = this.view.calculateExtent(this.map.getSize());
    const [lonMin, latMin] = toLonLat([west, south]);
    const [lonMax, latMax] = toLonLat([east, north]);
    const isAll = east - west >= 2 * 20037508;
    return { lat_min: latMin, lon_min: isAll ? -180 : lonMin, lat_max: latMax, lon_max: isAll ? 180 : lonMax };
  }

  /** The tiles that the screen shows. */
  visible() {
    const z = grid.getZForResolution(this.view.getResolution() ?? 1);
    const side = 2 ** z;
    /** @type {{key: string, entry: import("./tiles.js").Entry, column: number}[]} */
    const found = [];
    grid.forEachTileCoord(this.view.calculateExtent(this.map.getSize()), z, (/** @type {number[]} */ [, column, y]) => {
      const x = ((column % side) + side) % side;
      const entry = this.tiles.entries.get(`${z}/${x}/${y}`);
      if (entry) found.push({ key: entry.key, entry, column });
    });
    return found;
  }

  /** How many devices the screen shows, as far as its tiles are there. */
  count() {
    const extent = this.view.calculateExtent(this.map.getSize());
    let count = 0;
    for (const { entry, column } of this.visible()) {
      const [west, , east, north] = grid.getTileCoordExtent([entry.z, column, entry.y]);
      const unit = (east - west) / EXTENT;
      for (const { x, y, count: n } of entry.parts[0]?.items ?? []) {
        const [right, up] = [west + x * unit, north - y * unit];
        if (extent[0] <= right && right <= extent[2] && extent[1] <= up && up <= extent[3]) count += n ?? 1;
      }
    }
    return count;
  }

  /** A round length, and how wide it is on the screen. */
  scale() {
    const resolution = this.view.getResolution();
    if (!resolution) return null;
    const metresPerPixel = resolution * Math.cos((this.at().lat * Math.PI) / 180);
    const most = metresPerPixel * 100;
    const power = 10 ** Math.floor(Math.log10(most));
    const metres = [5, 2, 1].map((step) => step * power).find((one) => one <= most) ?? power;
    return { width: metres / metresPerPixel, metres };
  }

  /** @param {any} event */
  #pick({ pixel, originalEvent }) {
    const reach = originalEvent.pointerType === "touch" ? 22 : 10;
    const [right, up] = this.map.getCoordinateFromPixel(pixel);
    for (const { entry, column } of this.visible()) {
      const extent = grid.getTileCoordExtent([entry.z, column, entry.y]);
      const unit = (extent[2] - extent[0]) / EXTENT;
      const item = nearest(entry.parts, (right - extent[0]) / unit, (extent[3] - up) / unit, reach);
      if (!item) continue;
      if (item.address) return { address: item.address };
      const half = unit * (EXTENT / 64);
      const [x, y] = [extent[0] + item.x * unit, extent[3] - item.y * unit];
      const [lonMin, latMin] = toLonLat([x - half, y - half]);
      const [lonMax, latMax] = toLonLat([x + half, y + half]);
      return { bounds: { lat_min: latMin, lon_min: lonMin, lat_max: latMax, lon_max: lonMax } };
    }
    return null;
  }

  /** Shows what is not in tiles. @param {import("./overlay.js").Marks} marks */
  mark(marks) {
    this.marks = marks;
    this.overlay.changed();
  }
}

/** @param {Place[]} ring @returns {Bounds} */
export function boundsOf(ring) {
  const lons = ring.map(([lon]) => lon);
  const lats = ring.map(([, lat]) => lat);
  return {
    lat_min: Math.min(...lats),
    lon_min: Math.min(...lons),
    lat_max: Math.max(...lats),
    lon_max: Math.max(...lons),
  };
}

/** The deepest zoom whose tiles tell where devices are. A unit of such a tile is less than a metre. */
const EXTENT_ZOOM_MAX = 14;

/**
 * Where the devices are. Tiles of the whole world tell that roughly, so it looks closer as long as few tiles hold them all.
 * @param {(z: number, x: number, y: number) => Promise<import("./tiles.js").Decoded>} read
 * @returns {Promise<Bounds | null>}
 */
export async function extentOfData(read) {
  let tiles = [[0, 0, 0]];
  for (;;) {
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    const z = tiles[0][0];
    const side = EXTENT * 2 ** z;
    const decoded = await Promise.all(tiles.map(([, x, y]) => read(z, x, y)));
    decoded.forEach(({ items, cells }, index) => {
      const [, x, y] = tiles[index];
      const half = cells ? EXTENT / 64 : 1;
      for (const item of items) {
        box.left = Math.min(box.left, (x * EXTENT + item.x - half) / side);
        box.right = Math.max(box.right, (x * EXTENT + item.x + half) / side);
        box.top = Math.min(box.top, (y * EXTENT + item.y - half) / side);
        box.bottom = Math.max(box.bottom, (y * EXTENT + item.y + half) / side);
      }
    });
    if (box.left > box.right) return null;
    const size = Math.max(box.right - box.left, box.bottom - box.top);
    const closer = Math.min(EXTENT_ZOOM_MAX, Math.floor(-Math.log2(size)));
    if (closer <= z) {
      const lat = (/** @type {number} */ y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
      const [lonMin, lonMax] = [box.left * 360 - 180, box.right * 360 - 180];
      return { lat_min: lat(box.bottom), lon_min: lonMin, lat_max: lat(box.top), lon_max: lonMax };
    }
    tiles = [];
    const at = (/** @type {number} */ share) => Math.max(0, Math.min(2 ** closer - 1, Math.floor(share * 2 ** closer)));
    for (let x = at(box.left); x <= at(box.right); x += 1) {
      for (let y = at(box.top); y <= at(box.bottom); y += 1) tiles.push([closer, x, y]);
    }
  }
}
