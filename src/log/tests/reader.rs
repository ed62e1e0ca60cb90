//! Reads and checks a log that a server may be writing to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A directory with a log that no server uses. It has batches 1 to 6 with 2 observations each, but number 3 has 1.
fn written() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    let batches = vec![wifi(1), wifi(2), bluetooth(), wifi(4), wifi(5), wifi(6)];
    log.append(batches).unwrap();
    directory
}

/// Damages the log.
fn change(directory: &TempDir, statements: &str) {
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = off").unwrap();
    db.execute_batch(statements).unwrap();
}

fn verified(directory: &Path) -> Verification {
    LogReader::open(directory).unwrap().verify().unwrap()
}

#[track_caller]
fn finds(directory: &TempDir, expected: &[&str]) {
    let findings = verified(directory.path()).findings;
    let told: Vec<_> = findings.listed().iter().map(ToString::to_string).collect();
    assert_eq!(told, expected);
}

fn positions(log: &LogReader, after: u64) -> Vec<u64> {
    let mut positions = Vec::new();
    let read = log.replay(LogPosition::new(after), |entry| {
        positions.push(entry.position.get());
        Ok::<_, LogError>(())
    });
    read.unwrap();
    positions
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|file| {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        (name, fs::read(file.path()).unwrap())
    });
    files.collect()
}

#[test]
fn a_sound_log_is_counted() {
    let directory = written();
    let before = files(directory.path());
    let checked = verified(directory.path());
    assert!(checked.findings.is_empty(), "{checked:?}");
    assert_eq!((checked.batches, checked.observations), (Some(6), Some(11)));
    assert_eq!(checked.first.map(LogPosition::get), Some(1));
    assert_eq!(checked.last.map(LogPosition::get), Some(6));
    assert_eq!((checked.devices, checked.sources), (Some(3), Some(3)));
    let length = fs::metadata(directory.path().join("scanpost.db")).unwrap();
    assert_eq!(checked.size_bytes, length.len());
    assert_eq!(files(directory.path()), before);
}

#[test]
fn a_log_without_batches_is_sound() {
    let directory = tempfile::tempdir().unwrap();
    drop(Log::in_directory(directory.path()).unwrap());
    let checked = verified(directory.path());
    assert!(checked.findings.is_empty(), "{checked:?}");
    assert_eq!((checked.batches, checked.first), (Some(0), None));
}

#[test]
fn a_reader_beside_a_server_sees_the_log_as_it_was_when_it_was_opened() {
    let directory = written();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(vec![wifi(7)]).unwrap();
    let reader = LogReader::open(directory.path()).unwrap();
    log.append(vec![wifi(8)]).unwrap();
    assert_eq!(positions(&reader, 0), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(positions(&reader, 5), [6, 7]);
    assert_eq!(reader.verify().unwrap().batches, Some(7));
    assert_eq!(verified(directory.path()).batches, Some(8));
}

#[test]
fn a_server_that_writes_into_a_log_at_rest_is_noticed() {
    let directory = written();
    let reader = LogReader::open(directory.path()).unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    // Enough to make the file longer, because its time may be too coarse to change.
    log.append((7..207).map(wifi).collect()).unwrap();
    // While the server writes to the write-ahead log only, the file is unchanged.
    assert_eq!(positions(&reader, 0), [1, 2, 3, 4, 5, 6]);
    drop(log);
    let refused = reader.verify().unwrap_err();
    assert!(matches!(refused, LogError::Changed), "{refused}");
    assert_eq!(verified(directory.path()).batches, Some(206));
}

#[test]
fn a_copy_without_the_shared_memory_is_read_with_what_was_written_ahead() {
    let directory = written();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(vec![wifi(7)]).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for file in ["scanpost.db", "scanpost.db-wal"] {
        fs::copy(directory.path().join(file), copy.path().join(file)).unwrap();
    }
    let before = files(copy.path());
    assert_eq!(verified(copy.path()).batches, Some(7));
    let mut after = files(copy.path());
    after.remove("scanpost.db-shm");
    assert_eq!(after, before);
}

#[test]
fn a_visit_that_fails_is_the_last() {
    let directory = written();
    let mut visits = 0;
    let failed = LogReader::open(directory.path())
        .unwrap()
        .replay(LogPosition::START, |_| {
            visits += 1;
            Err(LogError::DiskFull)
        });
    assert!(matches!(failed, Err(LogError::DiskFull)));
    assert_eq!(visits, 1);
}

#[test]
fn a_directory_without_a_log_stays_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("a #?%41b");
    let missing = LogReader::open(&directory).unwrap_err();
    assert!(missing.to_string().contains("a #?%41b"), "{missing}");
    assert!(!directory.exists());
    // Characters with a meaning in a URI may be in the path.
    drop(Log::in_directory(&directory).unwrap());
    assert!(verified(&directory).findings.is_empty());
}

