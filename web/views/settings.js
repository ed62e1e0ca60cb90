// Choices of this browser, and for administrators the keys of scanners and programs.
import { html, nothing, render } from "../vendor/lit.js";
import { current, get, isAborted, mayManage, mayRead, mayWrite, onSession, send } from "../lib/api.js";
import { shownText, when } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { change, onChange, OWN_MAX, settings } from "../lib/settings.js";
import { qr, serverAddress } from "../lib/start.js";
import { copyButton, failed, loading, openDialog, reason, table } from "../lib/ui.js";
import { forwards, tak } from "./forwards.js";

/** @typedef {import("../lib/settings.js").Settings} Settings */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("settings.title"),
  mount(root, { signal: gone }) {
    /** @type {any} */
    let status;
    const keyPart = keys(gone, () => draw());
    const forwardPart = forwards(gone, () => draw());
    const takPart = tak(gone, () => draw());
    const draw = () => {
      if (gone.aborted) return;
      render(
        html`
          <div class="grid">${display()} ${networks()}</div>
          ${mayManage() ? keyPart.template() : nothing} ${mayWrite() ? forwardPart.template() : nothing}
          ${mayWrite() ? takPart.template() : nothing} ${server(status)}
        `,
        root,
      );
    };
    const stops = [
      onChange(draw),
      onSession(() => {
        if (mayManage()) keyPart.read();
        if (mayWrite()) void forwardPart.read();
        if (mayWrite()) void takPart.read();
        draw();
      }),
    ];
    draw();
    if (mayManage()) keyPart.read();
    if (mayWrite()) void forwardPart.read();
    if (mayWrite()) void takPart.read();
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
        forwardPart.stop();
        takPart.stop();
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
    change({ own: [...new Set(names.filter((name) => name !== ""))].slice(0, OWN_MAX) });
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
      <span id="own-about" class="muted">${t("settings.own.about", { n: OWN_MAX })}</span>
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
              <dd>${shownText(name)} (${role})</dd>`
      }
      ${
        status
          ? html`<dt>${t("settings.version")}</dt>
              <dd>scanpost ${status.version}</dd>
              <dt>${t("settings.name")}</dt>
              <dd>${shownText(status.name)}</dd>`
          : nothing
      }
      <dt>${t("settings.secure")}</dt>
      <dd>${isSecureContext ? t("settings.secure.yes") : t("settings.secure.no")}</dd>
    </dl>
  </section>`;
}

// Keys of scanners and programs: their list, new ones, and taking them back.
const ROLES = ["scanreport", "readonly", "metrics", "admin"];
const DAY_S = 86_400;
const DURATIONS = [0, 1, 30, 365];
const FIELD = "kismet.httpd.auth.";

/**
 * @param {AbortSignal} gone
 * @param {() => void} draw
 */
export function keys(gone, draw) {
  /** @type {any[] | undefined} */
  let list;
  /** @type {unknown} */
  let error;

  const read = async () => {
    error = undefined;
    try {
      const records = await get("/auth/apikey/list.json", {}, { signal: gone });
      list = records.map((/** @type {any} */ record) => ({
        name: record[`${FIELD}name`],
        role: record[`${FIELD}role`],
        created: record[`${FIELD}created`],
        expires: record[`${FIELD}expiration`] || undefined,
      }));
    } catch (failure) {
      if (isAborted(failure)) return;
      error = failure;
    }
    draw();
  };

  const template = () =>
    html`<section class="panel">
      <h2>${t("keys.title")}</h2>
      <p>${t("keys.about")}</p>
      <div class="row"><button type="button" class="primary" @click=${() => add(read)}>${t("keys.add")}</button></div>
      ${error ? failed(error, read) : list ? shown(list, read) : loading()}
    </section>`;

  return { read, template };
}

/** @param {any[]} list @param {() => void} read */
function shown(list, read) {
  if (list.length === 0) return html`<p>${t("keys.none")}</p>`;
  return table({
    caption: t("keys.list"),
    rows: list,
    columns: [
      { key: "name", label: t("keys.name"), heading: true, cell: (key) => shownText(key.name) },
      { key: "role", label: t("keys.role"), cell: (key) => shownText(key.role) },
      { key: "created", label: t("keys.created"), cell: (key) => when(key.created) },
      { key: "expires", label: t("keys.expires"), cell: (key) => when(key.expires, { exact: true }) },
      {
        key: "revoke",
        label: t("keys.action"),
        cell: (key) =>
          html`<button type="button" class="danger" @click=${() => revoke(key.name, read)}>
            ${t("keys.revoke")}<span class="sr"> ${shownText(key.name)}</span>
          </button>`,
      },
    ],
  });
}

/** Asks for a name and a role, and shows the new key this once. */
function add(/** @type {() => void} */ changed) {
  /** @type {unknown} */
  let error;
  /** @type {string | undefined} */
  let key;
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    try {
      key = await send("POST", "/auth/apikey/generate.cmd", {
        name: form.get("name"),
        role: form.get("role"),
        duration: Number(form.get("days")) * DAY_S,
      });
      changed();
    } catch (failure) {
      error = failure;
    }
    dialog.update();
  };
  const form = () =>
    html`<form @submit=${submit}>
      <div class="field">
        <label for="key-name">${t("keys.name")}</label>
        <input id="key-name" name="name" required maxlength="64" autocomplete="off" />
      </div>
      <div class="field">
        <label for="key-role">${t("keys.role")}</label>
        <select id="key-role" name="role">
          ${ROLES.map((role) => html`<option value=${role}>${t(`keys.role.${role}`)}</option>`)}
        </select>
      </div>
      <div class="field">
        <label for="key-days">${t("keys.duration")}</label>
        <select id="key-days" name="days">
          ${DURATIONS.map((days) => html`<option value=${days}>${days ? t("keys.days", { n: days }) : t("keys.forever")}</option>`)}
        </select>
      </div>
      <p class="error-text" role="alert">${error ? reason(error) : nothing}</p>
      <button type="submit" class="primary">${t("keys.make")}</button>
    </form>`;
  const made = (/** @type {string} */ secret, /** @type {() => void} */ close) => html`
    <p role="status">${t("keys.once")}</p>
    <p><code class="secret">${secret}</code> ${copyButton(secret)}</p>
    ${qr(JSON.stringify({ server: serverAddress(), key: secret }), t("keys.qr"))}
    <p class="muted">${t("keys.qr.about")}</p>
    <button type="button" class="primary" @click=${close}>${t("close")}</button>
  `;
  const dialog = openDialog(t("keys.add"), (close) => (key ? made(key.trim(), close) : form()));
}

/** @param {string} name @param {() => void} changed */
function revoke(name, changed) {
  /** @type {unknown} */
  let error;
  const dialog = openDialog(t("keys.revoke"), (close) => {
    const confirm = async () => {
      try {
        await send("POST", "/auth/apikey/revoke.cmd", { name });
        close();
        changed();
      } catch (failure) {
        error = failure;
        dialog.update();
      }
    };
    return html`<p>${t("keys.revoke.sure", { name: shownText(name) })}</p>
      <p class="error-text" role="alert">${error ? reason(error) : nothing}</p>
      <div class="row">
        <button type="button" class="danger" @click=${confirm}>${t("keys.revoke")}</button>
        <button type="button" @click=${close}>${t("cancel")}</button>
      </div>`;
  });
}
