// What is known of a device, section by section. What was never reported is left out.
import { html, nothing } from "../vendor/lit.js";
import { channel, place, shownAddress, shownName, shownText, signal, signalText, when } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { securityChip, table } from "../lib/ui.js";
import { channelsOf } from "./device-history.js";
import { deviceName, maker } from "./device-parts.js";

/** @param {any} row */
export function range(row) {
  if (row.signal_weakest_dbm === undefined) return nothing;
  return t("device.range", { min: signalText(row.signal_weakest_dbm), max: signalText(row.signal_strongest_dbm) });
}

/** @param {any} row */
export function tuning(row) {
  const parts = [row.channel, row.frequency_khz && t("device.mhz", { value: number(row.frequency_khz / 1000) })];
  return parts.filter(Boolean).map(shownText).join(" · ");
}

/** @param {any} device */
export function facts(device) {
  const { position, strongest } = device;
  const rows = [
    ["devices.column.address", html`<span class="mono">${shownAddress(device.address)}</span>`],
    ["devices.column.maker", maker(device)],
    ["device.radio", t(device.phy === "Bluetooth" ? "device.bluetooth" : "device.wifi")],
    ["devices.column.security", device.security ? securityChip(device.security) : nothing],
    ["devices.column.channel", channel(device)],
    ["device.signal_last", signal(device.signal_dbm)],
    ["device.signal_range", range(device)],
    ["devices.column.first_seen", when(device.first_seen, { exact: true })],
    ["devices.column.last_seen", when(device.last_seen)],
    ["devices.column.reports", number(device.reports)],
    ["device.topology", device.topology && device.topology !== "AP" ? shownText(device.topology) : nothing],
    ["devices.column.position", position ? place(position.lat, position.lon) : nothing],
    [
      "device.strongest_at",
      strongest?.lat === undefined
        ? nothing
        : html`${place(strongest.lat, strongest.lon)} (${signalText(strongest.signal_dbm)})`,
    ],
  ];
  return html`<section class="panel" aria-labelledby="facts">
    <h2 id="facts">${t("device.facts")}</h2>
    ${definitions(rows)}
  </section>`;
}

/** A list of facts without those that nobody reported. @param {any[][]} rows */
function definitions(rows) {
  const known = rows.filter(([, value]) => value !== nothing && value !== "" && value !== undefined);
  return html`<dl class="facts">
    ${known.map(
      ([key, value]) =>
        html`<dt>${t(key)}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** @param {any} device */
export function securities(device) {
  return html`<section class="panel" aria-labelledby="security">
    <h2 id="security">${t("device.security")}</h2>
    ${device.ssids.map(network)}
  </section>`;
}

/** @param {any} record */
function network(record) {
  const { security: secured } = record;
  const columns = [
    { key: "protocol", label: t("device.protocol"), cell: (/** @type {any} */ row) => row.protocol, heading: true },
    { key: "akms", label: t("device.akms"), cell: (/** @type {any} */ row) => row.akms.join(", ") },
    { key: "pairwise", label: t("device.ciphers"), cell: (/** @type {any} */ row) => row.pairwise.join(", ") },
  ];
  const rows = [
    ["device.class", securityChip(secured.class)],
    ["device.mfp", secured.mfp ? t(`device.mfp.${secured.mfp}`) : nothing],
    ["device.wps", secured.wps ? shownText(secured.wps) : nothing],
    ["device.flags", secured.flags.join(", ")],
    [
      "device.width",
      record.channel_width_mhz ? t("device.mhz", { value: shownText(record.channel_width_mhz) }) : nothing,
    ],
    ["devices.column.first_seen", when(record.first_seen, { exact: true })],
    ["devices.column.last_seen", when(record.last_seen)],
    ["devices.column.reports", number(record.reports)],
    [
      "device.auth_mode",
      secured.auth_mode ? html`<span class="mono wrap">${shownText(secured.auth_mode)}</span>` : nothing,
    ],
  ];
  const name = record.hidden || record.ssid === "" ? t("devices.hidden") : shownName(record.ssid);
  return html`<article class="network">
    <h3>${name}</h3>
    ${definitions(rows)}
    ${
      secured.by_protocol.length
        ? table({ caption: t("device.by_protocol", { name }), columns, rows: secured.by_protocol })
        : nothing
    }
    ${secured.has_leftovers || secured.is_damaged ? html`<p class="muted">${t("device.leftovers")}</p>` : nothing}
  </article>`;
}

/** @param {any} device @param {any} history */
export function channels(device, history) {
  const named = history ? channelsOf(history) : [];
  const rows = named.length ? named : device.frequencies;
  if (rows.length === 0) return nothing;
  const seen = named.length
    ? [
        { key: "first", label: t("device.first"), cell: (/** @type {any} */ row) => when(row.first, { exact: true }) },
        { key: "last", label: t("device.last"), cell: (/** @type {any} */ row) => when(row.last, { exact: true }) },
      ]
    : [];
  const columns = [
    {
      key: "channel",
      label: t(named.length ? "devices.column.channel" : "device.frequency"),
      cell: (/** @type {any} */ row) =>
        named.length ? shownText(row.channel) : t("device.mhz", { value: number(row.frequency_khz / 1000) }),
      heading: true,
    },
    {
      key: "reports",
      label: t("device.reports"),
      cell: (/** @type {any} */ row) => number(row.count ?? row.reports),
      numeric: true,
    },
    ...seen,
  ];
  return html`<section class="panel" aria-labelledby="channels">
    <h2 id="channels">${t("device.channels")}</h2>
    ${table({ caption: t("device.channels_caption"), columns, rows })}
  </section>`;
}

/** @param {any} device */
export function bluetooth({ bluetooth: told }) {
  if (!told) return nothing;
  const advertised = told.advertising ?? {};
  const list = (/** @type {unknown[] | undefined} */ values) =>
    values?.length ? values.map(shownText).join(", ") : nothing;
  const data = (/** @type {Record<string, string> | undefined} */ values) =>
    list(Object.entries(values ?? {}).map(([name, hex]) => `${name}: ${hex}`));
  const rows = [
    ["device.bt_name", told.name ? shownName(told.name) : nothing],
    ["device.bt_type", told.device_type ? shownText(told.device_type) : nothing],
    ["device.bt_power", told.tx_power_dbm === undefined ? nothing : signalText(told.tx_power_dbm)],
    ["device.bt_flags", list(advertised.flags)],
    ["device.bt_services", list(advertised.services)],
    ["device.bt_service_data", data(told.service_data)],
    ["device.bt_maker_data", data(advertised.manufacturer_data)],
    ["device.bt_raw", told.scan_data ? html`<span class="mono wrap">${shownText(told.scan_data)}</span>` : nothing],
  ];
  return html`<section class="panel" aria-labelledby="bluetooth">
    <h2 id="bluetooth">${t("device.bluetooth")}</h2>
    ${definitions(rows)}
  </section>`;
}

/** Devices that may belong to the same hardware. @param {any} device */
export function twins(device) {
  const all = [...(device.related ?? []), ...(device.others ?? [])];
  if (all.length === 0) return nothing;
  return html`<section class="panel" aria-labelledby="twins">
    <h2 id="twins">${t("device.twins")}</h2>
    <p class="muted">${t("device.twins_note")}</p>
    <ul>
      ${all.map(
        (twin) =>
          html`<li data-row>
            <a href=${href("device", twin.address)}>${deviceName(twin)}</a>
            <span class="mono">${shownAddress(twin.address)}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}
