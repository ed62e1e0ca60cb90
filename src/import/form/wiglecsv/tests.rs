use proptest::prelude::*;

use super::*;
use crate::import::form::testing::{Collected, read};
use crate::import::rows::Origin;

/// A file as one of the writers makes it.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/imports/wiglecsv/",
            $name
        ))
    };
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) -> Collected {
    let read = read(read_from, bytes);
    assert_eq!(read.text().trim_end(), expected.trim());
    read
}

#[track_caller]
fn check_origins(read: &Collected, expected: &[(&str, &str)]) {
    let origins: Vec<_> = read
        .origins
        .iter()
        .map(|origin| match origin {
            Origin::Text { text, name } => (&**text, &**name),
            Origin::Program { name } => ("", &**name),
            Origin::Source { .. } => panic!("{origin:?}"),
        })
        .collect();
    assert_eq!(origins, expected);
}

#[test]
fn the_app_of_wigle() {
    let app = check(
        fixture!("wigle-app-1.6.csv"),
        r#"
3: 02:00:5E:10:00:01 "Harbour Cafe" [WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS] @1785578400 ch6 2437000kHz -61dBm 525200066,134049540,34200mm ±3790mm
4: 02:00:5E:10:00:02 "Lena, upstairs \"5G\"" [RSN-SAE-CCMP][ESS][MFPR] @1785578401 ch36 5180000kHz -74dBm 525200066,134049540,34000mm ±3800mm
5: 02:00:5E:10:00:03 "" [ESS] @1785578402 5955000kHz -80dBm 525200000,134050000
6: BT 02:00:5E:10:00:04 "Buds of Max" Headphones @1785578403 -66dBm 525200000,134050000,34000mm ±4000mm
7: BT 02:00:5E:10:00:05 "" Misc @1785578404 -90dBm 525200000,134050000,34000mm ±4000mm
8: other: cell
9: other: cell
10: other: nfc
"#,
    );
    check_origins(&app, &[("wigle:google:Pixel 7:panther", "WiGLE 2.91")]);
    check(
        fixture!("wigle-app-1.4.csv"),
        r#"
3: 02:00:5E:10:01:01 "Old Phone Net" [WPA2-PSK-CCMP][ESS] @1521941400 ch11 -55dBm 488583701,22944813,33000mm ±12000mm
4: 02:00:5E:10:01:02 "" [WPA-PSK-CCMP+TKIP][WPA2-PSK-CCMP+TKIP][ESS] @1521941405 ch1 -88dBm 488583000,22944000,33000mm ±12000mm
5: other: cell
6: other: cell
"#,
    );
}

