// Simulated reports: some streets of a town that does not exist, walked by several scanners over three days. The same
// number gives the same reports.
//
//   node seed.mjs http://127.0.0.1:2501 [devices]
import { pathToFileURL } from "node:url";
import { report } from "./server.mjs";

const DAY_S = 86_400;
export const CENTRE = { lat: 47.141, lon: 9.5215 };

export const SOURCES = [
  { id: "6e6d010f-5ca9-4000-8000-0000000000a1", name: "bicycle" },
  { id: "6e6d010f-5ca9-4000-8000-0000000000a2", name: "phone of Ada" },
  { id: "6e6d010f-5ca9-4000-8000-0000000000a3", name: "roof" },
];

/** Names that strangers may choose to do harm. */
export const HOSTILE = [
  '<img src=x onerror="window.hacked=1">',
  "<script>window.hacked=1</script>",
  "‮gnp.exe",
  "pay​pal‌",
  "'; DROP TABLE--",
  "${window.hacked=1}",
  "🍕 Pizza 🍕",
  "=cmd|' /C calc'!A0",
  "\u0007bell\u0000",
];

const NAMES = [
  "CoffeeShop",
  "Library",
  "Town Hall",
  "Harbour Café",
  "Guest",
  "eduroam",
  "Home",
  "Bakery",
  "Studio 4",
  "Workshop",
  "Fritz Haus",
  "Alpine View",
  "Printer",
  "Garden",
  "Bus 12",
  "Hotel Krone",
];
const SECURITIES = [
  "[ESS]",
  "[WEP][ESS]",
  "[WPA-PSK-TKIP][ESS]",
  "[WPA-PSK-TKIP][WPA2-PSK-CCMP][ESS]",
  "[WPA2-PSK-CCMP][ESS]",
  "[WPA2-PSK-CCMP][ESS]",
  "[WPA2-PSK-CCMP][ESS]",
  "[WPA2-PSK+SAE-CCMP][ESS]",
  "[RSN-SAE-CCMP][ESS][MFPR][MFPC]",
  "[WPA2-EAP-CCMP][ESS]",
  "[RSN-OWE-CCMP][ESS][MFPR][MFPC]",
];
const CHANNELS = [2412, 2412, 2437, 2437, 2437, 2462, 2452, 5180, 5180, 5220, 5260, 5500, 5745, 5955, 6115, 6435];
const MAKERS = ["00:1A:2B", "3C:5A:B4", "A4:2B:B0", "F0:9F:C2", "00:0C:42", "02:00:5E"];

/** A generator of numbers from 0 to 1 that is the same each time. */
export function numbers(seed = 1) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const hex = (/** @type {number} */ byte) => byte.toString(16).padStart(2, "0").toUpperCase();

/**
 * Sends everything.
 * @param {string} url
 * @param {{devices?: number, headers?: Record<string, string>}} [options]
 */
export async function seed(url, { devices = 260, headers = {} } = {}) {
  const random = numbers();
  const pick = (/** @type {any[]} */ list) => list[Math.floor(random() * list.length)];
  const now = Math.floor(Date.now() / 1000);
  /** @type {Map<object, object[]>} */
  const reports = new Map(SOURCES.map((source) => [source, []]));
  for (let at = 0; at < devices; at += 1) {
    const frequency = pick(CHANNELS);
    const maker = pick(MAKERS);
    const place = { lat: CENTRE.lat + (random() - 0.5) * 0.02, lon: CENTRE.lon + (random() - 0.5) * 0.03 };
    const device = {
      bssid: `${maker}:${hex(at >> 8)}:${hex(at & 255)}:${hex((at * 7) & 255)}`,
      ssid:
        at < HOSTILE.length
          ? HOSTILE[at]
          : random() < 0.1
            ? undefined
            : `${pick(NAMES)}${random() < 0.5 ? ` ${at % 23}` : ""}`,
      capabilities: pick(SECURITIES),
      freqkhz: frequency * 1000,
      chanwidth: frequency < 3000 ? "20" : pick(["20", "40", "80", "160"]),
    };
    const first = now - Math.floor(random() * 2.8 * DAY_S) - 600;
    const times = 1 + Math.floor(random() * 6);
    for (let time = 0; time < times; time += 1) {
      const heard = Math.min(now - 60, first + Math.floor(time * random() * 9000));
      const isPlaced = random() < 0.92;
      reports.get(pick(SOURCES))?.push({
        ...device,
        timestamp: heard,
        signal: -40 - Math.floor(random() * 50),
        ...(isPlaced && {
          lat: place.lat + (random() - 0.5) * 0.0008,
          lon: place.lon + (random() - 0.5) * 0.0008,
          accuracy: 8,
        }),
      });
    }
  }
  for (const [source, list] of reports) {
    list.sort((a, b) => a.timestamp - b.timestamp);
    for (let start = 0; start < list.length; start += 500) {
      await report(url, "wifi", source, list.slice(start, start + 500), headers);
    }
  }
  const bluetooth = Array.from({ length: Math.ceil(devices / 6) }, (_, at) => ({
    btaddr: `C0:FF:EE:00:${hex(at >> 8)}:${hex(at & 255)}`,
    ...(at % 3 && { name: `${pick(["Watch", "Headphones", "Tag", "Scale"])} ${at}` }),
    devicetype: at % 2 ? "BLE" : "BTC",
    signal: -50 - (at % 40),
    timestamp: now - 3600 - at * 60,
    lat: CENTRE.lat + at * 0.0001,
    lon: CENTRE.lon - at * 0.0001,
  }));
  await report(url, "bluetooth", SOURCES[1], bluetooth, headers);
  await raiseAlerts(url, now, headers);
  await importFile(url, now, headers);
}

/** A file of another program, of which a row is refused. */
async function importFile(url, now, headers) {
  const rows = [-1, 0, 1, 2].map((at) => {
    const time = new Date((now - DAY_S + at) * 1000).toISOString().slice(0, 19).replace("T", " ");
    const address = at < 0 ? "nowhere" : `02:00:5E:BB:00:0${at}`;
    return `${address},Archive ${at},[WPA2-PSK-CCMP][ESS],${time},6,2437,-61,${CENTRE.lat},${CENTRE.lon},450,4,WIFI`;
  });
  const head = "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=d,board=b,brand=google";
  const names =
    "MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type";
  const body = new FormData();
  body.append("source", "archive");
  body.append("file", new Blob([[head, names, ...rows, ""].join("\n")]), `${HOSTILE[0]}.csv`);
  const response = await fetch(`${url}/api/v1/imports`, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

/** Networks that lose their protection or move to another channel. */
async function raiseAlerts(url, now, headers) {
  const bssid = (/** @type {number} */ at) => `02:00:5E:AA:00:0${at}`;
  const before = [1, 2, 3].map((at) => ({
    bssid: bssid(at),
    ssid: at === 1 ? HOSTILE[0] : `Shop ${at}`,
    capabilities: "[WPA2-PSK-CCMP][ESS]",
    freqkhz: 2_437_000,
    signal: -60,
    timestamp: now - 4000 + at,
  }));
  await report(url, "wifi", SOURCES[2], before, headers);
  const after = before.map((network, at) => ({
    ...network,
    timestamp: now - 300 + at,
    ...(at === 2 ? { freqkhz: 5_180_000 } : { capabilities: "[ESS]" }),
  }));
  await report(url, "wifi", SOURCES[2], after, headers);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , url = "http://127.0.0.1:2501", devices = "260"] = process.argv;
  await seed(url, { devices: Number(devices) });
  console.log(`seeded ${url}`);
}
