//! A scanner.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fix, Utc};
use crate::report::{ReceivedAt, SourceId};
use crate::tracker::{Device, Source, SourceNumber, Tracker};

/// Who stands behind the numbers of sources.
#[derive(Debug)]
pub struct SourceNames(HashMap<SourceNumber, (SourceId, Box<str>)>);

impl SourceNames {
    /// Those that saw a device.
    pub fn of(device: &Device, tracker: &Tracker) -> Self {
        let numbers = device.seen_by.iter().map(|seen| seen.source);
        let sources = numbers.filter_map(|number| tracker.source_by_number(number));
        Self(
            sources
                .map(|source| (source.number, (source.id, source.name)))
                .collect(),
        )
    }

    pub(super) fn get(&self, number: SourceNumber) -> Option<&(SourceId, Box<str>)> {
        self.0.get(&number)
    }
}

/// A scanner, and how well it reports.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// What is tracked of it.
    pub source: Source,
    /// By how many seconds its clock is ahead, if its latest reports said a time that cannot be right.
    pub clock_offset_s: Option<i64>,
    /// How many values were left out of its reports since the start because they cannot be used.
    pub values_ignored: u64,
    /// Mean time between its requests, in seconds, once it is known.
    pub expected_interval_s: Option<u64>,
    /// Whether it is silent for longer than usual.
    pub is_silent: bool,
    /// Whether it is marked as paused. Its reports are accepted all the same.
    pub is_paused: bool,
    /// How many of its reports are of the last hour, by their own time.
    pub reports_last_hour: u64,
    /// How many reports were accepted since the start, and how many of them were late.
    pub accepted: (u64, u64),
    /// How many requests, and how many reports of others, were refused since the start.
    pub refused: (u64, u64),
    /// The latest refusal since the start: when, the code and the text of the error.
    pub last_refusal: Option<(ReceivedAt, &'static str, Box<str>)>,
    /// The program that sends its reports, as it calls itself.
    pub user_agent: Option<Box<str>>,
}

/// What is known of a scanner, but for where it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SourceFacts)]
struct SourceFacts<'s> {
    /// Its UUID.
    source: String,
    /// The name that somebody gave it, or else the one that it sends.
    name: &'s str,
    /// The name that it sends, if somebody gave it another one.
    sent_name: Option<&'s str>,
    /// `IEEE802.11` or `Bluetooth`.
    phy: &'static str,
    /// How many it sent.
    reports: u64,
    /// How many of the tracked devices it has seen.
    devices: u64,
    /// By the server's clock, in seconds since 1970.
    first_contact: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    first_contact_utc: Utc,
    /// By the server's clock, in seconds since 1970.
    last_contact: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    last_contact_utc: Utc,
    /// By how many seconds its clock is ahead, if its latest reports said a time that cannot be right.
    clock_offset_s: Option<i64>,
    /// How many values were left out of its reports since the start because they cannot be used.
    values_ignored: u64,
    /// Mean time between its requests in seconds, without single long or short pauses. `null` while it has sent too few.
    expected_interval_s: Option<u64>,
    /// Since when it is silent, in seconds since 1970: its last contact. `null` while it is not late. It is late after
    /// `alerts.sourcesilent_factor` times its longest recent pause, and not before `alerts.sourcesilent_least`.
    silent_since: Option<u64>,
    /// The same, in ISO 8601.
    #[schema(value_type = Option<String>)]
    silent_since_utc: Option<Utc>,
    /// Whether it is marked as paused. Its reports are accepted all the same.
    paused: bool,
    /// How many of its reports are of the last hour, by their own time.
    reports_last_hour: u64,
    /// Share of its reports since the start whose time was more than a minute before their receipt, from 0 to 1. `null`
    /// without any.
    late_share: Option<f64>,
    /// How many of its requests were refused as a whole since the start. Anybody who may report can name a source in a
    /// request that is refused.
    requests_refused: u64,
    /// How many of its reports were refused since the start.
    reports_refused: u64,
    /// When something was refused last since the start, in seconds since 1970.
    last_refused: Option<u64>,
    /// The same, in ISO 8601.
    #[schema(value_type = Option<String>)]
    last_refused_utc: Option<Utc>,
    /// The code of that error, or `bad_report` if only reports were refused.
    last_refused_code: Option<&'static str>,
    /// The text of that error, at most 256 bytes of it.
    last_refused_error: Option<&'s str>,
    /// The program that sends its reports, as it calls itself in `User-Agent`: at most 256 bytes of the latest one since
    /// the start.
    user_agent: Option<&'s str>,
}

