// Walk to a device: how strong it is heard now, whether that gets better, and how old that is.
import { html, live, nothing, render, svg } from "../vendor/lit.js";
import { ApiError, get, isAborted } from "../lib/api.js";
import { age, clock, duration, place, shownAddress, shownName, signalText, strength, when } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { announce, empty, failed, icon, loading, reason } from "../lib/ui.js";

/** @typedef {import("../lib/router.js").Context} Context */
/** @typedef {{time: number, dbm: number, source?: string, lat?: number, lon?: number}} Reading */

const POLL_MS = 1000;
/** Readings that the chart shows. */
const READINGS_MAX = 60;
/** Older readings make no sound: they say nothing of where one stands now. */
const FRESH_S = 15;
/** From this age on, the page explains why nothing happens. */
const SELDOM_S = 30;
/** The weakest and the strongest signal of bar, chart and sound. */
const WEAKEST = -100;
const STRONGEST = -30;

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("locate.title"),
  mount(root, context) {
    const view = new LocateView(root, context);
    void view.start();
    return { update: (changed) => view.update(changed), unmount: () => view.stop() };
  },
};

/** @param {number} dbm @returns {number} from 0 to 1 */
function share(dbm) {
  return Math.max(0, Math.min(1, (dbm - WEAKEST) / (STRONGEST - WEAKEST)));
}

