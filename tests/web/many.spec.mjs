// Thousands of scanners and alerts: views read pages of them, and never all.
import { expect, settled, test, use } from "./fixtures.mjs";
import { report } from "./server.mjs";

const SOURCES = 230;

const id = (/** @type {number} */ at) => `6e6d010f-5ca9-4000-8000-${at.toString(16).padStart(12, "0")}`;
const address = (/** @type {number} */ at) =>
  `02:00:5E:40:${(at >> 8).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")}`.toUpperCase();

const rows = (/** @type {import("@playwright/test").Page} */ page) => page.locator("main tbody tr");

test("views read pages of many sources, and look up those that they show", async ({ page, start }) => {
  const server = await start({ config: "[limits]\nnew_sources_per_hour_max = 10000\n" });
  const all = Array.from({ length: SOURCES }, (_, at) => at);
  for (const at of all) {
    const place = { lat: 52.5 + at / 1e5, lon: 13.4, signal: -60 };
    await report(server.url, "wifi", { id: id(at), name: `board ${at}` }, [{ bssid: address(at), ...place }]);
  }
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname === "/api/v1/sources") asked.push(search);
    if (pathname.startsWith("/datasource/")) asked.push(pathname);
  });
  const last = id(SOURCES - 1).toUpperCase();
  for (const view of ["devices", "ssids", "channels", "map"]) {
    await page.goto(`${server.url}/ui/${view}?source=${last}`);
    await settled(page);
    // One that is not on the first page has its name all the same.
    const chip = page.getByRole("button", { name: `Remove the filter Source: board ${SOURCES - 1}` });
    await expect(chip).toBeVisible();
  }
  await page.goto(`${server.url}/ui/sources`);
  await expect(rows(page)).toHaveCount(100);
  await expect(page.getByText(`${SOURCES} sources`).first()).toBeVisible();
  await page.getByRole("button", { name: "More" }).focus();
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(200);
  await expect(rows(page).nth(100).getByRole("link")).toBeFocused();
  await use(page, "mouse", page.getByRole("button", { name: "More" }));
  await expect(rows(page)).toHaveCount(SOURCES);
  await expect(page.getByRole("button", { name: "More" })).toHaveCount(0);
  expect(asked.length).toBeGreaterThan(0);
  for (const search of asked) expect(search).toMatch(/^\?limit=100(&cursor=[^&]+)?$/);
});

test("older alerts come on request, with the names of their sources", async ({ page, start }) => {
  const rate = '"1000/sec,1000/sec"';
  const config = `[limits]\nnew_sources_per_hour_max = 10000\n[alerts]\ncryptodrop = ${rate}\n`;
  const server = await start({ config });
  const now = Math.floor(Date.now() / 1000);
  for (let at = 0; at < 130; at += 1) {
    const network = { bssid: address(at), ssid: `Bank ${at}`, signal: -50 };
    await report(server.url, "wifi", { id: id(at), name: `board ${at}` }, [
      { ...network, capabilities: "[WPA2-PSK-CCMP][ESS]", timestamp: now - 60 },
    ]);
    await report(server.url, "wifi", { id: id(at), name: `board ${at}` }, [
      { ...network, capabilities: "[ESS]", timestamp: now - 5 },
    ]);
  }
  await page.goto(`${server.url}/ui/alerts?rule=CRYPTODROP`);
  const alerts = page.getByRole("listitem").filter({ hasText: "CRYPTODROP" });
  await expect(alerts).toHaveCount(100);
  await expect(page.getByRole("link", { name: /board 129$/ })).toBeVisible();
  await use(page, "mouse", page.getByRole("button", { name: "More" }));
  await expect(alerts).toHaveCount(130);
  await expect(page.getByRole("link", { name: /board 0$/ })).toBeVisible();
});
