// Journeys through the shell: the first report, login, and a server that goes away.
import { execFileSync } from "node:child_process";
import { choose, expect, expectAccessible, settled, tabTo, test, use, write } from "./fixtures.mjs";
import { guarded, logIn, PASSWORD, report, startServer } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000b1", name: "first" };
test("the first report appears on an empty page by itself", async ({ page, start }) => {
  const server = await start();
  await page.goto(`${server.url}/`);
  await expect(page.getByRole("heading", { name: "Nothing reported yet" })).toBeVisible();
  await expect(page.getByRole("img", { name: /QR code/ })).toBeVisible();
  // The command on the page is the one that works.
  const command = await page
    .getByRole("heading", { name: "From a shell" })
    .locator("xpath=../..")
    .locator("code")
    .innerText();
  execFileSync("sh", ["-c", command]);
  await expect(page.getByRole("link", { name: "CoffeeShop" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Nothing reported yet" })).toHaveCount(0);
  await expect(page.getByRole("main").getByRole("link", { name: "1 devices" })).toBeVisible();
});

for (const way of ["mouse", "keyboard"]) {
  test(`login, back to where one wanted to go, logout: by ${way}`, async ({ page, start, expected }) => {
    expected.push(/status of 401/);
    const { server, key } = await guarded(start);
    await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Secret Garden" }], {
      Authorization: `Bearer ${key}`,
    });
    await page.goto(`${server.url}/ui/devices?security=unknown`);
    await expect(page).toHaveURL(/\/ui\/login\?next=/);
    await expectAccessible(page, "login");
    // Without a login there is nothing to be seen, and nothing to be clicked that would need one.
    await expect(page.getByRole("navigation")).toHaveCount(0);
    await expect(page.locator("body")).not.toContainText("Secret Garden");

    const name = page.getByLabel("Name");
    const password = page.getByLabel("Password", { exact: true });
    await expect(name).toBeFocused();
    if (way === "mouse") {
      await name.fill("admin");
      await password.fill("wrong password");
      await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
    } else {
      await page.keyboard.type("admin");
      await page.keyboard.press("Tab");
      await page.keyboard.type("wrong password");
      await page.keyboard.press("Enter");
    }
    await expect(page.getByRole("alert")).toHaveText(/wrong/);
    if (way === "mouse") {
      await password.fill(PASSWORD);
      await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
    } else {
      await tabTo(page, password);
      await page.keyboard.press("Control+a");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
    }
    await expect(page).toHaveURL(/\/ui\/devices\?security=unknown/);
    await expect(page.getByRole("link", { name: "Secret Garden" })).toBeVisible();

    const leave = page.getByRole("button", { name: "Log out" });
    if (way === "mouse") await leave.click();
    else {
      await tabTo(page, leave, "Shift+Tab");
      await page.keyboard.press("Enter");
    }
    await expect(page).toHaveURL(/\/ui\/login/);
    await expect(page.locator("body")).not.toContainText("Secret Garden");
  });
}

for (const way of ["mouse", "keyboard"]) {
  test(`a login that ends in mid-work leads to the form and back: by ${way}`, async ({ page, start, expected }) => {
    expected.push(/status of 401/);
    const { server, key } = await guarded(start);
    await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Secret Garden" }], {
      Authorization: `Bearer ${key}`,
    });
    const enter = async () => {
      await write(page, way, page.getByLabel("Name"), "admin");
      await write(page, way, page.getByLabel("Password", { exact: true }), PASSWORD);
      await page.keyboard.press("Enter");
    };
    await page.goto(`${server.url}/ui/login`);
    await enter();
    await expect(page.getByRole("link", { name: "Secret Garden" })).toBeVisible();
    await page.context().clearCookies();
    await use(page, way, page.getByRole("link", { name: "Devices", exact: true }));
    await expect(page).toHaveURL(/\/ui\/login\?next=%2Fui%2Fdevices/);
    await enter();
    await expect(page).toHaveURL(/\/ui\/devices/);
    await expect(page.getByRole("link", { name: "Secret Garden" })).toBeVisible();
  });
}

