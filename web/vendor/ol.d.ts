export * from "./src/ol.js";
