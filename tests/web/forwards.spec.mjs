// Reports are passed on to a service: administrators see how that goes, and give orders.
import { createServer } from "node:http";
import { expect, expectAccessible, expectNoSidewaysScroll, settled, test, use } from "./fixtures.mjs";
import { guarded, report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c1", name: "hall" };

/** A service that answers with a status, and counts what it is sent. */
async function service() {
  const told = { status: 503, requests: 0 };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      told.requests += 1;
      response.writeHead(told.status).end("<b>busy</b>");
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { told, url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

/** A target that runs only when somebody asks. @param {string} url */
const target = (url) =>
  `[[forward]]\nname = "maps"\nkind = "geosubmit"\nurl = "${url}"\nretry_min = "1s"\nretry_max = "2s"\n`;

/** @param {string} url @param {string} ssid @param {Record<string, string>} [headers] */
const seen = (url, ssid, headers) =>
  report(
    url,
    "wifi",
    SOURCE,
    [{ bssid: "02:00:5E:10:00:01", ssid, capabilities: "[ESS]", signal: -60, lat: 48.2, lon: 16.4 }],
    headers,
  );

for (const way of ["mouse", "keyboard", "touch"]) {
  test.describe(`by ${way}`, () => {
    if (way === "touch") test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

    test(`a target is asked to send, fails, and then sends: by ${way}`, async ({ page, start }) => {
      test.slow(way === "keyboard", "each press of Tab is a round trip to the browser");
      const far = await service();
      const server = await start({ config: target(far.url) });
      await seen(server.url, "Shop");
      await page.goto(`${server.url}/ui/settings`);
      await settled(page);
      const panel = page.getByRole("region", { name: "Forwarding" });
      const row = panel.getByRole("row").filter({ hasText: "maps" });
      await expect(row).toContainText(new URL(far.url).hostname);
      await expect(row).toContainText("Idle");
      await expectAccessible(page, `forwards, ${way}`);
      await expectNoSidewaysScroll(page, `forwards, ${way}`);
      await use(page, way, row.getByRole("button", { name: "Send now" }));
      await expect(row).toContainText("503");
      await expect(row).toContainText("Waiting");
      await expectAccessible(page, `forwards that wait, ${way}`);
      far.told.status = 200;
      await expect(row).toContainText("Idle");
      const sent = far.told.requests;
      await use(page, way, row.getByRole("button", { name: "Begin elsewhere" }));
      const dialog = page.getByRole("dialog", { name: "Where does maps begin?" });
      await expectAccessible(page, `reset, ${way}`);
      await expectNoSidewaysScroll(page, `reset, ${way}`);
      await use(page, way, dialog.getByRole("button", { name: "From the start" }));
      await expect(dialog).toHaveCount(0);
      await use(page, way, row.getByRole("button", { name: "Send now" }));
      await expect.poll(() => far.told.requests).toBeGreaterThan(sent);
      far.stop();
    });
  });
}

test("without a target, administrators are told so, and readers are told nothing", async ({ page, start }) => {
  const { server, reader } = await guarded(start);
  await page.context().addCookies([{ name: "KISMET", value: String(reader), url: server.url }]);
  await page.goto(`${server.url}/ui/settings`);
  await settled(page);
  await expect(page.getByRole("heading", { name: "Forwarding" })).toHaveCount(0);
  const open = await start();
  await page.goto(`${open.url}/ui/settings`);
  await expect(page.getByText("Nothing is passed on.")).toBeVisible();
});
