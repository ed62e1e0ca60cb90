//! Imports give way to what scanners report meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use crate::ingest::Ingest;

/// While scanners report, an import rests so many times as long as it has worked. So it takes at most a fifth of the time.
const REST_PER_WORK: u32 = 4;
/// The longest rest for a report, so that a scanner that reports now and then hardly slows an import down.
const REST_PER_REPORT: Duration = Duration::from_millis(20);
/// The longest rest, so that an import that waited for something goes on soon.
const REST_MAX: Duration = Duration::from_millis(500);

/// Notices whether scanners report while an import works.
pub(super) struct Courtesy<'c> {
    ingest: &'c Ingest,
    submitted: u64,
    since: Instant,
}

impl<'c> Courtesy<'c> {
    pub(super) fn new(ingest: &'c Ingest) -> Self {
        Self {
            ingest,
            submitted: ingest.submitted(),
            since: Instant::now(),
        }
    }

    /// Whether scanners have reported since the last rest.
    pub(super) fn is_due(&self) -> bool {
        self.submitted != self.ingest.submitted()
    }

    /// Rests as long as the work and the reports since the last rest ask for.
    pub(super) fn rest(&mut self) {
        let reports = self.ingest.submitted() - self.submitted;
        thread::sleep(rest_after(self.since.elapsed(), reports));
        self.submitted = self.ingest.submitted();
        self.since = Instant::now();
    }
}

fn rest_after(work: Duration, reports: u64) -> Duration {
    let reports = u32::try_from(reports).unwrap_or(u32::MAX);
    work.saturating_mul(REST_PER_WORK)
        .min(REST_PER_REPORT.saturating_mul(reports))
        .min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_longer_than_the_work_and_has_bounds() {
        let ms = Duration::from_millis;
        assert_eq!(rest_after(ms(10), 2), ms(40));
        assert_eq!(rest_after(ms(124), 25), ms(496));
        assert_eq!(rest_after(ms(126), 26), ms(500));
        assert_eq!(rest_after(Duration::MAX, u64::MAX), ms(500));
    }

    #[test]
    fn a_few_reports_hardly_slow_an_import_down() {
        let ms = Duration::from_millis;
        assert_eq!(rest_after(ms(1000), 1), ms(20));
        assert_eq!(rest_after(ms(1000), 24), ms(480));
        assert_eq!(rest_after(ms(1000), 26), ms(500));
    }
}
