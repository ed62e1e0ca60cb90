// Bundles the libraries of the page: each file of src/ becomes a minified module beside this script.
//
//   npm ci && node build.mjs           writes the bundles
//   npm ci && node build.mjs --check   compares them with what a build gives, byte for byte
//   npm ci && node build.mjs --sizes   prints what the bundles are made of
import { readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { analyzeMetafile, build } from "esbuild";
import { cut } from "./cut.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");
const entries = (await readdir(join(here, "src"))).sort();
const outputs = new Map();
const packages = new Set();

for (const entry of entries) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [join("src", entry)],
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022"],
    legalComments: "none",
    charset: "utf8",
    outdir: ".",
    write: false,
    metafile: true,
    plugins: [cut()],
  });
  if (process.argv.includes("--sizes")) console.log(await analyzeMetafile(result.metafile));
  for (const file of result.outputFiles) outputs.set(file.path.slice(here.length + 1), file.contents);
  for (const input of Object.keys(result.metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
}

/** The text of a package's licence. */
async function licence(name) {
  const folder = join(here, "node_modules", name);
  const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const files = (await readdir(folder)).filter((file) => /^licen[cs]e/i.test(file)).sort();
  const text = files[0]
    ? (await readFile(join(folder, files[0]), "utf8")).replaceAll("\r", "").trim()
    : await readFile(join(here, "licences", `${name}.txt`), "utf8");
  return `${name} ${about.version} (${about.license})\n\n${text.trim()}\n`;
}

const texts = await Promise.all([...packages].sort().map(licence));
outputs.set("LICENSES.txt", Buffer.from(texts.join(`\n${"-".repeat(72)}\n\n`)));

let wrong = 0;
for (const [name, contents] of outputs) {
  const path = join(here, name);
  if (!check) {
    await writeFile(path, contents);
    continue;
  }
  const present = await readFile(path).catch(() => undefined);
  if (!present || Buffer.compare(present, Buffer.from(contents)) !== 0) {
    console.error(`web/vendor/${name} is not what build.mjs gives: run it, and commit the result`);
    wrong += 1;
  }
}
if (wrong) process.exit(1);
console.log(`${outputs.size} files ${check ? "are current" : "written"}`);
