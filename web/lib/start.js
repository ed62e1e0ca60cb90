// How to send the first report. Shown where there is nothing yet.
import { html, nothing } from "../vendor/lit.js";
import { prefix } from "./api.js";
import { t } from "./i18n.js";
import { qr } from "./qr.js";
import { href } from "./router.js";
import { current, mayManage } from "./session.js";
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
  `;
}
