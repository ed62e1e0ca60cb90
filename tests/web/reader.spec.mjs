// The walk of a screen reader through the page, as docs/page.md tells it: what there is in each view, in its order, and
// what is said.
import { expect, settled, test } from "./fixtures.mjs";
import { report } from "./server.mjs";
import { DEVICE, VIEWS } from "./views.mjs";

const SHELL = `
- link "Skip to content"
- banner:
  - link "scanpost"
  - search:
    - searchbox "Search devices by name or address"
  - navigation "Views":
    - list:
      - listitem:
        - link "Overview"
      - listitem:
        - link "Map"
      - listitem:
        - link "Devices"
      - listitem:
        - link "Networks"
      - listitem:
        - link "Channels"
      - listitem:
        - link "Sources"
      - listitem:
        - link /Alerts/
      - listitem:
        - link "Import"
  - button "Keys"
  - link "Settings"
- paragraph: /Live/
- status
- main
`;

/** What the main part of each view has, among other things, in this order. @type {Record<string, string>} */
const WALK = {
  overview: `
- heading "Overview" [level=1]
- list:
  - listitem:
    - link /\\d+ devices/
- table /seen last/
`,
  map: `
- heading "Map" [level=1]
- application /^Map of devices/
- group "Tools of the map"
- region /devices? in view/:
  - heading /devices? in view/ [level=2]
  - link "As a table"
  - list:
    - listitem:
      - button
`,
  devices: `
- heading "Devices" [level=1]
- paragraph: /\\d+ devices/
- link "On the map"
- button "Export as CSV"
- table /^Devices, [Ll]ast seen first/:
  - rowgroup:
    - row:
      - columnheader "Name"
  - rowgroup:
    - row:
      - rowheader:
        - link
- paragraph:
  - button "More"
`,
  device: `
- heading /img src/ [level=1]
- link "Walk to it"
- region "Facts"
- region "Networks and security"
- region "Changes of security"
- region "Signal over time"
- region "Heard by"
`,
  locate: `
- heading /Locate/ [level=1]
- region "Signal now"
- combobox "Heard by"
- group "Sound and screen":
  - button "Sound"
`,
  channels: `
- heading "Channels" [level=1]
- 'region /2.4 GHz: \\d+ access points/':
  - heading /2.4 GHz/ [level=2]
  - group /^Chart of the channels of 2.4 GHz/
  - table "Channels of 2.4 GHz"
`,
  ssids: `
- heading "Networks" [level=1]
- button "Export as CSV"
- table "Networks, by name":
  - rowgroup:
    - row:
      - columnheader "Network"
`,
  sources: `
- heading "Sources" [level=1]
- table "Scanners that report to this server":
  - rowgroup:
    - row:
      - columnheader "Name"
  - rowgroup:
    - row:
      - rowheader:
        - link
`,
  alerts: `
- heading "Alerts" [level=1]
- group:
  - button "Open" [pressed]
- list:
  - listitem:
    - paragraph
    - textbox "Comment"
    - button /^Acknowledge/
`,
  import: `
- heading "Import" [level=1]
- form "Files":
  - button /^Choose files/
  - checkbox "Dry run"
  - button "Import" [disabled]
- table "Imports, the newest first"
`,
  settings: `
- heading "Settings" [level=1]
- heading "Display" [level=2]
- combobox "Language"
- checkbox "Demo mode"
`,
  login: `
- heading "Log in" [level=1]
- textbox "Name"
- textbox "Password"
- button "Log in"
`,
};

for (const [view, path] of Object.entries(VIEWS)) {
  test(`what there is to be read: ${view}`, async ({ page, full }) => {
    await page.goto(full.url + path);
    await settled(page);
    if (view !== "login") await expect(page.locator("body")).toMatchAriaSnapshot(SHELL);
    await expect(page.getByRole("main")).toMatchAriaSnapshot(WALK[view]);
    const outline = await page.evaluate(() => ({
      title: document.title,
      levels: [...document.querySelectorAll("main :is(h1, h2, h3, h4)")].map(({ tagName }) => Number(tagName[1])),
      first: document.querySelector("main h1")?.textContent,
      nameless: [...document.querySelectorAll("main table")].filter((table) => !table.querySelector("caption")).length,
      language: document.documentElement.lang,
    }));
    expect(outline.title).toBe(`${outline.first} · scanpost`);
    expect(outline.levels.filter((level) => level === 1)).toHaveLength(1);
    // Nobody looks for a heading that was left out.
    outline.levels.reduce((before, level) => {
      expect(level, `${view}: h${level} after h${before}`).toBeLessThanOrEqual(before + 1);
      return level;
    });
    expect(outline.nameless).toBe(0);
    expect(outline.language).toBe("en");
  });
}

test("what is said when something changes", async ({ page, start }) => {
  const server = await start();
  const source = { id: "6e6d010f-5ca9-4000-8000-0000000000d1", name: "hall" };
  const network = { bssid: DEVICE, ssid: "Bank", freqkhz: 2_437_000, signal: -50, lat: 47.141, lon: 9.5215 };
  await report(server.url, "wifi", source, [{ ...network, capabilities: "[WPA2-PSK-CCMP][ESS]" }]);
  const said = page.locator("#announcer");
  await page.goto(`${server.url}/ui/devices`);
  await expect(said).toHaveText("1 shown");
  // Another view is said by its title, and has the focus.
  await page.getByRole("navigation").getByRole("link", { name: "Map" }).click();
  await expect(page.getByRole("main")).toBeFocused();
  await expect(said).toHaveText(/Map · scanpost|1 device in view/);
  await page
    .getByRole("region", { name: /in view/ })
    .getByRole("button", { name: /Bank/ })
    .click();
  await expect(said).toHaveText("Selected device: Bank");
  // An alert is said wherever one is.
  await report(server.url, "wifi", source, [{ ...network, capabilities: "[ESS]" }]);
  await expect(said).toHaveText(/^Alert: .*Bank/);
});
