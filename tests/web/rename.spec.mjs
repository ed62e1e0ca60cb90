// Administrators give scanners names.
import { expect, expectAccessible, expectNoSidewaysScroll, settled, test, use, write } from "./fixtures.mjs";
import { HOSTILE } from "./seed.mjs";
import { guarded, report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "hall" };

/** @param {string} url @param {Record<string, string>} [headers] */
const seen = (url, headers) =>
  report(url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Shop", signal: -60 }], headers);

for (const way of ["mouse", "keyboard", "touch"]) {
  test.describe(`by ${way}`, () => {
    if (way === "touch") test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

    test(`a source gets another name, and its own again: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const server = await start();
      await seen(server.url);
      await page.goto(`${server.url}/ui/sources?source=${SOURCE.id}`);
      await settled(page);
      await expect(page.getByRole("heading", { level: 2, name: "hall" })).toBeVisible();
      await use(page, way, page.getByRole("button", { name: "Rename" }));
      const dialog = page.getByRole("dialog", { name: "Rename hall" });
      const field = dialog.getByLabel("New name");
      await expect(field).toBeFocused();
      await expect(field).toHaveValue("hall");
      await expectAccessible(page, `rename, ${way}`);
      await expectNoSidewaysScroll(page, `rename, ${way}`);
      await write(page, way, field, HOSTILE[0] ?? "");
      if (way === "keyboard") await page.keyboard.press("Enter");
      else await use(page, way, dialog.getByRole("button", { name: "Save" }));
      await expect(dialog).toHaveCount(0);
      // The focus is where it was, so that the keyboard goes on from there.
      await expect(page.getByRole("button", { name: "Rename" })).toBeFocused();
      await expect(page.getByRole("heading", { level: 2, name: HOSTILE[0] ?? "" })).toBeVisible();
      await expect(page.getByRole("link", { name: HOSTILE[0] ?? "" })).toBeVisible();
      // What the scanner sends later changes nothing.
      await seen(server.url);
      await page.goto(`${server.url}/ui/device/02:00:5E:10:00:01`);
      await settled(page);
      await expect(page.getByRole("table", { name: "Sources that heard it" })).toContainText(HOSTILE[0] ?? "");
      await page.goto(`${server.url}/ui/sources?source=${SOURCE.id}`);
      await settled(page);
      await expect(page.getByText("Name that it sends")).toBeVisible();
      await use(page, way, page.getByRole("button", { name: "Rename" }));
      await expect(page.getByText("It sends the name hall.")).toBeVisible();
      await use(page, way, page.getByRole("button", { name: "Use the name that it sends" }));
      await expect(page.getByRole("heading", { level: 2, name: "hall" })).toBeVisible();
      await expect(page.getByText("Name that it sends")).toHaveCount(0);
    });
  });
}

test("a name that the server refuses stays in the dialog, with the reason", async ({ page, start, expected }) => {
  expected.push(/Failed to load resource.*400/);
  const server = await start({ config: "[limits]\nsource_name_bytes_max = 8\n" });
  await seen(server.url);
  await page.goto(`${server.url}/ui/sources?source=${SOURCE.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  const field = page.getByLabel("New name");
  await field.fill("much too long");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert")).toContainText("longer than 8 bytes");
  await expect(field).toHaveValue("much too long");
  await expectAccessible(page, "refused name");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { level: 2, name: "hall" })).toBeVisible();
});

test("who may only read renames nothing", async ({ page, start }) => {
  const { server, key, reader } = await guarded(start);
  await seen(server.url, { Authorization: `Bearer ${key}` });
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/sources?source=${SOURCE.id}`);
  await expect(page.getByRole("link", { name: "Its devices" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Rename" })).toHaveCount(0);
});