test("who may only read sees nothing that writes", async ({ page, start }) => {
  const { server, key, reader } = await guarded(start);
  await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Secret Garden" }], {
    Authorization: `Bearer ${key}`,
  });
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/settings`);
  await settled(page);
  await expect(page.getByRole("heading", { name: "Display" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Keys" })).toHaveCount(0);
  await page.goto(`${server.url}/ui/devices`);
  await expect(page.getByRole("link", { name: "Secret Garden" })).toBeVisible();
});

for (const way of ["mouse", "keyboard"]) {
  test(`a new key is shown once, with a QR code, and can be revoked: by ${way}`, async ({ page, start, expected }) => {
    expected.push(/status of 401/);
    const { server } = await guarded(start);
    await page.goto(`${server.url}/ui/login?next=/ui/settings`);
    await logIn(page);
    await use(page, way, page.getByRole("button", { name: "New key" }));
    const dialog = page.getByRole("dialog");
    await write(page, way, dialog.getByLabel("Name"), "roof scanner");
    await use(page, way, dialog.getByRole("button", { name: "Make the key" }));
    await expect(dialog.getByRole("img", { name: /QR code/ })).toBeVisible();
    const key = await dialog.locator(".secret").innerText();
    await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01" }], { Authorization: `Bearer ${key}` });
    await expectAccessible(page, "new key");
    await page.keyboard.press("Escape");
    await expect(page.locator("body")).not.toContainText(key);
    await use(page, way, page.getByRole("button", { name: "Revoke roof scanner" }));
    await use(page, way, page.getByRole("dialog").getByRole("button", { name: "Revoke" }));
    await expect(page.getByRole("rowheader", { name: "roof scanner" })).toHaveCount(0);
  });
}

test("a server that goes away is noticed, and one that comes back is used", async ({ page, expected }) => {
  expected.push(
    /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|Failed to fetch/,
  );
  const first = await startServer();
  await report(first.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Before" }]);
  await page.goto(`${first.url}/`);
  await expect(page.getByRole("link", { name: "Before" })).toBeVisible();
  await expect(page.getByText(/Live · /)).toBeVisible();
  await first.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  await expect(page.getByRole("link", { name: "Before" })).toBeVisible();
  const again = await startServer({ listen: first.address, data: first.folder });
  await report(again.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:02", ssid: "After" }]);
  await expect(page.getByText(/Live · /)).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("link", { name: "After" })).toBeVisible({ timeout: 30_000 });
  await again.stop();
});

test("keys lead everywhere, and can be turned off", async ({ page, full }) => {
  await page.goto(`${full.url}/`);
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await expect(page).toHaveURL(/\/ui\/devices/);
  await settled(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(page.locator("main tbody tr").nth(1).locator(":focus")).toHaveCount(1);
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/ui\/device\//);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await expectAccessible(page, "help");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("/");
  await page.keyboard.type("CoffeeShop");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/ui\/devices\?ssid_contains=CoffeeShop/);

  await page.goto(`${full.url}/ui/settings`);
  await page.getByLabel("Single keys").uncheck();
  await page.getByRole("heading", { name: "Settings" }).click();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page).toHaveURL(/\/ui\/settings/);
});

test("the first press of Tab leads past the navigation", async ({ page, full }) => {
  await page.goto(`${full.url}/`);
  await settled(page);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
});

for (const way of ["mouse", "keyboard"]) {
  test(`language and colours change at once and stay: by ${way}`, async ({ page, full }) => {
    await page.goto(`${full.url}/ui/settings`);
    await settled(page);
    await choose(page, way, page.getByLabel("Language"), "de");
    await expect(page.getByRole("heading", { level: 1, name: "Einstellungen" })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "de");
    await choose(page, way, page.getByLabel("Farben"), "dark");
    const colour = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await colour();
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: "Einstellungen" })).toBeVisible();
    expect(await colour()).toBe(dark);
    await page.getByLabel("Farben").selectOption("light");
    expect(await colour()).not.toBe(dark);
  });

  test(`demo mode shows no name and no whole address: by ${way}`, async ({ page, full }) => {
    await page.goto(`${full.url}/ui/settings`);
    await use(page, way, page.getByLabel("Demo mode"), "Space");
    await expect(page.getByLabel("Demo mode")).toBeChecked();
    await page.goto(`${full.url}/ui/`);
    await settled(page);
    const latest = page.getByRole("table", { name: /seen last/ });
    await expect(latest).toContainText("··");
    await expect(latest).not.toContainText(/([0-9A-F]{2}:){5}[0-9A-F]{2}/);
    // Alerts name networks and devices in sentences of the server.
    await page.goto(`${full.url}/ui/alerts`);
    await settled(page);
    const alerts = page
      .getByRole("main")
      .getByRole("listitem")
      .filter({ hasText: /CRYPTODROP|ADVCRYPTCHANGE/ });
    await expect(alerts.first()).toBeVisible();
    await expect(page.locator("body")).not.toContainText(/([0-9A-F]{2}:){5}[0-9A-F]{2}/);
    await expect(page.locator("body")).not.toContainText(/Shop \d/);
  });
}

test("below a path of a proxy everything stays below it", async ({ page, start }) => {
  const server = await start({ config: '[server]\nuri_prefix = "/scans"\n' });
  await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Below" }]);
  /** @type {string[]} */
  const outside = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (!pathname.startsWith("/scans/")) outside.push(pathname);
  });
  await page.goto(`${server.url}/scans/`);
  await page.getByRole("link", { name: "Below" }).click();
  await expect(page).toHaveURL(/\/scans\/ui\/device\//);
  await expect(page.getByRole("heading", { level: 1, name: "Below" })).toBeVisible();
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  await expect(page).toHaveURL(/\/scans\/ui\/devices/);
  await expect(page.getByRole("link", { name: "Below" })).toBeVisible();
  expect(outside).toEqual([]);
});
