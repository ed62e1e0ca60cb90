// Texts from outside. Strangers choose the names of networks: they are shown as text nodes only, and what could not be
// seen, or would change how the text around it is read, is shown as an escape.
import { settings } from "./settings.js";

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
  return settings.demo ? address.replace(/(:[0-9A-F]{2}){3}$/i, ":··:··:··") : shownText(address);
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
