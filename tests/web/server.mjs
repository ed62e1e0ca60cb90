// Real servers for the tests: the program that SCANPOST names, on a port and with a data directory of its own.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const PROGRAM = process.env.SCANPOST ?? join(here, "../../target/release/scanpost");

/**
 * Starts a server.
 * @param {{config?: string, listen?: string, data?: string}} [options] `config` is TOML
 */
export async function startServer({ config = "", listen = "127.0.0.1:0", data } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), "scanpost-web-")));
  const file = join(folder, "config.toml");
  await writeFile(file, config);
  const child = spawn(PROGRAM, ["--config", file, "--listen", listen, "--data-dir", join(folder, "data")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  /** @type {string[]} */
  const printed = [];
  const logged = [];
  createInterface({ input: child.stdout }).on("line", (line) => printed.push(line));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stderr });
  const address = await new Promise((resolve, reject) => {
    let found;
    lines.on("line", (line) => {
      logged.push(line);
      found ??= /listening.*server\.address=([0-9.:]+)/.exec(line)?.[1];
      if (found && / ready /.test(line)) resolve(found);
    });
    ended.then(() => reject(new Error(`the server ended:\n${logged.join("\n")}`)));
  });
  const url = `http://${address}`;
  return {
    url,
    address,
    folder,
    printed,
    /** Ends the process at once, and keeps its data. */
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Name and password that the first start printed. */
export function firstLogin(/** @type {string[]} */ printed) {
  const text = printed.join("\n");
  const password = /password\W+(\S+)/i.exec(text)?.[1];
  const username = /(?:user|name|administrator)\W+(\S+)/i.exec(text)?.[1];
  return { username, password, text };
}

/**
 * Sends reports as a scanner does.
 * @param {string} url of the server
 * @param {"wifi" | "bluetooth"} phy
 * @param {{id: string, name: string}} source
 * @param {object[]} reports
 * @param {Record<string, string>} [headers]
 */
export async function report(url, phy, { id, name }, reports, headers = {}) {
  const path = phy === "wifi" ? "phy80211" : "phybluetooth";
  const response = await fetch(`${url}/phy/${path}/scan/scan_report.cmd`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "User-Agent": "simulator/1.0", ...headers },
    body: JSON.stringify({ source_uuid: id, source_name: name, reports }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

export const PASSWORD = "correct horse";

/** A server that asks for a login, with an administrator and keys of two roles. @param {Function} start @param {string} [config] */
export async function guarded(start, config = "") {
  const server = await start({ config: `[auth]\nmode = "required"\n${config}` });
  const files = ["--config", join(server.folder, "config.toml"), "--data-dir", join(server.folder, "data")];
  execFileSync(PROGRAM, ["user", "set-password", ...files], { input: PASSWORD });
  const make = (/** @type {string} */ role) =>
    execFileSync(PROGRAM, ["apikey", "create", "--name", role, "--role", role, ...files])
      .toString()
      .trim()
      .split(/\s+/)
      .at(-1);
  return { server, key: make("scanreport"), reader: make("readonly") };
}

/** The form of a login, filled in and sent. @param {import("@playwright/test").Page} page */
export async function logIn(page) {
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
}
