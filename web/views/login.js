// The form for a name and a password. It leads back to where one wanted to go.
import { html, nothing, render } from "../vendor/lit.js";
import { ApiError, current, logIn } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { go, href } from "../lib/router.js";
import { reason } from "../lib/ui.js";

/** @type {import("../lib/router.js").View} */
export default {
  title: () => t("login.title"),
  mount(root, context) {
    /** @type {unknown} */
    let error;
    let isBusy = false;
    let waitS = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let waiting;

    /** @param {SubmitEvent} event */
    const submit = async (event) => {
      event.preventDefault();
      if (isBusy || 0 < waitS) return;
      const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
      isBusy = true;
      error = undefined;
      draw();
      try {
        await logIn(String(form.get("username")), String(form.get("password")));
        if (!context.signal.aborted) go(next(context.query.get("next")), { replace: true });
        return;
      } catch (failure) {
        error = failure;
        if (failure instanceof ApiError && failure.retryAfterS) countDown(failure.retryAfterS);
      }
      isBusy = false;
      draw();
      root.querySelector("input")?.focus();
    };

    /** @param {number} seconds */
    const countDown = (seconds) => {
      clearInterval(waiting);
      waitS = seconds;
      waiting = setInterval(() => {
        waitS -= 1;
        if (waitS <= 0) {
          clearInterval(waiting);
          error = undefined;
        }
        draw();
      }, 1000);
    };

    const message = () => {
      if (0 < waitS) return t("login.wait", { n: waitS });
      if (!(error instanceof ApiError)) return reason(error);
      return error.code === "wrong_password" ? t("login.wrong") : reason(error);
    };

    const draw = () => {
      if (context.signal.aborted) return;
      const { login_possible: isPossible, login_required: isRequired } = current();
      render(
        html`<div class="panel narrow">
          ${isRequired ? html`<p>${t("login.why")}</p>` : nothing}
          ${isPossible ? nothing : html`<p>${t("login.none")}</p>`}
          <form class="login" method="post" @submit=${submit}>
            <div class="field">
              <label for="username">${t("login.name")}</label>
              <input
                id="username"
                name="username"
                autocomplete="username"
                autocapitalize="none"
                spellcheck="false"
                required
                aria-describedby=${error ? "login-error" : nothing}
              />
            </div>
            <div class="field">
              <label for="password">${t("login.password")}</label>
              <input id="password" name="password" type="password" autocomplete="current-password" required />
            </div>
            <p id="login-error" class="error-text" role="alert">${error ? message() : nothing}</p>
            <button class="primary" type="submit" aria-disabled=${isBusy || 0 < waitS}>${t("login")}</button>
          </form>
          <details>
            <summary>${t("login.first")}</summary>
            <p>${t("login.first.body")}</p>
            <pre tabindex="0" aria-label=${t("login.first")}><code>scanpost user set-password</code></pre>
          </details>
        </div>`,
        root,
      );
    };
    draw();
    root.querySelector("input")?.focus();
    return {
      update: draw,
      unmount: () => clearInterval(waiting),
    };
  },
};

/**
 * Where to go after the login: within this page only.
 * @param {string | null} wanted
 */
function next(wanted) {
  if (!wanted || !URL.canParse(wanted, location.origin)) return href("overview");
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : href("overview");
}
