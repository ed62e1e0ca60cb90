//! Databases as their programs make them, and hostile ones.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use super::Database;
use super::message::{Relayed, Sender, relay};
use crate::import::form::Form;
use crate::import::form::testing::{Collected, context};
use crate::import::rows::{Context, FileError, Origin, Row, Rows};

/// The statements that make a database, and the rows that are read from it.
macro_rules! fixture {
    ($name:literal) => {{
        const FOLDER: &str = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/imports/databases/"
        );
        let file = |name: &str| fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        (file($name), file(concat!($name, ".rows")))
    }};
}

/// A file that these statements make.
fn made(sql: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let connection = Connection::open(folder.path().join("db")).unwrap();
    // A crash does not matter here, and syncing is slow.
    let fast = "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;";
    connection.execute_batch(&format!("{fast} {sql}")).unwrap();
    folder
}

/// Reads a file, and takes its rows the way that a child sends them.
fn read_file(form: Form, file: &Path) -> Result<Collected, FileError> {
    read_file_with(form, file, &context(None, &[]))
}

fn read_file_with(form: Form, file: &Path, context: &Context<'_>) -> Result<Collected, FileError> {
    let mut sent = Vec::new();
    let mut sender = Sender::new(&mut sent);
    let reader = form.database_reader().unwrap();
    let read = Database::open(file, || Ok(()))
        .and_then(|database| reader(&database, context, &mut sender));
    sender.end(read).unwrap();
    let mut collected = Collected::default();
    match relay_to(&sent, &mut collected).unwrap() {
        Relayed::Ended(ending) => collected.ending = ending,
        Relayed::Refused(reason) => return Err(FileError::Refused(reason)),
        other => panic!("{other:?}"),
    }
    Ok(collected)
}

fn relay_to(sent: &[u8], rows: &mut dyn Rows) -> io::Result<Relayed> {
    relay(&mut &*sent, rows, |_, _| Ok(ControlFlow::Continue(())))
}

fn read(form: Form, sql: &str) -> Result<Collected, FileError> {
    read_file(form, &made(sql).path().join("db"))
}

#[track_caller]
fn check(form: Form, sql: &str, expected: &str) -> Collected {
    let collected = read(form, sql).unwrap();
    let text = collected.text();
    assert!(text.trim_end() == expected.trim_end(), "\n{text}");
    collected
}

#[track_caller]
fn check_fixture(form: Form, (sql, expected): (String, String)) -> Collected {
    check(form, &sql, &expected)
}

#[track_caller]
fn refused(form: Form, sql: &str, reason: &str) {
    let error = read(form, sql).unwrap_err().to_string();
    assert!(error.contains(reason), "{reason:?} is not in {error:?}");
}

#[test]
fn the_wigle_app_has_a_row_for_each_sighting() {
    check_fixture(Form::WigleSqlite, fixture!("wigle.sql"));
    // The first version has fewer columns.
    check_fixture(Form::WigleSqlite, fixture!("wigle-old.sql"));
}