class LocateView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {any} */
    this.device = null;
    /** @type {unknown} */
    this.error = null;
    /** @type {Reading[]} the newest last */
    this.readings = [];
    /** @type {Reading | null} */
    this.best = null;
    /** Best readings count from here. */
    this.since = Date.now() / 1000;
    this.reports = -1;
    /** @type {AudioContext | null} */
    this.audio = null;
    this.sounds = false;
    this.vibrates = false;
    /** @type {WakeLockSentinel | null} */
    this.lock = null;
    this.staysOn = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.beatTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pollTimer = undefined;
  }

  get source() {
    return this.context.query.get("source") ?? "";
  }

  get path() {
    return `/api/v1/devices/${encodeURIComponent(this.context.param)}`;
  }

  async start() {
    render(loading(), this.root);
    const { signal } = this.context;
    document.addEventListener(
      "visibilitychange",
      () => {
        if (document.hidden) return;
        void this.poll();
        if (this.staysOn) void this.stayOn();
      },
      { signal },
    );
    await this.readPast();
    await this.poll();
  }

  stop() {
    clearTimeout(this.beatTimer);
    clearTimeout(this.pollTimer);
    void this.lock?.release();
    void this.audio?.close();
  }

  /** @param {Context} context */
  update(context) {
    this.context = context;
    this.reports = -1;
    this.best = null;
    void this.readPast().then(() => this.poll());
  }

  /** What was heard before, so that the chart does not begin empty. */
  async readPast() {
    try {
      const { observations } = await get(
        `${this.path}/observations`,
        { limit: READINGS_MAX },
        { signal: this.context.signal },
      );
      this.readings = observations
        .filter(
          (/** @type {any} */ { signal_dbm: dbm, source }) =>
            dbm !== undefined && (!this.source || source === this.source),
        )
        .map(reading)
        .reverse();
    } catch {
      this.readings = [];
    }
  }

  async poll() {
    clearTimeout(this.pollTimer);
    const { signal } = this.context;
    try {
      this.device = await get(this.path, {}, { signal });
      this.error = null;
      this.take();
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      this.error = error;
    }
    this.draw();
    if (!document.hidden && !signal.aborted) this.pollTimer = setTimeout(() => void this.poll(), POLL_MS);
  }

  /** The scanner that was chosen, or else the device as all of them heard it. */
  get heard() {
    return this.source
      ? this.device.seen_by?.find((/** @type {any} */ { source }) => source === this.source)
      : this.device;
  }

  /** Takes what is new. */
  take() {
    const { heard } = this;
    if (!heard || heard.signal_dbm === undefined || heard.reports === this.reports) return;
    const isFirst = this.reports < 0;
    this.reports = heard.reports;
    const last = this.device.position?.last;
    const now = { time: heard.last_seen, dbm: heard.signal_dbm, lat: last?.lat, lon: last?.lon };
    const known = this.readings.at(-1);
    if (!isFirst || !known || known.time < now.time) this.readings = [...this.readings, now].slice(-READINGS_MAX);
    if (now.time + FRESH_S < this.since) return;
    if (!this.best || this.best.dbm < now.dbm) this.best = now;
    const words = t("locate.said", { signal: signalText(now.dbm), word: strength(now.dbm).label });
    announce(`${words} ${t(`locate.trend.${this.trend()}`)}`);
    this.beat();
  }

  /** Whether the last readings are stronger than those before them. */
  trend() {
    const last = this.readings.slice(-6).map(({ dbm }) => dbm);
    if (last.length < 2) return "unknown";
    const half = Math.floor(last.length / 2);
    const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const change = mean(last.slice(-half)) - mean(last.slice(0, -half));
    if (Math.abs(change) < 2) return "steady";
    return change > 0 ? "stronger" : "weaker";
  }

  get ageS() {
    const heard = this.heard;
    return heard ? Math.max(0, Date.now() / 1000 - heard.last_seen) : Infinity;
  }

  /** One sound, and the next one sooner if the signal is stronger. */
  beat() {
    clearTimeout(this.beatTimer);
    if (!this.sounds && !this.vibrates) return;
    const dbm = this.heard?.signal_dbm;
    if (dbm === undefined || this.ageS > FRESH_S) return;
    const at = share(dbm);
    if (this.vibrates) navigator.vibrate(40);
    if (this.sounds && this.audio) {
      const tone = this.audio.createOscillator();
      const volume = this.audio.createGain();
      tone.frequency.value = 350 + 850 * at;
      volume.gain.setValueAtTime(0.2, this.audio.currentTime);
      volume.gain.exponentialRampToValueAtTime(0.001, this.audio.currentTime + 0.09);
      tone.connect(volume).connect(this.audio.destination);
      tone.start();
      tone.stop(this.audio.currentTime + 0.1);
    }
    this.beatTimer = setTimeout(() => this.beat(), 1400 - 1250 * at);
  }

  toggleSound = () => {
    this.sounds = !this.sounds;
    // Browsers let pages make sounds after a tap only.
    this.audio ??= new AudioContext();
    void this.audio.resume();
    this.beat();
    this.draw();
  };

  toggleVibration = () => {
    this.vibrates = !this.vibrates;
    this.beat();
    this.draw();
  };

  toggleScreen = () => {
    this.staysOn = !this.staysOn;
    if (this.staysOn) void this.stayOn();
    else void this.lock?.release();
    this.draw();
  };

  async stayOn() {
    try {
      this.lock = await navigator.wakeLock.request("screen");
    } catch {
      this.staysOn = false;
      this.draw();
    }
  }

  again = () => {
    this.best = null;
    this.since = Date.now() / 1000;
    this.draw();
  };

  draw() {
    const { device, error } = this;
    if (!device) {
      const isUnknown = error instanceof ApiError && error.status === 404;
      const nothingThere = () =>
        empty(t("locate.unknown"), html`<p><a href=${href("devices")}>${t("locate.devices")}</a></p>`);
      render(error ? (isUnknown ? nothingThere() : failed(error, () => void this.poll())) : loading(), this.root);
      return;
    }
    const { heard } = this;
    const name = device.name ? shownName(device.name) : shownAddress(device.address);
    this.context.setTitle(t("locate.title.name", { name }));
    const choose = (/** @type {any} */ event) => this.context.setQuery({ source: event.target.value || null });
    render(
      html`<p class="row">
          <span class="mono">${shownAddress(device.address)}</span>
          <a href=${href("device", device.address)}>${t("locate.details")}</a>
          ${device.position ? html`<a href=${href("map", "", { sel: device.address })}>${t("locate.map")}</a>` : nothing}
        </p>
        ${error ? html`<p class="error-text" role="alert">${t("locate.lost", { reason: reason(error) })}</p>` : nothing}
        <section class="panel locate-now" aria-label=${t("locate.now")}>
          ${heard?.signal_dbm === undefined ? html`<p>${t("locate.no_signal")}</p>` : this.now(heard)}
        </section>
        <div class="row">
          <label class="field"
            >${t("locate.source")}
            <select @change=${choose} .value=${live(this.source)}>
              <option value="" .selected=${this.source === ""}>${t("locate.source.all")}</option>
              ${device.seen_by?.map(
                (/** @type {any} */ { source, source_name: words }) =>
                  html`<option value=${source} .selected=${this.source === source}>
                    ${words ? shownName(words) : source}
                  </option>`,
              )}
            </select>
          </label>
          ${this.buttons()}
        </div>
        ${isSecureContext ? nothing : html`<p class="muted">${t("locate.insecure")}</p>`} ${this.past()}`,
      this.root,
    );
    const bar = this.root.querySelector(".locate-bar-in");
    if (bar instanceof HTMLElement && heard?.signal_dbm !== undefined)
      bar.style.width = `${100 * share(heard.signal_dbm)}%`;
  }

  buttons() {
    const button = (/** @type {boolean} */ isOn, /** @type {string} */ key, /** @type {() => void} */ toggle) =>
      html`<button type="button" aria-pressed=${isOn ? "true" : "false"} @click=${toggle}>
        ${t(`locate.${key}`)}
      </button>`;
    return html`<div class="row" role="group" aria-label=${t("locate.tools")}>
      ${button(this.sounds, "sound", this.toggleSound)}
      ${"vibrate" in navigator ? button(this.vibrates, "vibration", this.toggleVibration) : nothing}
      ${isSecureContext && "wakeLock" in navigator ? button(this.staysOn, "screen", this.toggleScreen) : nothing}
    </div>`;
  }

  /** @param {any} heard */
  now(heard) {
    const { best, ageS } = this;
    const trend = this.trend();
    const arrow = { stronger: "up", weaker: "down", steady: "more", unknown: "" }[trend];
    const isOld = ageS > FRESH_S;
    return html`<p class="locate-signal ${isOld ? "locate-old" : ""}">
        <span class="locate-number">${signalText(heard.signal_dbm)}</span>
        <span class="locate-word">${strength(heard.signal_dbm).label}</span>
      </p>
      <div class="locate-bar" aria-hidden="true"><div class="locate-bar-in"></div></div>
      <p class="locate-trend">${arrow ? icon(arrow) : nothing} ${t(`locate.trend.${trend}`)}</p>
      <p>
        ${t("locate.heard", { age: ageS < 60 ? t("locate.seconds", { n: Math.round(ageS) }) : age(heard.last_seen) })}
      </p>
      ${ageS > SELDOM_S ? html`<p class="locate-hint">${t("locate.seldom", { age: duration(ageS) })}</p>` : nothing}
      <p class="row locate-best">
        ${
          best
            ? html`<span
                  >${t("locate.best", { signal: signalText(best.dbm), time: clock(best.time) })}
                  ${best.lat === undefined || best.lon === undefined ? nothing : t("locate.best.at", { place: place(best.lat, best.lon) })}</span
                ><button type="button" @click=${this.again}>${t("locate.again")}</button>`
            : t("locate.best.none")
        }
      </p>`;
  }

  /** The last readings as a line, and as a table. */
  past() {
    const { readings } = this;
    if (readings.length < 2) return nothing;
    const width = 300;
    const points = readings.map(({ dbm }, index) => [
      ((index / (readings.length - 1)) * width).toFixed(1),
      (60 - 56 * share(dbm)).toFixed(1),
    ]);
    const last = points.at(-1) ?? ["0", "0"];
    return html`<section class="panel" aria-labelledby="locate-past">
      <h2 id="locate-past">${t("locate.past", { n: readings.length })}</h2>
      <svg class="locate-chart" viewBox="-4 0 308 64" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        ${svg`<polyline points=${points.map((point) => point.join(",")).join(" ")}></polyline>
          <line x1=${last[0]} x2=${last[0]} y1=${last[1]} y2=${last[1]}></line>`}
      </svg>
      <details>
        <summary>${t("locate.table")}</summary>
        <table>
          <caption class="sr">
            ${t("locate.table")}
          </caption>
          <thead>
            <tr>
              <th scope="col">${t("locate.time")}</th>
              <th scope="col" class="numeric">${t("locate.signal")}</th>
            </tr>
          </thead>
          <tbody>
            ${[...readings].reverse().map(
              ({ time, dbm }) =>
                html`<tr>
                  <td>${when(time, { exact: true })}</td>
                  <td class="numeric">${signalText(dbm)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </details>
    </section>`;
  }
}

/** @param {any} observation @returns {Reading} */
function reading({ time, signal_dbm: dbm, source, lat, lon }) {
  return { time, dbm, source, lat, lon };
}
