// Every view in every state, in dark and light, at three widths: accessible, quiet, and not wider than the window.
import { expect, expectAccessible, expectNoSidewaysScroll, failEverything, settled, test } from "./fixtures.mjs";
import { SIZES, VIEWS } from "./views.mjs";

const SCHEMES = /** @type {const} */ (["light", "dark"]);

for (const [view, path] of Object.entries(VIEWS)) {
  for (const state of ["full", "empty", "error"]) {
    test(`${view}, ${state}`, async ({ page, full, bare, expected }) => {
      const server = state === "empty" ? bare : full;
      if (state === "error") await failEverything(page);
      // The browser reports each answer that is an error. A device that nobody saw is one.
      if (state === "error") expected.push(/Failed to load resource.*500/);
      if (state === "empty") expected.push(/Failed to load resource.*404/);
      for (const size of SIZES) {
        await page.setViewportSize(size);
        for (const scheme of SCHEMES) {
          const where = `${view}, ${state}, ${scheme}, ${size.width}`;
          await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
          // Dark and light follow the system without a reload; a width may make a view arrange itself anew.
          if (scheme === "light") {
            await page.goto(server.url + path);
            await settled(page);
          }
          await expectNoSidewaysScroll(page, where);
          await expectAccessible(page, where);
        }
      }
      await expect(page.locator("main")).toBeVisible();
    });
  }
}
