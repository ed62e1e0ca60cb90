//! The judge alone, and the whole fold over restarts.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::log::{Record, Resendable, What};
use crate::report::{Batch, BatchIdentity, SourceId};

const DAY: Duration = Duration::from_secs(86_400);

fn source(number: u128) -> SourceId {
    SourceId::new(Uuid::from_u128(number))
}

/// A batch without reports. The key 0 is none.
fn batch(from: u128, key: u8, seconds: u64) -> Record {
    let batch = Batch {
        source: source(from),
        source_name: None,
        technology: None,
        identity: (key != 0).then(|| BatchIdentity::of_key(source(from), &[key])),
        reports: Vec::new(),
        rejected: Vec::new(),
    };
    let at = ReceivedAt::from_micros(seconds * 1_000_000);
    Record::new(Uuid::nil(), at, What::Reports(batch))
}

fn judge(batches_max: usize, age_max: Duration, sources_max: usize) -> Judge {
    let window = ResendWindow {
        batches_max,
        age_max,
    };
    let past = Resendable::default();
    Judge::new(window, LogPosition::START, past, [], sources_max)
}

fn apply(position: u64) -> Verdict {
    Verdict::Apply(LogPosition::new(position))
}

fn duplicate_of(position: u64) -> Verdict {
    Verdict::DuplicateOf(LogPosition::new(position))
}

/// How many of ten batches, one each second, are recognised in the last second.
#[track_caller]
fn check_recognised(batches_max: usize, age_s: u64, expected: u8) {
    let mut judge = judge(batches_max, Duration::from_secs(age_s), 9);
    for key in 1..=10 {
        assert_eq!(judge.judge(&batch(1, key, key.into())), apply(key.into()));
        judge.confirm();
    }
    for key in 1..=10 {
        let is_recognised = judge.judge(&batch(1, key, 10)) == duplicate_of(key.into());
        judge.revert();
        assert_eq!(is_recognised, 10 - expected < key, "{key}");
    }
}

#[test]
fn the_window_is_bounded_by_count_and_by_age() {
    check_recognised(10, 100, 10);
    check_recognised(3, 100, 3);
    check_recognised(10, 4, 5);
    check_recognised(10, 0, 1);
    check_recognised(0, 4, 0);
}

#[test]
fn the_clock_is_the_logs_and_goes_only_forwards() {
    let mut judge = judge(10, Duration::from_secs(4), 9);
    assert_eq!(judge.judge(&batch(1, 1, 100)), apply(1));
    // This one came at 90 by a clock that was set back: for the log it is 100.
    assert_eq!(judge.judge(&batch(1, 2, 90)), apply(2));
    assert_eq!(judge.judge(&batch(1, 2, 104)), duplicate_of(2));
    // A duplicate is not logged, so it does not move the clock.
    assert_eq!(judge.judge(&batch(1, 1, 90)), duplicate_of(1));
    assert_eq!(judge.judge(&batch(1, 1, 105)), apply(3));
    assert_eq!(judge.judge(&batch(1, 1, 90)), duplicate_of(3));
    assert_eq!(judge.judge(&batch(1, 2, 90)), apply(4), "now it is 105");
}

#[test]
fn what_the_log_refused_was_never_judged() {
    let mut judge = judge(10, DAY, 2);
    let refused = Verdict::Refused(TooManySources { max: 2 });
    assert_eq!(judge.judge(&batch(1, 1, 100)), apply(1));
    judge.confirm();
    for _ in 0..2 {
        assert_eq!(judge.judge(&batch(2, 1, 900_000)), apply(2));
        assert_eq!(judge.judge(&batch(1, 1, 900_000)), apply(3), "too old");
        assert_eq!(judge.judge(&batch(3, 0, 900_000)), refused);
        judge.revert();
        assert_eq!(judge.judge(&batch(1, 1, 100)), duplicate_of(1));
    }
    assert_eq!(judge.judge(&batch(3, 0, 100)), apply(2));
    assert_eq!(judge.judge(&batch(2, 0, 100)), refused);
}
