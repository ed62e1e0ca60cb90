// Values and texts as people read them.
import { html, nothing } from "../vendor/lit.js";
import { format, number, t } from "./i18n.js";
import { settings } from "./settings.js";

/** Signals from here on are called excellent, good, fair and weak. */
const STRENGTHS = /** @type {const} */ ([
  [-55, 4, "excellent"],
  [-67, 3, "good"],
  [-75, 2, "fair"],
  [-85, 1, "weak"],
  [-Infinity, 0, "faint"],
]);

/**
 * How strong a signal is: bars from 0 to 4, and the key of its word.
 * @param {number} dbm
 */
export function strength(dbm) {
  const [, bars, word] = STRENGTHS.find(([from]) => from <= dbm) ?? STRENGTHS[4];
  return { bars, word, label: t(`signal.${word}`) };
}

/** @param {number | undefined | null} dbm */
export function signalText(dbm) {
  return dbm === undefined || dbm === null ? "" : t("unit.dbm", { value: number(dbm) });
}

/**
 * A signal with bars, whose meaning stands beside them in words.
 * @param {number | undefined | null} dbm
 */
export function signal(dbm) {
  if (dbm === undefined || dbm === null) return nothing;
  const { bars, label } = strength(dbm);
  return html`<span class="signal bars-${bars}" title=${label}
    >${signalText(dbm)} <span class="sr">${label}</span></span
  >`;
}

/** @type {Record<string, {group: string, icon: string}>} */
const SECURITY = {};
for (const [group, icon, classes] of [
  ["open", "unlocked", "open open-owe-transition wpa-none"],
  ["weak", "warning", "wep wpa-unstated wpa-personal wpa-enterprise"],
  ["mixed", "half", "wpa-wpa2-unstated wpa-wpa2-personal wpa-wpa2-enterprise mixed-personal-enterprise"],
  ["good", "locked", "wpa2-unstated wpa2-personal wpa2-enterprise wapi-personal wapi-enterprise secured-unknown osen"],
  [
    "strong",
    "shield",
    "wpa2-wpa3-personal wpa2-wpa3-enterprise wpa3-unstated wpa3-personal wpa3-enterprise wpa3-enterprise-192 owe dpp",
  ],
]) {
  for (const name of (classes ?? "").split(" ")) {
    SECURITY[name] = { group: group ?? "", icon: icon ?? "" };
  }
}

/** Security classes as the API names them, in the order from open to strong. */
export const SECURITY_CLASSES = [...Object.keys(SECURITY), "unknown"];
/** Groups of security classes in that order. Each has the colour token `--security-{group}`. */
export const SECURITY_GROUPS = ["open", "weak", "mixed", "good", "strong", "unknown"];

/**
 * The group of a class of security (see SECURITY_GROUPS), its icon and the words for both.
 * @param {string | undefined | null} name such as "wpa2-personal"
 */
export function security(name) {
  const { group, icon } = SECURITY[name ?? ""] ?? { group: "unknown", icon: "question" };
  return {
    group,
    icon,
    label: securityLabel(name ?? "unknown"),
    groupLabel: t(`security.${group}`),
  };
}

/** @param {string} name */
function securityLabel(name) {
  if (name === "unknown") return t("security.unknown");
  if (name === "open") return t("security.open");
  const words = name.split("-").map((word) => {
    if (/^(wpa|wep|owe|dpp|osen|wapi)/.test(word)) return word.toUpperCase();
    if (word === "personal" || word === "enterprise") return word[0]?.toUpperCase() + word.slice(1);
    return word === "unstated" ? "" : word;
  });
  return words
    .join(" ")
    .replace(/(WPA\d?) (WPA\d)/, "$1/$2")
    .trim();
}

/** Lengths of time in words: the largest unit that fits. */
const UNITS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
]);

/**
 * A span of time, such as "5 min".
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [unit, length] = UNITS.find(([, from]) => from <= whole) ?? UNITS[3];
  return number(Math.floor(whole / length), { style: "unit", unit, unitDisplay: "short" });
}

/**
 * How long ago a time is, such as "5 min ago".
 * @param {number} time seconds since 1970
 */
export function age(time) {
  const seconds = Math.round(time - Date.now() / 1000);
  const [unit, length] = UNITS.find(([, from]) => from <= Math.abs(seconds)) ?? UNITS[3];
  const relative = format(Intl.RelativeTimeFormat, { numeric: "auto", style: "short" });
  return relative.format(Math.trunc(seconds / length), unit);
}

/**
 * A time in the reader's zone.
 * @param {number} time seconds since 1970
 */
export function dateTime(time) {
  return format(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "medium" }).format(time * 1000);
}

/** The time of day in the reader's zone. */
export function clock(/** @type {number} */ time) {
  return format(Intl.DateTimeFormat, { timeStyle: "medium" }).format(time * 1000);
}

