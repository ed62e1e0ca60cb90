// Journeys through the import: choose or drop files, read the account, try again; by mouse, keyboard and touch.
import { readFile } from "node:fs/promises";
import { expect, expectAccessible, expectNoSidewaysScroll, settled, tabTo, test, use } from "./fixtures.mjs";
import { guarded, report } from "./server.mjs";

const HEAD = [
  "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=d,board=b,brand=google",
  "MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type",
];

/** The text of a file of the WiGLE app. Of its rows, some have an address that is none. */
function wigle(rows, bad = 0, name = "net") {
  const hex = (/** @type {number} */ number) => number.toString(16).padStart(2, "0");
  const lines = Array.from({ length: rows }, (_, at) => {
    const isBad = at % 700 === 0 && at / 700 < bad;
    const address = isBad ? "no address" : `02:00:5e:${hex(at >> 16)}:${hex((at >> 8) & 255)}:${hex(at & 255)}`;
    const time = new Date(Date.UTC(2026, 7, 1, 10, 0, at)).toISOString().slice(0, 19).replace("T", " ");
    return `${address},${name} ${at},[WPA2-PSK-CCMP][ESS],${time},6,2437,-61,47.1${at % 100},9.52${at % 100},450,4,WIFI`;
  });
  return [...HEAD, ...lines, ""].join("\n");
}

/** @param {string} text @param {string} [name] */
const file = (text, name = "drive.csv") => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });

/** The picker of files. @param {import("@playwright/test").Page} page */
const picker = (page) => page.getByRole("button", { name: /^Choose files/ });
/** @param {import("@playwright/test").Page} page @param {string} name */
const count = (page, name) =>
  page
    .locator(".import-counts div")
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator("dd");
/** @param {import("@playwright/test").Page} page */
const account = (page) => page.getByRole("region", { name: /^(Import|Dry run) of/ });

for (const way of ["mouse", "keyboard", "touch"]) {
  test.describe(`by ${way}`, () => {
    if (way === "touch") test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

    test(`10 000 rows of which 13 are bad, and the same again: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const server = await start();
      await page.goto(`${server.url}/ui/import`);
      await expect(page.getByRole("heading", { name: "Nothing was imported yet" })).toBeVisible();
      const chooser = page.waitForEvent("filechooser");
      await use(page, way, picker(page));
      await (await chooser).setFiles(file(wigle(10_000, 13)));
      await expect(page.getByRole("list", { name: "1 file chosen" })).toContainText("drive.csv");
      const start_ = page.getByRole("button", { name: "Import", exact: true });
      await use(page, way, start_);
      await expect(account(page)).toContainText("Done");
      await expect(count(page, "Rows")).toHaveText("10,000");
      await expect(count(page, "Taken")).toHaveText("9,987");
      await expect(count(page, "Refused")).toHaveText("13");
      const refused = page.getByRole("table", { name: "Refused rows" });
      await expect(refused.locator("tbody tr")).toHaveCount(13);
      await expect(refused.locator("tbody tr").first()).toContainText("3");
      await expectAccessible(page, `account, ${way}`);
      await expectNoSidewaysScroll(page, `account, ${way}`);

      const download = page.waitForEvent("download");
      await use(page, way, page.getByRole("link", { name: "All refused rows as CSV" }));
      const csv = await readFile(await (await download).path(), "utf8");
      expect(csv.trim().split("\n")).toHaveLength(14);

      await use(page, way, start_);
      await expect(account(page)).toContainText("imported before");
      const { devices } = await (await fetch(`${server.url}/api/v1/summary`)).json();
      expect(devices).toBe(9_987);
      const list = page.getByRole("table", { name: /^Imports/ });
      await expect(list.locator("tbody tr")).toHaveCount(2);
      // The account of an earlier import is a link away, and a link leads to it for others too.
      await use(page, way, list.getByRole("link").last());
      await expect(page).toHaveURL(/import=\d+/);
      await page.reload();
      await expect(count(page, "Taken")).toHaveText("9,987");
    });

    test(`a dry run changes nothing, and leads to the import: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const server = await start();
      await page.goto(`${server.url}/ui/import`);
      await settled(page);
      await picker(page).setInputFiles(file(wigle(20)));
      await use(page, way, page.getByRole("checkbox", { name: "Dry run" }), "Space");
      await use(page, way, page.getByRole("button", { name: "Try", exact: true }));
      await expect(account(page)).toContainText("nothing was changed");
      await expect(count(page, "Taken")).toHaveText("20");
      const summary = async () => (await (await fetch(`${server.url}/api/v1/summary`)).json()).devices;
      expect(await summary()).toBe(0);
      await use(page, way, page.getByRole("button", { name: "Import now" }));
      await expect(page.getByRole("heading", { name: /^Import of/ })).toBeVisible();
      await expect(count(page, "Taken")).toHaveText("20");
      expect(await summary()).toBe(20);
    });
  });
}

