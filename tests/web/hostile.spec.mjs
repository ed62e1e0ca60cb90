// The page and its enemies: names that want to be more than names, logins that end, servers that are slow, and crowds.
import { readFile } from "node:fs/promises";
import { expect, expectNoSidewaysScroll, settled, test } from "./fixtures.mjs";
import { HOSTILE } from "./seed.mjs";
import { guarded, logIn, report } from "./server.mjs";
import { VIEWS } from "./views.mjs";

const ADDRESS = "02:00:5E:66:00:01";
const LONG = "W".repeat(32);
const NASTY = [
  ...HOSTILE,
  LONG,
  '" onmouseover="window.hacked=1',
  "javascript:window.hacked=1",
  "{{7*7}}",
  "-2+3|x",
  "a\u0301".repeat(10),
];

/** Everything of the page that is text: nodes, titles, labels, links. @param {import("@playwright/test").Page} page */
const texts = (page) =>
  page.evaluate(() => {
    const found = [document.title, document.body.textContent ?? ""];
    for (const element of document.querySelectorAll("body *")) {
      for (const { name, value } of element.attributes)
        if (name !== "d" && name !== "class") found.push(`${name}=${value}`);
    }
    return found;
  });

/** Fails where a name has become more than text. @param {import("@playwright/test").Page} page @param {string} where */
async function expectOnlyText(page, where) {
  // Controls other than line breaks, zero-width characters, and those that turn the direction of text.
  const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;
  const found = await texts(page);
  expect(
    found.filter((text) => unseen.test(text)).map((text) => text.slice(0, 80)),
    where,
  ).toEqual([]);
  expect(
    found.filter((text) => /^(on\w+|href=javascript:|srcdoc)/i.test(text)),
    where,
  ).toEqual([]);
  await expect(page.locator("main img, main script, main iframe, main object"), where).toHaveCount(0);
}

test("hostile names stay names in every view", async ({ page, start, expected }) => {
  test.slow();
  expected.push(/status of (400|404)/);
  const server = await start();
  const now = Math.floor(Date.now() / 1000);
  const place = { lat: 47.141, lon: 9.5215 };
  for (const [at, name] of NASTY.entries()) {
    const source = {
      id: `6e6d010f-5ca9-4000-8000-0000000066${String(at).padStart(2, "0")}`,
      name: `${name} ${at}`.replaceAll("\u0000", ""),
    };
    const bssid = `02:00:5E:66:00:${String(at + 1).padStart(2, "0")}`;
    const network = { bssid, ssid: name, freqkhz: 2_437_000, signal: -50, ...place };
    const headers = { "User-Agent": "<b>agent</b>\u00ad" };
    await report(
      server.url,
      "wifi",
      source,
      [{ ...network, capabilities: "[WPA2-PSK-CCMP][ESS]", timestamp: now - 60 }],
      headers,
    );
    await report(
      server.url,
      "wifi",
      source,
      [{ ...network, capabilities: "[<img src=x>][ESS]", timestamp: now - 30 }],
      headers,
    );
    await report(server.url, "wifi", source, [{ ...network, capabilities: "[ESS]", timestamp: now - 5 }], headers);
    await report(server.url, "bluetooth", source, [
      { btaddr: `C0:FF:EE:66:00:${String(at).padStart(2, "0")}`, name, signal: -50 },
    ]);
  }
  const views = {
    ...VIEWS,
    device: `/ui/device/${ADDRESS}`,
    locate: `/ui/locate/${ADDRESS}`,
    map: `/ui/map?at=${place.lat},${place.lon},18&sel=${ADDRESS}&by=source`,
    source: "/ui/sources?source=6e6d010f-5ca9-4000-8000-000000006600",
    filtered: `/ui/devices?ssid=${encodeURIComponent(NASTY[0])}&ssid_contains=${encodeURIComponent(NASTY[2])}`,
    wrong: `/ui/devices?phy=${encodeURIComponent("\u202e<b>")}&security=${encodeURIComponent("\u200b")}&band=x`,
    odd: `/ui/devices?sort=${encodeURIComponent("<b>")}&columns=${encodeURIComponent("__proto__,constructor")}&own=x`,
    oddMap: `/ui/map?at=x&by=__proto__&base=${encodeURIComponent("../../<b>")}&area=1,2;x&sel=${encodeURIComponent("<b>")}`,
    missing: `/ui/${encodeURIComponent("<img src=x>")}`,
    next: `/ui/login?next=${encodeURIComponent("javascript:window.hacked=1")}`,
  };
  for (const size of [
    { width: 360, height: 740 },
    { width: 1280, height: 800 },
  ]) {
    await page.setViewportSize(size);
    for (const [view, path] of Object.entries(views)) {
      await page.goto(server.url + path);
      await settled(page);
      await expectOnlyText(page, `${view}, ${size.width}`);
      await expectNoSidewaysScroll(page, `${view}, ${size.width}`);
    }
  }
});