/** @param {number} time seconds since 1970 */
export function utc(time) {
  return `${new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * A time as an element: its age, or with `exact` the time itself. UTC is in the title.
 * @param {number | undefined | null} time seconds since 1970
 * @param {{exact?: boolean}} [options]
 */
export function when(time, { exact = false } = {}) {
  if (time === undefined || time === null) return nothing;
  return html`<time datetime=${new Date(time * 1000).toISOString()} title=${utc(time)}
    >${exact ? dateTime(time) : age(time)}</time
  >`;
}

/**
 * The number of the channel with its band, such as "36 (5 GHz)". Kismet's notation has the width too, as in `36HT40+`.
 * @param {{channel?: string, band_ghz?: string}} device
 */
export function channel({ channel: name, band_ghz: band }) {
  if (!name) return band ? bandText(band) : "";
  const plain = /^\d+/.exec(name)?.[0] ?? shownText(name);
  return band ? `${plain} (${bandText(band)})` : plain;
}

/** @param {string} ghz such as "2.4" */
export function bandText(ghz) {
  return ghz === "unknown" ? t("unknown") : t("unit.ghz", { value: number(Number(ghz)) });
}

/** @param {number} metres */
export function distance(metres) {
  const [value, unit] =
    settings.units === "imperial"
      ? metres < 1609
        ? [metres / 0.3048, "foot"]
        : [metres / 1609.344, "mile"]
      : metres < 1000
        ? [metres, "meter"]
        : [metres / 1000, "kilometer"];
  const digits = Number(value) < 10 ? 1 : 0;
  return number(Number(value), { style: "unit", unit: String(unit), maximumFractionDigits: digits });
}

/**
 * Where something is. In demo mode within about a kilometre.
 * @param {number} lat
 * @param {number} lon
 */
export function place(lat, lon) {
  const digits = settings.demo ? 2 : 5;
  return `${lat.toFixed(digits)}, ${lon.toFixed(digits)}`;
}

/** @param {number} share from 0 to 1 */
export function percent(share) {
  return number(share, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 });
}

// Texts from outside. Strangers choose the names of networks: they are shown as text nodes only, and what could not be
// seen, or would change how the text around it is read, is shown as an escape.

// Control characters, format characters (bidi, zero width, soft hyphen), line and paragraph separators, unassigned and
// private ones, lone surrogates, and blanks other than the usual one.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]|(?! )\p{Zs}|[\u115f\u1160\u3164\uffa0\u034f\u2800]/gu;
// More combining marks than this on one letter reach into other lines.
const MARKS = /(\p{M}{3})\p{M}+/gu;

/**
 * A text from outside as it may be shown.
 * @param {unknown} text
 */
export function shownText(text) {
  return String(text ?? "")
    .replace(MARKS, "$1…")
    .replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * The name of a network, device or source. In demo mode an alias.
 * @param {unknown} name
 */
export function shownName(name) {
  return settings.demo ? alias(String(name ?? "")) : shownText(name);
}

/**
 * The address of a device. In demo mode without the half that identifies it.
 * @param {string} address
 */
export function shownAddress(address) {
  return shownText(settings.demo ? address.replace(/(:[0-9A-F]{2}){3}$/i, ":··:··:··") : address);
}

/**
 * A sentence of the server, which names networks in quotes. In demo mode with aliases and without whole addresses.
 * @param {string} text
 * @param {Iterable<string>} [names] of sources, which stand in sentences without quotes
 */
export function shownSentence(text, names = []) {
  if (!settings.demo) return shownText(text);
  // A name may have quotes of its own, so everything between the first and the last one goes.
  let sentence = text.replace(/'.*['")]/s, (name) => `“${alias(name)}”`);
  for (const name of names) if (name) sentence = sentence.replaceAll(name, alias(name));
  return shownText(sentence.replace(/((?:[0-9A-F]{2}:){2}[0-9A-F]{2})(?::[0-9A-F]{2}){3}/gi, "$1:··:··:··"));
}

const FIRST = ["Amber", "Birch", "Cedar", "Delta", "Ember", "Fern", "Grove", "Harbour"];
const SECOND = ["Bridge", "Field", "Gate", "Hill", "Lake", "Mill", "Road", "Tower"];

/** The same name has the same alias for as long as the page is open. */
const SALT = Math.floor(Math.random() * 2 ** 32);

/** @param {string} name */
function alias(name) {
  let hash = SALT;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return `${FIRST[hash % 8]} ${SECOND[(hash >>> 3) % 8]} ${(hash >>> 6) % 1000}`;
}

/**
 * As the field for a time wants it: the reader's zone, without naming it.
 * @param {string | undefined} value
 */
export function fieldTime(value) {
  if (!value) return "";
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (Number.isNaN(ms)) return "";
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
