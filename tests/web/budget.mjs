// How much the page loads, and how fast it is. Starts a server of its own with simulated devices.
//
//   npm run budget -- [--devices 100000] [--runs 5]
//
// SCANPOST names the program; it should be a release build. Prints one line for each figure with its budget, and fails
// if one is missed.
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import config from "./playwright.config.mjs";
import { report, startServer } from "./server.mjs";
import { numbers } from "./seed.mjs";

const { values } = parseArgs({
  options: { devices: { type: "string", default: "100000" }, runs: { type: "string", default: "5" } },
});
const devices = Number(values.devices);
const runs = Number(values.runs);
const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "load" };
const BATCH = 2000;
const INGEST_MS = 10_000;
const SETTLED_MS = 1000;
/** An old phone in a slow network. */
const SLOW = { cpu: 4, bytesPerSecond: 1_600_000 / 8, latencyMs: 150 };

/** @type {{name: string, value: number, most: number, unit: string}[]} */
const figures = [];

/** @param {string} name @param {number} value @param {number} most @param {string} unit */
function figure(name, value, most, unit) {
  figures.push({ name, value, most, unit });
  const verdict = value <= most ? "ok" : "MISSED";
  console.log(`${name.padEnd(58)} ${value.toFixed(1).padStart(9)} ${unit.padEnd(4)} (at most ${most}) ${verdict}`);
}

/** @param {number[]} list */
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;

const random = numbers(7);
/** Reports of devices from a number on. */
function batch(from, count) {
  const ways = ["[ESS]", "[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS]", "[RSN-SAE-CCMP][ESS]"];
  return Array.from({ length: count }, (_, at) => ({
    bssid: (0x02_00_00_00_00_00 + from + at).toString(16).padStart(12, "0"),
    ssid: `net ${(from + at) % 5000}`,
    capabilities: ways[Math.floor(random() * ways.length)],
    freqkhz: 2_412_000 + 5000 * Math.floor(random() * 11),
    signal: -40 - Math.floor(random() * 50),
    lat: 47 + random(),
    lon: 9 + random(),
  }));
}

/** Sends reports for a while. @returns reports a second */
async function ingest(url, ms) {
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < ms) {
    await report(url, "wifi", SOURCE, batch(Math.floor(random() * devices), BATCH));
    sent += BATCH;
  }
  return (sent / (performance.now() - start)) * 1000;
}

const server = await startServer({
  config: `[limits]\nreports_per_second_max = 0\nbytes_per_second_max = 0\n`,
}).catch(() => startServer());
for (let from = 0; from < devices; from += BATCH) {
  await report(server.url, "wifi", SOURCE, batch(from, Math.min(BATCH, devices - from)));
}
console.log(`${devices} devices`);

const browser = await chromium.launch(config.use?.launchOptions);

/** A new window with an empty cache. */
async function open(slow = false) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  if (slow) {
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOW.cpu });
    await cdp.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: SLOW.latencyMs,
      downloadThroughput: SLOW.bytesPerSecond,
      uploadThroughput: SLOW.bytesPerSecond,
    });
  }
  /** @type {Map<string, string>} */
  const urls = new Map();
  const loaded = { bytes: 0, script: 0, requests: 0 };
  cdp.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const path = new URL(urls.get(requestId) ?? "http://none/").pathname;
    if (path.startsWith("/api/")) return;
    loaded.bytes += encodedDataLength;
    loaded.requests += 1;
    if (path.endsWith(".js")) loaded.script += encodedDataLength;
  });
  return { context, page, loaded };
}

/** The time of the first content. */
const painted = (/** @type {import("@playwright/test").Page} */ page) =>
  page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity);

