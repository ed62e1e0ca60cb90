export * from "./src/uplot.js";
