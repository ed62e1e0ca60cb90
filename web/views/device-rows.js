// Rows of the list of devices. All of them change at once when the order does, and somebody waits for it: a row is made
// once for each place, and after that it only gets other texts.
import {
  age,
  channel,
  dateTime,
  place,
  security,
  shownAddress,
  shownText,
  signalText,
  strength,
  utc,
} from "../lib/format.js";
import { language, number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { settings } from "../lib/settings.js";
import { iconPath } from "../lib/ui.js";
import { columnsOf, deviceName } from "./device-parts.js";

/** How often ages are written anew. */
const AGES_MS = 10_000;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Writes a device into a cell.
 * @typedef {(row: any) => void} Write
 */

/**
 * Makes what is in a cell. `blank` empties the cell, or fills it again.
 * @typedef {(cell: Element, blank: (isBlank: boolean) => void) => Write} Maker
 */

/** An element in another one. @param {Element} parent @param {string} tag @param {Record<string, string>} [attributes] */
function element(parent, tag, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

/** What writes an attribute of an element, if it is another one than before. @param {Element} of @param {string} name */
function attribute(of, name) {
  let written = of.getAttribute(name);
  return (/** @type {string} */ value) => {
    if (value !== written) of.setAttribute(name, (written = value));
  };
}

/** What writes a text into an element, if it is another one than before. @param {Element} parent */
function text(parent) {
  const node = document.createTextNode("");
  parent.append(node);
  let written = "";
  return (/** @type {string} */ value) => {
    if (value !== written) node.data = written = value;
  };
}

/**
 * A function that keeps its results, for values of which there are few.
 * @template {string | number} V
 * @template R
 * @param {(value: V) => R} make
 */
function kept(make) {
  /** @type {Map<V, R>} */
  const results = new Map();
  return (/** @type {V} */ value) => {
    let result = results.get(value);
    if (result === undefined) results.set(value, (result = make(value)));
    return result;
  };
}

/** What makes the cells of each column. @returns {Record<string, Maker>} */
function cells() {
  const securityOf = kept((/** @type {string} */ name) => security(name));
  const signalOf = kept((/** @type {number} */ dbm) => ({ ...strength(dbm), text: `${signalText(dbm)} ` }));

  /** A cell with a text alone. @param {(row: any) => string} of @returns {Maker} */
  const plain = (of) => (cell, blank) => {
    const write = text(cell);
    return (row) => {
      const value = of(row);
      blank(value === "");
      write(value);
    };
  };
  /** @param {string} name of the value @returns {Maker} */
  const signal = (name) => (cell, blank) => {
    const outer = element(cell, "span");
    const [kind, title, value] = [attribute(outer, "class"), attribute(outer, "title"), text(outer)];
    const word = text(element(outer, "span", { class: "sr" }));
    return (row) => {
      const dbm = row[name] ?? undefined;
      blank(dbm === undefined);
      if (dbm === undefined) return;
      const shown = signalOf(dbm);
      kind(`signal bars-${shown.bars}`);
      title(shown.label);
      value(shown.text);
      word(shown.label);
    };
  };
  /** @param {string} name of the value @param {(time: number) => string} of @returns {Maker} */
  const time = (name, of) => (cell, blank) => {
    const outer = element(cell, "time");
    const [datetime, title, value] = [attribute(outer, "datetime"), attribute(outer, "title"), text(outer)];
    return (row) => {
      const at = row[name] ?? undefined;
      blank(at === undefined);
      if (at === undefined) return;
      datetime(new Date(at * 1000).toISOString());
      title(utc(at));
      value(of(at));
    };
  };

  return {
    name: (cell) => {
      const link = element(cell, "a");
      const [kind, address, name] = [attribute(link, "class"), attribute(link, "href"), text(link)];
      return (row) => {
        kind(row.name ? "name" : "name muted");
        address(href("device", row.address));
        name(deviceName(row));
      };
    },
    address: (cell) => {
      const address = text(element(cell, "span", { class: "mono" }));
      return (row) => address(shownAddress(row.address));
    },
    maker: (cell, blank) => {
      const outer = element(cell, "span");
      const [kind, name] = [attribute(outer, "class"), text(outer)];
      return (row) => {
        blank(!row.manufacturer && !row.randomised);
        kind(row.manufacturer ? "" : "muted");
        name(row.manufacturer ? shownText(row.manufacturer) : row.randomised ? t("devices.random") : "");
      };
    },
    security: (cell, blank) => {
      const badge = element(cell, "span");
      const picture = document.createElementNS(SVG, "svg");
      for (const [name, value] of [
        ["class", "icon"],
        ["viewBox", "0 0 24 24"],
        ["aria-hidden", "true"],
        ["focusable", "false"],
      ]) {
        picture.setAttribute(String(name), String(value));
      }
      const path = document.createElementNS(SVG, "path");
      picture.append(path);
      badge.append(picture);
      const [kind, lines, label] = [attribute(badge, "class"), attribute(path, "d"), text(badge)];
      return (row) => {
        blank(!row.security);
        if (!row.security) return;
        const shown = securityOf(row.security);
        kind(`badge security-${shown.group}`);
        lines(iconPath(shown.icon));
        label(shown.label);
      };
    },
    channel: plain(channel),
    signal: signal("signal_dbm"),
    strongest: signal("signal_strongest_dbm"),
    last_seen: time("last_seen", age),
    first_seen: time("first_seen", dateTime),
    reports: plain((row) => number(row.reports)),
    sources: plain((row) => number(row.sources)),
    position: plain((row) => (row.lat === undefined ? "" : place(row.lat, row.lon))),
  };
}

/** The rows of a table. */
export class DeviceRows {
  constructor() {
    /** @type {{element: Element, write: Write}[]} */
    this.lines = [];
    /** What is written: the rows, and what they depend on. @type {unknown[]} */
    this.shown = [];
    /** @type {Element | undefined} */
    this.body = undefined;
    /** What the table is given to call with its body. */
    this.take = (/** @type {Element | undefined} */ body) => {
      this.body = body;
      this.lines = [];
      this.shown = [];
    };
    /** The columns that the lines are made for. */
    this.made = "";
    this.cells = cells();
  }

  /**
   * Writes the rows, unless nothing of what they depend on is another one.
   * @param {readonly any[]} rows
   * @param {readonly string[]} chosen The columns.
   */
  write(rows, chosen) {
    const { body } = this;
    const shown = [rows, String(chosen), language(), settings.demo, Math.floor(Date.now() / AGES_MS)];
    if (!body || shown.every((one, at) => one === this.shown[at])) return;
    const columns = columnsOf(chosen);
    this.shown = shown;
    const made = JSON.stringify(columns);
    if (made !== this.made) {
      for (const { element: old } of this.lines.splice(0)) old.remove();
      this.made = made;
      this.cells = cells();
    }
    for (const { element: old } of this.lines.splice(rows.length)) old.remove();
    const fresh = document.createDocumentFragment();
    rows.forEach((row, at) => {
      const line = (this.lines[at] ??= this.line(fresh, columns));
      line.write(row);
    });
    body.append(fresh);
  }

  /** A line without a device. @param {DocumentFragment} parent @param {readonly import("../lib/ui.js").Column<any>[]} columns */
  line(parent, columns) {
    const made = document.createElement("tr");
    made.setAttribute("role", "row");
    const writes = columns.map(({ key, label, numeric, heading }) => {
      const cell = element(made, heading ? "th" : "td", { role: heading ? "rowheader" : "cell", "data-label": label });
      if (heading) cell.setAttribute("scope", "row");
      const kind = attribute(cell, "class");
      const plain = `col-${key}${numeric ? " numeric" : ""}`;
      kind(plain);
      let wasBlank = false;
      const write = this.cells[key]?.(cell, (isBlank) => {
        if (isBlank === wasBlank) return;
        wasBlank = isBlank;
        kind(isBlank ? `${plain} blank` : plain);
        cell.replaceChildren(...(isBlank ? [] : inner));
      });
      const inner = [...cell.childNodes];
      return write;
    });
    parent.append(made);
    const write = (/** @type {any} */ row) => {
      for (const one of writes) one?.(row);
    };
    return { element: made, write };
  }
}