#[test]
fn a_log_of_a_later_version_and_a_file_without_one_are_refused() {
    let directory = written();
    change(&directory, "PRAGMA user_version = 99");
    let refused = LogReader::open(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LogError::TooNew { found: 99, .. }),
        "{refused}"
    );
    let content = "no database, however long the file may be";
    fs::write(directory.path().join("scanpost.db"), content).unwrap();
    let refused = LogReader::open(directory.path()).unwrap_err();
    assert!(matches!(refused, LogError::Damaged(_)), "{refused}");
}

#[test]
fn a_wrong_count_is_found() {
    let directory = written();
    change(
        &directory,
        "UPDATE records SET accepted = 3 WHERE position = 2;
         UPDATE records SET accepted = 9223372036854775807 WHERE position = 4;",
    );
    finds(
        &directory,
        &[
            "batch 2 has 2 observations, not the 3 that were accepted",
            "batch 4 has 2 observations, not the 9223372036854775807 that were accepted",
        ],
    );
}

#[test]
fn a_gap_is_found() {
    let directory = written();
    change(
        &directory,
        "DELETE FROM observations WHERE record IN (1, 3, 4); DELETE FROM records WHERE position IN (1, 3, 4);",
    );
    finds(
        &directory,
        &[
            "the positions from 1 to 1 are missing",
            "the positions from 3 to 4 are missing",
            "the records from 1 to 6 do not match their chain: one of them was changed, moved or lost",
        ],
    );
}

#[test]
fn an_observation_of_no_batch_is_found() {
    let directory = written();
    change(
        &directory,
        "UPDATE observations SET record = 99 WHERE id = 3",
    );
    finds(
        &directory,
        &[
            "row 3 of observations refers to a row of records that does not exist",
            "batch 2 has 1 observations, not the 2 that were accepted",
            "the records from 1 to 6 do not match their chain: one of them was changed, moved or lost",
            "a server cannot read past position 6: the log is damaged: an observation has no record, or is out of order",
        ],
    );
}

#[test]
fn an_observation_at_the_wrong_place_is_found() {
    let directory = written();
    change(&directory, "UPDATE observations SET id = 99 WHERE id = 3");
    finds(
        &directory,
        &[
            "observation 99 of batch 2 is stored after one of batch 6",
            "a server cannot read past position 5: the log is damaged: an observation has no record, or is out of order",
        ],
    );
}

#[test]
fn what_cannot_be_read_is_found() {
    let directory = written();
    change(
        &directory,
        "UPDATE observations SET address = 0 WHERE record = 4;
         UPDATE meta SET value = 'x' WHERE key = 'server_uuid';",
    );
    finds(
        &directory,
        &[
            "the metadata of the log cannot be checked: the log is damaged: meta: the value of server_uuid is not a UUID",
            "a server cannot read past position 3: the log is damaged: an address is not the address of a station",
        ],
    );
}

#[test]
fn a_change_that_leaves_all_rows_in_order_breaks_the_chain() {
    for statement in [
        "UPDATE records SET received_at_us = received_at_us + 1 WHERE position = 2",
        "UPDATE records SET source_name = 'x' WHERE position = 2",
        "UPDATE records SET id = zeroblob(16) WHERE position = 2",
        "UPDATE records SET chain = zeroblob(16) WHERE position = 6",
        "UPDATE records SET chain = NULL WHERE position = 6",
        "UPDATE observations SET signal_dbm = -62 WHERE id = 3",
        "UPDATE observations SET accuracy_mm = 1 WHERE id = 3",
        "UPDATE observations SET extra = NULL WHERE id = 3",
        "UPDATE ssids SET ssid = x'78' WHERE id = 1",
        "UPDATE observations SET ssid = (SELECT max(id) FROM ssids) WHERE id = 3",
    ] {
        let directory = written();
        change(&directory, statement);
        let findings = verified(directory.path()).findings;
        let told: Vec<_> = findings.listed().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the records from 1 to 6 do not match their chain: one of them was changed, moved or lost"
            ],
            "{statement}"
        );
    }
}

