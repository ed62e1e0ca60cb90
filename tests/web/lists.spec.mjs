// Journeys through the lists: find and hide, share a link, export, alerts, sources.
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, expectAccessible, settled, tabTo, test, use, write } from "./fixtures.mjs";
import { PROGRAM, report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "hall" };

/** Reports that make an access point lose its protection. */
async function drop(/** @type {string} */ url, name = "Bank", headers = {}) {
  const network = { bssid: "02:00:5E:20:00:01", ssid: name, freqkhz: 2_437_000, signal: -50 };
  const now = Math.floor(Date.now() / 1000);
  const before = { ...network, capabilities: "[WPA2-PSK-CCMP][ESS]", timestamp: now - 60 };
  await report(url, "wifi", SOURCE, [before], headers);
  await report(url, "wifi", SOURCE, [{ ...network, capabilities: "[ESS]", timestamp: now - 5 }], headers);
}

const rows = (/** @type {import("@playwright/test").Page} */ page) => page.locator("main tbody tr");

for (const way of ["mouse", "keyboard"]) {
  test(`find a network, count it as one's own, and hide it: by ${way}`, async ({ page, start }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    const server = await start();
    await report(
      server.url,
      "wifi",
      SOURCE,
      ["My Home", "Neighbour", "Library"].map((ssid, at) => ({
        bssid: `02:00:5E:10:00:0${at}`,
        ssid,
        capabilities: at ? "[ESS]" : "[RSN-SAE-CCMP][MFPR][ESS]",
        freqkhz: at ? 2_412_000 : 5_180_000,
      })),
    );
    await page.goto(`${server.url}/ui/devices`);
    await expect(rows(page)).toHaveCount(3);
    await use(page, way, page.locator("summary", { hasText: "Filters" }));
    await use(page, way, page.getByRole("checkbox", { name: /^WPA3 Personal/ }), "Space");
    await expect(page).toHaveURL(/security=wpa3-personal/);
    await expect(rows(page)).toHaveCount(1);
    await use(page, way, rows(page).getByRole("link", { name: "My Home" }));
    await expect(page.getByRole("heading", { level: 1, name: "My Home" })).toBeVisible();
    await use(page, way, page.getByRole("button", { name: "Count as your own" }));
    await expect(page.getByRole("button", { name: "One of your networks" })).toBeVisible();
    // Back, the list is as it was.
    await page.goBack();
    await expect(page).toHaveURL(/security=wpa3-personal/);
    await expect(rows(page)).toHaveCount(1);
    await use(page, way, page.getByRole("button", { name: /Remove the filter Security/ }));
    await expect(rows(page)).toHaveCount(3);
    await use(page, way, page.getByRole("checkbox", { name: "Hide own networks" }), "Space");
    await expect(rows(page)).toHaveCount(2);
    await expect(page.getByText("1 own network hidden")).toBeVisible();
    await expect(page.getByRole("link", { name: "My Home" })).toHaveCount(0);
  });

  test(`what leaves nothing is named, and removed by one press: by ${way}`, async ({ page, full }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    await page.goto(`${full.url}/ui/devices?security=open&band=60`);
    await expect(page.getByRole("heading", { name: "No device passes these filters" })).toBeVisible();
    await expectAccessible(page, "no device");
    await use(page, way, page.getByRole("button", { name: /^Remove “Band: 60 GHz”: \d+ devices/ }));
    await expect(page).toHaveURL(/devices\?security=open$/);
    await expect(rows(page).first()).toBeVisible();
  });

  test(`an alert arrives live and is settled: by ${way}`, async ({ page, start }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    const server = await start();
    await page.goto(`${server.url}/ui/alerts`);
    await expect(page.getByRole("heading", { name: /^No alert since/ })).toBeVisible();
    await expect(page.getByText(/\d+ rules are on/).first()).toBeVisible();
    await expect(page.getByText(/^\s*Live/)).toBeVisible();
    await drop(server.url);
    const fresh = page.getByRole("button", { name: "1 new alert: show" });
    await expect(fresh).toBeVisible();
    await use(page, way, fresh);
    const alert = page.getByRole("listitem").filter({ hasText: "CRYPTODROP" });
    await expect(alert).toContainText("High");
    const comment = alert.getByRole("textbox", { name: "Comment" });
    if (way === "mouse") await comment.fill("test of the alarm");
    else {
      await tabTo(page, comment);
      await page.keyboard.type("test of the alarm");
    }
    await use(page, way, alert.getByRole("button", { name: /^Acknowledge/ }));
    await expect(alert.getByText("test of the alarm")).toBeVisible();
    await expect(alert.getByRole("button", { name: /^Reopen/ })).toBeVisible();
    await expectAccessible(page, "settled alert");
    await use(page, way, page.getByRole("button", { name: "Acknowledged", exact: true }));
    await expect(page.getByRole("listitem").filter({ hasText: "CRYPTODROP" })).toBeVisible();
    await use(page, way, page.getByRole("button", { name: "Open", exact: true }));
    await expect(page.getByRole("heading", { name: /^No open alert/ })).toBeVisible();
  });

  test(`the export equals the filter: by ${way}`, async ({ page, full }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    await page.goto(`${full.url}/ui/devices?security=open,wep`);
    await settled(page);
    const asked = `${full.url}/api/v1/devices?security=open,wep&sort=address&limit=1000`;
    const expected = await (await fetch(asked, { headers: { Accept: "text/csv" } })).text();
    const download = page.waitForEvent("download");
    await use(page, way, page.getByRole("button", { name: "Export as CSV" }));
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^scanpost-devices-.*\.csv$/);
    expect(await readFile(await file.path(), "utf8")).toBe(expected);
    const count = expected.trim().split("\n").length - 1;
    await expect(page.getByRole("main").getByText(`${count} rows exported`)).toBeVisible();
    await expect(page.getByText(`${count} devices`, { exact: true })).toBeVisible();
  });

  test(`a silent source is seen, with what to do: by ${way}`, async ({ page, start }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    const config = '[alerts]\nsourcesilent = "10/min,1/sec"\nsourcesilent_least = "1s"\nsourcesilent_factor = 2\n';
    const server = await start({ config });
    await page.goto(`${server.url}/ui/sources`);
    await expect(page.getByRole("heading", { name: "No source has reported yet" })).toBeVisible();
    for (let at = 0; at < 6; at += 1) {
      await report(server.url, "wifi", SOURCE, [{ bssid: `02:00:5E:30:00:0${at}`, signal: -60 }]);
      await page.waitForTimeout(1100);
    }
    const row = rows(page).filter({ hasText: "hall" });
    await expect(row).toContainText(/Pace unknown|Reports|Silent since/);
    await expect(row).toContainText("Silent since", { timeout: 30_000 });
    await use(page, way, row.getByRole("link", { name: "hall" }));
    await expect(page).toHaveURL(/source=/);
    await expect(page.getByText("Look at its power and network.")).toBeVisible();
    await expectAccessible(page, "silent source");
    await use(page, way, page.getByRole("link", { name: "Its devices" }));
    await expect(rows(page)).toHaveCount(6);
  });
}

