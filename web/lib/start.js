// How to send the first report. Shown where there is nothing yet.
import { html, nothing } from "../vendor/lit.js";
import { current, mayImport, mayManage, prefix } from "./api.js";
import { t } from "./i18n.js";
import { href } from "./router.js";
import { copyButton } from "./ui.js";

const REPORT = "/phy/phy80211/scan/scan_report.cmd";

/** The address of the server, as this browser calls it. */
export function serverAddress() {
  return location.origin + prefix;
}

/** A command that sends a report, as text for a shell. */
function curl() {
  const key = current().login_required ? "  -H 'Authorization: Bearer YOUR-KEY' \\\n" : "";
  return `curl ${serverAddress()}${REPORT} \\
  -H 'Content-Type: application/json' \\
${key}  -d '{"source_uuid": "6e6d010f-5ca9-4000-8000-000000000001", "source_name": "first", "reports": [
        {"bssid": "02:00:5E:10:00:01", "ssid": "CoffeeShop", "capabilities": "[WPA2-PSK-CCMP][ESS]",
         "freqkhz": 2437000, "signal": -61}]}'`;
}

/** What a sketch for an ESP32 needs. */
function esp32() {
  const key = current().login_required ? '\n  http.addHeader("Authorization", "Bearer YOUR-KEY");' : "";
  return `#include <WiFi.h>
#include <HTTPClient.h>

void report() {
  String reports;
  int networks = WiFi.scanNetworks();
  for (int i = 0; i < networks; i++) {
    if (i > 0) reports += ",";
    reports += "{\\"bssid\\":\\"" + WiFi.BSSIDstr(i) + "\\",\\"signal\\":" + WiFi.RSSI(i)
             + ",\\"channel\\":" + WiFi.channel(i) + "}";
  }
  HTTPClient http;
  http.begin("${serverAddress()}${REPORT}");
  http.addHeader("Content-Type", "application/json");${key}
  http.POST("{\\"source_uuid\\":\\"6e6d010f-5ca9-4000-8000-000000000002\\",\\"source_name\\":\\"esp32\\",\\"reports\\":["
            + reports + "]}");
  http.end();
}`;
}

/** @param {string} title @param {string} text */
function block(title, text) {
  return html`<section class="panel">
    <div class="row">
      <h3>${title}</h3>
      ${copyButton(text)}
    </div>
    <pre tabindex="0" aria-label=${title}><code>${text}</code></pre>
  </section>`;
}

export function firstSteps() {
  const needsKey = current().login_required;
  return html`
    <p>${t("start.intro")}</p>
    ${
      needsKey
        ? html`<p>
            ${t("start.key")}
            ${mayManage() ? html`<a href=${href("settings")}>${t("start.key.make")}</a>` : t("start.key.ask")}
          </p>`
        : nothing
    }
    ${block(t("start.curl"), curl())}
    <div class="grid">
      <section class="panel">
        <h3>${t("start.phone")}</h3>
        <p>${t("start.phone.body")}</p>
        <p><code>${serverAddress()}</code></p>
        ${qr(serverAddress(), t("start.qr"))}
      </section>
      ${block(t("start.esp32"), esp32())}
    </div>
    ${mayImport() ? html`<p>${t("start.files")} <a href=${href("import")}>${t("nav.import")}</a></p>` : nothing}
  `;
}

// QR codes as pictures.

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