#[test]
fn kismet_has_frames_of_which_the_strongest_of_a_second_counts() {
    let read = check_fixture(Form::Kismetdb, fixture!("kismetdb.sql"));
    let names: Vec<_> = read
        .origins
        .iter()
        .map(|origin| match origin {
            Origin::Source { id, name } => format!("{id} {}", name.as_deref().unwrap_or_default()),
            Origin::Program { name } => name.to_string(),
            other @ Origin::Text { .. } => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        names,
        [
            "Kismet",
            "5FE308BD-0000-0000-0000-00C0CA000001 roof",
            "5FE308BD-0000-0000-0000-00C0CA000002 Kismet",
            "Kismet",
            "5FE308BD-0000-0000-0000-00C0CA000001 roof",
            "5FE308BD-0000-0000-0000-00C0CA000002 Kismet",
            "Kismet",
        ]
    );
    check_fixture(Form::Kismetdb, fixture!("kismetdb-6.sql"));
    // Coordinates of the first versions are whole numbers.
    check_fixture(Form::Kismetdb, fixture!("kismetdb-4.sql"));
}

#[test]
fn neostumbler_has_reports_with_places() {
    let (sql, expected) = fixture!("neostumbler.sql");
    check(Form::NeostumblerSqlite, &sql, &expected);
    // The first versions.
    let old = sql
        .replace("PositionEntity", "Position")
        .replace("WifiAccessPointEntity", "WifiAccessPoint")
        .replace("BluetoothBeaconEntity", "BluetoothBeacon")
        .replace("CellTowerEntity", "CellTower");
    check(Form::NeostumblerSqlite, &old, &expected);
}

/// The way that somebody went stands apart from the rows, and is read without them.
#[test]
fn tracks_of_databases_are_read_without_their_rows() {
    let points = |form: Form, sql: &str| {
        let points_only = Context {
            points_only: true,
            ..context(None, &[])
        };
        let folder = made(sql);
        let read = read_file_with(form, &folder.path().join("db"), &points_only);
        read.unwrap().text()
    };
    let (wigle, _) = fixture!("wigle.sql");
    assert_eq!(
        points(Form::WigleSqlite, &wigle),
        "1754040000 at 525200000 134000000 Some(34000)\n1754040006 at 525220000 134020000 None\n"
    );
    let (old, _) = fixture!("wigle-old.sql");
    assert_eq!(points(Form::WigleSqlite, &old), "", "it has no route");
    let (kismet, _) = fixture!("kismetdb.sql");
    let messages = "INSERT INTO messages VALUES (1754040050, 52.53, 13.41, 'INFO', ''), (1754040060, 0, 0, 'INFO', '');";
    assert_eq!(
        points(Form::Kismetdb, &format!("{kismet} {messages}")),
        "1754040000 at 525200000 134000000 None\n1754040050 at 525300000 134100000 None\n"
    );
    let (kismet, _) = fixture!("kismetdb-4.sql");
    let snapshots = "CREATE TABLE snapshots (ts_sec INT, lat INT, lon INT, snaptype TEXT);
        INSERT INTO snapshots VALUES (1520000000, 5252000, 1340000, 'GPS');";
    assert_eq!(
        points(Form::Kismetdb, &format!("{kismet} {snapshots}")),
        "1520000000 at 525200000 134000000 None\n"
    );
    let (neostumbler, _) = fixture!("neostumbler.sql");
    assert_eq!(
        points(Form::NeostumblerSqlite, &neostumbler),
        "1754040000 at 525200066 134049540 Some(34500)\n"
    );
}

#[test]
fn wardrive_has_one_table_or_two() {
    check_fixture(Form::WardriveSqlite, fixture!("wardrive.sql"));
    check_fixture(Form::WardriveSqlite, fixture!("wardrive-4.sql"));
    let other = "CREATE TABLE networks (name TEXT);";
    refused(Form::WardriveSqlite, other, "not the table of Wardrive");
    refused(Form::WardriveSqlite, "CREATE TABLE a (x);", "no such table");
}

#[test]
fn tables_that_compute_are_refused() {
    let rest = "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);";
    for (made, reason) in [
        (
            "CREATE TABLE a (x); CREATE VIEW location AS SELECT x AS bssid FROM a;",
            "location: not a plain table",
        ),
        (
            "CREATE VIEW location AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS bssid FROM n;",
            "location: not a plain table",
        ),
        (
            "CREATE VIRTUAL TABLE location USING fts5(bssid, time);",
            "location: not a plain table",
        ),
        (
            "CREATE TABLE location (bssid TEXT, level INT AS (length(bssid)));",
            "location: a column is generated",
        ),
        (
            "CREATE TABLE location (bssid TEXT, level INT AS (length(bssid)) STORED);",
            "location: a column is generated",
        ),
        (
            "CREATE TABLE location (bssid TEXT PRIMARY KEY) WITHOUT ROWID;",
            "location: rows have no numbers",
        ),
        (
            "CREATE TABLE location (bssid TEXT PRIMARY KEY) WITHOUT /* */ ROWID;",
            "cannot be read",
        ),
        (
            "CREATE TABLE location (bssid TEXT, rowid TEXT);",
            "location: rows have no numbers",
        ),
        ("CREATE TABLE a (x);", "location: there is no such table"),
    ] {
        refused(Form::WigleSqlite, &format!("{rest} {made}"), reason);
    }
    let no_key = "CREATE TABLE network (bssid TEXT); CREATE TABLE location (bssid TEXT);";
    refused(
        Form::WigleSqlite,
        no_key,
        "network: bssid is not the primary key",
    );
}

#[test]
fn values_of_any_type_stand_in_any_column() {
    let odd = "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT, capabilities TEXT, frequency INT, type TEXT);
        CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, level INT, lat REAL, lon REAL, time INT);
        INSERT INTO network VALUES ('02:00:00:00:00:01', x'ff00', 7, 'x', NULL), (x'80', 'a', 'b', 1, 'W');
        INSERT INTO location VALUES
            (1, '02:00:00:00:00:01', 'loud', x'00', 'north', '1700000000000'),
            (2, x'80', -60, 1, 2, 1700000000000),
            (3, NULL, -60, 1, 2, 1700000000000),
            (4, 'nothing', -60, 1, 2, 1700000000000),
            (5, '02:00:00:00:00:01', 1e300, 1e300, -1e300, 1e300),
            (-5, '02:00:00:00:00:01', -60, 1.5, 2.5, 9e18);";
    check(
        Form::WigleSqlite,
        odd,
        "0: 02:00:00:00:00:01 \"\\\\xFF\\0\" 7 @- -60dBm 15000000,25000000
1: 02:00:00:00:00:01 \"\\\\xFF\\0\" 7 @1700000000
2: refused: bssid: not in the table network
3: refused: bssid: not in the table network
4: refused: bssid: not in the table network
5: 02:00:00:00:00:01 \"\\\\xFF\\0\" 7 @-
2: refused: bssid: not a hardware address (12 hex digits, separated by `:`, `-`, `.` or nothing)",
    );
}

