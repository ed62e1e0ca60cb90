//! Reports of single sources that stay for a shorter or a longer time than those of the others.

use std::collections::BTreeSet;

use super::*;
use crate::report::Rejected;

/// The source of batches whose number leaves this rest when it is divided by three.
fn source(rest: u64) -> SourceId {
    wifi_batch(rest).source
}

fn rule(rests: &[u64], received_before: u64) -> SourceExpiry {
    SourceExpiry {
        sources: rests.iter().map(|rest| source(*rest)).collect(),
        received_before: ReceivedAt::from_micros(received_before),
    }
}

/// Lets those go that were received before these times, counted from the first batch. Everything is in a snapshot.
fn expiry(of_others: u64, by_source: Vec<SourceExpiry>) -> Expiry {
    Expiry {
        received_before: ReceivedAt::from_micros(of_others),
        by_source,
        size_max_bytes: u64::MAX,
        observations_min: 0,
        up_to: LogPosition(u64::MAX),
        remembered_from: LogPosition(1),
        is_trial: false,
    }
}

/// Expires until nothing is left to do. Returns how many observations went.
fn run(log: &mut Log, expiry: &Expiry) -> u64 {
    let mut observations = 0;
    loop {
        let expired = log.expire(expiry).unwrap();
        observations += expired.observations;
        if expired.is_done {
            return observations;
        }
    }
}

/// The positions of the records that have reports.
fn with_reports(log: &Log) -> Vec<u64> {
    let entries = replayed(log, LogPosition::START).into_iter();
    let full = entries.filter(|entry| !entry.reports().is_empty());
    full.map(|entry| entry.position.get()).collect()
}

/// Checks the contract of every backend: nine batches of three sources in turn, of which each has two reports.
fn contract(log: &mut Log) {
    let all = log.append((1..=9).map(wifi).collect()).unwrap();
    let short = expiry(0, vec![rule(&[1], BEGIN + 7)]);
    // A trial deletes nothing.
    let trial = Expiry {
        is_trial: true,
        ..short.clone()
    };
    assert!(log.expire(&trial).unwrap().is_done);
    assert_eq!(with_reports(log), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // What is in no snapshot stays.
    let early = Expiry {
        up_to: LogPosition(3),
        ..short.clone()
    };
    run(log, &early);
    assert!(with_reports(log).contains(&4));
    run(log, &short);
    assert_eq!(with_reports(log), [2, 3, 5, 6, 7, 8, 9]);
    assert_eq!(run(log, &short), 0);
    for entry in replayed(log, LogPosition::START) {
        let place = usize::try_from(entry.position.get()).unwrap() - 1;
        if !entry.reports().is_empty() {
            assert_eq!(entry, all[place]);
        }
    }

    // One source keeps its reports for ever, and the newest five of the others stay.
    let long = Expiry {
        observations_min: 5,
        ..expiry(BEGIN + 100, vec![rule(&[2], 0)])
    };
    run(log, &long);
    assert_eq!(with_reports(log), [2, 5, 7, 8, 9]);
    // The first rule that names a source counts. The newest observation of the log stays.
    let two = vec![rule(&[2], BEGIN + 5), rule(&[2, 0, 1], BEGIN + 100)];
    run(log, &expiry(0, two));
    assert_eq!(with_reports(log), [5, 8, 9]);
    let next = log.append(vec![wifi(10)]).unwrap();
    assert_eq!(next[0].position.get(), 10);
    assert_eq!(with_reports(log), [5, 8, 9, 10]);
    // Without rules, the rest goes as ever.
    run(log, &expiry(BEGIN + 10, Vec::new()));
    assert_eq!(with_reports(log), [10]);
    assert_eq!(log.expired_to().unwrap().get(), 9);
}

#[test]
fn sources_in_memory_have_rules_of_their_own() {
    contract(&mut Log::in_memory(usize::MAX));
}

#[test]
fn sources_on_disk_have_rules_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    contract(&mut log);
}

