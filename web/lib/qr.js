// QR codes as pictures.
import { html } from "../vendor/lit.js";
import { t } from "./i18n.js";

/** Blank modules around the code that readers need. */
const QUIET = 4;

/**
 * A text as a QR code. The encoder is loaded when the first one is shown.
 * @param {string} text
 * @param {string} label for people who do not see it
 */
export function qr(text, label) {
  const canvas = document.createElement("canvas");
  canvas.className = "qr";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  draw(canvas, text).catch(() => canvas.replaceWith(t("error.title")));
  return html`${canvas}`;
}

/** @param {HTMLCanvasElement} canvas @param {string} text */
async function draw(canvas, text) {
  const { qrcode } = await import("../vendor/qr.js");
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const modules = code.getModuleCount();
  const size = modules + 2 * QUIET;
  const scale = 6;
  canvas.width = canvas.height = size * scale;
  const context = canvas.getContext("2d");
  if (!context) return;
  // Black on white in dark mode too: readers expect it.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  for (let row = 0; row < modules; row += 1) {
    for (let column = 0; column < modules; column += 1) {
      if (code.isDark(row, column)) {
        context.fillRect((column + QUIET) * scale, (row + QUIET) * scale, scale, scale);
      }
    }
  }
}
