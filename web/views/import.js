// Files that people have already: they are chosen or dropped, sent, and answered with an account of their rows. The
// import that is shown is in the address, so a reload or a link leads to it again.
import { html, nothing, render } from "../vendor/lit.js";
import { ApiError, get, isAborted, mayImport, mayRead, pause, prefix, send } from "../lib/api.js";
import { duration, shownName } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { onChange } from "../lib/settings.js";
import { announce, failed, icon, loading, reason } from "../lib/ui.js";
import { account, formats, list, optionFields } from "./import-account.js";

/** How often the server is asked how far an import is. */
const POLL_MS = 1000;
/** How long to wait for a server that does not answer. */
const LOST_MS = 3000;
const PAGE = 20;

/** @typedef {import("../lib/router.js").Context} Context */

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("import.title"),
  mount(root, context) {
    const view = new ImportView(root, context);
    view.start();
    return { update: () => view.update(), unmount: () => view.stop() };
  },
};

/**
 * Sends files. Browsers tell only XMLHttpRequest how far they are.
 * @param {FormData} form
 * @param {{signal: AbortSignal, progress: (share: number) => void}} options
 * @returns {Promise<any>}
 */
function upload(form, { signal, progress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${prefix}/api/v1/imports`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Requested-With", "scanpost");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      const { status, response: told } = request;
      if (200 <= status && status < 300 && told) return resolve(told);
      const retryAfterS = Number.parseInt(request.getResponseHeader("Retry-After") ?? "", 10);
      const about = { status, code: told?.code ?? `status_${status}`, parameter: told?.parameter };
      const wait = Number.isNaN(retryAfterS) ? {} : { retryAfterS };
      reject(new ApiError(String(told?.status ?? request.statusText), { ...about, ...wait }));
    };
    request.onerror = () => reject(new ApiError("", { code: "offline" }));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

class ImportView {
  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    /** @type {File[]} */
    this.files = [];
    this.options = { source: "", tz: "", time: "", dry_run: false };
    /** What is being sent, and how far. @type {{stop: AbortController, share: number} | undefined} */
    this.sending = undefined;
    /** @type {unknown} */
    this.refused = undefined;
    /** The import that the address names. @type {any} */
    this.shown = undefined;
    /** @type {unknown} */
    this.shownError = undefined;
    /** Whether the server has not answered how far the import is. */
    this.isLost = false;
    /** @type {any[] | undefined} */
    this.imports = undefined;
    /** @type {string | undefined} */
    this.cursor = undefined;
    /** @type {unknown} */
    this.listError = undefined;
    this.watching = "";
    this.isOver = false;
    const renew = () => void (mayRead() && this.renewList());
    this.ends = [onChange(() => this.draw()), on("import", renew), on("resume", renew)];
  }

  start() {
    const { signal } = this.context;
    if (mayImport()) {
      // A file that misses its mark would be opened in place of the page.
      document.addEventListener("dragover", (event) => this.dragged(event, true), { signal });
      document.addEventListener("dragleave", (event) => this.dragged(event, false), { signal });
      document.addEventListener("drop", (event) => this.dropped(event), { signal });
      addEventListener("beforeunload", (event) => this.sending && event.preventDefault(), { signal });
    }
    if (mayRead()) void this.readList();
    this.update();
  }

  stop() {
    this.sending?.stop.abort();
    for (const end of this.ends) end();
  }

  get id() {
    return this.context.query.get("import") ?? "";
  }

  update() {
    if (this.id !== this.watching) void this.watch(this.id);
    this.draw();
  }

  /** Reads an import until it is over. @param {string} id */
  async watch(id) {
    this.watching = id;
    if (this.shown?.id !== id) this.shown = undefined;
    Object.assign(this, { shownError: undefined, isLost: false });
    const { signal } = this.context;
    // The answer to an upload may be the whole account.
    while (id && id === this.watching && !signal.aborted && this.shown?.ended === undefined) {
      try {
        const known = await this.read(id);
        if (id !== this.watching) return;
        const was = this.shown?.state;
        Object.assign(this, { shown: known, isLost: false });
        this.draw();
        if (known.ended !== undefined) {
          if (was && was !== known.state) this.tell();
          return;
        }
        await pause(POLL_MS, signal);
      } catch (error) {
        if (isAborted(error) || signal.aborted || id !== this.watching) return;
        const isGone = error instanceof ApiError && error.code !== "offline" && error.status < 500;
        if (isGone || !this.shown) {
          this.shownError = error;
          return this.draw();
        }
        // The server goes on with it, whether or not this page is told.
        this.isLost = true;
        this.draw();
        await pause(LOST_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Readers find imports in the list; those who import may read their own. @param {string} id */
  async read(id) {
    const { signal } = this.context;
    if (mayImport()) return get(/** @type {string} */ (`/api/v1/imports/${encodeURIComponent(id)}`), {}, { signal });
    const next = String(Number(id) + 1);
    const { imports } = await get("/api/v1/imports", { limit: 1, cursor: next }, { signal });
    if (imports[0]?.id !== id) throw new Error(t("import.none_such"));
    return imports[0];
  }

  /** Says how the import ended, and shows it in the list. */
  tell() {
    const sum = (/** @type {string} */ name) =>
      this.shown.files.reduce((/** @type {number} */ all, /** @type {any} */ file) => all + file[name], 0);
    announce(
      t("import.told", {
        state: t(`import.state.${this.shown.state}`),
        taken: sum("taken"),
        duplicates: sum("duplicates"),
        refused: sum("refused"),
      }),
    );
    if (mayRead()) void this.readList();
  }

  async readList(more = false) {
    const { signal } = this.context;
    this.listError = undefined;
    try {
      const params = { limit: PAGE, cursor: more ? this.cursor : undefined };
      const page = await get("/api/v1/imports", params, { signal });
      this.imports = [...(more ? (this.imports ?? []) : []), ...page.imports];
      this.cursor = page.next_cursor;
    } catch (error) {
      if (isAborted(error)) return;
      this.listError = error;
    }
    this.draw();
  }

  /** An import has ended: its place in the list is renewed, and the pages behind it stay. */
  async renewList() {
    if (!this.imports) return this.readList();
    try {
      const page = await get("/api/v1/imports", { limit: PAGE }, { signal: this.context.signal });
      const ids = new Set(page.imports.map((/** @type {any} */ one) => one.id));
      const others = this.imports.filter(({ id }) => !ids.has(id));
      // If none is the same, there may be others between.
      const isJoined = others.length < this.imports.length;
      this.imports = isJoined ? [...page.imports, ...others] : page.imports;
      if (!isJoined || others.length === 0) this.cursor = page.next_cursor;
      this.draw();
    } catch {
      // The list stays as it is.
    }
  }

  /** @param {FileList | File[]} files */
  choose(files) {
    if (files.length === 0 || this.sending) return;
    this.files = [...files];
    this.refused = undefined;
    this.draw();
    announce(t("import.chosen", { n: this.files.length }));
  }

  /** @param {DragEvent} event @param {boolean} isOver */
  dragged(event, isOver) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const isInside = isOver || event.relatedTarget !== null;
    if (isInside === this.isOver) return;
    this.isOver = isInside;
    this.draw();
  }

  /** @param {DragEvent} event */
  dropped(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.isOver = false;
    this.choose(event.dataTransfer.files);
    this.draw();
  }

  /** Sends the chosen files. The same rows twice are no harm, so it may be tried again. @param {boolean} [dryRun] */
  async send(dryRun = this.options.dry_run) {
    if (this.files.length === 0 || this.sending) return;
    const form = new FormData();
    // Fields come first: the server reads them before the files.
    for (const [name, value] of Object.entries({ ...this.options, dry_run: dryRun })) {
      if (value) form.append(name, String(value));
    }
    for (const file of this.files) form.append("file", file, file.name);
    const sending = { stop: new AbortController(), share: 0 };
    Object.assign(this, { sending, refused: undefined, shown: undefined, watching: "" });
    this.context.setQuery({ import: null });
    this.draw();
    try {
      const progress = (/** @type {number} */ share) => {
        sending.share = share;
        this.draw();
      };
      const started = await upload(form, { signal: sending.stop.signal, progress });
      this.sending = undefined;
      if (this.context.signal.aborted) return;
      this.shown = started;
      if (started.ended !== undefined) this.tell();
      this.context.setQuery({ import: started.id }, { push: true });
      this.draw();
      this.root.querySelector("#account")?.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.sending = undefined;
      if (!isAborted(error)) {
        this.refused = error;
        // A read of JSON leads to the form for logins.
        if (error instanceof ApiError && error.status === 401) void get("/api/v1/imports").catch(() => undefined);
      }
      this.draw();
    }
  }

  async cancel() {
    try {
      this.shown = await send("POST", `/api/v1/imports/${encodeURIComponent(this.shown.id)}/cancel`, {});
      this.tell();
    } catch (error) {
      this.refused = error;
    }
    this.draw();
  }

  draw() {
    if (this.context.signal.aborted) return;
    render(
      html`${mayImport() ? this.chooser() : html`<p>${t("import.readers")}</p>`}
        <div id="account">${this.account()}</div>
        ${mayRead() ? this.list() : nothing} ${formats()}`,
      this.root,
    );
  }

  chooser() {
    const { files, sending } = this;
    const choose = (/** @type {Event} */ event) => {
      const field = /** @type {HTMLInputElement} */ (event.currentTarget);
      this.choose(field.files ?? []);
    };
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      void this.send();
    };
    const size = (/** @type {File} */ file) => t("import.size", { n: Math.ceil(file.size / 1024) });
    return html`<form class="panel import" @submit=${submit} aria-label=${t("import.files")}>
      <label class="drop ${this.isOver ? "drop-over" : ""}">
        ${icon("upload")} <span>${t("import.choose")}</span>
        <span class="muted">${t("import.drop")}</span>
        <input type="file" multiple @change=${choose} ?disabled=${sending !== undefined} />
      </label>
      ${
        files.length
          ? html`<ul class="import-files" aria-label=${t("import.chosen", { n: files.length })}>
              ${files.map((file) => html`<li><span class="name">${shownName(file.name)}</span> ${size(file)}</li>`)}
            </ul>`
          : nothing
      }
      ${optionFields(this.options, () => this.draw())}
      ${this.refused ? failed(this.refused, files.length ? () => void this.send() : undefined) : nothing}
      ${sending ? this.progress(sending.share) : nothing}
      <div class="row">
        <button type="submit" class="primary" ?disabled=${files.length === 0 || sending !== undefined}>
          ${t(this.options.dry_run ? "import.try" : "import.start")}
        </button>
        ${
          sending
            ? html`<button type="button" @click=${() => sending.stop.abort()}>${icon("close")} ${t("cancel")}</button>`
            : nothing
        }
      </div>
    </form>`;
  }

  /** @param {number} share */
  progress(share) {
    const percent = Math.floor(share * 100);
    const text = percent < 100 ? t("import.sending", { n: percent }) : t("import.reading");
    // Without a value it shows that something goes on, and not how far it is.
    return html`<p class="import-progress">
      <progress max="100" value=${percent < 100 ? percent : nothing} aria-label=${text}></progress> <span>${text}</span>
    </p>`;
  }

  account() {
    if (this.shownError) return failed(this.shownError, () => void this.watch(this.id));
    if (!this.shown) return this.id && !this.sending ? loading() : nothing;
    const { shown } = this;
    const isRunning = shown.ended === undefined;
    const since = duration(Date.now() / 1000 - shown.created);
    const done = { done: shown.files.length, n: shown.files_total };
    const running = isRunning
      ? html`<p class="import-progress">
            <progress aria-label=${t("import.reading")}></progress>
            <span>${t("import.running", { ...done, since })}</span>
            ${mayImport() ? html`<button type="button" @click=${() => this.cancel()}>${t("import.cancel")}</button>` : nothing}
          </p>
          ${this.isLost ? html`<p class="error-text" role="status">${t("import.lost")}</p>` : nothing}`
      : nothing;
    const canSendNow = shown.dry_run && !isRunning && 0 < this.files.length && mayImport();
    const now = canSendNow
      ? html`<button type="button" class="primary" @click=${() => void this.send(false)}>${t("import.now")}</button>`
      : nothing;
    return account(shown, { running, now, close: () => this.context.setQuery({ import: null }, { push: true }) });
  }

  list() {
    if (this.listError) return failed(this.listError, () => void this.readList());
    if (!this.imports) return loading();
    const more = this.cursor ? () => void this.readList(true) : undefined;
    return html`${list(this.imports, this.id, more)}
    ${this.imports.length ? html`<p class="muted">${t("import.count", { n: this.imports.length })}</p>` : nothing}`;
  }
}
