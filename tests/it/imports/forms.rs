//! Files as their writers make them, through the server: the form that is found, and the account.
//!
//! The accounts are in `tests/it/imports/snapshots`, one file for each folder of fixtures. After an intended change,
//! update them with `INSTA_UPDATE=always cargo test`, and review the diff.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::archives::zip;
use super::{check_counts, reports_and_devices, send, wigle};
use crate::server::{TestServer, gzip};

/// The folders of fixtures, and the parameters of their uploads. Printed scans have no clock.
const FOLDERS: [(&str, &str); 11] = [
    ("airodump", ""),
    ("geosubmit", ""),
    ("kml", ""),
    ("neostumbler", ""),
    ("netstumbler", ""),
    ("netxml", ""),
    ("scans", "?time=2026-08-01T10:00:00Z"),
    ("tables", ""),
    ("tracks", ""),
    ("vistumbler", ""),
    ("wiglecsv", ""),
];

/// Forms with a table of lines, whose line ends may be of any kind.
const TABLES: [&str; 14] = [
    "airodump-csv",
    "airodump-logcsv",
    "dumpsys",
    "gmon-csv",
    "iw-scan",
    "kismet-csv",
    "neostumbler-csv",
    "sparrow-csv",
    "tower-collector",
    "vistumbler",
    "vistumbler-csv",
    "wardriver-csv",
    "wigle-csv",
    "wpa-supplicant",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/imports")
}

pub(super) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

/// The files of a folder, by name. Beside each is a file with its rows, for the tests of the readers.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(fixtures().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_none_or(|extension| extension != "rows"));
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), std::fs::read(&path).unwrap())
        })
        .collect()
}

/// Each fixture with the parameters of its upload.
fn all_files() -> Vec<(String, &'static str, Vec<u8>)> {
    let of_folder = |(folder, query): &(&str, &'static str)| {
        let (folder, query) = ((*folder).to_owned(), *query);
        let files = files(&folder).into_iter();
        files
            .map(|(name, content)| (format!("{folder}/{name}"), query, content))
            .collect::<Vec<_>>()
    };
    FOLDERS.iter().flat_map(of_folder).collect()
}

/// A query with a further parameter.
fn with(query: &str, parameter: &str) -> String {
    let mark = if query.is_empty() { "?" } else { "&" };
    format!("{query}{mark}{parameter}")
}

/// The account of a file, on a few lines. Its name and its hash are left out.
fn shown(file: &Value) -> String {
    let form = file["form"].as_str().unwrap_or("no known form");
    let count = |name: &str| format!("{} {name}", file[name]);
    let counts = ["rows", "taken", "duplicates", "other", "refused"].map(count);
    let mut text = format!("{form}: {}", counts.join(", "));
    for name in [
        "others",
        "without_place",
        "without_time",
        "first_seen",
        "last_seen",
        "bbox",
        "cut",
        "damaged",
        "notes",
        "error",
    ] {
        let value = &file[name];
        let is_said = ![json!(null), json!(false), json!(0), json!([]), json!({})].contains(value);
        if is_said {
            write!(text, "\n  {name}: {value}").unwrap();
        }
    }
    for refusal in file["refusals"].as_array().into_iter().flatten() {
        let reason = refusal["reason"].as_str().unwrap();
        write!(text, "\n  line {}: {reason}", refusal["line"]).unwrap();
    }
    text
}

/// Sends one file, whose name says nothing, and returns its account. A file of no known form has none.
async fn upload(server: &TestServer, query: &str, name: &str, content: &[u8]) -> Value {
    let answer = send(server, query, &[(name, content)]).await;
    match answer.status.as_u16() {
        200 => {}
        415 => return json!({ "error": answer.json()["status"] }),
        status => panic!("{status}: {}", answer.text),
    }
    let file = answer.json()["files"][0].clone();
    let count = |name: &str| file[name].as_u64().unwrap();
    let parts = ["taken", "duplicates", "other", "refused"].map(count);
    assert_eq!(count("rows"), parts.iter().sum::<u64>(), "{name}: {file}");
    file
}

fn expect_accounts(folder: &str, accounts: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(folder, accounts));
}

