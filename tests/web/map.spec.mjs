// Journeys over the map, to a device on foot, and through the channels: with the mouse, by touch, and by keyboard alone.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, expectAccessible, settled, tabTo, test, use } from "./fixtures.mjs";
import { vectorMap } from "./pmtiles.mjs";
import { report } from "./server.mjs";

const WALKER = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "walker" };
const OTHER = { id: "6e6d010f-5ca9-4000-8000-0000000000c2", name: "shelf" };
const TARGET = "02:00:5E:CC:00:01";
const PLACE = { lat: 47.1412, lon: 9.5208 };

/** @param {object} changes */
function sighting(changes = {}) {
  return {
    bssid: TARGET,
    ssid: "Treasure",
    capabilities: "[WPA2-PSK-CCMP][ESS]",
    freqkhz: 2437000,
    signal: -70,
    ...changes,
  };
}

/** The list beside the map. @param {import("@playwright/test").Page} page */
const listed = (page) => page.getByRole("region", { name: /devices? in (view|the outlined area)/ });
/** @param {import("@playwright/test").Page} page */
const rows = (page) => listed(page).getByRole("listitem").getByRole("button");
/** @param {import("@playwright/test").Page} page */
const map = (page) => page.getByRole("application", { name: /^Map of devices/ });

/** @param {import("@playwright/test").Page} page */
async function mapSettled(page) {
  await settled(page);
  await expect(rows(page).first()).toBeVisible();
}

test("map, list, device and back keep all", async ({ page, full }) => {
  await page.goto(`${full.url}/ui/map?security=wpa2-personal`);
  await mapSettled(page);
  await page.getByText("Colours, base map and tracks").click();
  await page.getByLabel("Colour by").selectOption("signal");
  await expect(page).toHaveURL(/by=signal/);
  const before = page.url();
  await page.getByRole("button", { name: "Zoom in" }).click();
  await expect(page).not.toHaveURL(before);
  await mapSettled(page);
  await rows(page).first().click();
  await expect(page.getByRole("link", { name: "Details" })).toBeVisible();
  await expect(page).toHaveURL(/sel=/);
  const url = page.url();
  await page.getByRole("link", { name: "Details" }).click();
  await expect(page).toHaveURL(/\/ui\/device\//);
  await settled(page);
  await page.goBack();
  await mapSettled(page);
  expect(page.url()).toBe(url);
  await expect(page.getByRole("link", { name: "Details" })).toBeVisible();
  await expect(page.getByLabel("Colour by")).toHaveValue("signal");
  await expect(page.getByRole("button", { name: /Remove the filter Security/ })).toBeVisible();
  await expect(listed(page).getByRole("button", { pressed: true })).toBeVisible();
});

test("map, list, device and back by keyboard alone", async ({ page, full }) => {
  await page.goto(`${full.url}/ui/map`);
  await mapSettled(page);
  await tabTo(page, map(page));
  const start = page.url();
  await page.keyboard.press("+");
  await expect(page).not.toHaveURL(start);
  const zoomed = page.url();
  await page.keyboard.press("ArrowRight");
  await expect(page).not.toHaveURL(zoomed);
  await mapSettled(page);
  await page.keyboard.press("j");
  await expect(rows(page).first()).toBeFocused();
  await page.keyboard.press("j");
  await expect(rows(page).nth(1)).toBeFocused();
  await page.keyboard.press("Enter");
  const details = page.getByRole("link", { name: "Details" });
  await expect(details).toBeVisible();
  const url = page.url();
  await tabTo(page, details, "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/ui\/device\//);
  await settled(page);
  await page.goBack();
  await mapSettled(page);
  expect(page.url()).toBe(url);
  await expect(details).toBeVisible();
});

test("an outlined area becomes a list, and a table", async ({ page, full }) => {
  await page.goto(`${full.url}/ui/map`);
  await mapSettled(page);
  await page.getByRole("button", { name: "Outline with a box" }).click();
  const box = await map(page).boundingBox();
  if (!box) throw new Error("the map has no size");
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.52, box.y + box.height * 0.5, { steps: 4 });
  await page.mouse.up();
  const area = page.getByRole("region", { name: /in the outlined area/ });
  await expect(area.getByRole("listitem").first()).toBeVisible();
  const count = await area.getByRole("listitem").count();
  await area.getByRole("link", { name: "As a table" }).click();
  await expect(page).toHaveURL(/\/ui\/devices\?.*bbox=/);
  await settled(page);
  // One row more: the head of the table.
  await expect(page.getByRole("table").getByRole("row")).toHaveCount(count + 1);
});

for (const way of ["mouse", "touch"]) {
  test.describe(`outlining by ${way}`, () => {
    if (way === "touch") test.use({ hasTouch: true });

    test(`a free line around devices becomes a list: by ${way}`, async ({ page, full }) => {
      await page.goto(`${full.url}/ui/map`);
      await mapSettled(page);
      await use(page, way, page.getByRole("button", { name: "Outline freely" }));
      const box = await map(page).boundingBox();
      if (!box) throw new Error("the map has no size");
      const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((corner) => {
        const turn = (corner / 8) * 2 * Math.PI;
        return {
          x: box.x + box.width * (0.5 + 0.15 * Math.cos(turn)),
          y: box.y + box.height * (0.5 + 0.2 * Math.sin(turn)),
        };
      });
      if (way === "mouse") {
        await page.mouse.move(corners[0].x, corners[0].y);
        await page.mouse.down();
        for (const { x, y } of corners.slice(1)) await page.mouse.move(x, y, { steps: 3 });
        await page.mouse.up();
      } else {
        const cdp = await page.context().newCDPSession(page);
        const touch = (
          /** @type {"touchStart" | "touchMove" | "touchEnd"} */ type,
          /** @type {object[]} */ touchPoints,
        ) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints });
        await touch("touchStart", [corners[0]]);
        for (const corner of corners.slice(1)) await touch("touchMove", [corner]);
        await touch("touchEnd", []);
      }
      await expect(page).toHaveURL(/area=/);
      const area = page.getByRole("region", { name: /in the outlined area/ });
      await expect(area.getByRole("listitem").first()).toBeVisible();
      expect(await area.getByRole("listitem").count()).toBeLessThan(260);
      await use(page, way, area.getByRole("button", { name: "Remove the outline" }));
      await expect(page).not.toHaveURL(/area=/);
    });
  });
}

