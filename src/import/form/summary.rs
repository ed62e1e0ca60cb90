//! What forms that summarise devices share: a first and a last time, and one place.

use crate::import::clock::{WrittenTime, written_time};
use crate::import::rows::{Context, Row};
use crate::import::values::{Draft, Place};
use crate::import::zone::{Civil, Zone};
use crate::report::UnixTime;

/// Tells that local times were taken as UTC, because nothing names their zone.
pub(super) const TAKEN_AS_UTC: &str = "times taken as UTC";

/// The rows of a summary: when the device was first seen, without a place and a signal, and when it was last seen. One
/// row if the times are equal, or if one of them is missing.
pub(super) fn rows(
    first: Option<UnixTime>,
    mut last: Draft<'_>,
    context: &Context<'_>,
) -> Vec<Row> {
    last.marks.is_summary = true;
    let first = first.filter(|first| last.time.is_some_and(|last| *first < last));
    let mut rows = Vec::with_capacity(2);
    if let Some(first) = first {
        let earlier = Draft {
            time: Some(first),
            signal_dbm: None,
            place: Place::default(),
            ..last.clone()
        };
        rows.push(earlier.into_row(context));
    }
    rows.push(last.into_row(context));
    rows
}

/// The zone of local times: the one that came with the file, else the one that the file tells, else UTC.
pub(super) struct LocalZone<'z> {
    zone: Option<&'z Zone>,
    told: Option<Zone>,
    is_assumed: bool,
}

impl<'z> LocalZone<'z> {
    pub(super) fn new(context: &Context<'z>, told: Option<Zone>) -> Self {
        Self {
            zone: context.zone,
            told,
            is_assumed: false,
        }
    }

    /// What the file itself tells comes first: it knows its clock.
    fn zone(&mut self) -> &Zone {
        self.is_assumed |= self.told.is_none() && self.zone.is_none();
        match (&self.told, self.zone) {
            (Some(told), _) => told,
            (None, Some(zone)) => zone,
            (None, None) => &Zone::UTC,
        }
    }

    pub(super) fn time(&mut self, civil: Civil) -> Option<UnixTime> {
        self.zone().time_of(civil)
    }

    /// A time that names its zone does not need another one.
    pub(super) fn written(&mut self, written: WrittenTime) -> Option<UnixTime> {
        match written.offset_s {
            Some(_) => written.time(&Zone::UTC),
            None => self.time(written.civil),
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) -> Option<UnixTime> {
        self.written(written_time(text)?)
    }

    /// What whoever sent the file should know.
    pub(super) fn notes(&self) -> Vec<&'static str> {
        self.is_assumed
            .then_some(TAKEN_AS_UTC)
            .into_iter()
            .collect()
    }
}

/// Offsets of local times from UTC, of which the commonest counts.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// How often each number of quarters of an hour was found.
    counts: std::collections::BTreeMap<i64, u32>,
}

impl Offsets {
    /// How many pairs of times have to agree.
    const COUNT_MIN: u32 = 3;
    const QUARTER_S: i64 = 900;
    /// No place on earth is further from UTC.
    const QUARTERS_MAX: i64 = 14 * 4;

    /// Takes a time that is known in both.
    pub(super) fn add(&mut self, local: Civil, unix_s: i64) {
        let Some(local_s) = local.seconds_as_utc() else {
            return;
        };
        let quarters = (local_s - unix_s + Self::QUARTER_S / 2).div_euclid(Self::QUARTER_S);
        if quarters.abs() <= Self::QUARTERS_MAX {
            *self.counts.entry(quarters).or_default() += 1;
        }
    }

    /// The zone, if enough times agree.
    pub(super) fn zone(&self) -> Option<Zone> {
        let (quarters, count) = self.counts.iter().max_by_key(|(_, count)| **count)?;
        let offset_s = i32::try_from(quarters * Self::QUARTER_S).ok()?;
        (Self::COUNT_MIN <= *count).then_some(Zone::Offset(offset_s))
    }
}

/// The security that one word names: `WPA2`, `WEP`, `None`. Brackets make it the notation of capabilities.
pub(super) fn capabilities_of_word(word: &str) -> String {
    match word.trim() {
        "" | "?" => String::new(),
        word if word.eq_ignore_ascii_case("unknown") => String::new(),
        word if word.starts_with('[') => word.to_owned(),
        word if word.eq_ignore_ascii_case("none") || word.eq_ignore_ascii_case("open") => {
            "[ESS]".to_owned()
        }
        word if word.eq_ignore_ascii_case("wep") => "[WEP][ESS]".to_owned(),
        word => format!("[{}]", word.to_ascii_uppercase()),
    }
}

/// Whether a name stands for a hidden name, such as `(hidden)`.
pub(super) fn is_hidden(name: &str) -> bool {
    let name = name.trim();
    name.is_empty()
        || ["(no SSID)", "(hidden)", "(null)", "<hidden>"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
}
