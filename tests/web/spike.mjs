// How fast the map draws without a graphics card: 20 tiles of 1 024 cells, and 20 tiles of 1 000 devices.
//
//   node spike.mjs [--binary ../../target/release/scanpost] [--throttle 4]
//
// Starts a server of its own with simulated devices, and a browser whose processor is slowed down.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    binary: { type: "string", default: join(root, "target/debug/scanpost") },
    throttle: { type: "string", default: "4" },
  },
});

/** The upper left corner of the two areas, as tiles of zoom 12. The devices of an area fill 5 × 4 of them. */
const ZOOM = 12;
const AREAS = { cells: { x: 2150, y: 1430, each: 4096 }, points: { x: 2250, y: 1430, each: 1000 } };

/** Numbers that are the same in each run. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function* reports() {
  const next = random(1);
  const ways = ["[ESS]", "[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS]", "[RSN-SAE-CCMP][ESS]"];
  let number = 0;
  for (const { x, y, each } of Object.values(AREAS)) {
    for (let tile = 0; tile < 20; tile += 1) {
      for (let device = 0; device < each; device += 1) {
        // One device in each cell first, so that none is empty.
        const [column, row] = [device % 32, Math.floor(device / 32) % 32];
        const spread = each > 1000 ? [(column + next()) / 32, (row + next()) / 32] : [next(), next()];
        const right = (x + (tile % 5) + spread[0]) / 2 ** ZOOM;
        const down = (y + Math.floor(tile / 5) + spread[1]) / 2 ** ZOOM;
        number += 1;
        yield {
          bssid: (0x02_00_00_00_00_00 + number).toString(16).padStart(12, "0"),
          ssid: `net ${number}`,
          capabilities: ways[Math.floor(next() * ways.length)],
          freqkhz: 2412000 + 5000 * Math.floor(next() * 11),
          signal: -40 - Math.floor(next() * 50),
          lat: (Math.atan(Math.sinh(Math.PI * (1 - 2 * down))) * 180) / Math.PI,
          lon: right * 360 - 180,
        };
      }
    }
  }
}

async function post(origin, batch) {
  const answer = await fetch(`${origin}/phy/phy80211/scan/scan_report.cmd`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ source_uuid: "6e6d010f-5ca9-4000-8000-000000000018", source_name: "spike", reports: batch }),
  });
  if (!answer.ok) throw new Error(`the server refuses reports: ${await answer.text()}`);
}

async function start() {
  const folder = await mkdtemp(join(tmpdir(), "scanpost-spike-"));
  const server = spawn(options.binary, ["--listen", "127.0.0.1:0", "--data-dir", folder], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const origin = await new Promise((resolve, reject) => {
    server.on("exit", () => reject(new Error("the server stopped")));
    createInterface(server.stderr).on("line", (line) => {
      const found = /server\.address=(\S+)/.exec(line);
      if (found) resolve(`http://${found[1]}`);
    });
  });
  for (;;) if ((await fetch(`${origin}/readyz`)).ok) break;
  let batch = [];
  for (const report of reports()) {
    batch.push(report);
    if (batch.length === 5000) {
      await post(origin, batch);
      batch = [];
    }
  }
  if (batch.length) await post(origin, batch);
  return {
    origin,
    stop: () =>
      new Promise((done) => server.on("exit", done).kill() && undefined).then(() => rm(folder, { recursive: true })),
  };
}

/** Runs in the page: shows an area, waits for its tiles, and moves the map about. */
async function measure({ x, y, zoom }) {
  const ol = await import("/spike/vendor/ol.js");
  const { DeviceTiles, TILE_PX } = await import("/spike/lib/tiles.js");
  const { painter, plan } = await import("/spike/lib/paint.js");
  const colours = {
    "--map-edge": "#fff",
    "--map-open": "#c00",
    "--map-weak": "#d80",
    "--map-wpa2": "#27c",
    "--map-wpa3": "#072",
  };
  const decodeTimes = [];
  const tiles = new DeviceTiles({
    scale: 1,
    max: 256,
    plan: (first) => plan("security", [], 0, first),
    paint: painter({ mode: "security", colour: (token) => colours[token] ?? "#777", now: () => 0, label: null }),
    fetch: async (z, x, y) => {
      const answer = await fetch(`/api/v1/tiles/${z}/${x}/${y}.mvt`);
      return { etag: answer.headers.get("ETag"), body: await answer.arrayBuffer() };
    },
    changed: () => layer.changed(),
    failed: (error) => {
      throw error;
    },
  });
  const side = 2 ** 12;
  const middle = ol.fromLonLat([
    ((x + 2.5) / side) * 360 - 180,
    (Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + 2)) / side))) * 180) / Math.PI,
  ]);
  const view = new ol.View({ center: middle, zoom, minZoom: 2, maxZoom: 22 });
  const layer = new ol.TileLayer({
    source: new ol.ImageTile({
      tileGrid: ol.createXYZ({ tileSize: TILE_PX, maxZoom: 20 }),
      tileSize: TILE_PX,
      loader: (z, x, y) => tiles.load(z, x, y),
      transition: 0,
    }),
  });
  document.getElementById("map")?.remove();
  const target = document.body.appendChild(document.createElement("div"));
  target.id = "map";
  const started = performance.now();
  const map = new ol.Map({ target, layers: [layer], view, controls: [] });
  await new Promise((done) => map.once("rendercomplete", done));
  const drawn = performance.now() - started;
  const shown = [...tiles.entries.values()].map((entry) => entry.parts[0].items.length);

  const frames = [];
  const work = [];
  map.on("precompose", () => work.push(-performance.now()));
  map.on("postrender", () => (work[work.length - 1] += performance.now()));
  let last;
  // Three seconds of moving to and fro, within the area and over its edges.
  await new Promise((done) => {
    const from = performance.now();
    const step = (now) => {
      if (last !== undefined) frames.push(now - last);
      last = now;
      const turn = ((now - from) / 3000) * 2 * Math.PI;
      const reach = 300 * view.getResolution();
      view.setCenter([middle[0] + reach * Math.sin(turn), middle[1] + reach * Math.sin(2 * turn)]);
      if (now - from < 3000) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  map.setTarget(null);
  return { drawn, shown, frames, work };
}

const percentile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const round = (value) => Math.round(value * 10) / 10;

const { origin, stop } = await start();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.route("**/spike/**", async (route) => {
    const path = new URL(route.request().url()).pathname.slice("/spike/".length);
    if (!path)
      return route.fulfill({
        contentType: "text/html",
        body: "<!doctype html><style>body{margin:0}#map{width:1280px;height:800px}</style>",
      });
    const types = { ".js": "text/javascript", ".css": "text/css" };
    await route.fulfill({ contentType: types[extname(path)], body: await readFile(join(root, "web", path)) });
  });
  const slow = await page.context().newCDPSession(page);
  // The map moves at whole zooms. Between two of them tiles are smallest, and 20 are on the screen.
  for (const [name, zoom] of [
    ["cells", ZOOM],
    ["points", ZOOM],
    ["cells", ZOOM - 0.49],
    ["points", ZOOM - 0.49],
  ]) {
    const runs = [];
    for (let run = 0; run < 5; run += 1) {
      await page.goto(`${origin}/spike/`);
      await slow.send("Emulation.setCPUThrottlingRate", { rate: Number(options.throttle) });
      runs.push(await page.evaluate(measure, { ...AREAS[name], zoom }));
      await slow.send("Emulation.setCPUThrottlingRate", { rate: 1 });
    }
    const of = (value) => round(percentile(runs.map(value), 0.5));
    console.log(
      [
        `${name} at zoom ${zoom}: ${runs[0].shown.length} tiles, ${Math.max(...runs[0].shown)} features in the fullest`,
        `all drawn after ${of((run) => run.drawn)} ms`,
        `frame p50 ${of((run) => percentile(run.frames, 0.5))} ms, p95 ${of((run) => percentile(run.frames, 0.95))} ms`,
        `work of a frame p95 ${of((run) => percentile(run.work, 0.95))} ms`,
      ].join("; "),
    );
  }
} finally {
  await browser.close();
  await stop();
}