/// A file that comes again, renamed or packed, is known by its content.
#[tokio::test]
async fn each_form_is_found_and_each_row_accounted_for() {
    let server = TestServer::start().await;
    for (folder, query) in FOLDERS {
        let mut accounts = String::new();
        for (name, content) in files(folder) {
            let file = upload(&server, query, "a.txt", &content).await;
            assert!(file["form"].is_string(), "{folder}/{name}: {file}");
            writeln!(accounts, "{name}: {}", shown(&file)).unwrap();
            let before = reports_and_devices(&server).await;
            let packed = [
                ("renamed.kml", content.clone()),
                ("b.gz", gzip(&content)),
                ("c", zip(&[("d/e.xml", &content)])),
            ];
            for (other, content) in packed {
                let again = upload(&server, query, other, &content).await;
                // A file of which nothing could be read is read again.
                let is_known = file["error"].is_null();
                assert_eq!(again["duplicate"], is_known, "{folder}/{name}: {again}");
                assert_eq!(again["sha256"], file["sha256"], "{folder}/{name}");
                assert_eq!(shown(&again), shown(&file), "{folder}/{name}");
            }
            assert_eq!(reports_and_devices(&server).await, before, "{name}");
        }
        expect_accounts(folder, &accounts);
    }
}

fn counts(file: &Value) -> [u64; 5] {
    ["rows", "taken", "duplicates", "other", "refused"]
        .map(|name| file[name].as_u64().unwrap_or_default())
}

/// The first two thirds of a text, up to the end of a record. `None` if it has too few.
fn first_part(text: &[u8]) -> Option<&[u8]> {
    let line_ends = (1..text.len()).filter(|at| text[at - 1] == b'\n');
    // `iw` begins a record with a line, and goes on with indented ones.
    let record_ends: Vec<_> = line_ends.filter(|at| text[*at] != b'\t').collect();
    let end = record_ends.get(record_ends.len() * 2 / 3)?;
    Some(&text[..*end])
}

/// A file that grew brings its old rows again.
#[tokio::test]
async fn a_grown_file_of_each_form_adds_what_is_new() {
    let server = TestServer::start().await;
    for (name, query, content) in all_files() {
        // A binary file does not grow at its end.
        let is_text = !content.contains(&0);
        let Some(part) = first_part(&content).filter(|_| is_text) else {
            continue;
        };
        let of_source = |source: &str| with(query, &format!("source={source}-{name}"));
        let whole = upload(&server, &of_source("alone"), "whole", &content).await;
        let query = of_source("grown");
        let first = upload(&server, &query, "first", part).await;
        let second = upload(&server, &query, "second", &content).await;
        let [_, taken_first, ..] = counts(&first);
        let [rows, taken_second, _, other, refused] = counts(&second);
        let [all_rows, taken_alone, _, all_other, all_refused] = counts(&whole);
        assert_eq!(
            (rows, other, refused),
            (all_rows, all_other, all_refused),
            "{name}: {second}"
        );
        assert_eq!(
            taken_first + taken_second,
            taken_alone,
            "{name}: {first} {second}"
        );
    }
}