#[test]
fn a_long_text_costs_its_row() {
    let long = "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
        CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, time INT);
        INSERT INTO network VALUES ('02:00:00:00:00:01', 'a');
        INSERT INTO network VALUES ('02:00:00:00:00:02', CAST(zeroblob(1000000) AS TEXT));
        INSERT INTO location VALUES (1, '02:00:00:00:00:01', 1700000000000),
            (2, CAST(zeroblob(20000000) AS TEXT), 1700000000000),
            (3, CAST(zeroblob(10000000) AS TEXT), 1700000000000),
            (4, '02:00:00:00:00:02', 1700000001000);";
    let collected = read(Form::WigleSqlite, long).unwrap();
    assert!(collected.ending.is_damaged);
    let expected = "1: 02:00:00:00:00:01 \"a\" - @1700000000
3: refused: bssid: not in the table network
4: 02:00:00:00:00:02 \"\" - @1700000001\n";
    let text = collected.text();
    assert!(text.starts_with(expected), "{text}");
}

/// A database of the `WiGLE` app with so many sightings of one network.
fn many(count: u32) -> String {
    format!(
        "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
         INSERT INTO network VALUES ('02:00:00:00:00:01', 'a');
         CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, level INT, lat REAL, lon REAL, time INT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO location (bssid, level, lat, lon, time)
         SELECT '02:00:00:00:00:01', -60, 1.5, 2.5, 1700000000000 + i * 1000 FROM n;"
    )
}