/// A scanner.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub struct SourceRow<'s> {
    #[serde(flatten)]
    facts: SourceFacts<'s>,
    /// Where it stood last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    position: Option<Fix>,
}

/// The names of the values of a [`SourceCells`], in their order.
pub const SOURCE_COLUMNS: [&str; 28] = [
    "source",
    "name",
    "sent_name",
    "phy",
    "reports",
    "devices",
    "first_contact",
    "first_contact_utc",
    "last_contact",
    "last_contact_utc",
    "clock_offset_s",
    "values_ignored",
    "expected_interval_s",
    "silent_since",
    "silent_since_utc",
    "paused",
    "reports_last_hour",
    "late_share",
    "requests_refused",
    "reports_refused",
    "last_refused",
    "last_refused_utc",
    "last_refused_code",
    "last_refused_error",
    "user_agent",
    "lat",
    "lon",
    "alt_m",
];

/// A source in one row of a table, with nothing inside of anything.
#[derive(Clone, Debug, Serialize)]
pub struct SourceCells<'s> {
    #[serde(flatten)]
    facts: SourceFacts<'s>,
    #[serde(flatten)]
    position: Option<Fix>,
}

impl<'s> SourceFacts<'s> {
    fn of(scanner: &'s Scanner) -> Self {
        let source = &scanner.source;
        let (first, last) = (source.first_contact.time(), source.last_contact.time());
        let silent_since = scanner.is_silent.then_some(last);
        let refusal = scanner.last_refusal.as_ref();
        let refused_at = refusal.map(|(at, ..)| at.time());
        let (accepted, late) = scanner.accepted;
        Self {
            source: source.id.to_string(),
            name: &source.name,
            sent_name: source.sent_name.as_deref(),
            phy: source.phy.name(),
            reports: source.reports,
            devices: source.devices,
            first_contact: first.seconds().into(),
            first_contact_utc: Utc(first),
            last_contact: last.seconds().into(),
            last_contact_utc: Utc(last),
            clock_offset_s: scanner.clock_offset_s,
            values_ignored: scanner.values_ignored,
            expected_interval_s: scanner.expected_interval_s,
            silent_since: silent_since.map(|since| since.seconds().into()),
            silent_since_utc: silent_since.map(Utc),
            paused: scanner.is_paused,
            reports_last_hour: scanner.reports_last_hour,
            late_share: share(late, accepted),
            requests_refused: scanner.refused.0,
            reports_refused: scanner.refused.1,
            last_refused: refused_at.map(|at| at.seconds().into()),
            last_refused_utc: refused_at.map(Utc),
            last_refused_code: refusal.map(|(_, code, _)| *code),
            last_refused_error: refusal.map(|(.., error)| &**error),
            user_agent: scanner.user_agent.as_deref(),
        }
    }
}

/// A part of a whole, with four digits.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more digits than a float has"
)]
fn share(part: u64, whole: u64) -> Option<f64> {
    let share = part as f64 / whole as f64;
    (0 < whole).then(|| (share * 1e4).round() / 1e4)
}

impl<'s> SourceRow<'s> {
    /// The row of a source.
    pub fn of(scanner: &'s Scanner) -> Self {
        Self {
            facts: SourceFacts::of(scanner),
            position: scanner.source.place.map(|place| place.value.into()),
        }
    }
}

impl<'s> SourceCells<'s> {
    /// The cells of a source.
    pub fn of(scanner: &'s Scanner) -> Self {
        let SourceRow { facts, position } = SourceRow::of(scanner);
        Self { facts, position }
    }
}
