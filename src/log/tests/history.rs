//! The history of single devices, with the index and without.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::report::{Bssid, Report};

/// So few that a short log has many runs.
const ROWS: usize = 16;
const DEVICES: u8 = 5;

fn open(directory: &Path) -> Log {
    let log = Log::in_directory_with(directory, LogOptions { index_rows: ROWS }).unwrap();
    log.skip_syncs();
    log
}

fn addr(device: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, device])
}

/// A batch with a report of each of these devices at these times.
fn batch(number: u64, seen: &[(u8, u32)]) -> Record {
    let mut batch = wifi_batch(number);
    let reports = seen.iter().map(|(device, time)| {
        let mut report = batch.reports[0].clone();
        report.time = UnixTime::new(1_700_000_000 + time);
        let crate::report::Sighting::Wifi(wifi) = &mut report.sighting else {
            unreachable!("it is a Wi-Fi batch")
        };
        wifi.bssid = Bssid::try_from(addr(*device)).unwrap();
        report
    });
    let reports: Vec<Report> = reports.collect();
    batch.reports = reports;
    batch.identity = None;
    record(number, batch)
}

/// Batches of one report of each device.
fn batches(numbers: std::ops::Range<u64>) -> Vec<Record> {
    let seen: Vec<_> = (0..DEVICES).map(|device| (device, 1)).collect();
    numbers.map(|number| batch(number, &seen)).collect()
}

/// Waits until the index is complete, and returns how many runs it has.
fn settle(log: &Log) -> usize {
    let Log::Sqlite(log) = log else {
        unreachable!("it is in a directory")
    };
    log.settle_index()
}

/// Lets the batches of one source expire that were received before a time.
fn thin(log: &mut Log, source: u64, received_before: u64) {
    let rule = SourceExpiry {
        sources: [wifi_batch(source).source].into(),
        received_before: ReceivedAt::from_micros(BEGIN + received_before),
    };
    let expiry = Expiry {
        received_before: ReceivedAt::from_micros(0),
        by_source: vec![rule],
        size_max_bytes: u64::MAX,
        observations_min: 0,
        up_to: LogPosition(u64::MAX),
        remembered_from: LogPosition(u64::MAX),
        is_trial: false,
    };
    while !log.expire(&expiry).unwrap().is_done {}
}

fn runs(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(directory.join("history")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// All reports of a device in the log, with their positions, the newest first: by reading the log to its end.
fn slowly(log: &Log, device: u8) -> Vec<(LogPosition, Report)> {
    let mut found = Vec::new();
    for entry in replayed(log, LogPosition::START) {
        let of_device = |report: &&Report| report.device().addr == addr(device);
        for report in entry.reports().iter().filter(of_device) {
            found.push((entry.position, report.clone()));
        }
    }
    // Reports of the same second are ordered by their places in the log.
    found.reverse();
    found.sort_by_key(|(_, report)| std::cmp::Reverse(report.time));
    found
}

fn query(device: u8, count: usize) -> HistoryQuery {
    HistoryQuery {
        addr: addr(device),
        since: UnixTime::new(0),
        until: UnixTime::new(u32::MAX),
        before: None,
        count,
    }
}

fn read(history: &History, query: &HistoryQuery) -> Vec<(LogPosition, Report)> {
    let read = history.read(query, || false).unwrap();
    let report = |one: LoggedObservation| (one.entry.position, one.entry.reports()[0].clone());
    read.into_iter().map(report).collect()
}

/// Compares what the index finds of every device with what is in the log.
#[track_caller]
fn expect_sound(log: &Log) {
    let history = log.history().unwrap();
    for device in 0..DEVICES {
        let all = slowly(log, device);
        assert_eq!(read(&history, &query(device, 10_000)), all, "{device}");
        // The same in pages.
        let mut paged = Vec::new();
        let mut page = query(device, 7);
        loop {
            let observed = history.read(&page, || false).unwrap();
            page.before = observed.last().map(|last| last.key);
            let is_last = observed.len() < page.count;
            paged.extend(
                observed
                    .into_iter()
                    .map(|one| (one.entry.position, one.entry.reports()[0].clone())),
            );
            if is_last {
                break;
            }
        }
        assert_eq!(paged, all, "{device}");
        // Between two times, both included.
        let (since, until) = (UnixTime::new(1_700_000_010), UnixTime::new(1_700_000_030));
        let between = HistoryQuery {
            since,
            until,
            ..query(device, 10_000)
        };
        let in_time =
            |(_, report): &&(LogPosition, Report)| since <= report.time && report.time <= until;
        let expected: Vec<_> = all.iter().filter(in_time).cloned().collect();
        assert_eq!(read(&history, &between), expected, "{device}");
        expect_points(&history, device, &all);
    }
}

/// Reads the points of a chart in pieces, and compares them with the observations.
#[track_caller]
fn expect_points(history: &History, device: u8, all: &[(LogPosition, Report)]) {
    let mut wanted = PointQuery {
        addr: addr(device),
        since: UnixTime::new(0),
        until: UnixTime::new(u32::MAX),
        after: None,
        count: 9,
    };
    let mut found = Vec::new();
    loop {
        let points = history.points(&wanted, || false).unwrap();
        found.extend_from_slice(&points);
        wanted.after = points.last().map(|last| last.key);
        if points.len() < wanted.count {
            break;
        }
    }
    found.reverse();
    assert_eq!(found.len(), all.len());
    for (point, (_, report)) in found.iter().zip(all) {
        let place = |position: Position| (position.lat_e7(), position.lon_e7());
        assert_eq!(point.key.time, report.time);
        assert_eq!(point.signal, report.signal);
        assert_eq!(point.channel, report.channel);
        assert_eq!(point.position.map(place), report.position.map(place));
        assert_eq!(point.security, Some(SecurityClass::Wpa2Personal));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<(u8, u32)>>),
    /// Lets batches of so many parts of the log, in percent, expire.
    Expire(u64),
    /// The same, of one source only.
    Thin(u64, u64),
    Reopen,
    Settle,
    /// Changes a byte of one of the files.
    Damage(usize, u64),
    /// Cuts one of the files off.
    CutOff(usize, u64),
    DeleteAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seen = (0..DEVICES, 0..50_u32);
    let batches = proptest::collection::vec(proptest::collection::vec(seen, 0..30), 1..12);
    let step = prop_oneof![
        10 => batches.prop_map(Step::Append),
        2 => (0..101_u64).prop_map(Step::Expire),
        3 => (0..3_u64, 0..101_u64).prop_map(|(source, percent)| Step::Thin(source, percent)),
        2 => Just(Step::Reopen),
        4 => Just(Step::Settle),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(file, at)| Step::Damage(file, at)),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(file, at)| Step::CutOff(file, at)),
        1 => Just(Step::DeleteAll),
    ];
    proptest::collection::vec(step, 1..25)
}

