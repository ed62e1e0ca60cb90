//! Files as their writers make them, and what is read from them.

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::Form;
use super::testing::{Collected, ReadFrom, context, read_with};
use super::{
    airodump, geojson, geosubmit, hcx, kismetxml, kml, neostumbler, netstumbler, pwnagotchi, scans,
    sparrow_json, tables, tracks, vistumbler, wiglecsv,
};
use crate::import::rows::{
    Companion, Context, Ending, FileError, Input, Origin, Reader, Row, Rows,
};
use crate::import::zone::Zone;
use crate::report::UnixTime;

/// A file as one of the writers makes it.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/imports/",
            $name
        ))
    };
}

/// Reads a file, and compares with the rows in the file beside it.
#[track_caller]
fn check(reader: ReadFrom, name: &str) -> Collected {
    check_with(reader, name, &context(None, &[]))
}

#[track_caller]
fn check_with(reader: ReadFrom, name: &str, context: &Context<'_>) -> Collected {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/imports"
    ));
    let bytes = fs::read(folder.join(name)).unwrap();
    let expected = fs::read_to_string(folder.join(format!("{name}.rows"))).unwrap_or_default();
    let read = read_with(reader, &bytes, context);
    let text = read.text();
    assert!(text == expected, "{name}.rows is another; read:\n{text}");
    read
}

#[test]
fn kml_of_each_writer() {
    check(kml::read_from, "kml/wigle-app.kml");
    check(kml::read_from, "kml/wigle-app-2012.kml");
    check(kml::read_from, "kml/wigle-net.kml");
    check(kml::read_from, "kml/wififofum.kml");
    check(kml::read_from, "kml/others.kml");
}

#[test]
fn files_of_airodump() {
    check(airodump::read_csv_from, "airodump/capture-01.csv");
    check(airodump::read_log_from, "airodump/capture-01.log.csv");
    check(airodump::read_kismet_csv_from, "airodump/kismet-2013.csv");
    check(kismetxml::read_netxml_from, "netxml/airodump.netxml");
}

#[test]
fn xml_of_old_kismet() {
    let read = check(kismetxml::read_netxml_from, "netxml/kismet-2016.netxml");
    let [Origin::Source { id, name }] = &*read.origins else {
        panic!("{:?}", read.origins);
    };
    assert_eq!(id.to_string(), "5FE308BD-0000-0000-0000-00000000000A");
    assert_eq!(name.as_deref(), Some("Alfa on the roof"));
    check(kismetxml::read_gpsxml_from, "netxml/kismet-2016.gpsxml");
}

/// Of two files of one run, one has local times, and the other the places. Each tells what the other lacks.
#[test]
fn files_of_one_run_complete_each_other() {
    let path = |name: &str| {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/imports/netxml/"
        );
        PathBuf::from(folder).join(name)
    };
    let read = |reader: Reader, file: &str, form: Form, companion: &str| {
        let path_of_file = path(file);
        let input = Input {
            path: path_of_file,
            name: file.into(),
        };
        let companions = [Companion {
            form: Some(form),
            path: path(companion),
        }];
        let mut collected = Collected::default();
        let context = context(None, &companions);
        collected.ending = reader(&input, &context, &mut collected).unwrap();
        collected
    };
    let (networks, points) = ("kismet-2016.netxml", "kismet-2016.gpsxml");
    let read_networks = read(kismetxml::read_netxml, networks, Form::Gpsxml, points);
    // Five hours behind UTC, which three networks agree on.
    assert!(
        read_networks.text().contains("@1424314499"),
        "{}",
        read_networks.text()
    );
    assert!(read_networks.ending.notes.is_empty());
    let read_points = read(kismetxml::read_gpsxml, points, Form::Netxml, networks);
    assert!(
        read_points.text().contains("Café & Bar"),
        "{}",
        read_points.text()
    );
    assert_eq!(read_points.origins, read_networks.origins);
}

#[test]
fn tracks_are_points() {
    check(tracks::read_gpx_from, "tracks/walk.gpx");
    check(tracks::read_gpsd_from, "tracks/capture-01.gps");
    check(tracks::read_nmea_from, "tracks/drive.nmea");
}

/// The zone that came with a file is that of its local times.
#[test]
fn local_times_are_in_the_zone_that_came_with_the_file() {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let bytes = fixture!("airodump/capture-01.csv");
    let seconds = |zone: Option<&Zone>| {
        let read = read_with(airodump::read_csv_from, bytes, &context(zone, &[]));
        let (_, crate::import::rows::Row::Sighting(first)) = &read.rows[0] else {
            panic!("{:?}", read.rows);
        };
        (first.time.unwrap().seconds(), read.ending.notes)
    };
    assert_eq!(seconds(None), (1_785_585_600, vec!["times taken as UTC"]));
    assert_eq!(seconds(Some(&zone)), (1_785_578_400, vec![]));
}