#[test]
fn boards_with_an_esp32() {
    check(
        fixture!("marauder.csv"),
        r#"
3: 02:00:5E:10:02:01 "Say \"hi\"" [WPA2_PSK] @- ch6 -70dBm
4: 02:00:5E:10:02:02 "Garage_ Door" [WPA2_PSK] @1746530091 ch6 -70dBm 337489954,-843879824,320100mm ±2500mm
5: 02:00:5E:10:02:03 "\"unclosed" [OPEN] @1746530092 ch1 -81dBm 337489954,-843879824,320100mm ±2500mm
6: 02:00:5E:10:02:04 "plain" [WPA_WPA2_PSK] @1746530093 ch11 -60dBm 337489954,-843879824,320100mm ±2500mm
7: BT 02:00:5E:10:02:05 "Tile" - @1746530094 -75dBm 337489954,-843879824,320100mm ±2500mm
8: BT 02:00:5E:10:02:06 "Flock" - @1746530095 -75dBm 337489954,-843879824,320100mm ±2500mm
"#,
    );
    check(
        fixture!("wardriver-uk.csv"),
        r#"
3: 02:00:5E:10:03:01 "Flat 2, Top Floor" [WPA2_PSK] @1762107611 ch1 -67dBm
4: 02:00:5E:10:03:02 "Flat 2_ Top Floor" [WPA2_PSK] @1762107612 ch6 -69dBm 515007292,-1246254,11200mm ±1850mm
5: BT 02:00:5E:10:03:03 "Name, with comma" - @1762107613 -90dBm 515007292,-1246254,11200mm ±1850mm
6: other: cell
"#,
    );
    check(
        fixture!("evil-m5.csv"),
        r#"
4: 02:00:5E:10:04:01 "no clock, no fix" [WPA2] @- ch6 -70dBm
6: 02:00:5E:10:04:02 "with clock" [WPA2] @1751660130 ch11 -71dBm 457640430,48356590,170000mm ±2000mm
9: 02:00:5E:10:04:03 "clock lost" [OPEN] @- ch1 -72dBm 457640440,48356600,170000mm ±2000mm
10: 02:00:5E:10:04:04 "wifydra" [WPA3] @- ch1 -73dBm 457640440,48356600,170000mm ±2000mm
"#,
    );
    check(
        fixture!("bruce.csv"),
        r#"3: 02:00:5E:10:05:01 "Bruce, quoted" [WPA2_PSK] @1770091506 ch6 2437000kHz -65dBm 404167754,-37037902,650000mm ±3000mm"#,
    );
    check(
        fixture!("ghostesp.csv"),
        r#"3: 02:00:5E:10:06:01 "Ghost" WPA2 @1770091506 ch6 -65dBm 404167754,-37037902,650000mm ±3000mm"#,
    );
    check(
        fixture!("esp32s3-frequency.csv"),
        r#"3: 02:00:5E:10:07:01 "S3 net" [WPA2-PSK] @1770091506 ch6 2437000kHz -65dBm 404167754,-37037902,650000mm ±3000mm"#,
    );
    check(
        fixture!("biscuit.csv"),
        r#"
3: BT 02:00:5E:10:0C:01 "tag" - @1777957505 -65dBm -338688197,1512092955,20000mm ±5000mm
4: 02:00:5E:10:0C:02 "net" [WPA2] @1777957506 ch6 -65dBm -338688197,1512092955,20000mm ±5000mm
"#,
    );
}

#[test]
fn kismet_writes_names_in_octal_and_two_fields_less() {
    let kismet = check(
        fixture!("kismet.csv"),
        r#"
3: 02:00:5E:10:08:01 "Café, Bar" [WPA2-PSK-CCMP] [ESS] @1759219200 ch6 2437000kHz -60dBm 599114910,107579330,12000mm #summary
4: 02:00:5E:10:08:01 "Café, Bar" [WPA2-PSK-CCMP] [ESS] @1759219200 ch6 2437000kHz -58dBm 599115200,107579500,12000mm #summary
5: 02:00:5E:10:08:02 "C:\\101pple" [ESS] @1759219201 ch36 5180000kHz -70dBm 599114910,107579330,12000mm #summary
6: BT 02:00:5E:10:08:03 "Keys" Misc @1759219202 -70dBm 599114910,107579330,12000mm #summary
7: BT 02:00:5E:10:08:04 "" Misc @1759219203 599114910,107579330,12000mm #summary
"#,
    );
    check_origins(&kismet, &[("wigle:kismet:Kismet:kismet", "Kismet2025")]);
    check(
        fixture!("bettercap.csv"),
        r#"3: BT 02:00:5E:10:0D:01 "Apple, Inc." LE + BR/EDR (controller) @1717200001 -70dBm 373318598,-1220302485,10000mm #summary"#,
    );
}

