// Devices are shown to TAK programs: administrators see how that goes.
import { createServer } from "node:net";
import { expect, expectAccessible, expectNoSidewaysScroll, settled, test } from "./fixtures.mjs";
import { report } from "./server.mjs";

const SOURCE = { id: "6e6d010f-5ca9-4000-8000-0000000000c2", name: "hall" };

test("a target shows what it sent, and one that is down shows why", async ({ page, start }) => {
  /** @type {import("node:net").Socket[]} */
  const sockets = [];
  const far = createServer((socket) => sockets.push(socket.on("error", () => {}).resume()));
  await new Promise((resolve) => far.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (far.address());
  const target = (/** @type {string} */ name, /** @type {number} */ at) =>
    `[[tak]]\nname = "${name}"\nurl = "tcp://127.0.0.1:${at}"\nretry_min = "1h"\nretry_max = "1h"\n`;
  // Nothing listens at port 1.
  const server = await start({ config: target("team", port) + target("gone", 1) });
  await report(server.url, "wifi", SOURCE, [
    { bssid: "02:00:5E:10:00:01", ssid: "Shop", capabilities: "[ESS]", signal: -60, lat: 48.2, lon: 16.4 },
  ]);
  await page.goto(`${server.url}/ui/settings`);
  await settled(page);
  const panel = page.getByRole("region", { name: "TAK, live" });
  const team = panel.getByRole("row").filter({ hasText: "team" });
  await expect(team).toContainText(`tcp://127.0.0.1:${port}`);
  await expect(team).toContainText("Sending");
  await expect(team.getByRole("cell").nth(2)).toHaveText("1");
  await expect(panel.getByRole("row").filter({ hasText: "gone" })).toContainText("Cannot send");
  await expectAccessible(page, "TAK targets");
  await expectNoSidewaysScroll(page, "TAK targets");
  for (const socket of sockets) socket.destroy();
  far.close();
});

test("without a target there is no panel", async ({ page, start }) => {
  const server = await start();
  await page.goto(`${server.url}/ui/settings`);
  await settled(page);
  await expect(page.getByText("Nothing is passed on.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "TAK, live" })).toHaveCount(0);
});
