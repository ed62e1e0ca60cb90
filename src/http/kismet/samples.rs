//! What is sampled every second for the graphs of Kismet's page.

use std::sync::{Mutex, PoisonError};

use crate::metrics::{self, Metrics};
use crate::report::UnixTime;
use crate::views::kismet::History;

/// Histories of the last day.
#[derive(Debug, Default)]
pub(in crate::http) struct Samples(Mutex<Histories>);

#[derive(Clone, Debug, Default)]
struct Histories {
    memory_kb: History,
    devices: History,
    /// Reports received in each second.
    reports: History,
    reports_total: u64,
}

impl Samples {
    /// Takes the samples of this second.
    pub(in crate::http) fn take(&self, metrics: &Metrics, reports_total: u64, now: UnixTime) {
        let values = (
            super::system::memory_kb(metrics),
            metrics.sum(&metrics::DEVICES),
        );
        self.with(|histories| {
            histories.memory_kb.add(now, values.0);
            histories.devices.add(now, values.1);
            // A rate needs a total before it.
            let received = match histories.reports.gap_s(now) {
                None => 0,
                Some(gap_s) => {
                    let more = reports_total.saturating_sub(histories.reports_total);
                    more.div_ceil(gap_s.max(1).into())
                }
            };
            histories.reports.add(now, received);
            histories.reports_total = reports_total;
        });
    }

    /// Memory and devices up to now, and what they are now.
    pub(super) fn memory_and_devices(
        &self,
        now: UnixTime,
        (memory_kb, devices): (u64, u64),
    ) -> (History, History) {
        let mut histories = self.with(|histories| histories.clone());
        histories.memory_kb.add(now, memory_kb);
        histories.devices.add(now, devices);
        (histories.memory_kb, histories.devices)
    }

    /// Reports received in each second.
    pub(in crate::http) fn reports(&self) -> History {
        self.with(|histories| histories.reports.clone())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Histories) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
