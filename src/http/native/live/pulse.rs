//! The counters that live streams send. One task counts them once a second for all streams. It rests while no stream is
//! open.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::PageParts;
use crate::http::clock::now;
use crate::report::{Phy, SourceId};

/// Counters that are younger than this are good enough.
const FRESH: Duration = Duration::from_millis(900);
/// After so long without a stream, nobody remembers which sources were silent.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// Changes of sources that are kept for streams that have not told them yet.
const CHANGES_MAX: usize = 256;

/// The latest counters.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Beats>);

#[derive(Debug, Default)]
struct Beats {
    last: Option<Beat>,
    silent: HashSet<SourceId>,
    /// The newest last.
    changes: VecDeque<SourceChange>,
    /// How many changes there were ever.
    changes_count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Beat {
    at: Instant,
    reports: u64,
    counters: Counters,
}

/// What a page shows at its top.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Counters {
    devices: u64,
    reports_per_second: f64,
    sources_up: usize,
    sources_silent: usize,
    alerts_open: usize,
}

/// A source that fell silent, or is heard again.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceChange {
    pub(super) source: SourceId,
    pub(super) is_silent: bool,
}

impl Pulse {
    /// The present counters, and how many changes of sources there were ever.
    pub(super) fn read(&self, parts: &PageParts) -> (Counters, u64) {
        let mut beats = self.beats();
        let at = Instant::now();
        let counters = match beats.last {
            Some(last) if at.duration_since(last.at) < FRESH => last.counters,
            _ => beats.count(parts, at),
        };
        (counters, beats.changes_count)
    }

    /// The changes of sources after the first `known` ones, and how many of them are not kept any more.
    pub(super) fn changes_after(&self, known: u64) -> (Vec<SourceChange>, u64) {
        let beats = self.beats();
        let new = beats.changes_count.saturating_sub(known);
        let kept = usize::try_from(new)
            .unwrap_or(usize::MAX)
            .min(beats.changes.len());
        let changes = beats.changes.iter().skip(beats.changes.len() - kept);
        let lost = new.saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX));
        (changes.copied().collect(), lost)
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beats {
    fn count(&mut self, parts: &PageParts, at: Instant) -> Counters {
        let tracker = &parts.tracker;
        let totals = Phy::ALL.map(|phy| tracker.totals(phy));
        let reports: u64 = totals.iter().map(|totals| totals.reports).sum();
        let (silent, sources_up) = tracker.silent_sources(parts.silence, parts.started_at, now());
        let silent: HashSet<_> = silent.into_iter().collect();
        let before = self
            .last
            .filter(|last| at.duration_since(last.at) < FORGOTTEN);
        if before.is_some() {
            let fell_silent = silent.difference(&self.silent).map(|source| (source, true));
            let heard_again = self
                .silent
                .difference(&silent)
                .map(|source| (source, false));
            let changes: Vec<_> = fell_silent
                .chain(heard_again)
                .map(|(&source, is_silent)| SourceChange { source, is_silent })
                .collect();
            self.changes_count += u64::try_from(changes.len()).unwrap_or(u64::MAX);
            self.changes.extend(changes);
            let excess = self.changes.len().saturating_sub(CHANGES_MAX);
            self.changes.drain(..excess);
        }
        let counters = Counters {
            devices: totals.iter().map(|totals| totals.devices).sum(),
            reports_per_second: before.map_or(0.0, |before| {
                let new = reports.saturating_sub(before.reports);
                rate(new, at.duration_since(before.at))
            }),
            sources_up,
            sources_silent: silent.len(),
            alerts_open: parts.alerts.open_count(),
        };
        self.silent = silent;
        self.last = Some(Beat {
            at,
            reports,
            counters,
        });
        counters
    }
}

/// So many a second, with one digit.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more digits than a float has"
)]
fn rate(count: u64, time: Duration) -> f64 {
    (count as f64 / time.as_secs_f64() * 10.0).round() / 10.0
}