#[track_caller]
fn expect_sound(directory: &Path) {
    let checked = LogReader::open(directory).unwrap().verify().unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

/// A log in which one source has no reports any more.
fn thinned(directory: &Path) -> Log {
    let mut log = Log::in_directory(directory).unwrap();
    // One commit has several records, and the last of another one is thinned.
    log.append((1..=6).map(wifi).collect()).unwrap();
    for first in [7, 9] {
        log.append(vec![wifi(first), wifi(first + 1)]).unwrap();
    }
    log.append(vec![wifi(11), wifi(12)]).unwrap();
    assert_eq!(run(&mut log, &expiry(0, vec![rule(&[2], BEGIN + 100)])), 8);
    log
}

#[test]
fn a_log_without_the_reports_of_a_source_is_sound_and_the_same_when_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let log = thinned(directory.path());
    let before = replayed(&log, LogPosition::START);
    assert_eq!(before.len(), 12);
    expect_sound(directory.path());
    drop(log);
    let mut log = Log::in_directory(directory.path()).unwrap();
    assert_eq!(replayed(&log, LogPosition::START), before);
    // Who sends such a batch again hears what was accepted.
    let receipt = log.receipt(LogPosition(5)).unwrap().unwrap();
    assert_eq!(receipt.accepted, 2);
    let refused: Vec<Rejected> = wifi_batch(5).rejected;
    assert_eq!(receipt.rejected, refused);
    assert_eq!(log.resendable(100).unwrap().batches.len(), 12);
    log.append(vec![wifi(13)]).unwrap();
    drop(log);
    expect_sound(directory.path());
}

#[test]
fn what_is_missing_without_a_rule_is_found() {
    let directory = tempfile::tempdir().unwrap();
    drop(thinned(directory.path()));
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    db.execute("DELETE FROM observations WHERE record = 4", [])
        .unwrap();
    let checked = LogReader::open(directory.path()).unwrap().verify().unwrap();
    let found: Vec<_> = checked
        .findings
        .listed()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        found.contains(&"batch 4 has 0 observations, not the 2 that were accepted".to_owned()),
        "{found:?}"
    );
    // Reports that are changed are found too, also right behind missing ones of an earlier commit.
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    db.execute(
        "UPDATE observations SET time = time + 1 WHERE record = 9",
        [],
    )
    .unwrap();
    let checked = LogReader::open(directory.path()).unwrap().verify().unwrap();
    let found: Vec<_> = checked
        .findings
        .listed()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        found
            .iter()
            .any(|finding| finding.contains("from 9 to 10 do not match their chain")),
        "{found:?}"
    );
}

#[test]
fn an_erasure_in_a_log_without_the_reports_of_a_source_leaves_it_sound() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = thinned(directory.path());
    let order = EraseOrder {
        address: Some("00:11:22:33:44:55".parse().unwrap()),
        ..EraseOrder::default()
    };
    let (erased, _) = log.erase(&order).unwrap();
    assert_eq!(erased.observations, 8);
    drop(log);
    expect_sound(directory.path());
    let mut log = Log::in_directory(directory.path()).unwrap();
    let order = EraseOrder {
        source: Some(source(2)),
        ..EraseOrder::default()
    };
    log.erase(&order).unwrap();
    drop(log);
    expect_sound(directory.path());
}

#[test]
fn a_source_that_a_rule_names_later_loses_its_old_reports_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append((1..=9).map(wifi).collect()).unwrap();
    let names = |rests: &[u64]| expiry(0, vec![rule(rests, BEGIN + 7)]);
    run(&mut log, &names(&[1]));
    assert_eq!(with_reports(&log), [2, 3, 5, 6, 7, 8, 9]);
    // The name of a rule can be that of another scanner now.
    run(&mut log, &names(&[1, 2]));
    assert_eq!(with_reports(&log), [3, 6, 7, 8, 9]);
    let nobody = SourceExpiry {
        sources: BTreeSet::new(),
        received_before: ReceivedAt::from_micros(BEGIN + 100),
    };
    assert_eq!(run(&mut log, &expiry(0, vec![nobody])), 0);
}

#[test]
fn a_trial_over_a_long_log_tells_whether_much_is_due() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.skip_syncs();
    // More than one step looks at: 2400 batches, of which a third has 2 reports each.
    log.append((1..=2400).map(wifi).collect()).unwrap();
    let trial = |log: &mut Log, before: u64| {
        let expiry = Expiry {
            is_trial: true,
            ..expiry(0, vec![rule(&[1], BEGIN + before)])
        };
        let mut tries = 0;
        loop {
            let trial = log.expire(&expiry).unwrap();
            tries += 1;
            if !trial.is_undecided {
                return (trial.is_done, tries);
            }
        }
    };
    // 1600 are due, which is less than one step deletes.
    assert_eq!(trial(&mut log, 3000), (true, 3));
    assert_eq!(with_reports(&log).len(), 2400);
    // Each of these has 20 reports.
    let large = |number: u64| {
        let batch = wifi_batch(number);
        let reports = (0..10).flat_map(|_| batch.reports.clone()).collect();
        record(number, Batch { reports, ..batch })
    };
    log.append((2401..=3600).map(large).collect()).unwrap();
    let (is_done, _) = trial(&mut log, 5000);
    assert!(!is_done);
    assert_eq!(
        run(&mut log, &expiry(0, vec![rule(&[1], BEGIN + 5000)])),
        1600 + 8000
    );
    expect_sound(directory.path());
}