test("files are dropped anywhere on the page, and belong together", async ({ page, start }) => {
  const server = await start();
  await page.goto(`${server.url}/ui/import`);
  await settled(page);
  const texts = [wigle(3, 0, "first"), "hello, this is no scan\n"];
  const data = await page.evaluateHandle((texts) => {
    const transfer = new DataTransfer();
    texts.forEach((text, at) => transfer.items.add(new File([text], `part ${at}.csv`)));
    return transfer;
  }, texts);
  await page.dispatchEvent("main h1", "dragover", { dataTransfer: data });
  await page.dispatchEvent("main h1", "drop", { dataTransfer: data });
  await expect(page.getByRole("list", { name: "2 files chosen" })).toContainText("part 1.csv");
  await page.getByText("Source and times").click();
  await page.getByLabel("Source", { exact: true }).fill("my phone");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page.getByRole("region", { name: /^part 0.csv/ })).toContainText("wigle-csv");
  await expect(page.getByRole("region", { name: /^part 1.csv/ })).toContainText("unknown form");
  await page.goto(`${server.url}/ui/sources`);
  await expect(page.getByRole("link", { name: "my phone" })).toBeVisible();
});

test("a file of no known form, and a connection that breaks, are told and tried again", async ({
  page,
  start,
  expected,
}) => {
  expected.push(/status of 415/, /ERR_CONNECTION_RESET|ERR_FAILED/);
  const server = await start();
  await page.goto(`${server.url}/ui/import`);
  await settled(page);
  await picker(page).setInputFiles(file("nothing that anybody knows\n", "letter.txt"));
  const start_ = page.getByRole("button", { name: "Import", exact: true });
  await start_.click();
  await expect(page.getByRole("alert")).toContainText(/form/);
  await expectAccessible(page, "refused upload");
  await page.route("**/api/v1/imports", (route) =>
    route.request().method() === "POST" ? route.abort() : route.continue(),
  );
  await picker(page).setInputFiles(file(wigle(5)));
  await expect(page.getByRole("alert")).toHaveCount(0);
  await start_.click();
  await expect(page.getByRole("alert")).toContainText("does not answer");
  await page.unroute("**/api/v1/imports");
  await page.getByRole("alert").getByRole("button", { name: "Try again" }).click();
  await expect(count(page, "Taken")).toHaveText("5");
});

test("a long import tells how far it is, goes on without the page, and can be ended", async ({ page, start }) => {
  const server = await start({ config: '[import]\nanswer_within = "0s"\n' });
  await page.goto(`${server.url}/ui/import`);
  await settled(page);
  await picker(page).setInputFiles(file(wigle(2_000)));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page).toHaveURL(/import=\d+/);
  const shown = page.url();
  await page.goto("about:blank");
  await page.goto(shown);
  await expect(account(page)).toContainText("Done");
  await expect(count(page, "Taken")).toHaveText("2,000");

  // One that runs for as long as the test wants.
  const known = await (await fetch(`${server.url}/api/v1/imports/${new URL(shown).searchParams.get("import")}`)).json();
  const { ended: _, ...running } = { ...known, state: "running", files_total: 9 };
  await page.route(/\/imports\/\d+$/, (route) => route.fulfill({ json: running }));
  await page.reload();
  await expect(account(page)).toContainText("1 of 9 files");
  await page.getByRole("button", { name: "End early" }).click();
  await expect(account(page)).toContainText("Done");
  await expect(page.getByRole("button", { name: "End early" })).toHaveCount(0);
});

test("hostile names and reasons stay text", async ({ page, start }) => {
  const server = await start();
  const nasty = '<img src=x onerror="window.hacked=1">‮.csv';
  await page.goto(`${server.url}/ui/import`);
  await settled(page);
  const rows = `${HEAD.join("\n")}\n<script>window.hacked=1</script>,x,[ESS],2026-08-01 10:00:00,6,2437,-61,47.1,9.5,1,1,WIFI\n`;
  await picker(page).setInputFiles([file(wigle(2), nasty), file(rows, "${window.hacked=1}.csv")]);
  await expect(page.getByRole("list", { name: "2 files chosen" })).toContainText("<img src=x");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(account(page)).toContainText("Done");
  await expect(account(page)).toContainText("onerror");
  await expect(page.locator("main img")).toHaveCount(0);
  await expect(page.locator("main")).not.toContainText("‮");
});

test("readers see what was imported, and import nothing", async ({ page, start, expected }) => {
  const { server, key, reader } = await guarded(start);
  const body = new FormData();
  body.append("file", new Blob([wigle(7, 1)]), "walk.csv");
  const headers = { Authorization: `Bearer ${key}` };
  expected.push(/status of 403/);
  expect((await fetch(`${server.url}/api/v1/imports`, { method: "POST", headers, body })).status).toBe(200);
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/import`);
  await page.getByRole("link", { name: "walk.csv" }).click();
  await expect(count(page, "Refused")).toHaveText("1");
  await expect(page.getByRole("button", { name: "Import", exact: true })).toHaveCount(0);
  await expect(picker(page)).toHaveCount(0);
  await expect(page.getByRole("link", { name: /as CSV/ })).toHaveCount(0);
  const refused = await page.evaluate(async () => {
    const form = new FormData();
    form.append("file", new Blob(["x"]), "x.csv");
    return (await fetch("/api/v1/imports", { method: "POST", body: form })).status;
  });
  expect(refused).toBe(403);
});
