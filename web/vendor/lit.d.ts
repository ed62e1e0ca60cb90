export * from "./src/lit.js";