#[test]
fn files_of_vistumbler() {
    check(vistumbler::read_from, "vistumbler/drive.VS1");
    check(vistumbler::read_from, "vistumbler/old.VS1");
    check(vistumbler::read_csv_from, "vistumbler/detailed.csv");
    check(vistumbler::read_csv_from, "vistumbler/summary.csv");
}

#[test]
fn files_of_neostumbler() {
    check(neostumbler::read_from, "neostumbler/wifis.csv");
    check(neostumbler::read_from, "neostumbler/beacons.csv");
    check(neostumbler::read_from, "neostumbler/cells.csv");
    let points_only = Context {
        points_only: true,
        ..context(None, &[])
    };
    let twice = [
        fixture!("neostumbler/beacons.csv").as_slice(),
        fixture!("neostumbler/cells.csv"),
    ]
    .concat();
    let read = read_with(neostumbler::read_from, &twice, &points_only);
    let expected = "1785578403 at 525200066 134049540 Some(34200)\n";
    assert_eq!(read.text(), expected, "both rows are of one report");
}

#[test]
fn bodies_of_geosubmit() {
    check(geosubmit::read_from, "geosubmit/versions.json");
    check(geosubmit::read_cells_from, "geosubmit/tower-collector.csv");
}

#[test]
fn tables_of_small_programs() {
    check(tables::read_wardriver_from, "tables/wardriver.csv");
    check(tables::read_gmon_from, "tables/gmon.txt");
    check(tables::read_sparrow_from, "tables/sparrow.csv");
    check(tables::read_swardriving_from, "tables/swardriving.csv");
    check(sparrow_json::read_from, "tables/sparrow.json");
    check(hcx::read_from, "tables/hcx.csv");
    check(geojson::read_from, "tables/others.geojson");
}

#[test]
fn files_of_netstumbler() {
    check(netstumbler::read_from, "netstumbler/drive.ns1");
    check(netstumbler::read_from, "netstumbler/old.ns1");
    check(netstumbler::read_text_from, "netstumbler/wi-scan.txt");
    check(netstumbler::read_text_from, "netstumbler/summary.txt");
}

/// A binary file has no lines. It is read up to its last complete point.
#[test]
fn a_cut_file_of_netstumbler_gives_its_first_points() {
    let file = fixture!("netstumbler/drive.ns1");
    let whole = read_with(netstumbler::read_from, file, &context(None, &[]));
    for length in 0..file.len() {
        let cut = read_with(netstumbler::read_from, &file[..length], &context(None, &[]));
        assert!(cut.ending.is_cut, "{length}");
        assert!(cut.rows.len() <= whole.rows.len(), "{length}");
    }
    // A count that is too large takes no memory.
    let lies = [b"NetS\x0c\0\0\0".as_slice(), &[0xff; 4], &file[12..]].concat();
    let lies = read_with(netstumbler::read_from, &lies, &context(None, &[]));
    assert_eq!((lies.rows, lies.ending.is_cut), (whole.rows, true));
}

/// The address stands in the name of the file.
#[test]
fn places_of_pwnagotchi() {
    fn read_named(
        input: &mut dyn BufRead,
        context: &Context<'_>,
        rows: &mut dyn Rows,
    ) -> Result<Ending, FileError> {
        pwnagotchi::read_from("home_020000000001.gps.json", input, context, rows)
    }
    check(read_named, "pwnagotchi/home_020000000001.gps.json");
    check(read_named, "pwnagotchi/home_020000000002.geo.json");
    let mut collected = Collected::default();
    let bytes = fixture!("pwnagotchi/home_020000000001.gps.json");
    let context = context(None, &[]);
    pwnagotchi::read_from("backup.json", &mut &bytes[..], &context, &mut collected).unwrap();
    assert!(
        collected
            .text()
            .contains("send the file under its own name")
    );
}

/// Scan results have no clock, so the time of the capture comes with the file.
#[test]
fn what_programs_print_of_a_scan() {
    let capture = Context {
        time: Some(UnixTime::new(1_785_578_400)),
        ..context(None, &[])
    };
    let check = |reader: ReadFrom, name: &str| check_with(reader, name, &capture);
    check(scans::read_iw_from, "scans/iw.txt");
    check(scans::read_wpa_supplicant_from, "scans/wpa_cli.txt");
    check(scans::read_dumpsys_from, "scans/dumpsys.txt");
    check(scans::read_termux_from, "scans/termux.json");
    let without = read_with(
        scans::read_iw_from,
        fixture!("scans/iw.txt"),
        &context(None, &[]),
    );
    assert!(!without.text().contains("@1"), "{}", without.text());
    let failed = br#"{"API_ERROR": "location needs to be enabled"}"#;
    let mut collected = Collected::default();
    let result = scans::read_termux_from(&mut &failed[..], &capture, &mut collected);
    assert!(result.is_err());
}