for (const way of ["mouse", "keyboard"]) {
  test(`the map goes to one's own position, and tells if it may not: by ${way}`, async ({ page, full }) => {
    await page.context().grantPermissions(["geolocation"]);
    await page.context().setGeolocation({ latitude: 47.1402, longitude: 9.5227, accuracy: 20 });
    await page.goto(`${full.url}/ui/map`);
    await mapSettled(page);
    const here = page.getByRole("button", { name: "My position" });
    await use(page, way, here);
    await expect(page).toHaveURL(/at=47\.140\d*%2C9\.522\d*%2C17/);
    await page.context().clearPermissions();
    await page.reload();
    await mapSettled(page);
    await use(page, way, here);
    await expect(page.locator("#announcer")).toContainText("does not tell your position");
  });

  test(`the screen stays on while one walks: by ${way}`, async ({ page, start }) => {
    // Without a screen there is no lock; this one counts what is asked of it.
    await page.addInitScript(() => {
      const locks = { held: 0, asked: 0 };
      Object.assign(window, { locks });
      const request = async () => {
        locks.held += 1;
        locks.asked += 1;
        return Object.assign(new EventTarget(), { release: async () => void (locks.held -= 1) });
      };
      Object.defineProperty(navigator, "wakeLock", { value: { request } });
    });
    const held = () => page.evaluate(() => /** @type {any} */ (window).locks.held);
    const server = await start();
    await report(server.url, "wifi", WALKER, [sighting({ signal: -60 })]);
    await page.goto(`${server.url}/ui/locate/${TARGET}`);
    await expect(page.getByRole("region", { name: "Signal now" })).toContainText("-60 dBm");
    const screen = page.getByRole("button", { name: "Keep the screen on" });
    await use(page, way, screen);
    await expect(screen).toHaveAttribute("aria-pressed", "true");
    expect(await held()).toBe(1);
    // Browsers take the lock away while the page is hidden.
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await expect.poll(() => page.evaluate(() => /** @type {any} */ (window).locks.asked)).toBe(2);
    await use(page, way, screen);
    await expect(screen).toHaveAttribute("aria-pressed", "false");
  });
}

