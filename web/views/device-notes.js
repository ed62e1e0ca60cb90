// What people may attach to a device: a name, tags, and whether alerts watch for it. And how they erase it.
import { html, nothing } from "../vendor/lit.js";
import { ApiError, get, pause, send } from "../lib/api.js";
import { shownText } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { go, href } from "../lib/router.js";
import { change, OWN_MAX, settings } from "../lib/settings.js";
import { announce, icon, openDialog, reason } from "../lib/ui.js";

/** How often the server is asked whether it has erased a device. */
const ASK_MS = 1000;
const LISTS = /** @type {const} */ (["found", "lost"]);

/**
 * @param {object} options
 * @param {() => any} options.device
 * @param {() => Promise<void>} options.changed Reads the device again.
 * @param {() => void} options.draw
 * @param {AbortSignal} options.signal
 */
export function notes({ device, changed, draw, signal }) {
  /** @type {Record<string, boolean>} */
  const watched = {};
  /** @type {string | undefined} */
  let trouble;
  let isBusy = false;

  const readWatches = async () => {
    for (const list of LISTS) {
      const addresses = await get(`/devices/alerts/mac/${list}/macs.json`, {}, { signal });
      watched[list] = addresses.includes(device().address);
    }
    draw();
  };
  readWatches().catch(() => undefined);

  /** @param {() => Promise<unknown>} work @param {string} done */
  const run = async (work, done) => {
    isBusy = true;
    trouble = undefined;
    draw();
    try {
      await work();
      announce(done);
      await changed();
    } catch (error) {
      trouble = reason(error);
    }
    isBusy = false;
    draw();
  };
  const command = (/** @type {string} */ name, /** @type {object} */ body) =>
    send("POST", `/devices/by-key/${device().key}/${name}.cmd`, body);

  /** @param {SubmitEvent} event */
  const rename = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    void run(() => command("set_name", { username: String(form.get("name")).trim() }), t("device.saved"));
  };
  /** @param {SubmitEvent} event */
  const addTag = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    const [tagname, tagvalue] = [String(data.get("tag")).trim(), String(data.get("value")).trim()];
    void run(() => command("set_tag", { tagname, tagvalue }), t("device.saved")).then(() => form.reset());
  };
  const removeTag = (/** @type {string} */ tagname) =>
    run(() => command("set_tag", { tagname, tagvalue: "" }), t("device.saved"));
  const watch = (/** @type {string} */ list) =>
    run(async () => {
      const verb = watched[list] ? "remove" : "add";
      await send("POST", `/devices/alerts/mac/${list}/${verb}.cmd`, { mac: device().address });
      await readWatches();
    }, t("device.saved"));

  const tag = (/** @type {[string, string]} */ [name, value]) =>
    html`<li>
      <span>${shownText(name)}: ${shownText(value)}</span>
      <button
        type="button"
        class="plain"
        ?disabled=${isBusy}
        @click=${() => removeTag(name)}
        aria-label=${t("device.tag_remove", { tag: shownText(name) })}
      >
        ${icon("close")}
      </button>
    </li>`;

  return () => {
    const { given_name: given, tags = {} } = device();
    const shownTags = /** @type {[string, string][]} */ (Object.entries(tags)).filter(([, value]) => value !== "");
    return html`<section class="panel" aria-labelledby="notes">
      <h2 id="notes">${t("device.notes")}</h2>
      <form class="row" @submit=${rename}>
        <label class="inline"
          >${t("device.name_own")} <input name="name" maxlength="255" autocomplete="off" .defaultValue=${given ?? ""}
        /></label>
        <button type="submit" ?disabled=${isBusy}>${t("save")}</button>
      </form>
      ${
        shownTags.length
          ? html`<ul class="tags" aria-label=${t("device.tags")}>
              ${shownTags.map(tag)}
            </ul>`
          : nothing
      }
      <form class="row" @submit=${addTag}>
        <label class="inline">${t("device.tag")} <input name="tag" required maxlength="64" autocomplete="off" /></label>
        <label class="inline"
          >${t("device.tag_value")} <input name="value" required maxlength="255" autocomplete="off"
        /></label>
        <button type="submit" ?disabled=${isBusy}>${t("device.tag_add")}</button>
      </form>
      <fieldset>
        <legend>${t("device.watch")}</legend>
        ${LISTS.filter((list) => list in watched).map(
          (list) =>
            html`<label class="check"
              ><input
                type="checkbox"
                .checked=${watched[list] ?? false}
                ?disabled=${isBusy}
                @change=${() => watch(list)}
              /><span>${t(`device.watch_${list}`)}</span></label
            >`,
        )}
      </fieldset>
      ${trouble ? html`<p class="error-text" role="alert">${trouble}</p>` : nothing}
    </section>`;
  };
}