for (const way of ["mouse", "keyboard"]) {
  test(`a link opens the same for somebody else: by ${way}`, async ({ page, full, browser }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    await page.goto(`${full.url}/ui/devices`);
    await settled(page);
    await use(page, way, page.locator("summary", { hasText: "Filters" }));
    await use(page, way, page.getByRole("checkbox", { name: /^WEP/ }), "Space");
    const order = page.getByLabel("Order");
    if (way === "mouse") await order.selectOption("signal.desc");
    else {
      await tabTo(page, order);
      await page.keyboard.type("Strongest");
    }
    await expect(page).toHaveURL(/sort=signal/);
    await use(page, way, page.locator("summary", { hasText: "Columns" }));
    await use(page, way, page.getByRole("checkbox", { name: "Maker" }), "Space");
    await expect(page).toHaveURL(/security=wep.*sort=signal.*columns=/);
    await expect(page.getByRole("columnheader", { name: "Maker" })).toHaveCount(0);
    const other = await browser.newContext();
    const colleague = await other.newPage();
    await colleague.goto(page.url());
    await settled(colleague);
    await expect(colleague.getByRole("columnheader", { name: "Maker" })).toHaveCount(0);
    await expect(colleague.getByRole("columnheader", { name: "Signal" })).toHaveAttribute("aria-sort", "descending");
    const names = (/** @type {import("@playwright/test").Page} */ one) =>
      rows(one).getByRole("rowheader").allInnerTexts();
    expect(await names(colleague)).toEqual(await names(page));
    await other.close();
  });
}

for (const way of ["mouse", "keyboard"]) {
  test(`a view is saved, found again and removed: by ${way}`, async ({ page, full }) => {
    test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
    await page.goto(`${full.url}/ui/devices?security=wep&sort=signal`);
    await settled(page);
    await use(page, way, page.locator("summary", { hasText: "Saved views" }));
    await write(page, way, page.getByLabel("Name of this view"), "weak <b>ones</b>");
    await use(page, way, page.getByRole("button", { name: "Save this view" }));
    await page.goto(`${full.url}/ui/devices`);
    await settled(page);
    await use(page, way, page.locator("summary", { hasText: "Saved views" }));
    await use(page, way, page.getByRole("link", { name: "weak <b>ones</b>" }));
    await expect(page).toHaveURL(/security=wep&sort=signal/);
    await expectAccessible(page, "saved views");
    await use(page, way, page.getByRole("button", { name: "Remove the saved view weak <b>ones</b>" }));
    await expect(page.getByRole("link", { name: "weak <b>ones</b>" })).toHaveCount(0);
  });
}

