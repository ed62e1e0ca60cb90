// A dialog that erases a device: first it counts what would go, then it asks, and then it waits until it is gone.
import { html, nothing } from "../vendor/lit.js";
import { ApiError, get, pause, send } from "../lib/api.js";
import { number, t } from "../lib/i18n.js";
import { go, href } from "../lib/router.js";
import { announce, icon, openDialog, reason } from "../lib/ui.js";

/** How often it is asked whether the server has erased it. */
const ASK_MS = 1000;

/**
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