test("a vector base map of one's own is drawn with its names, at every zoom", async ({ page, start, expected }) => {
  expected.push(/willReadFrequently/);
  const server = await start();
  const folder = join(server.folder, "data", "maps");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "world.pmtiles"), vectorMap());
  await report(server.url, "wifi", WALKER, [sighting(PLACE)]);
  /** The colour of the ground at a part of the map's width. @param {number} share */
  const ground = (share) =>
    page.evaluate((share) => {
      const canvas = document.querySelector(".map-canvas .ol-layer canvas");
      if (!(canvas instanceof HTMLCanvasElement)) return "";
      const pixel = canvas.getContext("2d")?.getImageData(canvas.width * share, canvas.height * 0.6, 1, 1).data;
      return String(pixel?.slice(0, 3));
    }, share);
  const names = () =>
    page.evaluate(() =>
      [...document.querySelectorAll("canvas.map-overlay")].map((canvas) => {
        const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
        const { data } = /** @type {any} */ (canvas).getContext("2d").getImageData(0, 0, width, height);
        return data.some((/** @type {number} */ byte) => byte !== 0);
      }),
    );
  for (const [at, west, east] of [
    ["0,0,1", 0.3, 0.7],
    ["0,0,6", 0.3, 0.7],
  ]) {
    await page.goto(`${server.url}/ui/map?at=${at}&base=world`);
    await expect(page.getByText("Somebody")).toBeVisible();
    await expect.poll(() => ground(Number(west))).toBe("213,227,234");
    await expect.poll(() => ground(Number(east))).toBe("243,242,236");
  }
  await page.goto(`${server.url}/ui/map?at=50,90,2&base=world`);
  await expect.poll(names).toContain(true);
});

test("the map shows a device without a reload, and a click on it selects it", async ({ page, start }) => {
  const server = await start();
  await page.goto(`${server.url}/ui/map`);
  await expect(page.getByRole("heading", { name: "No positions yet" })).toBeVisible();
  await report(server.url, "wifi", WALKER, [sighting({ ...PLACE, accuracy: 5 })]);
  await expect(page.getByRole("region", { name: "1 device in view" })).toBeVisible({ timeout: 40_000 });
  await expect(page.getByRole("heading", { name: "No positions yet" })).toBeHidden();
  await page.goto(`${server.url}/ui/map?at=${PLACE.lat},${PLACE.lon},17`);
  await mapSettled(page);
  await map(page).click();
  await expect(page.getByRole("region", { name: "Treasure" })).toContainText(TARGET);
  await expect(page).toHaveURL(/sel=02/);
});

/**
 * Replays a walk towards a device, and away from it.
 * @param {import("@playwright/test").Page} page
 * @param {string} url
 */
async function walk(page, url) {
  const now = page.getByRole("region", { name: "Signal now" });
  let step = 0;
  for (const signal of [-82, -77, -70, -61, -52]) {
    step += 1;
    const lat = PLACE.lat + step * 0.0001;
    await report(url, "wifi", WALKER, [sighting({ signal, lat, lon: PLACE.lon })]);
    await expect(now).toContainText(`${signal} dBm`);
  }
  await expect(now).toContainText("excellent");
  await expect(now).toContainText("getting stronger");
  await expect(now).toContainText("Best so far: -52 dBm");
  for (const signal of [-64, -73, -79]) {
    await report(url, "wifi", WALKER, [sighting({ signal })]);
    await expect(now).toContainText(`${signal} dBm`);
  }
  await expect(now).toContainText("getting weaker");
  await expect(now).toContainText("Best so far: -52 dBm");
}

