//! The built-in rules, and how often each raised an alert.

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::alerts::{AlertStore, RuleState};
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::privacy::Sight;
use crate::report::ReceivedAt;
use crate::views::native::Utc;

/// All built-in rules.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertRules)]
pub(super) struct Rules {
    /// In the order of the configuration.
    rules: Vec<RuleRow>,
}

/// A built-in rule.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertRule)]
struct RuleRow {
    /// The kind of its alerts, as in the list of alerts.
    #[schema(example = "APSPOOF")]
    rule: &'static str,
    /// Its key in `[alerts]`.
    #[schema(example = "apspoof")]
    key: &'static str,
    /// What raises an alert, for people.
    description: &'static str,
    /// `on`, `off`, or `idle`: on, but its settings name nothing to look for.
    state: RuleMode,
    /// Its rate, as the configuration has it.
    #[schema(example = "10/min,1/sec")]
    rate: Box<str>,
    /// Class of its alerts.
    class: &'static str,
    /// Severity of its alerts.
    severity: &'static str,
    /// `IEEE802.11` or `Bluetooth`. Absent if it looks at both.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phy: Option<&'static str>,
    /// Its further settings, by their keys in `[alerts]`. Empty for those who do not see everything.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    settings: Map<String, Value>,
    /// How many of the stored alerts it raised.
    alerts: usize,
    /// When it raised the latest of them, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_raised: Option<u64>,
    /// The same, in ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    last_raised_utc: Option<Utc>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AlertRuleState)]
#[serde(rename_all = "snake_case")]
enum RuleMode {
    On,
    Off,
    Idle,
}

impl RuleRow {
    fn of(state: RuleState, raised: &[ReceivedAt]) -> Self {
        let rule = state.rule;
        let last = raised.iter().max().map(|at| at.time());
        Self {
            rule: rule.header(),
            key: rule.key(),
            description: rule.description(),
            state: match (state.is_on, state.has_subject) {
                (false, _) => RuleMode::Off,
                (true, false) => RuleMode::Idle,
                (true, true) => RuleMode::On,
            },
            rate: state.rate,
            class: rule.class().name(),
            severity: state.severity.name(),
            phy: rule.phy().map(crate::report::Phy::name),
            settings: state.settings,
            alerts: raised.len(),
            last_raised: last.map(|last| last.seconds().into()),
            last_raised_utc: last.map(Utc),
        }
    }
}

/// `GET /api/v1/alerts/rules`: the built-in rules.
pub(in crate::http) async fn list(
    State(store): State<AlertStore>,
    sight: Sight,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let raised = store.times_by_kind();
    let row = |mut state: RuleState| {
        // They have names and addresses, of which some may be those that are not shown.
        if !sight.is_of_everything() {
            state.settings.clear();
        }
        let of_rule = raised.get(state.rule.header());
        RuleRow::of(state, of_rule.map_or(&[], Vec::as_slice))
    };
    Json::compact(&Rules {
        rules: store.rules().into_iter().map(row).collect(),
    })
}