const loads = { plain: [], slow: [], rows: [], slowRows: [] };
for (let run = 0; run < runs; run += 1) {
  for (const slow of [false, true]) {
    const { context, page, loaded } = await open(slow);
    await page.goto(`${server.url}/ui/`);
    await page.locator("main .card").first().waitFor();
    loads[slow ? "slow" : "plain"].push(await painted(page));
    if (run === 0 && !slow) {
      figure("first view: HTML, CSS, scripts and texts, over the wire", loaded.bytes / 1000, 60, "KB");
      figure("first view: requests", loaded.requests, 30, "");
      const before = loaded.script;
      await page.goto(`${server.url}/ui/map`);
      await page.locator("canvas").first().waitFor();
      figure("map: scripts on top", (loaded.script - before) / 1000, 115, "KB");
    }
    const list = performance.now();
    await page.goto(`${server.url}/ui/devices`);
    await page.locator("main tbody tr").nth(99).waitFor();
    loads[slow ? "slowRows" : "rows"].push(performance.now() - list);
    await context.close();
  }
}
figure("first paint, loopback", median(loads.plain), 300, "ms");
figure("first paint, 4× slower, 1.6 Mbit/s, 150 ms", median(loads.slow), 1500, "ms");
figure("first 100 rows, loopback", median(loads.rows), 500, "ms");
figure("first 100 rows, 4× slower, 1.6 Mbit/s, 150 ms", median(loads.slowRows), 2500, "ms");

for (const slow of [false, true]) {
  const { context, page } = await open();
  if (slow) await (await context.newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate: SLOW.cpu });
  await page.addInitScript(() => {
    // @ts-expect-error For this measurement.
    window.durations = [];
    new PerformanceObserver((list) => {
      // @ts-expect-error For this measurement.
      for (const entry of list.getEntries()) window.durations.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
  });
  await page.goto(`${server.url}/ui/devices`);
  await page.locator("main tbody tr").nth(99).waitFor();
  for (let press = 0; press < 20; press += 1) await page.keyboard.press("j");
  for (let press = 0; press < 3; press += 1) {
    await page.keyboard.press("?");
    await page.keyboard.press("Escape");
  }
  for (const name of ["Signal", "Name", "Last seen"]) {
    const head = page.getByRole("columnheader", { name }).getByRole("button");
    if (await head.count()) await head.first().click();
  }
  const durations = await page.evaluate(() => /** @type {any} */ (window).durations);
  const worst = durations.toSorted((/** @type {number} */ a, /** @type {number} */ b) => a - b);
  const p98 = worst[Math.floor(worst.length * 0.98)] ?? 16;
  figure(`key or click to painted answer, p98${slow ? ", 4× slower" : ""}`, p98, slow ? 200 : 100, "ms");
  await context.close();
}

{
  const { context, page } = await open();
  const times = [];
  await page.goto(`${server.url}/ui/devices`);
  await page.locator("main tbody tr").nth(99).waitFor();
  for (const filter of ["security=open", "security=wep", "signal_min_dbm=-60", "ssid_contains=net 42", "channel=6"]) {
    const answer = page.waitForResponse((response) => response.url().includes("/api/v1/devices?"));
    const start = performance.now();
    await page.evaluate((query) => {
      history.pushState(null, "", `?${query}`);
      dispatchEvent(new PopStateEvent("popstate"));
    }, filter);
    await answer;
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    times.push(performance.now() - start);
  }
  figure(`filter among ${devices} devices to new rows`, median(times), 250, "ms");
  await context.close();
}

{
  /** @type {number[]} */
  const alone = [];
  /** @type {number[]} */
  const watched = [];
  for (let run = 0; run < 3; run += 1) {
    alone.push(await ingest(server.url, INGEST_MS));
    const list = await open();
    const overview = await open();
    await list.page.goto(`${server.url}/ui/devices`);
    await overview.page.goto(`${server.url}/ui/`);
    await overview.page.locator("main .card").first().waitFor();
    await list.page.locator("main tbody tr").nth(99).waitFor();
    // Opening them is measured above; this is about pages that are open.
    await list.page.waitForTimeout(SETTLED_MS);
    watched.push(await ingest(server.url, INGEST_MS));
    await list.context.close();
    await overview.context.close();
  }
  const share = median(watched) / median(alone);
  console.log(`ingest: ${median(alone).toFixed(0)} reports/s alone, ${median(watched).toFixed(0)} with two pages open`);
  figure("ingest lost with two pages open", (1 - share) * 100, 5, "%");
}

await browser.close();
await server.stop();
if (figures.some(({ value, most }) => !(value <= most))) process.exitCode = 1;