test("a name that a spreadsheet would run is defused in the export", async ({ page, start }) => {
  const server = await start();
  const source = { id: "6e6d010f-5ca9-4000-8000-000000006601", name: "one" };
  const formula = "=cmd|' /C calc'!A0";
  await report(server.url, "wifi", source, [{ bssid: ADDRESS, ssid: formula }]);
  await page.goto(`${server.url}/ui/devices`);
  await settled(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export as CSV" }).click();
  const csv = await readFile(await (await download).path(), "utf8");
  expect(csv).toContain(`'${formula}`);
});

test("a login leads only to pages of this server", async ({ page, start, expected }) => {
  expected.push(/status of 401/);
  const { server } = await guarded(start);
  for (const next of [
    "https://example.org/",
    "//example.org/",
    "/\\example.org",
    "javascript:window.hacked=1",
    "data:text/html,x",
    "http://[",
  ]) {
    await page.context().clearCookies();
    await page.goto(`${server.url}/ui/login?next=${encodeURIComponent(next)}`);
    await logIn(page);
    await expect(page).not.toHaveURL(/\/ui\/login/);
    expect(new URL(page.url()).origin).toBe(server.url);
  }
});

test("every view asks for a login that has ended, and comes back", async ({ page, start, expected }) => {
  test.slow();
  expected.push(/status of (401|404)/);
  const { server, key } = await guarded(start);
  await report(server.url, "wifi", { id: "6e6d010f-5ca9-4000-8000-000000006601", name: "one" }, [{ bssid: ADDRESS }], {
    Authorization: `Bearer ${key}`,
  });
  for (const [view, path] of Object.entries(VIEWS)) {
    if (view === "settings" || view === "login") continue;
    await page.context().clearCookies();
    await page.goto(`${server.url}${path}`);
    await expect(page, view).toHaveURL(/\/ui\/login/);
    await logIn(page);
    await expect(page, view).toHaveURL(new RegExp(`${path.replace(/^\/ui\/$/, "/(ui/)?")}$`));
    await settled(page);
    // In mid-work: what is read next is refused. Some views read so often that they notice before the click.
    await page.context().clearCookies();
    const link = page.getByRole("link", { name: view === "sources" ? "Networks" : "Sources", exact: true });
    await link.click({ timeout: 5000 }).catch(() => undefined);
    await expect(page, view).toHaveURL(/\/ui\/login\?next=/);
  }
});

test("every view says that it waits for a slow server, and shows what comes", async ({ page, full }) => {
  test.slow();
  for (const [view, path] of Object.entries(VIEWS)) {
    if (view === "settings" || view === "login") continue;
    let release = () => {};
    const held = new Promise((resolve) => (release = () => resolve(undefined)));
    const isData = /\/api\/v1\/(?!session|live)/;
    await page.route(isData, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(full.url + path);
    await expect(page.getByRole("main").getByText("Loading …").first(), view).toBeVisible();
    release();
    await settled(page);
    await expect(page.getByRole("main").getByText("Loading …"), view).toHaveCount(0);
    await page.unroute(isData);
  }
});

test("who may only read is refused whatever a page could ask", async ({ page, start, expected }) => {
  expected.push(/status of 403/);
  const { server, key, reader } = await guarded(start);
  const source = { id: "6e6d010f-5ca9-4000-8000-000000006601", name: "one" };
  await report(server.url, "wifi", source, [{ bssid: ADDRESS }], { Authorization: `Bearer ${key}` });
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/devices`);
  await settled(page);
  const asks = [
    ["POST", `/datasource/by-uuid/${source.id}/pause_source.cmd`],
    ["DELETE", `/api/v1/sources/${source.id}`],
    ["POST", "/api/v1/alerts/1/acknowledge"],
    ["POST", "/api/v1/alerts/1/comments"],
    ["POST", "/devices/alerts/mac/found/add.cmd"],
    ["POST", "/auth/apikey/generate.cmd"],
    ["POST", "/auth/apikey/revoke.cmd"],
    ["POST", "/api/v1/imports"],
    ["POST", "/api/v1/imports/1/cancel"],
  ];
  const statuses = await page.evaluate(
    (asks) =>
      Promise.all(
        asks.map(async ([method, path]) => {
          const body = method === "POST" ? "{}" : undefined;
          const headers = { "Content-Type": "application/json", "X-Requested-With": "scanpost" };
          return `${path}: ${(await fetch(path, { method, headers, body })).status}`;
        }),
      ),
    asks,
  );
  expect(statuses).toEqual(asks.map(([, path]) => `${path}: 403`));
});

test("a crowd of sources leaves the page usable", async ({ page, start }) => {
  test.slow();
  const server = await start({ config: "[limits]\nreports_per_second_max = 0\nbytes_per_second_max = 0\n" });
  const crowd = 450;
  const send = async (/** @type {number} */ at) => {
    const id = `6e6d010f-5ca9-4000-8000-${(0x660000000000 + at).toString(16)}`;
    const bssid = (0x02_00_66_00_00_00 + at).toString(16).padStart(12, "0");
    await report(server.url, "wifi", { id, name: `scanner ${at} ${LONG.repeat(4)}` }, [
      { bssid, signal: -60, lat: 47, lon: 9 },
    ]);
  };
  for (let at = 0; at < crowd; at += 50) await Promise.all(Array.from({ length: 50 }, (_, each) => send(at + each)));
  await page.goto(`${server.url}/ui/sources`);
  await expect(page.getByText("100 of 450 sources shown")).toBeVisible();
  await expect(page.locator("main tbody tr")).toHaveCount(100);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.locator("main tbody tr")).toHaveCount(200);
  for (const path of ["/ui/devices", "/ui/map", "/ui/ssids"]) {
    await page.goto(server.url + path);
    await settled(page);
    expect(await page.evaluate(() => document.querySelectorAll("input[type=checkbox]").length), path).toBeLessThan(300);
  }
});