/// Marks of the byte order, line ends, and no line end at the end, change nothing.
#[tokio::test]
async fn tables_have_any_kind_of_line_ends() {
    let server = TestServer::start().await;
    for (name, query, content) in all_files() {
        let query = with(query, "dry_run=true");
        let file = upload(&server, &query, "a", &content).await;
        let form = file["form"].as_str().unwrap_or_default();
        if !TABLES.contains(&form) {
            continue;
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
        let lines: Vec<&[u8]> = lines
            .iter()
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .collect();
        let trimmed = {
            let end = lines.iter().rposition(|line| !line.is_empty()).unwrap();
            lines[..=end].join(&b'\n')
        };
        let variants = [
            ("BOM", [b"\xef\xbb\xbf", content].concat()),
            ("LF", lines.join(&b'\n')),
            ("CRLF", lines.join(b"\r\n".as_slice())),
            ("CR", lines.join(&b'\r')),
        ];
        for (variant, changed) in variants {
            let changed = upload(&server, &query, "a", &changed).await;
            assert_eq!(shown(&changed), shown(&file), "{name} with {variant}");
        }
        // A last row that is refused may be one that was cut.
        let unfinished = upload(&server, &query, "a", &trimmed).await;
        assert_eq!(counts(&unfinished), counts(&file), "{name}");
    }
}

/// Each place of a cut leaves a file that is read as far as it goes, or refused.
#[tokio::test]
async fn a_file_that_is_cut_anywhere_is_accounted_for() {
    let server = TestServer::start().await;
    for (name, query, content) in all_files() {
        let query = with(query, "dry_run=true");
        let whole = upload(&server, &query, "a", &content).await;
        // In the middle of a row, of a character, and of what is packed.
        let inside_character = content.iter().position(|byte| (0x80..0xc0).contains(byte));
        let places = [
            1,
            content.len() / 3,
            content.len() * 2 / 3,
            content.len() - 2,
        ];
        for place in places.into_iter().chain(inside_character) {
            let cut = upload(&server, &query, "a", &content[..place]).await;
            // A row more where one is cut in two, and sightings that frames of the same second would replace.
            assert!(
                counts(&cut)[0] <= counts(&whole)[0] + 1,
                "{name} at {place}: {cut}"
            );
        }
        let packed = gzip(&content);
        let cut = upload(&server, &query, "a", &packed[..packed.len() - 9]).await;
        assert!(
            cut["cut"] == true || !cut["error"].is_null(),
            "{name}: {cut}"
        );
    }
}

#[tokio::test]
async fn empty_files_and_files_of_a_header_alone_have_no_rows() {
    let server = TestServer::start().await;
    for nothing in ["", "\n", "\r\n\r\n", " ", "\u{feff}", "\0"] {
        let answer = send(&server, "", &[("a.csv", nothing.as_bytes())]).await;
        answer.expect_error(415, "these forms are read");
    }
    for (form, header) in [
        ("wigle-csv", wigle(0..0)),
        (
            "airodump-csv",
            "\r\nBSSID, First time seen, Last time seen, channel, Speed, Privacy, Cipher, Authentication, Power, \
             # beacons, # IV, LAN IP, ID-length, ESSID, Key\r\n\r\nStation MAC, First time seen, Last time seen, \
             Power, # packets, BSSID, Probed ESSIDs\r\n"
                .to_owned(),
        ),
        ("gmon-csv", "BSSID;LAT;LON;SSID;Crypt;Beacon Interval;Connection Mode;Channel;RXL;Date;Time\n".to_owned()),
        ("tower-collector", "mcc,mnc,lac,cell_id,short_cell_id\n".to_owned()),
        ("geosubmit", r#"{"items":[]}"#.to_owned()),
        ("geojson", r#"{"type":"FeatureCollection","features":[]}"#.to_owned()),
        ("kml", "<?xml version=\"1.0\"?><kml><Document></Document></kml>".to_owned()),
        ("netxml", "<?xml version=\"1.0\"?><detection-run></detection-run>".to_owned()),
    ] {
        let file = upload(&server, "", "a", header.as_bytes()).await;
        assert_eq!(file["form"], form, "{file}");
        check_counts(&file, [0, 0, 0, 0]);
        assert_eq!(file["error"], Value::Null, "{file}");
    }
    assert_eq!(reports_and_devices(&server).await, (0, 0));
}

/// Times that nobody can have seen a network at, and the hour that occurs twice.
#[tokio::test]
async fn times_that_cannot_be_are_no_times() {
    let server = TestServer::start().await;
    let at = |time: &str| wigle(0..1).replace("2026-01-01 10:00:00", time);
    for time in [
        "",
        "0000-00-00 00:00:00",
        "1970-01-01 00:00:01",
        "1999-12-31 23:59:59",
        "2106-02-07 06:28:15",
        "2200-01-01 00:00:00",
        "2026-02-30 10:00:00",
        "2026-01-01 25:00:00",
        "yesterday",
    ] {
        let file = upload(&server, "", "a", at(time).as_bytes()).await;
        assert_eq!(
            (counts(&file)[4], &file["without_time"]),
            (1, &json!(1)),
            "{time}: {file}"
        );
    }
    let file = upload(&server, "", "a", at("2001-01-01 00:00:00").as_bytes()).await;
    assert_eq!(file["first_seen"], 978_307_200, "{file}");
    // 02:30 was at 00:30 and at 01:30 UTC. The later one counts.
    let twice = fixture("tables/gmon.txt");
    let twice = String::from_utf8(twice).unwrap();
    let twice = twice.replace("2014/01/05;10:00:00", "2025/10/26;02:30:00");
    let file = upload(&server, "?tz=Europe/Berlin", "a", twice.as_bytes()).await;
    assert_eq!(file["last_seen"], 1_761_442_200, "{file}");
}

#[tokio::test]
async fn names_keep_all_that_they_hold() {
    let server = TestServer::start().await;
    let names = [
        "a,b",
        "a \"quoted\" name",
        "tab\tand \u{7f}",
        "=1+1",
        "<b>&amp;</b>",
        "é ü 日本 👻",
        "\\x41 \\101",
        " blanks ",
        "null",
        "0",
    ];
    let mut text = wigle(0..0);
    for (number, name) in names.iter().enumerate() {
        let quoted = name.replace('"', "\"\"");
        writeln!(
            text,
            "{},\"{quoted}\",[ESS],2026-01-01 10:00:00,6,2437,-61,52.5,13.4,1,1,,,WIFI",
            super::mac(number)
        )
        .unwrap();
    }
    let file = upload(&server, "", "a", text.as_bytes()).await;
    check_counts(&file, [10, 0, 0, 0]);
    for (number, name) in names.iter().enumerate() {
        let path = format!("/api/v1/devices/{}/observations", super::mac(number));
        let seen = server.read(&path).await["observations"][0].clone();
        let mut octets = String::new();
        for octet in name.bytes() {
            write!(octets, "{octet:02x}").unwrap();
        }
        let hex = seen["ssid_hex"].as_str().map(str::to_lowercase);
        let is_same = seen["ssid"] == *name || hex == Some(octets);
        assert!(is_same, "{name:?}: {seen}");
    }
}

#[tokio::test]
async fn addresses_in_all_spellings_are_one_device() {
    let server = TestServer::start().await;
    for (second, spelling) in [
        "02:00:5e:00:0b:01",
        "02:00:5E:00:0B:01",
        "02-00-5e-00-0b-01",
        "0200.5e00.0b01",
        "02005e000b01",
        "2:0:5e:0:b:1",
        " 02:00:5e:00:0b:01 ",
    ]
    .iter()
    .enumerate()
    {
        let text = wigle(second..second + 1).replace(&super::mac(second), spelling);
        let file = upload(&server, "", "a", text.as_bytes()).await;
        check_counts(&file, [1, 0, 0, 0]);
    }
    for none in [
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01",
        "02:00:5e:00:0b",
        "02:00:5e:00:0b:01:07",
        "zz:00:5e:00:0b:01",
        "",
    ] {
        let text = wigle(0..1).replace(&super::mac(0), none);
        let file = upload(&server, "", "a", text.as_bytes()).await;
        assert_eq!(counts(&file)[1], 0, "{none}: {file}");
    }
    assert_eq!(reports_and_devices(&server).await, (7, 1));
}

/// XML is read without what it may define or load.
#[tokio::test]
async fn entities_of_a_file_are_not_expanded_and_nothing_is_loaded() {
    let server = TestServer::start().await;
    let with = |doctype: &str, name: &str| {
        format!(
            "<?xml version=\"1.0\"?>{doctype}<kml><Document><Placemark><name>{name}</name>\
             <description>Network ID: 02:00:5e:00:0c:01\nTimestamp: 1785578400000\nType: WIFI</description>\
             <Point><coordinates>13.4,52.5</coordinates></Point></Placemark></Document></kml>"
        )
    };
    let mut bomb = String::from("<!DOCTYPE kml [<!ENTITY a \"ha\">");
    for number in 0..30 {
        let (this, last) = (
            format!("a{number}"),
            if number == 0 {
                "a".into()
            } else {
                format!("a{}", number - 1)
            },
        );
        write!(bomb, "<!ENTITY {this} \"&{last};&{last};\">").unwrap();
    }
    bomb.push_str("]>");
    for (doctype, name) in [
        (&*bomb, "&a29;"),
        (
            "<!DOCTYPE kml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
            "&x;",
        ),
    ] {
        let file = upload(&server, "", "a", with(doctype, name).as_bytes()).await;
        let error = file["error"].as_str().unwrap_or_default();
        assert!(error.contains("entities"), "{file}");
        assert_eq!(counts(&file)[1], 0, "{file}");
    }
    // A document type alone is skipped.
    let named = "<!DOCTYPE kml SYSTEM \"http://127.0.0.1:9/kml.dtd\">";
    let file = upload(&server, "", "a", with(named, "net").as_bytes()).await;
    check_counts(&file, [1, 0, 0, 0]);
}

#[tokio::test]
async fn forms_of_one_archive_have_accounts_of_their_own() {
    let server = TestServer::start().await;
    let (csv, kml) = (wigle(0..3), fixture("kml/wigle-app.kml"));
    let archive = zip(&[("a.kml", csv.as_bytes()), ("b.csv", &kml)]);
    let answer = send(&server, "?source=phone", &[("phone.zip", &archive)]).await;
    let answer = answer.expect_status(200).json();
    assert_eq!(answer["files"][0]["form"], "wigle-csv", "{answer}");
    assert_eq!(answer["files"][1]["form"], "kml", "{answer}");
    assert_eq!(server.source_count().await, 1);
}

/// The only form whose name counts: the address is nowhere else. People send the whole folder of captures.
#[tokio::test]
async fn places_of_pwnagotchi_have_the_address_in_the_name() {
    let server = TestServer::start().await;
    let files = files("pwnagotchi");
    let entries = files.iter().map(|(name, content)| {
        let name = format!("handshakes/{name}");
        (name, content.as_slice())
    });
    let mut entries: Vec<_> = entries.collect();
    entries.push((
        "handshakes/home_020000000001.pcap".to_owned(),
        b"\xd4\xc3".as_slice(),
    ));
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, content)| (name.as_str(), *content))
        .collect();
    let answer = send(&server, "", &[("handshakes.zip", &zip(&entries))]).await;
    let answer = answer.expect_status(200).json();
    let mut accounts = String::new();
    let all = answer["files"].as_array().unwrap().iter();
    for file in all.filter(|file| file["form"].is_string()) {
        let name = file["name"].as_str().unwrap();
        writeln!(accounts, "{name}: {}", shown(file)).unwrap();
    }
    expect_accounts("pwnagotchi", &accounts);
    let device = server.read("/api/v1/devices/02:00:00:00:00:01").await;
    assert_eq!(device["lat"], 52.520_006_6, "{device}");
    let (_, content) = files.first_key_value().unwrap();
    let file = upload(&server, "?source=other", "place.gps.json", content).await;
    let reason = file["refusals"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("name"), "{reason}");
}

/// Scan results have no clock, so the time of the scan comes with the file.
#[tokio::test]
async fn printed_scans_need_the_time_of_the_scan() {
    let server = TestServer::start().await;
    for (name, content) in files("scans") {
        let file = upload(&server, "?dry_run=true", "scan", &content).await;
        let [rows, taken, _, _, refused] = counts(&file);
        assert_eq!((taken, refused), (0, rows), "{name}: {file}");
        let reason = file["refusals"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("time"), "{reason}");
    }
}

#[tokio::test]
async fn a_track_gives_places_to_the_log_beside_it() {
    let server = TestServer::start().await;
    let log = fixture("airodump/capture-01.csv");
    let track = fixture("tracks/walk.gpx");
    let files = [("capture-01.csv", &*log), ("capture-01.gpx", &track)];
    let answer = send(&server, "?tz=Europe/Berlin", &files).await;
    let answer = answer.expect_status(200).json();
    let log = &answer["files"][0];
    assert_eq!(log["form"], "airodump-csv", "{answer}");
    assert_eq!(log["first_seen"], 1_785_578_400, "{log}");
    assert_eq!(log["bbox"][1], 52.520_006_6, "{log}");
    check_counts(log, [6, 0, 1, 1]);
}

/// KML, gpsxml and VS1 may have a track beside their rows.
#[tokio::test]
async fn a_track_of_another_form_gives_places_too() {
    let server = TestServer::start().await;
    let log = fixture("airodump/capture-01.csv");
    let track = fixture("kml/others.kml");
    let files = [("capture-01.csv", &*log), ("walk.kml", &track)];
    let answer = send(&server, "?tz=Europe/Berlin", &files).await;
    let log = answer.expect_status(200).json()["files"][0].clone();
    assert_eq!(log["bbox"], json!([13.4, 52.5, 13.4, 52.5]), "{log}");
}

#[tokio::test]
async fn netxml_and_gpsxml_of_one_run_are_one_source() {
    let server = TestServer::start().await;
    let networks = fixture("netxml/kismet-2016.netxml");
    let points = fixture("netxml/kismet-2016.gpsxml");
    let files = [("run.netxml", &*networks), ("run.gpsxml", &points)];
    let answer = send(&server, "", &files).await.expect_status(200).json();
    // The zone follows from the two, so there is no note about it.
    assert_eq!(answer["files"][0]["notes"], json!([]), "{answer}");
    assert_eq!(answer["files"][0]["first_seen"], 1_424_314_297, "{answer}");
    let sources = server.read("/api/v1/sources").await;
    let sources = sources["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert_eq!(sources[0]["name"], "Alfa on the roof");
}