#[test]
fn files_that_are_cut_or_damaged_are_read_as_far_as_they_go() {
    let folder = made(&many(5000));
    let file = folder.path().join("db");
    let whole = fs::read(&file).unwrap();
    let rows_of = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let read = read_file(Form::WigleSqlite, &file).unwrap();
        (read.rows.len(), read.ending)
    };
    let (count, ending) = rows_of(&whole);
    assert_eq!(
        (count, ending.is_cut, ending.is_damaged),
        (5000, false, false)
    );
    for length in [whole.len() / 2, whole.len() / 2 + 100, 40 * 4096] {
        let (count, ending) = rows_of(&whole[..length]);
        assert!(ending.is_cut && count < 5000, "{length}: {count}");
    }
    for length in [0, 50, 99] {
        fs::write(&file, &whole[..length]).unwrap();
        read_file(Form::WigleSqlite, &file).unwrap_err();
    }
    // The number of pages in the header lies.
    let mut lies = whole.clone();
    lies[28..32].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(rows_of(&lies).1.is_cut);
    // A page of zeros in the middle.
    let mut damaged = whole.clone();
    let middle = whole.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0);
    let (count, ending) = rows_of(&damaged);
    assert!(ending.is_damaged);
    assert!((4000..5000).contains(&count), "{count}");
}

/// The number of one row is wrong, and much larger than those of all others.
#[test]
fn one_wrong_row_number_costs_no_other_row() {
    let folder = made(&many(60_000));
    let file = folder.path().join("db");
    let mut bytes = fs::read(&file).unwrap();
    // The number 25000 as SQLite writes it, before the header of its row.
    let number = [0x81, 0xc3, 0x28];
    let at: Vec<usize> = (0..bytes.len() - 3)
        .filter(|at| bytes[*at..].starts_with(&number) && bytes[at + 3] == 7)
        .collect();
    let [at] = at[..] else {
        panic!("{at:?}");
    };
    bytes[at] = 0xff;
    fs::write(&file, bytes).unwrap();
    let read = read_file(Form::WigleSqlite, &file).unwrap();
    assert!(read.ending.is_damaged);
    assert_eq!(read.rows.len(), 60_000);
}

#[test]
fn rows_in_no_order_come_to_an_end() {
    const PAGE_BYTES: usize = 4096;
    const LEAF: u8 = 13;
    let folder = made(&many(30_000));
    let file = folder.path().join("db");
    let mut bytes = fs::read(&file).unwrap();
    let number_at = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let first_row = |page: usize| {
        // The length of the row stands before its number.
        let at = page * PAGE_BYTES + number_at(page * PAGE_BYTES + 8) + 1;
        let digits = bytes[at..].iter().take(9);
        let end = digits.clone().position(|digit| *digit < 128).unwrap();
        digits
            .take(end + 1)
            .fold(0, |row, digit| row << 7 | usize::from(digit & 127))
    };
    let page_of = |row: usize| {
        let leaves = (1..bytes.len() / PAGE_BYTES).filter(|page| {
            let at = page * PAGE_BYTES;
            bytes[at] == LEAF && 1 < number_at(at + 3)
        });
        let before = leaves.filter(|page| first_row(*page) <= row);
        before.max_by_key(|page| first_row(*page)).unwrap()
    };
    // The page with the last row that is read at once is exchanged with the first one.
    let (first, last) = (page_of(1), page_of(10_000));
    let (head, tail) = bytes.split_at_mut(last * PAGE_BYTES);
    head[first * PAGE_BYTES..][..PAGE_BYTES].swap_with_slice(&mut tail[..PAGE_BYTES]);
    fs::write(&file, bytes).unwrap();
    let read = read_file(Form::WigleSqlite, &file).unwrap();
    assert!(read.ending.is_damaged);
    let count = read.rows.len();
    assert!((29_000..=30_000).contains(&count), "{count}");
}