test("who may only read finds nothing that writes in the lists", async ({ page, start }) => {
  const server = await start({ config: '[auth]\nmode = "required"\n' });
  const files = ["--config", join(server.folder, "config.toml"), "--data-dir", join(server.folder, "data")];
  const [admin, reader] = ["admin", "readonly"].map((role) =>
    execFileSync(PROGRAM, ["apikey", "create", "--name", role, "--role", role, ...files])
      .toString()
      .trim()
      .split(/\s+/)
      .at(-1),
  );
  await drop(server.url, "Bank", { Authorization: `Bearer ${admin}` });
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/alerts`);
  await expect(page.getByRole("listitem").filter({ hasText: "CRYPTODROP" })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Acknowledge / })).toHaveCount(0);
  await expect(page.getByRole("textbox", { name: "Comment" })).toHaveCount(0);
  await page.goto(`${server.url}/ui/device/02:00:5E:20:00:01`);
  await expect(page.getByRole("region", { name: "Changes of security" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Notes" })).toHaveCount(0);
  await page.goto(`${server.url}/ui/sources?source=${SOURCE.id}`);
  await expect(page.getByRole("link", { name: "Its devices" })).toBeVisible();
  await expect(page.getByRole("button", { name: /Forget|paused/ })).toHaveCount(0);
});

test("rows do not jump: new devices are counted and shown on request", async ({ page, start }) => {
  const server = await start();
  await report(server.url, "wifi", SOURCE, [{ bssid: "02:00:5E:10:00:01", ssid: "Old" }]);
  await page.goto(`${server.url}/ui/devices`);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByText(/^\s*Live/)).toBeVisible();
  await report(server.url, "wifi", SOURCE, [
    { bssid: "02:00:5E:10:00:02", ssid: "New" },
    { bssid: "02:00:5E:10:00:03", ssid: "Newer" },
  ]);
  const fresh = page.getByRole("button", { name: "2 new: show" });
  await expect(fresh).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await fresh.click();
  await expect(rows(page)).toHaveCount(3);
  await expect(fresh).toHaveCount(0);
});

test("more rows come on request, and the focus goes to the first of them", async ({ page, full }) => {
  await page.goto(`${full.url}/ui/devices`);
  await expect(rows(page)).toHaveCount(100);
  await page.getByRole("button", { name: "More" }).focus();
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(200);
  await expect(rows(page).nth(100).getByRole("link")).toBeFocused();
});

test("a device has its security by protocol, its changes and its signal as numbers", async ({ page, start }) => {
  const server = await start();
  await drop(server.url, "<img src=x onerror=hacked=1>\u202e");
  await page.goto(`${server.url}/ui/device/02:00:5E:20:00:01`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("<img src=x onerror=hacked=1>\\u{202e}");
  const changes = page.getByRole("region", { name: "Changes of security" });
  await expect(changes.getByRole("row").nth(1)).toContainText(/WPA2 Personal\s*Open\s*hall/);
  await expect(page.getByRole("img", { name: /^Signal over time from hall/ })).toBeVisible();
  const numbers = page.getByRole("region", { name: /^Signal by time and source/ });
  await expect(numbers.getByRole("row").nth(1)).toContainText("-50 dBm");
  await page.getByRole("button", { name: "24 hours" }).click();
  await expect(page).toHaveURL(/span=24h/);
  await page.getByRole("button", { name: "Show reports" }).click();
  const raw = page.getByRole("table", { name: /^Reports of this device/ });
  await expect(raw.getByRole("row")).toHaveCount(3);
  await expect(raw).toContainText("[WPA2-PSK-CCMP][ESS]");
});

test("a device can be named, tagged and watched", async ({ page, start }) => {
  const server = await start();
  await drop(server.url);
  await page.goto(`${server.url}/ui/device/02:00:5E:20:00:01`);
  await page.getByLabel("Name of your own").fill("Vault");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Vault" })).toBeVisible();
  await page.getByLabel("Tag", { exact: true }).fill("floor");
  await page.getByLabel("Value").fill("2");
  await page.getByRole("button", { name: "Add tag" }).click();
  await expect(page.getByText("floor: 2")).toBeVisible();
  await page.getByRole("checkbox", { name: "Alert when it appears" }).check();
  await expect(page.getByRole("checkbox", { name: "Alert when it appears" })).toBeEnabled();
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Vault" })).toBeVisible();
  await expect(page.getByText("floor: 2")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Alert when it appears" })).toBeChecked();
  await page.getByRole("button", { name: "Remove the tag floor" }).click();
  await expect(page.getByText("floor: 2")).toHaveCount(0);
});

test("networks lead to their access points, and uneven protection is marked", async ({ page, start }) => {
  const server = await start();
  await report(server.url, "wifi", SOURCE, [
    { bssid: "02:00:5E:10:00:01", ssid: "Café 1+1", capabilities: "[WPA2-PSK-CCMP][ESS]" },
    { bssid: "02:00:5E:10:10:02", ssid: "Café 1+1", capabilities: "[ESS]" },
    { bssid: "02:00:5E:10:20:03", ssid: "Other", capabilities: "[ESS]" },
  ]);
  await page.goto(`${server.url}/ui/ssids`);
  const network = rows(page).filter({ hasText: "Café 1+1" });
  await expect(network).toContainText("Open at some");
  await network.getByRole("link").click();
  await expect(page).toHaveURL(/\/ui\/devices\?ssid=/);
  await expect(rows(page)).toHaveCount(2);
});
