// Pictures of the views with simulated data, for people to look at: SCREENSHOTS names the folder.
import { failEverything, settled, test } from "./fixtures.mjs";
import { SIZES, VIEWS } from "./views.mjs";

const folder = process.env.SCREENSHOTS;
/** The documentation shows these; ALL=1 keeps a picture of every view in every width, dark and light. */
const SHOWN = ["overview-1280-light", "map-1280-dark", "devices-1280-light", "device-1280-light", "map-360-light"];

test.skip(!folder, "SCREENSHOTS is not set");

for (const [view, path] of Object.entries(VIEWS)) {
  // To look at, and not for the documentation.
  for (const state of process.env.ALL ? ["empty", "error"] : []) {
    test(`pictures of ${view}, ${state}`, async ({ page, full, bare, expected }) => {
      expected.push(/Failed to load resource/);
      if (state === "error") await failEverything(page);
      for (const size of SIZES) {
        await page.setViewportSize(size);
        for (const scheme of /** @type {const} */ (["light", "dark"])) {
          await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
          if (scheme === "light") await page.goto((state === "empty" ? bare : full).url + path);
          await settled(page);
          await page.screenshot({ path: `${folder}/${view}-${size.width}-${scheme}-${state}.png`, timeout: 20_000 });
        }
      }
    });
  }

  test(`pictures of ${view}`, async ({ page, full }) => {
    for (const size of SIZES) {
      const names = ["light", "dark"].map((scheme) => `${view}-${size.width}-${scheme}`);
      if (!process.env.ALL && !names.some((name) => SHOWN.includes(name))) continue;
      await page.setViewportSize(size);
      for (const scheme of /** @type {const} */ (["light", "dark"])) {
        const name = `${view}-${size.width}-${scheme}`;
        if (!process.env.ALL && !SHOWN.includes(name)) continue;
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
        await page.goto(full.url + path);
        await settled(page);
        await page.waitForLoadState("networkidle").catch(() => undefined);
        await page.screenshot({ path: `${folder}/${name}.png`, timeout: 20_000 });
      }
    }
  });
}
