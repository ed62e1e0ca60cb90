// The list of shortcuts.
import { html } from "../vendor/lit.js";
import { t } from "./i18n.js";
import { VIEW_KEYS } from "./shortcuts.js";
import { openDialog } from "./ui.js";

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
