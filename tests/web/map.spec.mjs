// Journeys over the map, to a device on foot, and through the channels: with the mouse, by touch, and by keyboard alone.
import { expect, expectAccessible, settled, test } from "./fixtures.mjs";
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

/**
 * Presses Tab until an element has the focus, as somebody without a mouse does.
 * @param {import("@playwright/test").Page} page
 * @param {import("@playwright/test").Locator} target
 * @param {"Tab" | "Shift+Tab"} key
 */
async function tabTo(page, target, key = "Tab") {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 150; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error("the keyboard does not reach it");
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
