// Parts of devices that several views show: name, link, maker, and the columns of their table.
import { html, live, nothing } from "../vendor/lit.js";
import { shownName, shownText } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { remember, remembered, settings } from "../lib/settings.js";
import { announce, icon } from "../lib/ui.js";

/** Columns of the table that can be chosen, in their order. The name always comes first. */
export const COLUMNS = /** @type {const} */ ([
  "address",
  "maker",
  "security",
  "channel",
  "signal",
  "strongest",
  "last_seen",
  "first_seen",
  "reports",
  "sources",
  "position",
]);

export const DEFAULT_COLUMNS = ["address", "maker", "security", "channel", "signal", "last_seen"];

/** Orders of the interface, and the direction that each begins with. */
export const SORTS = /** @type {Record<string, "asc" | "desc">} */ ({
  last_seen: "desc",
  signal: "desc",
  name: "asc",
  reports: "desc",
  address: "asc",
  changed: "asc",
});

/** How an order is called. @param {{by: string, descending: boolean}} order */
export const orderName = ({ by, descending }) => `${by}.${descending ? "desc" : "asc"}`;

const NUMERIC = ["reports", "sources"];

/**
 * The columns of the list of devices, which writes its cells itself.
 * @param {readonly string[]} chosen
 * @returns {import("../lib/ui.js").Column<any>[]}
 */
export function columnsOf(chosen) {
  const others = COLUMNS.filter((name) => chosen.includes(name)).map((name) => ({
    key: name,
    label: t(`devices.column.${name}`),
    numeric: NUMERIC.includes(name),
    sort: name in SORTS ? name : undefined,
  }));
  const name = { key: "name", label: t("devices.column.name"), heading: true, sort: "name" };
  return [name, ...others];
}

/**
 * @param {readonly string[]} chosen
 * @param {(name: string) => void} toggle
 */
export function columnChooser(chosen, toggle) {
  const box = (/** @type {string} */ name) =>
    html`<label class="check"
      ><input type="checkbox" .checked=${live(chosen.includes(name))} @change=${() => toggle(name)} /><span
        >${t(`devices.column.${name}`)}</span
      ></label
    >`;
  return html`<details class="columns">
    <summary>${t("devices.columns")}</summary>
    <fieldset>
      <legend class="sr">${t("devices.columns")}</legend>
      ${COLUMNS.map(box)}
    </fieldset>
  </details>`;
}

const SAVED_MAX = 50;

/**
 * The views that somebody saved in this browser, and a form that saves this one.
 * @param {string} query of the address
 */
export function savedViews(query) {
  const saved = /** @type {{name: string, query: string}[]} */ (remembered("devices.saved", []));
  const others = (/** @type {string} */ name) => saved.filter((one) => one.name !== name);
  const save = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const name = String(new FormData(form).get("name")).trim();
    if (name === "") return;
    form.reset();
    remember("devices.saved", [...others(name), { name, query }].slice(-SAVED_MAX));
    announce(t("devices.saved.done", { name: shownText(name) }));
  };
  const view = (/** @type {(typeof saved)[number]} */ one) =>
    html`<li>
      <a href=${href("devices", "", new URLSearchParams(one.query))}>${shownText(one.name)}</a>
      <button
        type="button"
        class="plain"
        aria-label=${t("devices.saved.remove", { name: shownText(one.name) })}
        @click=${() => remember("devices.saved", others(one.name))}
      >
        ${icon("close")}
      </button>
    </li>`;
  return html`<details class="columns saved">
    <summary>
      ${t("devices.saved")}${saved.length ? html` <span class="muted">${number(saved.length)}</span>` : nothing}
    </summary>
    ${
      saved.length
        ? html`<ul>
            ${saved.map(view)}
          </ul>`
        : nothing
    }
    <form class="row" @submit=${save}>
      <label class="inline"
        >${t("devices.saved.name")} <input name="name" required maxlength="60" autocomplete="off"
      /></label>
      <button type="submit">${t("devices.saved.save")}</button>
    </form>
  </details>`;
}

/**
 * Who made a device, as far as its address tells.
 * @param {any} row
 */
export function maker(row) {
  if (row.manufacturer) return shownText(row.manufacturer);
  return row.randomised ? html`<span class="muted">${t("devices.random")}</span>` : nothing;
}

/**
 * What a device is called: its name, else that it hides one or has none.
 * @param {any} row
 */
export function deviceName(row) {
  if (row.name) return shownName(row.name);
  return row.phy === "Bluetooth" ? t("devices.unnamed") : t("devices.hidden");
}

/**
 * Whether a device shows the name of one of one's own networks, as the settings list them.
 * @param {any} row
 */
export function isOwn(row) {
  return row.name !== undefined && settings.own.includes(row.name);
}