/// One of the files. The builder may delete it meanwhile.
fn some_file(directory: &Path, number: usize) -> Option<(fs::File, u64)> {
    let files = runs(directory);
    let path = files.get(number.checked_rem(files.len())?)?;
    let file = OpenOptions::new().write(true).read(true).open(path).ok()?;
    let length = file.metadata().unwrap().len();
    Some((file, length))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_index_finds_what_is_in_the_log_whatever_happens(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open(directory.path());
        let mut number = 0;
        for step in steps {
            match step {
                Step::Append(batches) => {
                    let records = batches.iter().map(|seen| {
                        number += 1;
                        batch(number, seen)
                    });
                    log.append(records.collect()).unwrap();
                }
                Step::Expire(percent) => {
                    expire(&mut log, number * percent / 100 + 1, u64::MAX, u64::MAX);
                }
                Step::Thin(source, percent) => {
                    thin(&mut log, source, number * percent / 100 + 1);
                }
                Step::Reopen => {
                    drop(log);
                    log = open(directory.path());
                }
                Step::Settle => drop(settle(&log)),
                Step::Damage(file, at) => {
                    if let Some((file, length)) = some_file(directory.path(), file) {
                        let at = at % length.max(1);
                        let mut byte = [0];
                        if file.read_exact_at(&mut byte, at).is_ok() {
                            file.write_all_at(&[!byte[0]], at).unwrap();
                        }
                    }
                }
                Step::CutOff(file, at) => {
                    if let Some((file, length)) = some_file(directory.path(), file) {
                        file.set_len(at % length.max(1)).unwrap();
                    }
                }
                Step::DeleteAll => {
                    // A failure of the builder would be repeated only after a pause.
                    settle(&log);
                    fs::remove_dir_all(directory.path().join("history")).ok();
                }
            }
            expect_sound(&log);
        }
        settle(&log);
        expect_sound(&log);
    }
}

#[test]
fn rows_go_to_runs_and_runs_are_merged_to_few() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    assert_eq!(settle(&log), 0);
    assert!(!directory.path().join("history").exists());
    for first in (0..3000).step_by(10) {
        log.append(batches(first..first + 10)).unwrap();
        settle(&log);
    }
    let count = settle(&log);
    // 15 000 rows are 937 full lists, which are 512 + 6 * 64 + 5 * 8 + 1.
    assert_eq!(count, 1 + 6 + 5 + 1);
    assert_eq!(runs(directory.path()).len(), count);
    expect_sound(&log);
    let bytes: u64 = runs(directory.path())
        .iter()
        .map(|run| run.metadata().unwrap().len())
        .sum();
    assert!(bytes < 12 * 15_000, "{bytes} bytes");

    drop(log);
    let log = open(directory.path());
    assert_eq!(settle(&log), count);
    expect_sound(&log);
}

#[test]
fn a_log_without_an_index_gets_one_and_is_readable_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    log.append(batches(0..500)).unwrap();
    settle(&log);
    drop(log);
    fs::remove_dir_all(directory.path().join("history")).unwrap();
    let log = open(directory.path());
    expect_sound(&log);
    assert!(0 < settle(&log));
    expect_sound(&log);
    // All rows but the last few are in runs now.
    let last = runs(directory.path()).pop().unwrap();
    assert!(last.to_string_lossy().ends_with("9c4.run"), "{last:?}");
}

