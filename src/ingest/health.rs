//! How well each scanner reports, as far as the log does not say: refusals, late reports, values that were left out, its
//! clock and its program.
//!
//! Counted since the start, in bounded memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::decode::{Notes, field_of};
use crate::bounded::BoundedMap;
use crate::report::{Batch, ReceivedAt, Rejected, SourceId};

/// A report is late if its time is so much before its receipt.
const LATE: Duration = Duration::from_secs(60);
/// Refused fields that are counted one by one for each source.
const FIELDS_MAX: usize = 16;
/// Longest text of a refusal, and longest name of a program, in bytes. Clients choose both.
const TEXT_BYTES_MAX: usize = 256;
/// Refusals that are kept of senders that name no known source.
const UNATTRIBUTED_MAX: usize = 20;

/// Counts by source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceHealth(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    ignored_by_field: BTreeMap<&'static str, u64>,
    sources: BoundedMap<SourceId, Health>,
    /// The newest last.
    unattributed: VecDeque<Unattributed>,
}

/// How well a source reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many values of each field were left out because they cannot be used.
    pub ignored_by_field: BTreeMap<&'static str, u64>,
    /// By how many seconds its clock is ahead, if its latest reports said a time that cannot be right.
    pub clock_offset_s: Option<i64>,
    /// How many reports were accepted.
    pub reports: u64,
    /// How many of them were late.
    pub late: u64,
    /// How many requests were refused as a whole, by the code of the error.
    pub requests_refused: BTreeMap<&'static str, u64>,
    /// How many reports were refused in requests that were not, by the field that is wrong.
    pub reports_refused: BTreeMap<Box<str>, u64>,
    /// The latest refusal.
    pub last_refusal: Option<Refusal>,
    /// The program that sends its reports, as it calls itself.
    pub user_agent: Option<Box<str>>,
}

/// Something that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: ReceivedAt,
    /// The code of the error. `bad_report` if only reports were refused.
    pub code: &'static str,
    /// The text of the error, cut to a bounded length.
    pub error: Box<str>,
}

/// A refused request that names no known source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unattributed {
    /// What was refused.
    pub refusal: Refusal,
    /// The program that sent it, as it calls itself.
    pub user_agent: Option<Box<str>>,
}

/// What the acceptance of a batch says of its source.
#[derive(Clone, Debug)]
pub struct Arrival {
    source: SourceId,
    reports: u64,
    late: u64,
    rejected: Vec<Rejected>,
    at: ReceivedAt,
}

impl Arrival {
    /// Of a batch that was received at `at`.
    pub fn of(batch: &Batch, at: ReceivedAt) -> Self {
        let late_s = u32::try_from(LATE.as_secs()).unwrap_or(u32::MAX);
        let on_time_from = at.time().seconds().saturating_sub(late_s);
        let reports = batch.reports.iter();
        let late = reports.filter(|report| report.time.seconds() < on_time_from);
        Self {
            source: batch.source,
            reports: count(batch.reports.len()),
            late: count(late.count()),
            rejected: batch.rejected.clone(),
            at,
        }
    }
}

impl Refusal {
    /// With an error of any length.
    pub fn new(at: ReceivedAt, code: &'static str, error: &str) -> Self {
        let error = cut(error).into();
        Self { at, code, error }
    }
}

impl Health {
    fn refuse_reports(&mut self, rejected: &[Rejected], at: ReceivedAt) {
        for Rejected { reason, .. } in rejected {
            let field = field_of(reason);
            let has_room = self.reports_refused.len() < FIELDS_MAX;
            let is_known = self.reports_refused.contains_key(field);
            let field = if field.len() <= 32 && (has_room || is_known) {
                field
            } else {
                "other"
            };
            *self.reports_refused.entry(field.into()).or_default() += 1;
        }
        if let Some(last) = rejected.last() {
            self.last_refusal = Some(Refusal::new(at, "bad_report", &last.reason));
        }
    }
}