/// What a form has, and a report has no field for.
#[test]
fn ids_of_beacons_and_numbers_of_makers_are_tags() {
    let tags = |reader: ReadFrom, bytes: &[u8]| {
        let read = read_with(reader, bytes, &context(None, &[]));
        let mut all = Vec::new();
        for (_, row) in read.rows {
            if let Row::Sighting(sighting) = row {
                let report = sighting.into_report(UnixTime::new(1));
                all.extend(
                    report
                        .tags
                        .iter()
                        .map(|tag| format!("{}={}", tag.name, tag.value)),
                );
            }
        }
        all
    };
    assert_eq!(
        tags(wiglecsv::read_from, fixture!("wiglecsv/wigle-app-1.6.csv")),
        ["rcois=5A03BA0000", "mfgrid=76"]
    );
    // This program writes the number in hexadecimal.
    assert_eq!(
        tags(wiglecsv::read_from, fixture!("wiglecsv/biscuit.csv")),
        ["mfgrid=2504"]
    );
    assert_eq!(
        tags(neostumbler::read_from, fixture!("neostumbler/beacons.csv")),
        [
            "beaconType=533",
            "id1=2f234454-cf6d-4a0f-adf2-f4911ba9ffa6",
            "id2=1",
            "id3=2"
        ]
    );
    assert_eq!(
        tags(kml::read_from, fixture!("kml/wigle-app.kml")),
        [
            "import=summary",
            "import=summary",
            "import=summary",
            "mfgrid=76"
        ]
    );
    let guessed = tags(
        kismetxml::read_netxml_from,
        fixture!("netxml/kismet-2016.netxml"),
    );
    assert!(
        guessed.contains(&"import=summary,guessed".to_owned()),
        "{guessed:?}"
    );
    let body = br#"{"items": [{"timestamp": 1785578400000, "bluetoothBeacons":
        [{"macAddress": "020000000001", "beaconType": 533, "id1": "a", "id2": "", "id3": null}]}]}"#;
    assert_eq!(
        tags(geosubmit::read_from, body),
        ["beaconType=533", "id1=a"]
    );
}

/// Whatever a file holds, its reader gives rows or an error.
mod properties {
    use proptest::prelude::*;

    use super::*;

    const READERS: [ReadFrom; 26] = [
        kml::read_from,
        airodump::read_csv_from,
        airodump::read_log_from,
        airodump::read_kismet_csv_from,
        kismetxml::read_netxml_from,
        kismetxml::read_gpsxml_from,
        tracks::read_gpx_from,
        tracks::read_gpsd_from,
        tracks::read_nmea_from,
        vistumbler::read_from,
        vistumbler::read_csv_from,
        neostumbler::read_from,
        scans::read_iw_from,
        scans::read_wpa_supplicant_from,
        scans::read_dumpsys_from,
        scans::read_termux_from,
        geosubmit::read_from,
        tables::read_wardriver_from,
        tables::read_gmon_from,
        tables::read_sparrow_from,
        geojson::read_from,
        netstumbler::read_from,
        netstumbler::read_text_from,
        sparrow_json::read_from,
        tables::read_swardriving_from,
        hcx::read_from,
    ];

    const FILES: [&[u8]; 26] = [
        fixture!("kml/others.kml"),
        fixture!("airodump/capture-01.csv"),
        fixture!("airodump/capture-01.log.csv"),
        fixture!("airodump/kismet-2013.csv"),
        fixture!("netxml/kismet-2016.netxml"),
        fixture!("netxml/kismet-2016.gpsxml"),
        fixture!("tracks/walk.gpx"),
        fixture!("tracks/capture-01.gps"),
        fixture!("tracks/drive.nmea"),
        fixture!("vistumbler/drive.VS1"),
        fixture!("vistumbler/detailed.csv"),
        fixture!("neostumbler/wifis.csv"),
        fixture!("scans/iw.txt"),
        fixture!("scans/wpa_cli.txt"),
        fixture!("scans/dumpsys.txt"),
        fixture!("scans/termux.json"),
        fixture!("geosubmit/versions.json"),
        fixture!("tables/wardriver.csv"),
        fixture!("tables/gmon.txt"),
        fixture!("tables/sparrow.csv"),
        fixture!("tables/others.geojson"),
        fixture!("netstumbler/drive.ns1"),
        fixture!("netstumbler/wi-scan.txt"),
        fixture!("tables/sparrow.json"),
        fixture!("tables/swardriving.csv"),
        fixture!("tables/hcx.csv"),
    ];

    fn read_all(bytes: &[u8]) {
        for reader in READERS {
            let mut collected = Collected::default();
            let _result = reader(&mut &*bytes, &context(None, &[]), &mut collected);
        }
    }

    #[test]
    fn a_file_under_the_name_of_another_form_is_no_harm() {
        for file in FILES {
            read_all(file);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_panic(
            (which, cut, at) in (0..26_usize, any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            bytes in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let file = FILES[which];
            let mut changed = file[..cut.index(file.len())].to_vec();
            let at = at.index(changed.len() + 1);
            changed.splice(at..at, bytes);
            read_all(&changed);
        }
    }
}
