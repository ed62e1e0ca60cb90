//! What became of uploads and their reports since the start, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::decode::field_of;
use super::format::UploadReceipt;
use crate::report::Rejected;

/// How many fields are counted one by one.
const FIELDS_MAX: usize = 64;

/// Counts of uploads and reports. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outcomes(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    /// Refused reports by the field that is wrong.
    rejected: Mutex<BTreeMap<String, u64>>,
    /// Refused uploads by the code of the error.
    refused: Mutex<BTreeMap<String, u64>>,
}

impl Outcomes {
    /// Counts the reports of an upload that was accepted.
    pub fn accept(&self, receipt: &UploadReceipt) {
        let new = receipt.accepted - receipt.duplicates.min(receipt.accepted);
        add(&self.0.accepted, new);
        add(&self.0.duplicates, receipt.duplicates);
        // The refused reports of a resent upload were counted before.
        if !receipt.is_duplicate {
            self.reject(&receipt.rejected);
        }
    }

    /// Counts refused reports.
    pub fn reject(&self, rejected: &[Rejected]) {
        if rejected.is_empty() {
            return;
        }
        let mut counts = lock(&self.0.rejected);
        for Rejected { reason, .. } in rejected {
            let field = field_of(reason);
            let is_field = field.len() <= 32
                && field
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            let has_room = counts.len() < FIELDS_MAX || counts.contains_key(field);
            let field = if is_field && has_room { field } else { "other" };
            match counts.get_mut(field) {
                Some(count) => *count += 1,
                None => drop(counts.insert(field.to_owned(), 1)),
            }
        }
    }

    /// Counts an upload that was refused as a whole.
    pub fn refuse(&self, code: &'static str) {
        *lock(&self.0.refused).entry(code.to_owned()).or_default() += 1;
    }

    /// Reports that are new, duplicates and refused ones.
    pub fn reports(&self) -> BTreeMap<String, u64> {
        let rejected = lock(&self.0.rejected).values().sum();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        BTreeMap::from([
            ("accepted".to_owned(), load(&self.0.accepted)),
            ("duplicate".to_owned(), load(&self.0.duplicates)),
            ("rejected".to_owned(), rejected),
        ])
    }

    /// Refused reports by the field that is wrong.
    pub fn rejected_by_field(&self) -> BTreeMap<String, u64> {
        lock(&self.0.rejected).clone()
    }

    /// Refused uploads by the code of the error.
    pub fn refused_by_code(&self) -> BTreeMap<String, u64> {
        lock(&self.0.refused).clone()
    }
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn lock(counts: &Mutex<BTreeMap<String, u64>>) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_field_and_what_is_no_field_is_other() {
        let rejected = |reasons: &[&str]| {
            let reasons = reasons.iter().enumerate();
            reasons
                .map(|(index, reason)| Rejected {
                    index,
                    reason: (*reason).into(),
                })
                .collect::<Vec<_>>()
        };
        let outcomes = Outcomes::default();
        let receipt = UploadReceipt {
            accepted: 3,
            duplicates: 1,
            rejected: rejected(&["bssid: missing", "bssid: x", "a sentence without a field"]),
            is_duplicate: false,
        };
        outcomes.accept(&receipt);
        let fields = outcomes.rejected_by_field();
        assert_eq!((fields["bssid"], fields["other"]), (2, 1));
        let reports = outcomes.reports();
        assert_eq!((reports["accepted"], reports["duplicate"]), (2, 1));
        assert_eq!(reports["rejected"], 3);

        let many: Vec<_> = (0..100).map(|number| format!("f{number}: x")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        outcomes.reject(&rejected(&many));
        assert!(outcomes.rejected_by_field().len() <= FIELDS_MAX + 1);
    }
}
