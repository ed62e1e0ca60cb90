//! What a file is. Only its content counts: names lie.

use std::fs::File;
use std::io;
use std::path::Path;

use super::form::Form;
use super::unpack::read_up_to;

/// How much of a file is looked at.
const HEAD_BYTES: usize = 64 << 10;
/// How many lines are looked at for a header, and how many for a row without one.
const LINES_MAX: usize = 50;

/// The form of a file. `None` if it is none that is known.
pub(crate) fn recognise(path: &Path) -> io::Result<Option<Form>> {
    let mut head = vec![0; HEAD_BYTES];
    let read = read_up_to(&mut File::open(path)?, &mut head)?;
    head.truncate(read);
    Ok(form_of(&head))
}

/// The form of a file that begins like this.
pub(crate) fn form_of(head: &[u8]) -> Option<Form> {
    if head.starts_with(b"SQLite format 3\0") {
        return of_database(head);
    }
    if let [b'N', b'e', b't', b'S', 6 | 8 | 11 | 12, 0, 0, 0, ..] = head {
        return Some(Form::Netstumbler);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let starts = |beginning: &str| text.starts_with(beginning.as_bytes());
    if starts("# Vistumbler VS1") {
        return Some(Form::Vistumbler);
    }
    if starts("WigleWifi-") || starts("\"WigleWifi-") {
        return Some(Form::WigleCsv);
    }
    if starts("# $Creator:") || starts("# $Format: wi-scan") {
        return Some(Form::WiScan);
    }
    let trimmed = text.trim_ascii_start();
    // A sequence of texts in JSON (RFC 8142).
    let trimmed = trimmed.strip_prefix(b"\x1E").unwrap_or(trimmed);
    match trimmed.first()? {
        b'<' => of_xml(trimmed),
        b'{' | b'[' => of_json(trimmed),
        b'$' => Some(Form::Nmea).filter(|_| is_nmea(trimmed)),
        _ => of_text(trimmed),
    }
}

/// By the statements that made the tables. They stand at the beginning of the file, as text.
fn of_database(head: &[u8]) -> Option<Form> {
    let has = |table: &str| {
        let table = table.as_bytes();
        let mut places = head.windows(table.len()).enumerate();
        places.any(|(at, bytes)| bytes.eq_ignore_ascii_case(table) && is_made_at(head, at))
    };
    let has_all = |tables: &[&str]| tables.iter().all(|table| has(table));
    [
        (Form::WigleSqlite, ["network", "location"]),
        (Form::Kismetdb, ["KISMET", "devices"]),
        (Form::NeostumblerSqlite, ["room_master_table", "Report"]),
        (Form::WardriveSqlite, ["networks", "networks"]),
        (Form::WardriveSqlite, ["wifi", "wifispot"]),
    ]
    .into_iter()
    .find_map(|(form, tables)| has_all(&tables).then_some(form))
}

/// Whether the name at a place is that of a table that is made there: `CREATE TABLE` stands before it, and the name ends.
fn is_made_at(head: &[u8], at: usize) -> bool {
    const BEFORE: &[u8] = b"table";
    let Some(before) = head.get(at.saturating_sub(30)..at) else {
        return false;
    };
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    let before = before.strip_suffix(b"`").unwrap_or(before);
    let before = before.strip_suffix(b"[").unwrap_or(before).trim_ascii_end();
    let is_statement = ends_with(before, BEFORE) || ends_with(before, b"if not exists");
    let name = head.get(at..).unwrap_or_default();
    let length = name.iter().position(|byte| !is_word(*byte));
    let begins = at == 0 || head.get(at - 1).is_none_or(|byte| !is_word(*byte));
    // A window that matched has at least its own length; a longer word is another table.
    is_statement && begins && length.is_some_and(|length| 0 < length && is_whole(name, length))
}

fn is_whole(name: &[u8], length: usize) -> bool {
    const NAMES: [&str; 9] = [
        "network",
        "location",
        "kismet",
        "devices",
        "room_master_table",
        "report",
        "networks",
        "wifi",
        "wifispot",
    ];
    let word = name.get(..length).unwrap_or_default();
    NAMES
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let tail = text
        .len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// By the root element. Declarations, comments and the type of the document stand before it.
fn of_xml(text: &[u8]) -> Option<Form> {
    let mut rest = text;
    loop {
        let at = rest.iter().position(|byte| *byte == b'<')?;
        rest = rest.get(at + 1..)?;
        if rest.starts_with(b"!--") {
            let end = rest.windows(3).position(|bytes| bytes == b"-->")?;
            rest = rest.get(end + 3..)?;
        } else if !rest.starts_with(b"?") && !rest.starts_with(b"!") {
            break;
        }
    }
    let length = rest.iter().position(|byte| b" \t\r\n/>".contains(byte))?;
    let name = rest.get(..length)?;
    let name = name.rsplit(|byte| *byte == b':').next()?;
    Some(match name {
        b"kml" | b"Document" | b"Folder" => Form::Kml,
        b"detection-run" => Form::Netxml,
        b"gps-run" => Form::Gpsxml,
        b"gpx" => Form::Gpx,
        _ => return None,
    })
}

fn of_json(text: &[u8]) -> Option<Form> {
    let has = |word: &str| {
        let word = word.as_bytes();
        text.windows(word.len()).any(|bytes| bytes == word)
    };
    let head = text.get(..text.len().min(4096)).unwrap_or(text);
    let begins_with = |word: &str| {
        let word = word.as_bytes();
        head.windows(word.len()).any(|bytes| bytes == word)
    };
    if text.starts_with(b"[") {
        return Some(Form::Termux).filter(|_| has("\"bssid\""));
    }
    if begins_with("\"FeatureCollection\"") || begins_with("\"Feature\"") {
        return Some(Form::Geojson);
    }
    if begins_with("\"wifi-aps\"") {
        return Some(Form::SparrowJson);
    }
    if begins_with("\"items\"") {
        return Some(Form::Geosubmit);
    }
    // A place without a time is recognised too, so that its account tells what is missing.
    let is_place = begins_with("\"Latitude\"") && begins_with("\"Longitude\"");
    if is_place || (begins_with("\"location\"") && begins_with("\"lng\"")) {
        return Some(Form::Pwnagotchi);
    }
    has("\"class\"").then_some(Form::GpsdJson)
}

fn is_nmea(text: &[u8]) -> bool {
    let talks = |line: &[u8]| {
        let is_sentence = line
            .get(3..6)
            .is_some_and(|kind| kind.iter().all(u8::is_ascii_uppercase));
        line.starts_with(b"$") && is_sentence && line.contains(&b',')
    };
    lines(text).take(3).any(talks)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| !line.is_empty())
}

fn of_text(text: &[u8]) -> Option<Form> {
    let headers: [(&str, Form); 13] = [
        ("BSSID, First time seen", Form::AirodumpCsv),
        ("LocalTime, GPSTime, ESSID", Form::AirodumpLogcsv),
        ("LocalTime,GPSTime,ESSID", Form::AirodumpLogcsv),
        ("Network;NetType;ESSID;BSSID", Form::KismetCsv),
        ("BSSID;LAT;LON;SSID;", Form::GmonCsv),
        ("SSID,BSSID,MANUFACTURER,", Form::VistumblerCsv),
        ("macAddr,vendor,SSID,", Form::SparrowCsv),
        ("uuid,Address,Name,Company", Form::SparrowCsv),
        (
            "timestamp,latitude,longitude,locationAccuracy",
            Form::NeostumblerCsv,
        ),
        ("mcc,mnc,lac,cell_id", Form::TowerCollector),
        ("kind,name,bssid,security,channel", Form::WardriverCsv),
        (
            "bssid / frequency / signal level / flags / ssid",
            Form::WpaSupplicant,
        ),
        ("BSS ", Form::IwScan),
    ];
    let known = headers
        .into_iter()
        .find(|(header, _)| text.starts_with(header.as_bytes()));
    if let Some((_, form)) = known {
        return Some(form);
    }
    // Exports of wardriver-local have further columns, also before these.
    let header = lines(text).next().unwrap_or_default();
    if contains(header, b",kind,name,bssid,security,") {
        return Some(Form::WardriverCsv);
    }
    let mut first_lines = lines(text).take(LINES_MAX);
    first_lines.find_map(|line| {
        let line = line.trim_ascii();
        if line.starts_with(b"BSS ") && line.contains(&b'(') {
            return Some(Form::IwScan);
        }
        if line.starts_with(b"bssid / frequency /") {
            return Some(Form::WpaSupplicant);
        }
        if line.starts_with(b"BSSID") && contains(line, b"Frequency") && contains(line, b"RSSI") {
            return Some(Form::Dumpsys);
        }
        if is_hcx_row(line) {
            return Some(Form::HcxCsv);
        }
        if is_swardriving_header(line) {
            return Some(Form::SwardrivingCsv);
        }
        // Last of all: nearly every table here has an address and a name.
        is_wigle_row(line).then_some(Form::WigleCsv)
    })
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|bytes| bytes == word)
}

