// Choices of this browser, and for administrators the keys of scanners and programs.
import { html, nothing, render } from "../vendor/lit.js";
import { get, isAborted } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { keys } from "../lib/keys.js";
import { current, mayManage, mayRead, onSession } from "../lib/session.js";
import { change, onChange, settings } from "../lib/settings.js";

/** @typedef {import("../lib/settings.js").Settings} Settings */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("settings.title"),
  mount(root, { signal: gone }) {
    /** @type {any} */
    let status;
    const keyPart = keys(gone, () => draw());
    const draw = () => {
      if (gone.aborted) return;
      render(
        html`
          <div class="grid">${display()} ${networks()}</div>
          ${mayManage() ? keyPart.template() : nothing} ${server(status)}
        `,
        root,
      );
    };
    const stops = [
      onChange(draw),
      onSession(() => {
        if (mayManage()) keyPart.read();
        draw();
      }),
    ];
    draw();
    if (mayManage()) keyPart.read();
    if (mayRead()) {
      get("/api/v1/status", {}, { signal: gone })
        .then((read) => {
          status = read;
          draw();
        })
        .catch((error) => {
          if (!isAborted(error)) draw();
        });
    }
    return {
      update: draw,
      unmount() {
        for (const stop of stops) stop();
      },
    };
  },
};

/**
 * A choice of one.
 * @param {"theme" | "language" | "units"} name
 * @param {readonly string[]} values
 */
function choice(name, values) {
  /** @param {Event} event */
  const choose = (event) => {
    const field = /** @type {HTMLSelectElement} */ (event.currentTarget);
    change(/** @type {Partial<Settings>} */ ({ [name]: field.value }));
  };
  return html`<div class="field">
    <label for="set-${name}">${t(`settings.${name}`)}</label>
    <select id="set-${name}" @change=${choose}>
      ${values.map(
        (value) =>
          html`<option value=${value} ?selected=${settings[name] === value}>${t(`settings.${name}.${value}`)}</option>`,
      )}
    </select>
  </div>`;
}

/**
 * A choice of yes or no.
 * @param {"shortcuts" | "demo" | "hideOwn"} name
 */
function check(name) {
  /** @param {Event} event */
  const choose = (event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    change(/** @type {Partial<Settings>} */ ({ [name]: field.checked }));
  };
  return html`<div class="field">
    <label class="check"
      ><input type="checkbox" .checked=${settings[name]} aria-describedby="about-${name}" @change=${choose} />
      ${t(`settings.${name}`)}</label
    >
    <span id="about-${name}" class="muted">${t(`settings.${name}.about`)}</span>
  </div>`;
}

function display() {
  return html`<section class="panel">
    <h2>${t("settings.display")}</h2>
    ${choice("language", ["system", "en", "de"])} ${choice("theme", ["system", "light", "dark"])}
    ${choice("units", ["metric", "imperial"])} ${check("shortcuts")} ${check("demo")}
  </section>`;
}

function networks() {
  /** @param {Event} event */
  const save = (event) => {
    const field = /** @type {HTMLTextAreaElement} */ (event.currentTarget);
    const names = field.value.split("\n").map((name) => name.replace(/\r$/, ""));
    change({ own: [...new Set(names.filter((name) => name !== ""))] });
  };
  return html`<section class="panel">
    <h2>${t("settings.own")}</h2>
    <div class="field">
      <label for="own">${t("settings.own.label")}</label>
      <textarea
        id="own"
        rows="5"
        spellcheck="false"
        .value=${settings.own.join("\n")}
        @change=${save}
        aria-describedby="own-about"
      ></textarea>
      <span id="own-about" class="muted">${t("settings.own.about")}</span>
    </div>
    ${check("hideOwn")}
  </section>`;
}

/** @param {any} status */
function server(status) {
  const { name, role } = current();
  return html`<section class="panel">
    <h2>${t("settings.server")}</h2>
    <dl class="facts">
      ${
        name === null
          ? nothing
          : html`<dt>${t("settings.who")}</dt>
              <dd>${name} (${role})</dd>`
      }
      ${
        status
          ? html`<dt>${t("settings.version")}</dt>
              <dd>scanpost ${status.version}</dd>
              <dt>${t("settings.name")}</dt>
              <dd>${status.name}</dd>`
          : nothing
      }
      <dt>${t("settings.secure")}</dt>
      <dd>${isSecureContext ? t("settings.secure.yes") : t("settings.secure.no")}</dd>
    </dl>
  </section>`;
}
