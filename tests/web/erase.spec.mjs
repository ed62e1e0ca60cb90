// Administrators erase a device, after a look at what that would be.
import { expect, expectAccessible, expectNoSidewaysScroll, settled, test, use } from "./fixtures.mjs";
import { guarded, report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "hall" };
const ADDRESS = "02:00:5E:10:00:01";

/** @param {string} url @param {Record<string, string>} [headers] */
const seen = (url, headers) =>
  report(
    url,
    "wifi",
    SOURCE,
    ["Shop", "Bank"].map((ssid, at) => ({ bssid: `02:00:5E:10:00:0${at + 1}`, ssid, signal: -60 })),
    headers,
  );

for (const way of ["mouse", "keyboard", "touch"]) {
  test.describe(`by ${way}`, () => {
    if (way === "touch") test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

    test(`a device is counted, kept, and then erased: by ${way}`, async ({ page, start, expected }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      // The page asks until the device is unknown, and the live line ends with the server's start.
      expected.push(/Failed to load resource.*(404|503)/, /net::ERR_(CONNECTION|INCOMPLETE|EMPTY)/);
      const server = await start();
      await seen(server.url);
      await page.goto(`${server.url}/ui/device/${ADDRESS}`);
      await settled(page);
      const erase = page.getByRole("button", { name: "Erase this device" });
      await use(page, way, erase);
      const dialog = page.getByRole("dialog", { name: "Erase Shop?" });
      await expect(dialog.getByText("Reports: 1.")).toBeVisible();
      await expectAccessible(page, `erase, ${way}`);
      await expectNoSidewaysScroll(page, `erase, ${way}`);
      await use(page, way, dialog.getByRole("button", { name: "Cancel" }));
      await expect(erase).toBeFocused();
      await expect(page.getByRole("heading", { level: 1, name: "Shop" })).toBeVisible();
      await use(page, way, erase);
      await use(page, way, page.getByRole("button", { name: "Erase for good" }));
      await expect(page).toHaveURL(/\/ui\/devices$/);
      await expect(page.locator("main tbody tr")).toHaveCount(1);
      await expect(page.getByRole("link", { name: "Bank" })).toBeVisible();
      await expect(page.getByRole("dialog")).toHaveCount(0);
      const left = await fetch(`${server.url}/api/v1/devices/${ADDRESS}`);
      expect(left.status).toBe(404);
    });
  });
}

test("what cannot be erased now is said in the dialog", async ({ page, start, expected }) => {
  expected.push(/Failed to load resource.*409/);
  const server = await start();
  await seen(server.url);
  await page.route("**/api/v1/erase", (route) =>
    route.request().postDataJSON().dry_run
      ? route.continue()
      : route.fulfill({
          status: 409,
          contentType: "application/json",
          body: JSON.stringify({ code: "conflict_x", status: "files wait to be imported", success: false }),
        }),
  );
  await page.goto(`${server.url}/ui/device/${ADDRESS}`);
  await page.getByRole("button", { name: "Erase this device" }).click();
  await page.getByRole("button", { name: "Erase for good" }).click();
  await expect(page.getByRole("alert")).toContainText("files wait to be imported");
  await expect(page.getByRole("button", { name: "Erase for good" })).toBeEnabled();
});

test("who may only read erases nothing", async ({ page, start }) => {
  const { server, key, reader } = await guarded(start);
  await seen(server.url, { Authorization: `Bearer ${key}` });
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/device/${ADDRESS}`);
  await expect(page.getByRole("heading", { level: 1, name: "Shop" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Erase this device" })).toHaveCount(0);
});
