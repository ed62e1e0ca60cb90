// The filters of devices: what a URL says of them, and how chips name them. Their names are those of the interface.

/**
 * @typedef {object} FilterField
 * @property {string} name The parameter of the interface.
 * @property {"list" | "text" | "number" | "time" | "area"} kind
 * @property {string} [counts] Where the summary counts devices by its values.
 */

/** @type {FilterField[]} */
export const FIELDS = [
  { name: "ssid_contains", kind: "text" },
  { name: "ssid", kind: "text" },
  { name: "address_prefix", kind: "text" },
  { name: "manufacturer", kind: "text", counts: "manufacturer" },
  { name: "phy", kind: "list" },
  { name: "security", kind: "list", counts: "security" },
  { name: "band", kind: "list", counts: "band" },
  { name: "channel", kind: "list", counts: "channel" },
  { name: "source", kind: "list", counts: "sources" },
  { name: "signal_min_dbm", kind: "number" },
  { name: "since", kind: "time" },
  { name: "until", kind: "time" },
  { name: "bbox", kind: "area" },
  { name: "near", kind: "area" },
];

/**
 * One value of a filter, and the filters without it.
 * @typedef {{name: string, value: string, without: Record<string, string>}} Chip
 */

/**
 * The filters of a URL, without what is empty.
 * @param {URLSearchParams} query
 * @returns {Record<string, string>}
 */
export function filtersOf(query) {
  /** @type {Record<string, string>} */
  const filters = {};
  for (const { name } of FIELDS) {
    const value = query.get(name) ?? "";
    // Blanks around the name of a network belong to it.
    if (value.trim()) filters[name] = name === "ssid" ? value : value.trim();
  }
  return filters;
}

/**
 * One chip for each value: the values of a list can be removed one by one.
 * @param {Record<string, string>} filters
 * @returns {Chip[]}
 */
export function chipsOf(filters) {
  return Object.entries(filters).flatMap(([name, text]) => {
    const isList = FIELDS.find((field) => field.name === name)?.kind === "list";
    const values = isList ? text.split(",") : [text];
    return values.map((value) => ({
      name,
      value,
      without: changed(filters, name, values.filter((other) => other !== value).join(",")),
    }));
  });
}

/**
 * The filters with another value; an empty one removes the filter.
 * @param {Record<string, string>} filters
 * @param {string} name
 * @param {string} value
 */
export function changed(filters, name, value) {
  const next = { ...filters };
  if (value === "") delete next[name];
  else next[name] = value;
  return next;
}

/**
 * Whether a new device is wanted, as far as its row tells; `undefined` where only the server knows.
 * @param {any} row
 * @param {Record<string, string>} filters
 * @returns {boolean | undefined}
 */
export function wants(row, filters) {
  let isKnown = true;
  for (const [name, value] of Object.entries(filters)) {
    const verdict = TESTS[name]?.(row, value);
    if (verdict === false) return false;
    if (verdict === undefined) isKnown = false;
  }
  return isKnown ? true : undefined;
}

const isOneOf = (/** @type {string} */ list, /** @type {string | undefined} */ value) =>
  value !== undefined && list.split(",").includes(value);

/** @type {Record<string, (row: any, value: string) => boolean | undefined>} */
const TESTS = {
  ssid: (row, value) => (row.name === value ? true : undefined),
  ssid_contains: (row, value) => (row.name?.toLowerCase().includes(value.toLowerCase()) ? true : undefined),
  address_prefix: (row, value) =>
    row.address.replaceAll(":", "").startsWith(value.replaceAll(/[:.-]/g, "").toUpperCase()),
  phy: (row, value) => isOneOf(value, row.phy === "Bluetooth" ? "bluetooth" : "wifi"),
  security: (row, value) => isOneOf(value, row.security ?? "unknown"),
  band: (row, value) => isOneOf(value, row.band_ghz),
  signal_min_dbm: (row, value) => Number(value) <= (row.signal_dbm ?? -Infinity),
};