/// A log with runs, and its files.
fn with_runs() -> (TempDir, Vec<(PathBuf, Vec<u8>)>) {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    log.append(batches(0..20)).unwrap();
    assert_eq!(settle(&log), 6);
    drop(log);
    let files = runs(directory.path()).into_iter();
    let files = files.map(|path| (path.clone(), fs::read(path).unwrap()));
    let files = files.collect();
    (directory, files)
}

#[test]
fn what_a_crash_leaves_of_a_merge_is_removed() {
    let (directory, inputs) = with_runs();
    let mut log = open(directory.path());
    log.append(batches(20..40)).unwrap();
    assert_eq!(settle(&log), 5);
    drop(log);
    let merged = runs(directory.path());
    // The inputs are there once more, and so is a merge that was not finished.
    for (path, content) in &inputs {
        fs::write(path, content).unwrap();
    }
    let unfinished = directory.path().join("history").join("1-2.unfinished");
    fs::write(&unfinished, "").unwrap();
    let log = open(directory.path());
    assert_eq!(runs(directory.path()), merged);
    expect_sound(&log);
}

#[test]
fn runs_of_another_log_or_of_another_past_are_not_used() {
    let (directory, files) = with_runs();
    let (other, _) = with_runs();
    for (path, content) in &files {
        let name = path.file_name().unwrap();
        fs::write(other.path().join("history").join(name), content).unwrap();
    }
    let log = open(other.path());
    expect_sound(&log);
    assert_eq!(settle(&log), 7);
    expect_sound(&log);

    // The log goes back to an earlier backup and continues in another way.
    let backup = tempfile::tempdir().unwrap();
    fs::copy(
        directory.path().join("scanpost.db"),
        backup.path().join("scanpost.db"),
    )
    .unwrap();
    let mut log = open(directory.path());
    log.append(batches(20..60)).unwrap();
    settle(&log);
    drop(log);
    fs::copy(
        backup.path().join("scanpost.db"),
        directory.path().join("scanpost.db"),
    )
    .unwrap();
    let mut log = open(directory.path());
    expect_sound(&log);
    log.append(vec![batch(100, &[(3, 1); 300])]).unwrap();
    expect_sound(&log);
    settle(&log);
    expect_sound(&log);
}

#[test]
fn an_index_that_does_not_fit_the_log_is_built_again() {
    let (directory, _) = with_runs();
    let log = open(directory.path());
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    // Nothing does that. The index still has the old addresses.
    db.execute_batch("UPDATE observations SET address = address + 1 WHERE address % 2 = 0")
        .unwrap();
    let history = log.history().unwrap();
    let is_right = |device| read(&history, &query(device, 1000)) == slowly(&log, device);
    assert!(is_right(2));
    settle(&log);
    expect_sound(&log);
}

#[test]
fn runs_of_rows_that_have_expired_are_deleted() {
    let (directory, _) = with_runs();
    let mut log = open(directory.path());
    expire(&mut log, 18, u64::MAX, u64::MAX);
    assert_eq!(settle(&log), 1);
    assert_eq!(runs(directory.path()).len(), 1);
    expect_sound(&log);
    // Row numbers are given again after the last one.
    expire(&mut log, 100, u64::MAX, u64::MAX);
    log.append(batches(30..50)).unwrap();
    expect_sound(&log);
    settle(&log);
    expect_sound(&log);
}

#[test]
fn rows_of_a_source_that_have_expired_are_not_found_and_the_runs_stay() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    log.append(batches(0..900)).unwrap();
    settle(&log);
    let before = runs(directory.path());
    // Two of three rows of each device are gone, also the one that a run is recognised by.
    for source in [0, 1] {
        thin(&mut log, source, 10_000);
    }
    assert_eq!(slowly(&log, 1).len(), 300);
    expect_sound(&log);
    settle(&log);
    assert_eq!(runs(directory.path()), before);
    drop(log);
    let log = open(directory.path());
    assert_eq!(runs(directory.path()), before);
    expect_sound(&log);
}

#[test]
fn a_log_may_have_no_index() {
    let (directory, files) = with_runs();
    let options = LogOptions { index_rows: 0 };
    let mut log = Log::in_directory_with(directory.path(), options).unwrap();
    log.append(batches(20..40)).unwrap();
    assert_eq!(settle(&log), 0);
    expect_sound(&log);
    drop(log);
    // The files are used again when there is one.
    assert_eq!(runs(directory.path()).len(), files.len());
    let log = open(directory.path());
    expect_sound(&log);
    assert!(0 < settle(&log));
    expect_sound(&log);
}

#[test]
fn a_read_that_nobody_waits_for_ends() {
    let (directory, _) = with_runs();
    let log = open(directory.path());
    let history = log.history().unwrap();
    let ended = history.read(&query(1, 10), || true);
    assert!(matches!(ended, Err(LogError::Failed(_))), "{ended:?}");
}