#[test]
fn programs_of_computers_and_servers() {
    check(
        fixture!("vistumbler.csv"),
        r#"
3: 02:00:5E:10:09:01 "Open Net" - @1775044800 ch6 2437000kHz -50dBm 423600825,-710588801,10000mm ±6000mm
4: 02:00:5E:10:09:02 "Secure Net" [WPA2-PSK-CCMP][ESS] @1775044801 ch149 5745000kHz -51dBm 423600825,-710588801,10000mm ±6000mm
"#,
    );
    let pwnagotchi = check(
        fixture!("pwnagotchi.csv"),
        r#"
3: 02:00:5E:10:0A:01 "pi net" [WPA2-PSK] @1735689599 ch6 -65dBm 356894875,1396917064,40000mm ±5000mm
4: other: cell
5: other: cell
6: other: zigbee
"#,
    );
    check_origins(
        &pwnagotchi,
        &[("wigle:evilsocket:pwnagotchi:pwny", "WiGLE 1.0")],
    );
    let web = check(
        fixture!("web-export.csv"),
        r#"
3: 02:00:5E:10:0B:01 "web net" wpa2 @1777957505 ch6 -65dBm -338688197,1512092955,20000mm ±5000mm
4: 02:00:5E:10:0B:02 "web net 2" open @1777957505 ch6 -65dBm -338688197,1512092955,20000mm ±5000mm
"#,
    );
    check_origins(&web, &[("", "dash")]);
}

#[test]
fn each_header_describes_the_rows_behind_it() {
    let read = check(
        fixture!("concatenated.csv"),
        r#"
3: 02:00:5E:10:0E:01 "first" [ESS] @1785578400 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
7: 02:00:5E:10:0E:02 "second" [ESS] @1533117600 ch6 -61dBm 525200000,134050000,34200mm ±3800mm
"#,
    );
    check_origins(
        &read,
        &[
            ("wigle:google:Pixel 7:panther", "WiGLE 2.91"),
            ("wigle:samsung:SM-G930F:herolte", "WiGLE 2.26"),
        ],
    );
    check(
        fixture!("headerless.csv"),
        r#"
1: 02:00:5E:10:0F:01 "eleven" [ESS] @1785578400 ch6 -61dBm 525200000,134050000,34200mm ±3800mm
2: 02:00:5E:10:0F:02 "twelve" [ESS] @1785578401 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
3: 02:00:5E:10:0F:03 "thirteen" [ESS] @1785578402 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
4: 02:00:5E:10:0F:04 "fourteen" [ESS] @1785578403 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
5: other: cell
"#,
    );
}

#[test]
fn rows_stand_among_the_lines_of_a_console() {
    check(
        fixture!("serial-marauder.txt"),
        r#"
6: 02:00:5E:10:10:01 "Serial Net" [WPA2_PSK] @1746530091 ch6 -70dBm 337489954,-843879824,320100mm ±2500mm
7: 02:00:5E:10:10:02 "Serial, with comma" [WPA2_PSK] @1746530092 ch6 -70dBm 337489954,-843879824,320100mm ±2500mm
8: BT 02:00:5E:10:10:03 "" - @1746530093 -80dBm 337489954,-843879824,320100mm ±2500mm
9: refused: row: 4 fields, which are not those of a whole row
10: 02:00:5E:10:10:05 "After it" [OPEN] @1746530094 ch6 -70dBm 337489954,-843879824,320100mm ±2500mm
"#,
    );
}

#[test]
fn what_cannot_be_is_left_out_or_refused() {
    check(
        fixture!("odd.csv"),
        r#"
3: 02:00:5E:10:11:01 "two\nlines" [ESS] @1785578400 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
5: 02:00:5E:10:11:02 "caf\\xE9" [ESS] @1785578401 ch6 2437000kHz -61dBm 525200000,134050000,34200mm ±3800mm
6: refused: address: a multicast address cannot identify a station
7: refused: address: the broadcast address cannot identify a station
8: refused: MAC: not a hardware address
9: 02:00:5E:10:11:04 "no zeros" [ESS] @- ch6 2437000kHz
10: 02:00:5E:10:11:05 "future" [ESS] @-
11: 02:00:5E:10:11:06 "2026-08-01 10:00:00" [ESS] @1785578405 ch14 2484000kHz -61dBm 525200000,134050000,34200mm ±3800mm
12: other: other
13: 02:00:5E:10:11:08 "wrong channel" [ESS] @1785578407 5180000kHz -61dBm 525200000,134050000,34200mm ±3800mm
14: refused: row: 2 fields, which are not those of a whole row
Ending { is_cut: true, is_damaged: false, notes: [] }
"#,
    );
}