#[test]
fn statements_of_the_schema_do_not_run() {
    let (sql, _) = fixture!("wigle.sql");
    let armed = format!(
        "{sql} CREATE TRIGGER t AFTER INSERT ON network BEGIN DELETE FROM location; END;
         CREATE VIEW v AS SELECT randomblob(1000000000);
         CREATE VIEW w AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
         CREATE INDEX i ON location (abs(level));"
    );
    let plain = read(Form::WigleSqlite, &sql).unwrap();
    assert_eq!(read(Form::WigleSqlite, &armed).unwrap(), plain);
}

/// The header of a database that had a write-ahead log says so. The log counts only if it was sent, and that nobody can.
#[test]
fn a_database_is_read_without_its_log() {
    let (sql, _) = fixture!("wigle.sql");
    let folder = tempdir().unwrap();
    let file = folder.path().join("db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(&sql).unwrap();
    let mode = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; DELETE FROM location;";
    connection.execute_batch(mode).unwrap();
    assert!(folder.path().join("db-wal").exists());
    let plain = read(Form::WigleSqlite, &sql).unwrap();
    assert_eq!(read_file(Form::WigleSqlite, &file).unwrap(), plain);
}

#[test]
fn messages_that_break_off_are_no_end() {
    let mut sent = Vec::new();
    let mut sender = Sender::new(&mut sent);
    for line in 0..20_000 {
        assert!(sender.row(line, Row::Other("cell")).is_continue());
    }
    sender
        .end(Ok(crate::import::rows::Ending::default()))
        .unwrap();
    let lengths = [0, 3, 4, 100, sent.len() / 2, sent.len() - 1];
    for length in lengths {
        let relayed = relay_to(&sent[..length], &mut Collected::default()).unwrap();
        assert!(
            matches!(relayed, Relayed::BrokeOff),
            "{length}: {relayed:?}"
        );
    }
    let mut collected = Collected::default();
    let relayed = relay_to(&sent, &mut collected).unwrap();
    assert!(matches!(relayed, Relayed::Ended(_)), "{relayed:?}");
    assert_eq!(collected.rows.len(), 20_000);
    let long = u32::MAX.to_le_bytes();
    let error = relay_to(&long, &mut Collected::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn nobody_reads_on_when_rows_are_not_wanted() {
    let mut sent = Vec::new();
    let mut sender = Sender::new(&mut sent);
    assert!(sender.row(1, Row::Other("cell")).is_continue());
    sender
        .end(Ok(crate::import::rows::Ending::default()))
        .unwrap();
    let mut collected = Collected::default();
    let relayed = relay(&mut &*sent, &mut collected, |_, _| {
        Ok(ControlFlow::Break(()))
    });
    assert!(matches!(relayed.unwrap(), Relayed::Stopped));
    assert!(collected.rows.is_empty());
}

mod properties {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static FILES: LazyLock<Vec<(Form, Vec<u8>)>> = LazyLock::new(|| {
        [
            (Form::WigleSqlite, fixture!("wigle.sql")),
            (Form::Kismetdb, fixture!("kismetdb.sql")),
            (Form::NeostumblerSqlite, fixture!("neostumbler.sql")),
            (Form::WardriveSqlite, fixture!("wardrive-4.sql")),
        ]
        .map(|(form, (sql, _))| (form, fs::read(made(&sql).path().join("db")).unwrap()))
        .into()
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Octets of a right file are changed anywhere.
        #[test]
        fn no_damage_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
            let folder = tempdir().unwrap();
            let file = folder.path().join("db");
            for (form, bytes) in &*FILES {
                let mut bytes = bytes.clone();
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                fs::write(&file, &bytes).unwrap();
                let _read = read_file(*form, &file);
            }
        }

        #[test]
        fn no_answer_of_a_child_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            let framed = [length.as_slice(), &bytes].concat();
            let _relayed = relay_to(&framed, &mut Collected::default());
            let _relayed = relay_to(&bytes, &mut Collected::default());
        }
    }
}