impl SourceHealth {
    /// Room for `sources_max` sources; past it, the one that reported longest ago is forgotten.
    pub fn new(sources_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            ignored_by_field: BTreeMap::new(),
            sources: BoundedMap::new(sources_max),
            unattributed: VecDeque::new(),
        })))
    }

    /// Adds the notes of an upload.
    pub fn note(&self, source: SourceId, notes: &Notes) {
        let mut counts = self.lock();
        let has_news = !notes.ignored_by_field.is_empty() || notes.clock_offset_s.is_some();
        if !has_news && !counts.sources.contains(&source) {
            return;
        }
        let counts = &mut *counts;
        let health = counts.sources.get_or_insert_with(source, Health::default);
        health.clock_offset_s = notes.clock_offset_s;
        for (field, count) in &notes.ignored_by_field {
            *health.ignored_by_field.entry(field).or_default() += count;
            *counts.ignored_by_field.entry(field).or_default() += count;
        }
    }

    /// Counts a batch that was accepted.
    pub fn arrive(&self, arrival: &Arrival, user_agent: Option<&[u8]>) {
        let mut counts = self.lock();
        let health = counts
            .sources
            .get_or_insert_with(arrival.source, Health::default);
        health.reports += arrival.reports;
        health.late += arrival.late;
        health.refuse_reports(&arrival.rejected, arrival.at);
        note_agent(&mut health.user_agent, user_agent);
    }

    /// Counts a request that was refused as a whole, with its refused reports. Nothing of it has to be true: it may name
    /// the source of somebody else.
    pub fn refuse(
        &self,
        source: SourceId,
        refusal: Refusal,
        rejected: &[Rejected],
        user_agent: Option<&[u8]>,
    ) {
        let mut counts = self.lock();
        let health = counts.sources.get_or_insert_with(source, Health::default);
        *health.requests_refused.entry(refusal.code).or_default() += 1;
        health.refuse_reports(rejected, refusal.at);
        // A reason says more than that there was no valid report.
        if rejected.is_empty() {
            health.last_refusal = Some(refusal);
        }
        note_agent(&mut health.user_agent, user_agent);
    }

    /// Remembers a refused request that names no known source.
    pub fn refuse_unattributed(&self, refusal: Refusal, user_agent: Option<&[u8]>) {
        let mut agent = None;
        note_agent(&mut agent, user_agent);
        let mut counts = self.lock();
        if UNATTRIBUTED_MAX <= counts.unattributed.len() {
            counts.unattributed.pop_front();
        }
        counts.unattributed.push_back(Unattributed {
            refusal,
            user_agent: agent,
        });
    }

    /// The latest refused requests that name no known source, the newest first.
    pub fn unattributed(&self) -> Vec<Unattributed> {
        self.lock().unattributed.iter().rev().cloned().collect()
    }

    /// How well a source reports.
    pub fn of(&self, source: SourceId) -> Health {
        self.lock()
            .sources
            .get(&source)
            .cloned()
            .unwrap_or_default()
    }

    /// How many values of each field were left out, of all sources.
    pub fn ignored_by_field(&self) -> BTreeMap<String, u64> {
        let counts = self.lock();
        let fields = counts.ignored_by_field.iter();
        fields
            .map(|(field, count)| ((*field).to_owned(), *count))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// Keeps what a program calls itself. Most requests say the same as the one before.
fn note_agent(known: &mut Option<Box<str>>, agent: Option<&[u8]>) {
    let Some(agent) = agent else { return };
    let is_known = known.as_deref().map(str::as_bytes) == Some(agent);
    if !is_known && !agent.is_empty() {
        *known = Some(cut(&String::from_utf8_lossy(agent)).into());
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn values_are_counted_by_source_and_field() {
        let source = |number| SourceId::new(Uuid::from_u128(number));
        let health = SourceHealth::new(2);
        let notes = |fields: &[&'static str], clock_offset_s| {
            let mut notes = Notes {
                clock_offset_s,
                ..Notes::default()
            };
            for field in fields {
                notes.ignore(1, Some(0), field, "odd");
            }
            notes
        };
        health.note(source(1), &notes(&["lat", "lat", "alt"], Some(5)));
        health.note(source(2), &notes(&["lat"], None));
        health.note(source(3), &notes(&[], None));
        assert_eq!(
            health.of(source(1)).ignored_by_field,
            BTreeMap::from([("alt", 1), ("lat", 2)])
        );
        assert_eq!(health.of(source(1)).clock_offset_s, Some(5));
        health.note(source(1), &notes(&[], None));
        assert_eq!(health.of(source(1)).clock_offset_s, None);
        health.note(source(3), &notes(&["lat"], None));
        assert_eq!(health.of(source(2)), Health::default(), "it made room");
        assert_eq!(health.ignored_by_field()["lat"], 4);
    }

    #[test]
    fn refusals_are_counted_and_their_texts_are_bounded() {
        let source = SourceId::new(Uuid::nil());
        let health = SourceHealth::new(2);
        let at = ReceivedAt::from_micros(9_000_000);
        let long = "é".repeat(1000);
        let refusal = Refusal::new(at, "not_a_report", &long);
        assert_eq!(refusal.error.len(), TEXT_BYTES_MAX);
        health.refuse(source, refusal.clone(), &[], Some(long.as_bytes()));
        let known = health.of(source);
        assert_eq!(known.requests_refused["not_a_report"], 1);
        assert_eq!(known.last_refusal, Some(refusal.clone()));
        assert_eq!(known.user_agent.unwrap().len(), TEXT_BYTES_MAX);

        let rejected: Vec<_> = (0..40)
            .map(|index| Rejected {
                index,
                reason: format!("f{index}: x").into(),
            })
            .collect();
        let nothing = Refusal::new(at, "no_valid_report", "no valid report");
        health.refuse(source, nothing, &rejected, Some(b"esp32"));
        let known = health.of(source);
        assert_eq!(known.reports_refused.len(), FIELDS_MAX + 1);
        assert_eq!(known.reports_refused.values().sum::<u64>(), 40);
        assert_eq!(&*known.last_refusal.unwrap().error, "f39: x");
        assert_eq!(known.user_agent.as_deref(), Some("esp32"));

        for _ in 0..2 * UNATTRIBUTED_MAX {
            health.refuse_unattributed(refusal.clone(), None);
        }
        health.refuse_unattributed(refusal, Some(b"newest"));
        let unattributed = health.unattributed();
        assert_eq!(unattributed.len(), UNATTRIBUTED_MAX);
        assert_eq!(unattributed[0].user_agent.as_deref(), Some("newest"));
    }
}
