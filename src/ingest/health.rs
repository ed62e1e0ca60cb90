//! How well each scanner reports, as far as the log does not say: values that were left out, and its clock.
//!
//! Counted since the start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::decode::Notes;
use crate::bounded::BoundedMap;
use crate::report::SourceId;

/// Counts by source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceHealth(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    ignored_by_field: BTreeMap<&'static str, u64>,
    sources: BoundedMap<SourceId, Health>,
}

/// How well a source reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many values of each field were left out because they cannot be used.
    pub ignored_by_field: BTreeMap<&'static str, u64>,
    /// By how many seconds its clock is ahead, if its latest reports said a time that cannot be right.
    pub clock_offset_s: Option<i64>,
}

impl SourceHealth {
    /// Room for `sources_max` sources; past it, the one that reported longest ago is forgotten.
    pub fn new(sources_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            ignored_by_field: BTreeMap::new(),
            sources: BoundedMap::new(sources_max),
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
}
