// Modules of OpenLayers that the page's map imports through others but never runs, and what stands in their place. They
// make up half of the bundle: styles and expressions of vector layers, other projections, controls, WebGL.

/** Classes that are only asked whether something is one of them. */
const CLASS = "export default class {}";

/** By the path in the package. @type {Record<string, string>} */
const STUBS = {
  // The background of a layer; ours have none.
  "color.js": "export const asArray = () => [];",
  // The map is given its controls and interactions.
  "control/defaults.js": "export const defaults = () => [];",
  "interaction/defaults.js": "export const defaults = () => [];",
  // The view makes a polygon of the rectangle that it fits.
  "geom/Polygon.js": `export const fromExtent = ([west, south, east, north]) => ({
    getFlatCoordinates: () => [west, south, east, south, east, north, west, north],
    getStride: () => 2,
  });`,
  "layer/BaseVector.js": CLASS,
  // Everything is in Web Mercator.
  "proj/utm.js": "export const makeProjection = () => null; export const makeTransforms = () => null;",
  "reproj/DataTile.js": CLASS,
  "reproj/Tile.js": CLASS,
  // Fonts that styles name.
  "render/canvas.js": `import BaseObject from "../Object.js"; export const checkedFonts = new BaseObject();`,
  // Pictures that styles name.
  "style/IconImageCache.js": "export const shared = { canExpireCache: () => false, expire() {} };",
};

/** @returns {import("esbuild").Plugin} */
export function cut() {
  return {
    name: "cut",
    setup(build) {
      /** @type {Set<string>} */
      const used = new Set();
      build.onLoad({ filter: /[\\/]node_modules[\\/]ol[\\/].*\.js$/ }, ({ path }) => {
        const name = path.replaceAll("\\", "/").replace(/^.*\/node_modules\/ol\//, "");
        if (!(name in STUBS)) return undefined;
        used.add(name);
        return { contents: STUBS[name], loader: "js" };
      });
      build.onEnd(() => {
        const unused = Object.keys(STUBS).filter((name) => !used.has(name));
        // Another version of OpenLayers is made of other modules.
        if (0 < used.size && 0 < unused.length) throw new Error(`cut.mjs: nothing imports ${unused.join(", ")}`);
      });
    },
  };
}
