// Single keys for people who would rather not reach for the mouse. They can be turned off in the settings.
import { html } from "../vendor/lit.js";
import { t } from "./i18n.js";
import { go, href } from "./router.js";
import { moveRow, openDialog } from "./ui.js";

/** Keys behind `g`, and the views that they lead to. */
export const VIEW_KEYS = /** @type {const} */ ({
  o: "overview",
  m: "map",
  d: "devices",
  n: "ssids",
  c: "channels",
  s: "sources",
  a: "alerts",
  i: "import",
});

/** How long a `g` waits for its second key. */
const SECOND_KEY_MS = 1500;

/** @param {{isOn: () => boolean}} options */
export function listen({ isOn }) {
  let waitsUntil = 0;
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const isTyping = target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && isTyping && target.id === "search") target.blur();
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isOn() || isTyping || !isPlain || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const name = Date.now() < waitsUntil ? VIEW_KEYS[/** @type {"o"} */ (event.key)] : undefined;
    waitsUntil = 0;
    if (name) go(href(name));
    else if (event.key === "g") waitsUntil = Date.now() + SECOND_KEY_MS;
    else if (event.key === "/") document.getElementById("search")?.focus();
    else if (event.key === "?") help();
    else if (event.key === "j") moveRow(1);
    else if (event.key === "k") moveRow(-1);
    else return;
    event.preventDefault();
  });
}

/** Shows the list of shortcuts. */
export function help() {
  /** @param {string} keys @param {string} meaning */
  const row = (keys, meaning) =>
    html`<tr>
      <td>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</td>
      <td>${meaning}</td>
    </tr>`;
  openDialog(
    t("help.title"),
    () =>
      html`<table class="keys">
          <caption class="sr">
            ${t("help.title")}
          </caption>
          <thead>
            <tr>
              <th scope="col">${t("help.key")}</th>
              <th scope="col">${t("help.meaning")}</th>
            </tr>
          </thead>
          <tbody>
            ${row("/", t("help.search"))} ${row("j", t("help.next"))} ${row("k", t("help.previous"))}
            ${row("Esc", t("help.close"))} ${row("?", t("help.help"))}
            ${Object.entries(VIEW_KEYS).map(([key, view]) => row(`g ${key}`, t(`nav.${view}`)))}
          </tbody>
        </table>
        <p>${t("help.off")}</p>`,
  );
}