/**
 * The switch that counts a network among one's own. It changes only this browser's settings.
 * @param {string} name
 */
export function ownSwitch(name) {
  const isOwn = settings.own.includes(name);
  // The server leaves out so many names.
  const isFull = !isOwn && OWN_MAX <= settings.own.length;
  const toggle = () => change({ own: isOwn ? settings.own.filter((one) => one !== name) : [...settings.own, name] });
  return html`<button type="button" aria-pressed=${isOwn} ?disabled=${isFull} @click=${toggle}>
    ${icon("eye")} ${t(isOwn ? "device.own" : "device.own_add")}
  </button>`;
}

/**
 * Opens a dialog that counts what would go with a device, asks, and waits until the device is gone.
 * @param {string} address
 * @param {string} shown How the device is called here.
 */
export function openErase(address, shown) {
  const closed = new AbortController();
  /** What would be erased. @type {any} */
  let counts;
  /** @type {unknown} */
  let trouble;
  let isErasing = false;

  /** Tries something, and shows what goes wrong. @param {() => Promise<void>} work */
  const attempt = async (work) => {
    trouble = undefined;
    try {
      await work();
    } catch (error) {
      if (closed.signal.aborted) return;
      trouble = error;
      isErasing = false;
    }
    if (!closed.signal.aborted) dialog.update();
  };
  const order = (/** @type {boolean} */ isTrial) => send("POST", "/api/v1/erase", { address, dry_run: isTrial });
  const erase = () => {
    isErasing = true;
    dialog.update();
    void attempt(async () => {
      await order(false);
      await isGone(address, closed.signal);
      dialog.close();
      announce(t("device.erased"));
      go(href("devices"));
    });
  };
  const question = (/** @type {() => void} */ close) =>
    html`<p>
        ${t("device.erase_counts", {
          reports: number(counts.observations),
          notes: number(counts.records),
          alerts: number(counts.alerts),
        })}
      </p>
      <p><strong>${t("device.erase_final")}</strong> ${t("device.erase_note")}</p>
      <div class="row">
        <button type="button" class="danger" ?disabled=${isErasing} @click=${erase}>
          ${icon("trash")} ${t("device.erase_now")}
        </button>
        <button type="button" @click=${close}>${t(isErasing ? "close" : "cancel")}</button>
      </div>`;

  const dialog = openDialog(
    t("device.erase_title", { name: shown }),
    (close) => html`
      ${counts ? question(close) : nothing}
      <p role="status">
        ${isErasing ? t("device.erasing") : !counts && !trouble ? t("device.erase_counting") : nothing}
      </p>
      ${trouble ? html`<p class="error-text" role="alert">${reason(trouble)}</p>` : nothing}
    `,
    { onClose: () => closed.abort() },
  );
  void attempt(async () => {
    counts = await order(true);
  });
}

/**
 * Waits until the server knows a device no more. It starts again meanwhile.
 * @param {string} address
 * @param {AbortSignal} signal
 */
async function isGone(address, signal) {
  for (;;) {
    await pause(ASK_MS, signal);
    try {
      await get(`/api/v1/devices/${address}`, {}, { signal });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) return;
      // Logins end with the start. After the next one, the page shows what is there.
      if (error.status === 401) return;
    }
  }
}
