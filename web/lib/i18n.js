// Texts in the chosen language, and numbers and dates as its readers write them.
import { settings } from "./settings.js";

const LANGUAGES = ["en", "de"];

/** @type {Record<string, string>} */
const texts = {};
/** @type {Set<string>} */
const loaded = new Set();
/** @type {Intl.PluralRules} */
let plural;

/** The language of the texts, such as "de". */
export function language() {
  if (settings.language !== "system") return settings.language;
  const wanted = navigator.languages.map((tag) => tag.split("-")[0] ?? "");
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

/**
 * The formats that were made. Making one takes longer than a hundred uses, and a list makes one for each value.
 * @type {Map<string, any>}
 */
const formats = new Map();

/**
 * A format of numbers or times in the reader's locale, made once.
 * @template {typeof Intl.NumberFormat | typeof Intl.DateTimeFormat | typeof Intl.RelativeTimeFormat} F
 * @param {F} Format
 * @param {ConstructorParameters<F>[1]} [options]
 * @returns {InstanceType<F>}
 */
export function format(Format, options) {
  const key = `${Format.name} ${locale()} ${options ? JSON.stringify(options) : ""}`;
  let made = formats.get(key);
  if (!made) {
    made = new /** @type {any} */ (Format)(locale(), options);
    formats.set(key, made);
  }
  return made;
}

/** The locale, and the setting that it was chosen by: each number and each time asks for it, and the browser is slow to tell. */
const chosen = { by: "", locale: "" };
addEventListener("languagechange", () => (chosen.by = ""));

/** The locale for numbers and dates: the browser's, if it is one of the language of the texts. */
export function locale() {
  if (chosen.by !== settings.language) {
    const wanted = language();
    chosen.by = settings.language;
    chosen.locale = navigator.languages.find((tag) => tag.split("-")[0] === wanted) ?? wanted;
  }
  return chosen.locale;
}

/**
 * Loads the texts of a view, or with "common" those of the page.
 * @param {string} name
 */
export async function loadTexts(name) {
  const spoken = language();
  document.documentElement.lang = spoken;
  plural = new Intl.PluralRules(spoken);
  const key = `${spoken}/${name}`;
  if (loaded.has(key)) return;
  const file = name === "common" ? `../lang/${spoken}.json` : `../lang/${key}.json`;
  const response = await fetch(new URL(file, import.meta.url));
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  Object.assign(texts, await response.json());
  loaded.add(key);
}

/** Forgets all texts. The page loads those of another language then. */
export function forgetTexts() {
  for (const key of Object.keys(texts)) delete texts[key];
  loaded.clear();
}

/**
 * The text of a key, with `{name}` replaced by values. With a number `n`, the keys `key_one` and `key_other` are used
 * if they exist. Numbers are written as readers of the language write them.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  let text = texts[key];
  if (typeof values.n === "number") {
    text = texts[`${key}_${plural.select(values.n)}`] ?? texts[`${key}_other`] ?? text;
  }
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : value;
  });
}

/** Whether there is a text for a key. */
export function has(/** @type {string} */ key) {
  return key in texts;
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export function number(value, options) {
  return format(Intl.NumberFormat, options).format(value);
}
