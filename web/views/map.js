// The map: devices as tiles, and beside it the same devices as a list. All state is in the address.
import { html, render } from "../vendor/lit.js";
import { isAborted } from "../lib/api.js";
import { shownText } from "../lib/format.js";
import { loadTexts, t } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { painter, plan, SOURCES_MAX } from "../lib/paint.js";
import { style } from "../lib/router.js";
import { onChange, settings, withoutOwn } from "../lib/settings.js";
import { decode, DeviceTiles, readTile } from "../lib/tiles.js";
import { announce, debounce, failed, loading } from "../lib/ui.js";
import { boundsOf, extentOfData, WorldMap } from "../lib/worldmap.js";
import { chips } from "./filters.js";
import { MapData, read, writePlace, writeRing } from "./map-data.js";
import * as basemap from "../lib/basemap.js";
import * as parts from "./map-parts.js";

/** @typedef {import("../lib/router.js").Context} Context */
/** @typedef {import("../lib/worldmap.js").Place} Place */

/** Newer tiles are asked for at most this often. */
const REFRESH_MS = 10_000;
/** In demo mode nobody sees where exactly something is. */
const DEMO_ZOOM_MAX = 12;

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("map.title"),
  mount(root, context) {
    const view = new MapView(root, context);
    view.start().catch((error) => {
      if (!isAborted(error))
        render(
          failed(error, () => location.reload()),
          root,
        );
    });
    return { update: (changed) => view.update(changed), unmount: () => view.stop() };
  },
};

