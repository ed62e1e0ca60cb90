// A page that fails its test if anything odd happens: an error on the console, a CSP report, a request to elsewhere, or
// a script out of a name.
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect } from "@playwright/test";
import { seed } from "./seed.mjs";
import { startServer } from "./server.mjs";

export { expect };

/** Rows of long tables are alike. axe takes long for each, and those that are not in sight have the colours of before. */
const ALIKE = "main tbody tr:nth-child(n + 4)";
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export const test = base.extend({
  /** Messages that a test expects on the console. */
  expected: async ({}, use) => use([]),

  // The servers of the test stand longer than the page: it would report that they are gone.
  page: async ({ page, expected, start: _ }, use) => {
    /** @type {string[]} */
    const odd = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        const text = `${message.text()} ${message.location().url}`;
        if (!expected.some((/** @type {RegExp} */ known) => known.test(text))) odd.push(`console: ${text}`);
      }
    });
    page.on("pageerror", (error) => odd.push(`error: ${error.stack ?? error}`));
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      const isOwn = hostname === "127.0.0.1" || ["data:", "blob:"].includes(protocol);
      if (!isOwn) odd.push(`request to ${request.url()}`);
    });
    await page.exposeFunction("reportViolation", (/** @type {string} */ text) => odd.push(`CSP: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        // @ts-expect-error Playwright puts it there.
        window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    await use(page);
    const hacked = await page.evaluate(() => "hacked" in window).catch(() => false);
    expect(hacked, "a name ran as a script").toBe(false);
    expect(odd).toEqual([]);
  },

  /** A server with simulated data, for tests that only read. */
  full: [
    async ({}, use) => {
      const server = await startServer();
      await seed(server.url);
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  /** A server without data, for tests that only read. */
  bare: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  /** Starts servers of the test's own. */
  start: async ({}, use) => {
    /** @type {Awaited<ReturnType<typeof startServer>>[]} */
    const servers = [];
    await use(async (/** @type {Parameters<typeof startServer>[0]} */ options) => {
      const server = await startServer(options);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.stop();
  },
});

/** Fails if axe finds anything. @param {import("@playwright/test").Page} page @param {string} where */
export async function expectAccessible(page, where) {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).exclude(ALIKE).analyze();
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${where}: ${id} ${target.join(" ")}\n${failureSummary}`),
  );
  expect(told).toEqual([]);
}

/** Fails if the page can be scrolled sideways. @param {import("@playwright/test").Page} page @param {string} where */
export async function expectNoSidewaysScroll(page, where) {
  const over = await page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const wide = [...document.querySelectorAll("main *, header *")];
    return wide
      .filter((element) => root.clientWidth < element.getBoundingClientRect().right)
      .slice(0, 5)
      .map((element) => element.outerHTML.slice(0, 150));
  });
  expect(over, `${where}: wider than the window`).toEqual([]);
}

/** Waits until a view has shown what it has. @param {import("@playwright/test").Page} page */
export async function settled(page) {
  await expect(page.locator("main h1")).not.toBeEmpty();
  await expect(page.locator("main .spinner")).toHaveCount(0);
}

/** Lets every read of data fail. @param {import("@playwright/test").Page} page */
export async function failEverything(page) {
  const isData = /\/api\/v1\/(?!session|live)|\/devices\//;
  const body = JSON.stringify({ code: "internal_error", status: "internal server error", success: false });
  await page.route(isData, (route) => route.fulfill({ status: 500, contentType: "application/json", body }));
}

/**
 * Presses Tab until an element has the focus, as somebody without a mouse does.
 * @param {import("@playwright/test").Page} page
 * @param {import("@playwright/test").Locator} target
 * @param {"Tab" | "Shift+Tab"} key
 */
export async function tabTo(page, target, key = "Tab") {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 150; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error("the keyboard does not reach it");
}

/**
 * Clicks, taps, or goes there by the keyboard alone and presses Enter or Space.
 * @param {import("@playwright/test").Page} page
 * @param {string} way
 * @param {import("@playwright/test").Locator} target
 * @param {string} [key]
 */
export async function use(page, way, target, key = "Enter") {
  if (way === "mouse") return target.click();
  if (way === "touch") return target.tap();
  await tabTo(page, target);
  await page.keyboard.press(key);
}

/**
 * Writes into a field.
 * @param {import("@playwright/test").Page} page
 * @param {string} way
 * @param {import("@playwright/test").Locator} field
 * @param {string} text
 */
export async function write(page, way, field, text) {
  if (way !== "keyboard") return field.fill(text);
  await tabTo(page, field);
  await page.keyboard.press("Control+a");
  await page.keyboard.type(text);
}

/**
 * Chooses an entry of a list. By keyboard, the arrow is pressed as often as it takes.
 * @param {import("@playwright/test").Page} page
 * @param {string} way
 * @param {import("@playwright/test").Locator} field
 * @param {string} value
 */
export async function choose(page, way, field, value) {
  if (way !== "keyboard") return field.selectOption(value);
  await tabTo(page, field);
  // The choice may change what the field is called.
  const chosen = () => page.evaluate(() => /** @type {HTMLSelectElement} */ (document.activeElement).value);
  for (let presses = 0; presses < 20 && (await chosen()) !== value; presses += 1) {
    await page.keyboard.press("ArrowDown");
    // In another language the view is another one, and the focus is where it was.
    await page.waitForFunction(() => document.activeElement instanceof HTMLSelectElement);
  }
  expect(await chosen()).toBe(value);
}
