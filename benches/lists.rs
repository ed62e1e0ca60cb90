//! Cost of a page of devices when there are many.
//!
//! ```text
//! cargo bench --bench lists
//! ```
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::convert::Infallible;
use std::env;
use std::time::{Duration, Instant, SystemTime};

use scanpost::log::Log;
use scanpost::tracker::{Seen, Tracker, Walk};
use support::stats::median;
use support::{Result, fill};

const DEVICES: u32 = 1_000_000;
const HEARD_WITHIN_S: u64 = 1000;
const PAGE: usize = 100;
const RUNS: usize = 21;

fn main() -> Result<()> {
    if !env::args().any(|argument| argument == "--bench") {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let now = SystemTime::now();
    println!("{DEVICES} devices, heard within {HEARD_WITHIN_S} s:");
    measure(|first| {
        now + Duration::from_secs(HEARD_WITHIN_S * u64::from(first) / u64::from(DEVICES))
    })?;
    println!("{DEVICES} devices, heard in one second:");
    measure(|_| now)
}

/// Measures pages. `at` gives the time at which the device with a number was heard.
fn measure(at: impl Fn(u32) -> SystemTime) -> Result<()> {
    let tracker = support::set_up::tracker();
    let mut log = Log::in_memory(0);
    for first in (0..DEVICES).step_by(fill::REPORTS_PER_BATCH as usize) {
        for entry in log.append(vec![fill::batch_at(at(first), first, DEVICES)?])? {
            tracker.apply(&entry);
        }
    }
    let first_ms = timed(|| seen_last(&tracker, None).len());
    println!("The {PAGE} seen last: {first_ms:.2} ms.");
    let middle = seen_last(&tracker, None);
    let before = middle.last().copied();
    let second_ms = timed(|| seen_last(&tracker, before).len());
    println!("The {PAGE} behind them: {second_ms:.2} ms.");
    let scan_ms = timed(|| {
        let (mut walk, mut reports) = (Walk::over_all(), 0);
        while tracker.look_at_next(&mut walk, &mut |device| reports += device.reports) {}
        usize::try_from(reports).unwrap_or_default()
    });
    println!("A look at each device, as other orders need: {scan_ms:.0} ms.");
    Ok(())
}

/// Median of several runs, in milliseconds.
fn timed(mut run: impl FnMut() -> usize) -> f64 {
    let runs = (0..RUNS).map(|_| {
        let started = Instant::now();
        std::hint::black_box(run());
        started.elapsed().as_secs_f64() * 1e3
    });
    median(runs.collect())
}

fn seen_last(tracker: &Tracker, before: Option<Seen>) -> Vec<Seen> {
    let never = || Ok::<_, Infallible>(());
    let Ok(seen) = tracker.seen_last(PAGE, before, |_| true, never);
    seen
}