/// A date, a time and an address, with tabs between them.
fn is_hcx_row(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| *byte == b'\t');
    let is_dotted = |field: Option<&[u8]>, mark: u8, parts: usize| {
        field.is_some_and(|field| {
            let parts_of = field.split(|byte| *byte == mark);
            let digits = field
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == mark);
            digits && parts_of.count() == parts
        })
    };
    is_dotted(fields.next(), b'-', 3)
        && is_dotted(fields.next(), b':', 3)
        && fields.next().is_some_and(is_address)
        && 6 < fields.count()
}

/// The columns of sWardriving, which has the date and the time apart.
fn is_swardriving_header(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let columns = [
        "bssid",
        "ssid",
        "capabilities",
        "channel",
        "frequency",
        "date",
        "time",
    ];
    columns.iter().all(|column| {
        let field = fields.next().map(unquoted).unwrap_or_default();
        field.eq_ignore_ascii_case(column.as_bytes())
    })
}

/// Whether a line is a header or a row of `WiGLE`'s CSV that stands alone, perhaps with a console's prompt before it.
fn is_wigle_row(line: &[u8]) -> bool {
    const TYPES: [&str; 10] = [
        "WIFI", "BT", "BLE", "GSM", "CDMA", "LTE", "WCDMA", "NR", "NFC", "CELL",
    ];
    let fields: Vec<&[u8]> = line
        .split(|byte| *byte == b',')
        .map(|field| unquoted(field.trim_ascii()))
        .collect();
    let is_named = |names: &[&str]| {
        fields.iter().any(|field| {
            let mut names = names.iter();
            names.any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    if is_named(&["MAC", "BSSID", "netid"]) && is_named(&["SSID"]) {
        return true;
    }
    let (Some(first), Some(last)) = (fields.first(), fields.last()) else {
        return false;
    };
    let is_type = TYPES
        .iter()
        .any(|known| last.eq_ignore_ascii_case(known.as_bytes()));
    let first = first
        .rsplit(|byte| matches!(byte, b' ' | b'|' | b'<'))
        .next();
    10 < fields.len() && is_type && first.is_some_and(is_address)
}

fn unquoted(field: &[u8]) -> &[u8] {
    let inner = field.strip_prefix(b"\"");
    inner
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(field)
}

fn is_address(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let text = text.trim_end_matches('>');
    text.parse::<crate::report::MacAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(head: &[u8], form: Option<Form>) {
        assert_eq!(form_of(head), form, "{}", String::from_utf8_lossy(head));
    }

    #[test]
    fn forms_are_recognised_by_how_they_begin() {
        let utf8_mark = b"\xef\xbb\xbfWigleWifi-1.6,appRelease=1\n".as_slice();
        check(utf8_mark, Some(Form::WigleCsv));
        for (head, form) in [
            ("\"WigleWifi-1.4\",\"model=x\"\n", Form::WigleCsv),
            ("MAC,SSID,AuthMode\n", Form::WigleCsv),
            ("name,bssid,ssid\n", Form::WigleCsv),
            (
                "> 12 | 02:00:00:00:00:01,a,[WPA2],2026-01-01 00:00:00,1,-50,1.0,2.0,3,4,WIFI\n",
                Form::WigleCsv,
            ),
            (
                "#wardrive -serial\n02:00:00:00:00:01,a,[WPA2],2026-01-01 00:00:00,1,2412,-50,1.0,2.0,3,4,,,WIFI\n",
                Form::WigleCsv,
            ),
            ("# Vistumbler VS1 - Detailed", Form::Vistumbler),
            ("# $Creator: x\n", Form::WiScan),
            ("NetS\x0c\0\0\0\0\0\0\0", Form::Netstumbler),
            (
                "<?xml version=\"1.0\"?>\n<!-- a < b -->\n<kml xmlns=\"x\">",
                Form::Kml,
            ),
            (
                "<?xml?><!DOCTYPE detection-run SYSTEM \"x.dtd\">\n<detection-run kismet-version=\"1\">",
                Form::Netxml,
            ),
            ("<gps-run gps-version=\"5\">", Form::Gpsxml),
            ("<gpx>", Form::Gpx),
            ("\r\nBSSID, First time seen, Last", Form::AirodumpCsv),
            ("LocalTime, GPSTime, ESSID, BSSID", Form::AirodumpLogcsv),
            ("Network;NetType;ESSID;BSSID;Info", Form::KismetCsv),
            ("SSID,BSSID,MANUFACTURER,SIGNAL", Form::VistumblerCsv),
            ("macAddr,vendor,SSID,Security", Form::SparrowCsv),
            (
                "timestamp,latitude,longitude,locationAccuracy,x",
                Form::NeostumblerCsv,
            ),
            ("mcc,mnc,lac,cell_id,x", Form::TowerCollector),
            ("{\"items\":[{\"timestamp\":1", Form::Geosubmit),
            ("{\"wifi-aps\":[", Form::SparrowJson),
            (
                "bssid, ssid, capabilities, channel, frequency, date, time, lat, lon, alt\n",
                Form::SwardrivingCsv,
            ),
            (
                "2026-08-01\t10:00:00\t02:00:00:00:00:01\tname\t[WPA2]\t[CCMP]\t[PSK]\t\t6\t-61\n",
                Form::HcxCsv,
            ),
            ("{\"type\": \"FeatureCollection\"", Form::Geojson),
            ("{\"type\": \"Feature\", \"id\": \"1-0\"", Form::Geojson),
            ("\x1E{\"type\": \"Feature\", \"id\": \"1-0\"", Form::Geojson),
            (
                "{\"class\":\"VERSION\"}\n{\"class\":\"TPV\"}",
                Form::GpsdJson,
            ),
            ("[{\"bssid\": \"02:00:00:00:00:01\"}]", Form::Termux),
            (
                "{\"Longitude\":13.4,\"Latitude\":52.5,\"Updated\":\"2020\"}",
                Form::Pwnagotchi,
            ),
            ("$GPRMC,1,A,2,N,3,E*00\n", Form::Nmea),
            ("BSS 02:00:00:00:00:01(on wlan0)\n", Form::IwScan),
            (
                "Selected interface 'wlan0'\nbssid / frequency / signal level / flags / ssid\n",
                Form::WpaSupplicant,
            ),
            (
                "SQLite format 3\0 xx CREATE TABLE android_metadata (locale TEXT)CREATE TABLE network (bssid text primary key)CREATE TABLE location (_id int)",
                Form::WigleSqlite,
            ),
            (
                "SQLite format 3\0 CREATE TABLE devices (a)CREATE TABLE KISMET (kismet_version TEXT)",
                Form::Kismetdb,
            ),
            (
                "SQLite format 3\0 CREATE TABLE `Report` (id)CREATE TABLE room_master_table (id)",
                Form::NeostumblerSqlite,
            ),
        ] {
            check(head.as_bytes(), Some(form));
        }
    }

    #[test]
    fn other_files_are_not_guessed() {
        for head in [
            "",
            "\n\n",
            "hello\n",
            "<html><body>",
            "<events>",
            "{\"a\":1}",
            "[1,2,3]",
            "$ ls\n",
            "a,b,c\n1,2,3\n",
            "SQLite format 3\0 CREATE TABLE networkx (a)CREATE TABLE location (b)",
            "SQLite format 3\0 INSERT network location",
        ] {
            check(head.as_bytes(), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(head in proptest::collection::vec(any::<u8>(), 0..300), begin in 0usize..4) {
            let beginnings = [b"".as_slice(), b"<", b"{", b"SQLite format 3\0"];
            form_of(&[beginnings[begin], &head].concat());
        }
    }
}