test("locate a device while a source replays a walk", async ({ page, start }) => {
  const server = await start();
  await report(server.url, "wifi", OTHER, [sighting({ signal: -90, timestamp: Math.floor(Date.now() / 1000) - 240 })]);
  await page.goto(`${server.url}/ui/locate/${TARGET}`);
  await expect(page.getByText(/Phones scan seldom/)).toBeVisible();
  await page.getByRole("button", { name: "Sound" }).click();
  await expect(page.getByRole("button", { name: "Sound" })).toHaveAttribute("aria-pressed", "true");
  await walk(page, server.url);
  await expect(page.getByText(/Phones scan seldom/)).toBeHidden();
  await page.getByLabel("Heard by").selectOption("shelf");
  await expect(page.getByRole("region", { name: "Signal now" })).toContainText("-90 dBm");
  await expect(page).toHaveURL(/source=/);
  await expectAccessible(page, "locate");
});

test("locate a device by keyboard alone", async ({ page, start }) => {
  const server = await start();
  await report(server.url, "wifi", WALKER, [sighting({ signal: -88 })]);
  await page.goto(`${server.url}/ui/locate/${TARGET}`);
  await expect(page.getByRole("region", { name: "Signal now" })).toContainText("-88 dBm");
  const sound = page.getByRole("button", { name: "Sound" });
  await tabTo(page, sound);
  await page.keyboard.press("Space");
  await expect(sound).toHaveAttribute("aria-pressed", "true");
  await walk(page, server.url);
  const again = page.getByRole("button", { name: "Start again" });
  await tabTo(page, again, "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(again).toBeHidden();
});

test("from a channel to its devices, with the mouse and by keyboard alone", async ({ page, full }) => {
  await page.goto(`${full.url}/ui/channels`);
  await settled(page);
  const table = page.getByRole("table", { name: /2.4 GHz/ });
  await table.getByRole("link", { name: "6", exact: true }).click();
  await expect(page).toHaveURL(/channel=6/);
  await settled(page);
  const found = page.url();
  await page.goBack();
  await settled(page);
  const link = table.getByRole("link", { name: "6", exact: true });
  await tabTo(page, link);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(found);
});

test.describe("on a phone, with touch only", () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

  test("from the menu to a device on the map, and to locating it", async ({ page, start }) => {
    const server = await start();
    await report(server.url, "wifi", WALKER, [sighting({ ...PLACE, signal: -55 })]);
    await page.goto(`${server.url}/ui/`);
    await settled(page);
    await page.getByRole("button", { name: "Menu" }).tap();
    await page.getByRole("navigation").getByRole("link", { name: "Map" }).tap();
    await expect(page.getByRole("region", { name: "1 device in view" })).toBeVisible();
    await page.getByRole("button", { name: "Show more" }).tap();
    await rows(page).first().tap();
    const device = page.getByRole("region", { name: "Treasure" });
    await device.getByRole("button", { name: "Show on the map" }).tap();
    await expect(page).toHaveURL(/at=47\.1412/);
    await device.getByRole("button", { name: "Close the selected device" }).tap();
    await expect(device).toBeHidden();
    await page.getByRole("button", { name: "Show less" }).tap();
    await map(page).tap();
    await expect(device).toBeVisible();
    await device.getByRole("link", { name: "Locate" }).tap();
    await expect(page.getByRole("region", { name: "Signal now" })).toContainText("-55 dBm");
    await page.getByRole("button", { name: "Sound" }).tap();
    await expect(page.getByRole("button", { name: "Sound" })).toHaveAttribute("aria-pressed", "true");
  });
});
