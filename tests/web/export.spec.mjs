// Files for other programs, of what a view shows.
import { readFile } from "node:fs/promises";
import { expect, expectAccessible, expectNoSidewaysScroll, settled, test, use } from "./fixtures.mjs";
import { report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "hall" };

const menu = (/** @type {import("@playwright/test").Page} */ page) =>
  page.locator("summary", { hasText: "Export as a file" });

/** The names of the devices in a file. @param {import("@playwright/test").Download} file */
async function names(file) {
  const { features } = JSON.parse(await readFile(await file.path(), "utf8"));
  return features.map((/** @type {any} */ feature) => feature.properties.name).sort();
}

/** @param {string} url */
async function street(url) {
  const at = (/** @type {number} */ lat) => ({ lat, lon: 13.4, signal: -50 });
  await report(url, "wifi", SOURCE, [
    { bssid: "02:00:5E:10:00:01", ssid: "Home, sweet", capabilities: "[ESS]", ...at(52.5) },
    { bssid: "02:00:5E:10:00:02", ssid: "Shop", capabilities: "[ESS]", ...at(52.5001) },
    { bssid: "02:00:5E:10:00:03", ssid: "Bank", capabilities: "[WPA2-PSK-CCMP][ESS]", ...at(52.5002) },
    { bssid: "02:00:5E:10:00:04", ssid: "Nowhere", capabilities: "[ESS]" },
  ]);
}

for (const way of ["mouse", "keyboard", "touch"]) {
  test.describe(`by ${way}`, () => {
    if (way === "touch") test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

    test(`a file has what the filters show, without one's own: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const server = await start();
      await street(server.url);
      await page.addInitScript(() => localStorage.setItem("scanpost", JSON.stringify({ own: ["Home, sweet"] })));
      await page.goto(`${server.url}/ui/devices?security=open&with_position=true&own=hide`);
      await settled(page);
      await expect(page.locator("main tbody tr")).toHaveCount(1);
      await expect(page.getByText("1 own network hidden")).toBeVisible();
      await expect(page.getByRole("button", { name: "Remove the filter Position: With a position" })).toBeVisible();
      await use(page, way, menu(page));
      await expectAccessible(page, `export, ${way}`);
      await expectNoSidewaysScroll(page, `export, ${way}`);
      const download = page.waitForEvent("download");
      await use(page, way, page.getByRole("link", { name: "GeoJSON", exact: true }));
      expect(await names(await download)).toEqual(["Shop"]);
    });

    test(`files in demo mode have aliases: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const server = await start();
      await street(server.url);
      await page.goto(`${server.url}/ui/settings`);
      await use(page, way, page.getByRole("checkbox", { name: "Demo mode" }), "Space");
      for (const view of ["ssids", "sources", "alerts", "device/02:00:5E:10:00:01"]) {
        await page.goto(`${server.url}/ui/${view}`);
        await settled(page);
        await expect(page.getByText("so it is not offered").first()).toBeVisible();
        await expect(page.getByRole("button", { name: "Export as CSV" })).toHaveCount(0);
        await expect(page.getByRole("link", { name: "JSON" })).toHaveCount(0);
      }
      // On a small screen, the menu of the map is in a sheet.
      for (const view of ["devices?with_position=true", ...(way === "touch" ? [] : ["map"])]) {
        await page.goto(`${server.url}/ui/${view}`);
        await settled(page);
        await use(page, way, menu(page));
        await expect(page.getByText("the files have aliases for names and addresses")).toBeVisible();
        await expect(page.getByRole("button", { name: "Export as CSV" })).toHaveCount(0);
        await expect(page.getByRole("link", { name: "kismetdb" })).toHaveCount(0);
        await expectAccessible(page, `export in demo mode, ${way}`);
        const download = page.waitForEvent("download");
        await use(page, way, page.getByRole("link", { name: "GeoJSON", exact: true }));
        const text = await readFile(await (await download).path(), "utf8");
        const { features } = JSON.parse(text);
        expect(features).toHaveLength(3);
        for (const { properties, geometry } of features) {
          expect(properties.name).toMatch(/^net-[0-9a-f]{12}$/);
          // All three are in one cell of the grid.
          expect(geometry).toEqual(features[0].geometry);
        }
        expect(text).not.toMatch(/02:00:5E|Home|Shop|Bank|hall|52\.500[012]\b/);
      }
    });
  });
}

test("the map offers files of the area that is outlined", async ({ page, start }) => {
  const server = await start();
  await street(server.url);
  const area = "52.49995,13.3;52.49995,13.5;52.50015,13.5;52.50015,13.3";
  await page.goto(`${server.url}/ui/map?area=${area}`);
  await settled(page);
  await menu(page).click();
  await expect(page.getByText("The files have the rectangle around the area.")).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "GeoJSON", exact: true }).click();
  expect(await names(await download)).toEqual(["Home, sweet", "Shop"]);
});

test("every form of the server is offered", async ({ page, full }) => {
  const document = await (await fetch(`${full.url}/api/openapi.json`)).json();
  const { parameters } = document.paths["/api/v1/export/{form}"].get;
  const forms = parameters.find((/** @type {any} */ one) => one.name === "form").schema.enum;
  await page.goto(`${full.url}/ui/devices`);
  await settled(page);
  const links = await page.locator(".export-menu a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
  const offered = links.map((link) => /export\/([^?]*)/.exec(String(link))?.[1]);
  expect([...new Set(offered)].sort()).toEqual([...forms].sort());
});

test("an import that ends elsewhere appears in the list and in the overview", async ({ page, start }) => {
  const server = await start();
  const other = await page.context().newPage();
  await other.goto(`${server.url}/ui/`);
  await expect(other.getByRole("heading", { name: "Nothing reported yet" })).toBeVisible();
  await page.goto(`${server.url}/ui/import`);
  await expect(page.getByRole("heading", { name: "Nothing was imported yet" })).toBeVisible();
  await expect(page.getByText(/^\s*Live/)).toBeVisible();
  const text = [
    "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=d,board=b,brand=google",
    "MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type",
    "02:00:5e:00:00:01,Shop,[ESS],2026-08-01 10:00:00,6,2437,-61,47.1,9.5,450,4,WIFI",
    "",
  ].join("\n");
  const answer = await fetch(`${server.url}/api/v1/imports`, { method: "POST", body: text });
  expect(answer.ok).toBe(true);
  await expect(page.getByRole("table", { name: /^Imports/ }).locator("tbody tr")).toHaveCount(1);
  await expect(other.getByText("Shop")).toBeVisible();
});
