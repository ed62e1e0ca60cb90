// A dialog that gives a scanner a name, or its own name back.
import { html, nothing } from "../vendor/lit.js";
import { send } from "../lib/api.js";
import { shownText } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { announce, openDialog, reason } from "../lib/ui.js";

/** As many bytes as the server takes by default. */
const NAME_MAX = 256;

/**
 * @param {any} source
 * @param {() => void} changed
 */
export function openRename(source, changed) {
  /** @type {string | undefined} */
  let trouble;
  let isBusy = false;
  const give = async (/** @type {string} */ name) => {
    isBusy = true;
    trouble = undefined;
    dialog.update();
    try {
      await send("POST", `/api/v1/sources/${source.source}/name`, { name });
      dialog.close();
      announce(t("sources.done.rename"));
      changed();
    } catch (error) {
      trouble = reason(error);
      isBusy = false;
      dialog.update();
    }
  };
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    void give(String(form.get("name")).trim());
  };
  const sent = source.sent_name;
  const dialog = openDialog(
    t("sources.rename_title", { name: shownText(source.name) }),
    (close) =>
      html`<form @submit=${submit}>
        <label
          >${t("sources.new_name")}
          <input name="name" required maxlength=${NAME_MAX} autocomplete="off" autofocus .defaultValue=${source.name}
        /></label>
        <p class="muted">${sent ? t("sources.sent_name_is", { name: shownText(sent) }) : t("sources.rename_note")}</p>
        ${trouble ? html`<p class="error-text" role="alert">${trouble}</p>` : nothing}
        <div class="row">
          <button type="submit" class="primary" ?disabled=${isBusy}>${t("save")}</button>
          ${
            sent
              ? html`<button type="button" ?disabled=${isBusy} @click=${() => void give("")}>
                  ${t("sources.sent_name_again")}
                </button>`
              : nothing
          }
          <button type="button" @click=${close}>${t("cancel")}</button>
        </div>
      </form>`,
  );
}
