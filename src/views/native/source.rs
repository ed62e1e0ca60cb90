//! A scanner.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fix, Utc};
use crate::report::SourceId;
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
}

/// What is known of a scanner, but for where it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SourceFacts)]
struct SourceFacts<'s> {
    /// Its UUID.
    source: String,
    /// What it calls itself.
    name: &'s str,
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
pub const SOURCE_COLUMNS: [&str; 14] = [
    "source",
    "name",
    "phy",
    "reports",
    "devices",
    "first_contact",
    "first_contact_utc",
    "last_contact",
    "last_contact_utc",
    "clock_offset_s",
    "values_ignored",
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
        Self {
            source: source.id.to_string(),
            name: &source.name,
            phy: source.phy.name(),
            reports: source.reports,
            devices: source.devices,
            first_contact: first.seconds().into(),
            first_contact_utc: Utc(first),
            last_contact: last.seconds().into(),
            last_contact_utc: Utc(last),
            clock_offset_s: scanner.clock_offset_s,
            values_ignored: scanner.values_ignored,
        }
    }
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