const HEADER: &str = "MAC,SSID,AuthMode,FirstSeen,Channel,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type";
const ROW: &str =
    "02:00:5e:10:12:01,net,[ESS],2026-08-01 10:00:00,6,-61,52.52,13.405,34.2,3.8,WIFI";

fn count(text: &str) -> (usize, usize) {
    let rows = read(read_from, text.as_bytes()).rows;
    let refused = rows
        .iter()
        .filter(|(_, row)| matches!(row, Row::Refused(_)));
    (rows.len(), refused.count())
}

#[test]
fn files_of_nothing_have_no_rows() {
    for text in [
        "",
        "\n",
        "\u{feff}",
        HEADER,
        "WigleWifi-1.4",
        "\r\r\r",
        "just some text\n",
    ] {
        assert_eq!(count(text), (0, 0), "{text:?}");
    }
}

#[test]
fn a_row_is_the_same_with_any_end_of_line() {
    let text = format!("WigleWifi-1.4,appRelease=1,model=a\n{HEADER}\n{ROW}\n{ROW}");
    let expected = read(read_from, text.as_bytes());
    assert_eq!(expected.rows.len(), 2);
    for end in ["\r", "\r\n"] {
        let other = read(read_from, text.replace('\n', end).as_bytes());
        assert_eq!(other, expected, "{end:?}");
    }
    let with_mark = read(read_from, format!("\u{feff}{text}").as_bytes());
    assert_eq!(with_mark, expected);
}

#[test]
fn a_file_that_is_cut_anywhere_keeps_what_came_before() {
    let text = format!("{HEADER}\n{ROW}\n{ROW}\n");
    let last = HEADER.len() + ROW.len() + 2;
    for length in last + 1..text.len() - 1 {
        let read = read(read_from, &text.as_bytes()[..length]);
        assert_eq!(read.rows.len(), 2, "{length}");
        let is_refused = matches!(read.rows[1].1, Row::Refused(_));
        assert_eq!(read.ending.is_cut, is_refused, "{length}");
    }
}

#[test]
fn a_quote_that_nobody_closes_swallows_nothing() {
    let bad = ROW.replace("net", "\"net");
    // The next quote is far away, and it does not end the field.
    let text = format!(
        "{HEADER}\n{bad}\n{ROW}\n{}\n",
        ROW.replace("net", "\"other\"")
    );
    assert_eq!(count(&text), (3, 0));
    let broken = "02:00:5e:10:12:01,\"net,[ESS]";
    let text = format!("{HEADER}\n{broken}\n{ROW}\n{ROW}\n");
    assert_eq!(count(&text), (3, 1));
    // A name over two lines, as a database exports it.
    let text = format!("{HEADER}\n{}\n{ROW}\n", ROW.replace("net", "\"a\n\nb\""));
    assert_eq!(count(&text), (2, 0));
}

#[test]
fn a_line_beyond_the_bound_is_one_refused_row() {
    let long = ROW.replace("net", &"x".repeat(70_000));
    let text = format!("{HEADER}\n{ROW}\n{long}\n{ROW}\n");
    assert_eq!(count(&text), (3, 1));
}

proptest! {
    #[test]
    fn no_bytes_panic(
        parts in prop::collection::vec(
            prop_oneof![
                Just(HEADER.to_owned()), Just(ROW.to_owned()), Just("WigleWifi-1.4,brand=a".to_owned()),
                "[\",\r\n\\\\x0:-]{0,12}", "\\PC{0,12}",
            ],
            0..12,
        ),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut text = parts.concat().into_bytes();
        text.extend(bytes);
        let read = read(read_from, &text);
        let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).count();
        prop_assert!(read.rows.len() <= lines);
    }
}