export class MapView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.state = read(context.query);
    /** @type {WorldMap | null} */
    this.map = null;
    /** @type {basemap.Basemap[]} */
    this.basemaps = [];
    /** What of one's own was left out last. */
    this.own = JSON.stringify(withoutOwn(context.query));
    /** @type {unknown} */
    this.tileError = null;
    /** Before the map is where it should be, it shows and tells nothing. */
    this.isPlaced = false;
    this.isOpen = this.state.sel !== "";
    /** @type {{place: Place, accuracyM: number} | null} */
    this.here = null;
    /** @type {"box" | "lasso" | null} */
    this.outlining = null;
    this.data = new MapData(context.signal, () => this.draw());
    this.refreshedAt = 0;
    /** How often the layers below the devices were asked for. */
    this.grounds = 0;
    /** Whether the address said where to look. */
    this.startedAt = context.query.has("at");
    this.loadSoon = debounce(() => void this.loadList(), 300);
    this.fitHeight = () => this.resize();
  }

  async start() {
    render(loading(), this.root);
    const { signal } = this.context;
    const [, , basemaps] = await Promise.all([
      loadTexts("filters"),
      style("styles/devices.css"),
      basemap.list(signal).catch(() => []),
      this.data.readNames(this.state),
    ]);
    if (signal.aborted) return;
    this.basemaps = basemaps;
    this.draw();
    this.build();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.recolour(), { signal });
    addEventListener("resize", this.fitHeight, { signal });
    this.ends = [onChange(() => this.recolour()), on("counters", () => this.newer()), on("resume", () => this.newer())];
    await this.place();
    this.isPlaced = true;
    void this.ground();
    this.map?.devices.setVisible(true);
    this.moved();
    if (this.state.area) this.loadSoon();
    void this.loadTracks();
    void this.data.loadSummary(this.wanted);
  }

  /** What the server is asked for: the filters, and that of one's own networks. @returns {import("../lib/api.js").Params} */
  get wanted() {
    return { ...this.state.filters, ...withoutOwn(this.context.query) };
  }

  stop() {
    for (const end of this.ends ?? []) end();
    this.data.reading?.abort();
    this.map?.remove();
    this.map = null;
  }

  colour = (/** @type {string} */ token) => {
    const target = this.root.querySelector(".map-canvas") ?? this.root;
    return getComputedStyle(target).getPropertyValue(token).trim() || "#777";
  };

  build() {
    const target = /** @type {HTMLElement} */ (this.root.querySelector(".map-canvas"));
    this.resize();
    const tiles = new DeviceTiles({
      scale: Math.min(2, devicePixelRatio || 1),
      max: 96,
      plan: (first) =>
        plan(
          this.state.by,
          this.data.coloured(this.state.filters).map(({ source }) => source),
          Date.now() / 1000,
          first,
        ),
      paint: this.painter(),
      fetch: (z, x, y, params, etag) => this.tile(z, x, y, params, etag),
      changed: () => {
        this.map?.redraw();
        this.drawSoon();
      },
      failed: (error) => {
        if (isAborted(error)) return;
        this.tileError = error;
        this.draw();
      },
    });
    this.map = new WorldMap(target, {
      tiles,
      colour: this.colour,
      zoomMax: settings.demo ? DEMO_ZOOM_MAX : 20,
      moved: () => this.moved(),
      picked: (hit) => this.picked(hit),
      outlined: (ring) => this.outlined(ring),
    });
  }

  drawSoon = debounce(() => this.draw(), 100);

  painter() {
    const { by } = this.state;
    const label = settings.demo ? null : shownText;
    return painter({ mode: by, colour: this.colour, now: () => Date.now() / 1000, label });
  }

  /** @param {number} z @param {number} x @param {number} y @param {import("../lib/api.js").Params} params @param {string | null} etag */
  async tile(z, x, y, params, etag) {
    const { signal } = this.context;
    return readTile(`/api/v1/tiles/${z}/${x}/${y}.mvt`, { ...this.wanted, ...params }, { signal, etag });
  }

  get base() {
    const known = this.basemaps.some(({ name }) => name === this.state.base);
    if (known || this.state.base === "none") return this.state.base;
    return this.basemaps.find(({ name }) => name !== "outline")?.name ?? this.basemaps[0]?.name ?? "none";
  }

  async ground() {
    this.grounds += 1;
    const asked = this.grounds;
    const layers = await basemap.layers(this.basemaps, this.base, this.colour);
    if (asked === this.grounds) this.map?.setGround(layers);
  }

  recolour() {
    if (!this.map) return;
    const own = JSON.stringify(withoutOwn(this.context.query));
    if (own !== this.own) {
      this.own = own;
      this.map.reset();
      void this.loadList();
      void this.data.loadSummary(this.wanted);
    }
    this.map.tiles.options.paint = this.painter();
    this.map.tiles.repaint();
    this.map.view.setMaxZoom(settings.demo ? DEMO_ZOOM_MAX : 20);
    void this.ground();
    this.mark();
    this.draw();
  }

  /** Goes to the place of the address, to the selected device, or to where devices are. */
  async place() {
    const { at, sel } = this.state;
    if (sel) await this.data.loadDevice(sel);
    if (at) this.map?.go(at);
    else if (this.data.device?.position) this.show();
    else if (this.state.area) this.map?.fit(boundsOf(this.state.area));
    else await this.fit();
    this.mark();
  }

  fit = async () => {
    try {
      const bounds = await extentOfData(async (z, x, y) => {
        const answer = await this.tile(z, x, y, {}, null);
        return decode(answer?.body ?? new ArrayBuffer(0));
      });
      if (bounds) this.map?.fit(bounds);
      else this.map?.fit({ lat_min: -55, lon_min: -170, lat_max: 75, lon_max: 180 });
    } catch (error) {
      if (!isAborted(error)) this.tileError = error;
      this.draw();
    }
  };

  show = () => {
    const { position } = this.data.device ?? {};
    if (position) this.map?.go({ lat: position.lat, lon: position.lon, zoom: Math.max(17, this.map.at().zoom) });
  };

  mark() {
    const position = this.data.device?.position;
    const tokens = new Map(
      this.data.sources.map(({ source }, index) => [source, `--map-source-${index % SOURCES_MAX}`]),
    );
    this.map?.mark({
      selected: position ? { place: [position.lon, position.lat], radiusM: this.data.radiusM } : null,
      here: this.here,
      tracks: [...this.data.tracks].map(([uuid, line]) => ({ token: tokens.get(uuid) ?? "--accent", line })),
      area: this.state.area,
    });
  }

  moved() {
    if (!this.map || !this.isPlaced) return;
    const at = writePlace(this.map.at());
    if (at !== this.context.query.get("at")) this.context.setQuery({ at });
    void this.map.tiles.refresh(this.map.visible().map(({ key }) => key));
    if (!this.state.area) this.loadSoon();
    this.draw();
  }

  /** @param {{address: string} | {bounds: import("../lib/worldmap.js").Bounds} | null} hit */
  picked(hit) {
    if (!hit) return;
    if ("address" in hit) this.select(hit.address);
    else this.map?.fit(hit.bounds, 19);
  }

  /** @param {string | null} sel */
  select = (sel) => {
    this.context.setQuery({ sel }, { push: true });
  };

  /** @param {Place[]} ring */
  outlined(ring) {
    this.outline(null);
    this.context.setQuery({ area: writeRing(ring) }, { push: true });
  }

  outline = (/** @type {"box" | "lasso" | null} */ kind) => {
    this.outlining = kind;
    this.map?.outline(kind);
    if (kind) announce(t("map.outlining"));
    this.draw();
  };

  locate = () => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        this.here = { place: [coords.longitude, coords.latitude], accuracyM: coords.accuracy };
        this.map?.go({ lat: coords.latitude, lon: coords.longitude, zoom: 17 });
        this.mark();
      },
      () => announce(t("map.here.failed")),
      { enableHighAccuracy: true, timeout: 20_000 },
    );
  };

  /** @param {Context} context */
  update(context) {
    const before = this.state;
    this.context = context;
    this.state = read(context.query);
    if (!this.map) return;
    const { state } = this;
    const isOther = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) !== JSON.stringify(b);
    const filtered = isOther(before.filters, state.filters);
    if (filtered || before.by !== state.by) {
      this.map.tiles.options.paint = this.painter();
      this.tileError = null;
      this.map.reset();
    }
    if (before.base !== state.base) void this.ground();
    if (filtered || isOther(before.area, state.area)) {
      this.data.rows = null;
      void this.loadList();
    }
    if (filtered) void this.data.loadSummary(this.wanted);
    if (filtered || isOther(before.tracks, state.tracks)) void this.data.readNames(state).then(() => this.draw());
    if (before.sel !== state.sel) void this.loadDevice();
    if (isOther([before.tracks, before.since], [state.tracks, state.since])) void this.loadTracks();
    if (state.at && writePlace(this.map.at()) !== context.query.get("at")) this.map.go(state.at);
    this.mark();
    this.draw();
  }

  /** There are new reports. The tiles in view are asked for again, but not at each of them. */
  newer() {
    const wait = this.refreshedAt + REFRESH_MS - Date.now();
    if (this.refreshing) return;
    this.refreshing = setTimeout(
      async () => {
        this.refreshing = undefined;
        this.refreshedAt = Date.now();
        if (!this.map || document.hidden) return;
        this.map.tiles.markStale();
        this.tileError = null;
        await this.map.tiles.refresh(this.map.visible().map(({ key }) => key));
        this.data.isOld = this.data.rows !== null;
        if (this.data.summary?.with_position === 0) {
          await this.data.loadSummary(this.wanted);
          if (this.data.summary?.with_position) await this.fit();
        }
        this.draw();
      },
      Math.max(0, wait),
    );
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  refreshing = undefined;

  /** Reads the selected device. Readers of screens hear which one it is. */
  async loadDevice() {
    this.isOpen ||= this.state.sel !== "";
    await this.data.loadDevice(this.state.sel);
    this.mark();
    const heading = this.root.querySelector("#map-selected");
    heading?.scrollIntoView({ block: "nearest" });
    if (this.data.device) announce(`${t("map.selected")}: ${heading?.textContent?.trim()}`);
  }

  async loadTracks() {
    await this.data.loadTracks(this.state);
    this.mark();
    const places = [...this.data.tracks.values()].flat();
    if (places.length && !this.startedAt) this.map?.fit(boundsOf(places));
  }

  async loadList(more = false) {
    if (!this.map) return;
    await this.data.loadList(this.state, this.map.bounds(), more, withoutOwn(this.context.query));
    if (!more && !this.data.isBusy) announce(this.root.querySelector("#map-list")?.textContent?.trim() ?? "");
  }

  /** The map fills what the page leaves of the window. */
  resize() {
    const frame = this.root.querySelector(".map-frame");
    if (!(frame instanceof HTMLElement)) return;
    frame.style.height = `${Math.max(360, innerHeight - frame.getBoundingClientRect().top - scrollY - 16)}px`;
    this.map?.map.updateSize();
  }

  draw() {
    if (this.context.signal.aborted) return;
    const { state } = this;
    const set = (/** @type {Record<string, string | null>} */ changes) => {
      const entries = Object.entries(changes).map(([name, value]) => [name, value || null]);
      this.context.setQuery(Object.fromEntries(entries), { push: true });
    };
    const apply = (/** @type {Record<string, string>} */ filters) => {
      const gone = Object.keys(state.filters).map((name) => /** @type {[string, null]} */ ([name, null]));
      set({ ...Object.fromEntries(gone), ...filters });
    };
    const names = new Map(this.data.sources.map(({ source, name }) => [source, name ?? source]));
    const choice = { filters: state.filters, summary: this.data.summary ?? undefined, sources: names, apply };
    const found = this.basemaps.find(({ name }) => name === this.base);
    const scale = this.map?.scale() ?? null;
    render(html`${chips(choice)} ${parts.frame(this, choice, scale, found?.attribution ?? "", set)}`, this.root);
    const bar = this.root.querySelector(".map-scale-bar");
    if (bar instanceof HTMLElement && scale) bar.style.width = `${scale.width}px`;
  }

  toggle = () => {
    this.isOpen = !this.isOpen;
    this.draw();
  };

  again = () => {
    this.tileError = null;
    this.draw();
    if (this.map) void this.map.tiles.refresh(this.map.visible().map(({ key }) => key));
  };
}
