// The rules that raise alerts.
import { html, nothing } from "../vendor/lit.js";
import { when } from "../lib/format.js";
import { has, number, t } from "../lib/i18n.js";
import { icon, table } from "../lib/ui.js";

/** @type {Record<string, string>} */
export const SEVERITY_ICONS = { info: "info", low: "info", medium: "bell", high: "warning", critical: "warning" };
/** @type {Record<string, string>} */
const RULE_ICONS = { on: "ok", idle: "pause", off: "close" };

/** @param {any[]} rules */
export function ruleTable(rules) {
  /** @type {import("../lib/ui.js").Column<any>[]} */
  const columns = [
    { key: "rule", label: t("alerts.rule"), cell: (row) => html`<span class="mono">${row.rule}</span>`, heading: true },
    {
      key: "state",
      label: t("alerts.rule_state"),
      cell: (row) =>
        html`<span class="rule-${row.state}" title=${t(`alerts.rule_note.${row.state}`)}
          >${icon(RULE_ICONS[row.state] ?? "question")} ${t(`alerts.rule_state.${row.state}`)}</span
        >`,
    },
    {
      key: "description",
      label: t("alerts.what"),
      cell: (row) => (has(`alerts.what.${row.rule}`) ? t(`alerts.what.${row.rule}`) : row.description),
    },
    {
      key: "severity",
      label: t("alerts.severity"),
      cell: (row) => html`${icon(SEVERITY_ICONS[row.severity] ?? "bell")} ${t(`alerts.severity.${row.severity}`)}`,
    },
    {
      key: "rate",
      label: t("alerts.rate"),
      cell: (row) => (row.state === "off" ? nothing : html`<span class="mono">${row.rate}</span>`),
    },
    {
      key: "alerts",
      label: t("alerts.raised"),
      cell: (row) => (row.alerts ? number(row.alerts) : nothing),
      numeric: true,
    },
    { key: "last", label: t("alerts.last"), cell: (row) => when(row.last_raised) },
  ];
  const active = rules.filter(({ state }) => state === "on").length;
  return html`<details class="panel rules">
    <summary>
      <h2>${t("alerts.rules")}</h2>
      <span class="muted">${t("alerts.rules_on", { n: active })}</span>
    </summary>
    <p class="muted">${t("alerts.rules_note")}</p>
    ${table({ caption: t("alerts.rules_caption"), columns, rows: rules })}
  </details>`;
}