#[test]
fn the_chain_does_not_depend_on_commits_and_goes_on_in_a_log_that_was_opened_again() {
    let records = [wifi(1), wifi(2), bluetooth(), wifi(4), wifi(5), mixed()];
    let chain = |cuts: &[usize]| {
        let directory = tempfile::tempdir().unwrap();
        let mut records = records.to_vec();
        for cut in cuts {
            let mut log = Log::in_directory(directory.path()).unwrap();
            log.append(records.drain(..*cut).collect()).unwrap();
        }
        let checked = verified(directory.path());
        assert!(checked.findings.is_empty(), "{checked:?}");
        let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
        let query = "SELECT position, chain FROM records WHERE chain IS NOT NULL";
        let mut query = db.prepare(query).unwrap();
        let chains = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let chains: Result<BTreeMap<i64, [u8; 16]>, _> = chains.unwrap().collect();
        chains.unwrap()
    };
    let (whole, cut) = (chain(&[6]), chain(&[1, 2, 3]));
    assert_eq!(whole.keys().collect::<Vec<_>>(), [&6]);
    assert_eq!(cut.keys().collect::<Vec<_>>(), [&1, &3, &6]);
    assert_eq!(whole[&6], cut[&6]);
}

#[test]
fn a_damaged_page_is_found_wherever_it_is() {
    let directory = written();
    let file = directory.path().join("scanpost.db");
    let whole = fs::read(&file).unwrap();
    let check = |bytes: &[u8], what: &str| {
        fs::write(&file, bytes).unwrap();
        match LogReader::open(directory.path()) {
            Ok(log) => assert!(!log.verify().unwrap().findings.is_empty(), "{what}"),
            // Without its tables, there is nothing to check.
            Err(refused) => assert!(matches!(refused, LogError::Damaged(_)), "{what}: {refused}"),
        }
    };
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..4096].fill(0xa5);
        check(&bytes, &format!("page {page}"));
    }
    check(&whole[..whole.len() / 2], "cut off in the middle");
}

#[test]
fn findings_without_end_are_counted_only() {
    let directory = written();
    let batch = "INSERT INTO records (position, source, received_at_us, accepted) SELECT 2 * value + 100, 1, 0, 0 FROM";
    change(
        &directory,
        &format!(
            "WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 30) {batch} n"
        ),
    );
    let findings = verified(directory.path()).findings;
    assert_eq!((findings.listed().len(), findings.unlisted()), (20, 11));
}

#[test]
fn what_has_expired_is_not_missed() {
    let directory = written();
    change(
        &directory,
        "INSERT INTO meta VALUES ('expired_to', '3'); DELETE FROM observations WHERE record <= 3;",
    );
    // The batches may stay, to recognise resent ones, or be deleted.
    for statement in ["", "DELETE FROM records WHERE position <= 3"] {
        change(&directory, statement);
        let checked = verified(directory.path());
        assert!(checked.findings.is_empty(), "{checked:?}");
        assert_eq!((checked.batches, checked.observations), (Some(3), Some(6)));
        assert_eq!(checked.expired_to.map(LogPosition::get), Some(3));
        assert_eq!(checked.first.map(LogPosition::get), Some(4));
        let reader = LogReader::open(directory.path()).unwrap();
        assert_eq!(positions(&reader, 0), [4, 5, 6]);
    }
    change(&directory, "DELETE FROM records WHERE position = 4");
    let findings = verified(directory.path()).findings;
    assert_eq!(
        findings.listed()[0].to_string(),
        "row 6 of observations refers to a row of records that does not exist"
    );
    change(
        &directory,
        "UPDATE meta SET value = '-1' WHERE key = 'expired_to'",
    );
    assert!(!verified(directory.path()).findings.is_empty());
}
