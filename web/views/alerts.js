// Alerts, the newest first, and the rules that raise them. New alerts are counted and shown on request, so that nothing
// moves under the pointer.
import { html, nothing, render } from "../vendor/lit.js";
import { get, isAborted, mayWrite, send } from "../lib/api.js";
import { dateTime, place, shownAddress, shownName, shownSentence, shownText, when } from "../lib/format.js";
import { loadTexts, t } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { href } from "../lib/router.js";
import { onChange, settings } from "../lib/settings.js";
import { SourceNames } from "../lib/sources.js";
import { announce, empty, failed, icon, loading, reason } from "../lib/ui.js";
import { ruleTable, SEVERITY_ICONS } from "./alert-rules.js";
import { exporter } from "./export.js";

const PAGE = 100;
const ALERTS_MAX = 500;
const STATES = /** @type {const} */ (["open", "acknowledged", "all"]);
const SEVERITIES = ["info", "low", "medium", "high", "critical"];
const COMMENT_MAX = 1024;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("alerts.title"),
  mount(root, context) {
    const view = new AlertsView(root, context);
    void view.start();
    return { update: () => void view.load(), unmount: () => view.stop() };
  },
};

class AlertsView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {any[] | undefined} */
    this.alerts = undefined;
    /** @type {string | undefined} */
    this.cursor = undefined;
    /** @type {any[]} */
    this.rules = [];
    this.sources = new SourceNames(context.signal);
    /** @type {Promise<void> | undefined} */
    this.namesRead = undefined;
    /** When the server started, in seconds since 1970. @type {number | undefined} */
    this.startedAt = undefined;
    /** @type {unknown} */
    this.error = undefined;
    this.isLoading = false;
    this.fresh = 0;
    /** What went wrong at an alert, by its id. @type {Map<string, string>} */
    this.troubles = new Map();
    this.asked = "";
    /** @type {AbortController | undefined} */
    this.reading = undefined;
    this.export = exporter(() => this.draw());
    this.ends = [
      on("alert", (alert) => this.arrived(alert)),
      on("resume", () => void this.load(true)),
      onChange(() => this.draw()),
    ];
  }

  async start() {
    render(loading(), this.root);
    void this.readRules();
    await loadTexts("filters");
    await this.load();
  }

  stop() {
    this.reading?.abort();
    this.export.stop();
    for (const end of this.ends) end();
  }

  get state() {
    const state = this.context.query.get("state");
    return STATES.find((known) => known === state) ?? "open";
  }

  /** The parameters of the interface. */
  get params() {
    const { query } = this.context;
    /** @type {Record<string, string>} */
    const params = {};
    for (const name of ["severity_min", "rule", "address", "since", "until"]) {
      const value = query.get(name)?.trim();
      if (value) params[name] = value;
    }
    if (this.state !== "all") params.acknowledged = String(this.state === "acknowledged");
    return params;
  }

  async readRules() {
    const { signal } = this.context;
    try {
      const [{ rules }, status] = await Promise.all([
        get("/api/v1/alerts/rules", {}, { signal }),
        get("/api/v1/status", {}, { signal }),
      ]);
      this.rules = rules;
      this.startedAt = status.time - status.uptime_s;
      this.draw();
    } catch {
      // The alerts are shown without them.
    }
  }

  /** @param {boolean} [again] */
  async load(again = false) {
    const asked = JSON.stringify(this.params);
    if (asked === this.asked && !again) return this.draw();
    this.asked = asked;
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    this.fresh = 0;
    await this.readPage(reading.signal, true);
  }

  /** @param {AbortSignal} signal @param {boolean} isFirst */
  async readPage(signal, isFirst) {
    Object.assign(this, { isLoading: true, error: undefined });
    this.draw();
    try {
      const params = { ...this.params, limit: PAGE, cursor: isFirst ? undefined : this.cursor };
      const page = await get("/api/v1/alerts", params, { signal });
      // Names are known before a text that has them is shown: demo mode replaces them.
      this.namesRead ??= this.sources.readFirst();
      await this.namesRead;
      await this.sources.lookUp(page.alerts.map((/** @type {any} */ alert) => alert.source));
      this.alerts = isFirst ? page.alerts : [...(this.alerts ?? []), ...page.alerts];
      this.cursor = page.next_cursor;
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.draw();
  }

  async more() {
    const before = this.alerts?.length ?? 0;
    await this.readPage(this.reading?.signal ?? this.context.signal, false);
    const next = this.root.querySelectorAll("[data-row]")[before]?.querySelector("a, button");
    if (next instanceof HTMLElement) next.focus();
  }

  /** @param {any} alert */
  arrived(alert) {
    const { severity_min: least, rule, address } = this.params;
    const isWanted =
      this.state !== "acknowledged" &&
      (!least || SEVERITIES.indexOf(least) <= SEVERITIES.indexOf(alert.severity)) &&
      (!rule || rule.toUpperCase() === alert.rule) &&
      (!address || address.toUpperCase() === alert.address);
    if (!isWanted || this.alerts?.some((known) => known.id === alert.id)) return;
    this.fresh += 1;
    void this.readRules();
    this.draw();
  }

  /**
   * Acknowledges, reopens or comments, and puts the answer into the list.
   * @param {any} alert
   * @param {"POST" | "DELETE"} method
   * @param {"acknowledge" | "comments"} what
   * @param {string} [comment]
   */
  async handle(alert, method, what, comment) {
    this.troubles.delete(alert.id);
    try {
      const body = comment ? { comment } : method === "POST" ? {} : undefined;
      const next = await send(method, `/api/v1/alerts/${encodeURIComponent(alert.id)}/${what}`, body);
      this.alerts = this.alerts?.map((one) => (one.id === alert.id ? next : one));
      const done = what === "comments" ? "commented" : method === "POST" ? "acknowledged" : "reopened";
      announce(t(`alerts.done.${done}`));
    } catch (error) {
      this.troubles.set(alert.id, reason(error));
    }
    this.draw();
    // The button that was pressed is another one now: the focus stays at the alert.
    const place = this.alerts?.findIndex((one) => one.id === alert.id) ?? -1;
    const item = this.root.querySelectorAll(".alert")[place];
    if (item && document.activeElement === document.body) item.querySelector("button")?.focus();
  }

  draw() {
    if (this.context.signal.aborted) return;
    render(
      html`${this.filters()}
      ${
        this.fresh
          ? html`<p class="fresh">
              <button type="button" class="primary" @click=${() => this.load(true)}>
                ${t("alerts.new", { n: this.fresh })}
              </button>
            </p>`
          : nothing
      }
      ${this.body()} ${this.rules.length ? ruleTable(this.rules) : nothing}`,
      this.root,
    );
  }

  filters() {
    const { query } = this.context;
    const set = (/** @type {string} */ name) => (/** @type {Event} */ event) =>
      this.context.setQuery({ [name]: /** @type {HTMLSelectElement} */ (event.target).value }, { push: true });
    const option = (/** @type {string} */ value, /** @type {string} */ label, /** @type {string | null} */ chosen) =>
      html`<option value=${value} ?selected=${value === (chosen ?? "")}>${label}</option>`;
    const address = query.get("address");
    return html`<div class="row">
      <div class="row tabs" role="group" aria-label=${t("alerts.states")}>
        ${STATES.map(
          (state) =>
            html`<button
              type="button"
              aria-pressed=${state === this.state}
              @click=${() => this.context.setQuery({ state: state === "open" ? null : state }, { push: true })}
            >
              ${t(`alerts.state.${state}`)}
            </button>`,
        )}
      </div>
      <label class="inline"
        >${t("alerts.severity_min")}
        <select @change=${set("severity_min")}>
          ${option("", t("alerts.any"), query.get("severity_min"))}
          ${SEVERITIES.map((name) => option(name, t(`alerts.severity.${name}`), query.get("severity_min")))}
        </select></label
      >
      <label class="inline"
        >${t("alerts.rule")}
        <select @change=${set("rule")}>
          ${option("", t("alerts.any"), query.get("rule"))}
          ${this.rules.map(({ rule }) => option(rule, rule, query.get("rule")))}
        </select></label
      >
      ${
        address
          ? html`<button
              type="button"
              class="chip chip-button"
              @click=${() => this.context.setQuery({ address: null }, { push: true })}
              aria-label=${t("alerts.address_remove", { address: shownAddress(address) })}
            >
              ${t("alerts.address", { address: shownAddress(address) })} ${icon("close")}
            </button>`
          : nothing
      }
      ${this.export.button("/api/v1/alerts", this.params, "alerts")}
    </div>`;
  }

  body() {
    if (this.error) return failed(this.error, () => this.load(true));
    if (!this.alerts) return loading();
    if (this.alerts.length === 0) return this.isLoading ? loading() : this.none();
    return html`<ol class="alerts" aria-label=${t("alerts.list")} aria-busy=${this.isLoading}>
        ${this.alerts.map((alert) => this.alert(alert))}
      </ol>
      ${
        this.cursor && this.alerts.length < ALERTS_MAX
          ? html`<button type="button" ?disabled=${this.isLoading} @click=${() => this.more()}>${t("more")}</button>`
          : nothing
      }`;
  }

  none() {
    const active = this.rules.filter(({ state }) => state === "on").length;
    const isFiltered = ["severity_min", "rule", "address", "since", "until"].some((name) =>
      this.context.query.get(name),
    );
    if (isFiltered || this.state === "acknowledged") {
      const all = { severity_min: null, rule: null, address: null, since: null, until: null, state: "all" };
      return empty(
        t("alerts.nothing"),
        html`<button type="button" @click=${() => this.context.setQuery(all, { push: true })}>
          ${t("alerts.show_all")}
        </button>`,
      );
    }
    const last = Math.max(0, ...this.rules.map(({ last_raised: at }) => at ?? 0));
    const since = this.startedAt === undefined ? "" : dateTime(this.startedAt);
    const title = last ? t("alerts.none_open", { time: dateTime(last) }) : t("alerts.none", { since });
    return empty(title, html`<p>${t("alerts.rules_on", { n: active })}</p>`);
  }

  /** @param {any} alert */
  sentence(alert) {
    return shownSentence(alert.text, this.sources.values());
  }

  /** @param {any} alert */
  alert(alert) {
    const { severity, acknowledged, comments = [] } = alert;
    const device = alert.address && alert.address !== "00:00:00:00:00:00" ? alert.address : undefined;
    const trouble = this.troubles.get(alert.id);
    return html`<li class="panel alert severity-${severity}" data-row>
      <p class="alert-head">
        <span class="severity">${icon(SEVERITY_ICONS[severity] ?? "bell")} ${t(`alerts.severity.${severity}`)}</span>
        <span class="mono">${shownText(alert.rule)}</span>
        ${when(alert.raised)}
        ${acknowledged ? html`<span class="settled">${icon("ok")} ${t("alerts.acknowledged")}</span>` : nothing}
      </p>
      <p class="alert-text">${this.sentence(alert)}</p>
      <ul class="links">
        ${device ? html`<li><a href=${href("device", device)}>${t("alerts.device", { address: shownAddress(device) })}</a></li>` : nothing}
        ${
          alert.source
            ? html`<li>
                <a href=${href("sources", "", { source: alert.source })}
                  >${t("alerts.source", { name: shownName(this.sources.get(alert.source) ?? alert.source) })}</a
                >
              </li>`
            : nothing
        }
        ${
          alert.lat === undefined
            ? nothing
            : html`<li>
                <a href=${href("map", "", { at: `${place(alert.lat, alert.lon).replace(" ", "")},17`, sel: device })}
                  >${t("alerts.place", { place: place(alert.lat, alert.lon) })}</a
                >
              </li>`
        }
        ${alert.seen === alert.raised ? nothing : html`<li class="muted">${t("alerts.seen")} ${when(alert.seen, { exact: true })}</li>`}
      </ul>
      ${
        acknowledged
          ? html`<p class="muted">
              ${alert.acknowledged_by ? t("alerts.acknowledged_by", { name: shownText(alert.acknowledged_by) }) : t("alerts.acknowledged")}
              ${when(acknowledged)}
            </p>`
          : nothing
      }
      ${
        comments.length
          ? html`<ul class="comments" aria-label=${t("alerts.comments")}>
              ${comments.map(
                (/** @type {any} */ one) =>
                  html`<li>
                    ${settings.demo ? t("alerts.text_hidden") : shownText(one.text)}
                    <span class="muted">${one.by ? `${shownText(one.by)}, ` : ""}${when(one.written)}</span>
                  </li>`,
              )}
            </ul>`
          : nothing
      }
      ${mayWrite() ? this.handling(alert) : nothing}
      ${trouble ? html`<p class="error-text" role="alert">${trouble}</p>` : nothing}
    </li>`;
  }

  /** @param {any} alert */
  handling(alert) {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const comment = takeComment(/** @type {HTMLFormElement} */ (event.target));
      if (comment) void this.handle(alert, "POST", "comments", comment);
    };
    const settle = (/** @type {Event} */ event) => {
      const { form } = /** @type {HTMLButtonElement} */ (event.currentTarget);
      const comment = form ? takeComment(form) : "";
      void this.handle(alert, "POST", "acknowledge", comment);
    };
    const about = html`<span class="sr">${this.sentence(alert)}</span>`;
    return html`<form class="row handling" @submit=${submit}>
      <input
        name="comment"
        maxlength=${COMMENT_MAX}
        autocomplete="off"
        aria-label=${t("alerts.comment")}
        placeholder=${t("alerts.comment")}
      />
      ${
        alert.acknowledged
          ? html`<button type="button" @click=${() => this.handle(alert, "DELETE", "acknowledge")}>
              ${t("alerts.reopen")} ${about}
            </button>`
          : html`<button type="button" @click=${settle}>${icon("ok")} ${t("alerts.acknowledge")} ${about}</button>`
      }
      <button type="submit">${t("alerts.add_comment")} ${about}</button>
    </form>`;
  }
}

/**
 * The comment that stands in a form, which is empty after that.
 * @param {HTMLFormElement} form
 */
function takeComment(form) {
  const comment = String(new FormData(form).get("comment")).trim();
  form.reset();
  return comment;
}
