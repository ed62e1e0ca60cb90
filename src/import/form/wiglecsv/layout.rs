//! Which field of a row is which column.
//!
//! Writers differ in their columns, and break their rows: a comma in a name that nobody quoted makes one field too many,
//! Kismet leaves out two fields of Wi-Fi rows. The address is always first, the type last, and the time has a shape
//! that nothing else has.

use std::borrow::Cow;

use super::record::Fields;
use crate::import::clock::is_time_shaped;

/// A column that is read, or that rows may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Mac,
    Ssid,
    AuthMode,
    Time,
    Channel,
    Frequency,
    Rssi,
    Lat,
    Lon,
    Altitude,
    Accuracy,
    Rcois,
    MfgrId,
    Type,
}

use Column::{
    Accuracy, Altitude, AuthMode, Channel, Frequency, Lat, Lon, Mac, MfgrId, Rcois, Rssi, Ssid,
    Time, Type,
};

/// Names of columns in lower case. If a file has several names of one column, the first one of this list counts.
const NAMES: [(&str, Column); 33] = [
    ("mac", Mac),
    ("bssid", Mac),
    ("netid", Mac),
    ("ssid", Ssid),
    ("capabilities", AuthMode),
    ("authmode", AuthMode),
    ("encryption", AuthMode),
    ("authtype", AuthMode),
    ("security", AuthMode),
    ("firstseen", Time),
    ("timestamp", Time),
    ("time", Time),
    ("lastseen", Time),
    ("channel", Channel),
    ("frequency", Frequency),
    ("rssi", Rssi),
    ("signal", Rssi),
    ("level", Rssi),
    ("currentlatitude", Lat),
    ("latitude", Lat),
    ("trilat", Lat),
    ("lat", Lat),
    ("currentlongitude", Lon),
    ("longitude", Lon),
    ("trilong", Lon),
    ("lon", Lon),
    ("altitudemeters", Altitude),
    ("altitude", Altitude),
    ("accuracymeters", Accuracy),
    ("accuracy", Accuracy),
    ("rcois", Rcois),
    ("mfgrid", MfgrId),
    ("type", Type),
];

/// The columns behind the time, by their number. Rows with 9 lack one of the two that are not read.
const TAILS: [&[Column]; 4] = [
    &[Channel, Rssi, Lat, Lon, Altitude, Accuracy, Type],
    &[Channel, Frequency, Rssi, Lat, Lon, Altitude, Accuracy, Type],
    &[
        Channel, Frequency, Rssi, Lat, Lon, Altitude, Accuracy, Rcois, Type,
    ],
    &[
        Channel, Frequency, Rssi, Lat, Lon, Altitude, Accuracy, Rcois, MfgrId, Type,
    ],
];

/// How many columns there are up to the time.
const HEAD: usize = 4;

/// The index of each column, by its place in the enumeration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places([Option<usize>; Type as usize + 1]);

impl Places {
    fn get(&self, column: Column) -> Option<usize> {
        self.0.get(column as usize).copied().flatten()
    }

    fn set(&mut self, column: Column, index: Option<usize>) {
        if let Some(known) = self.0.get_mut(column as usize) {
            *known = index;
        }
    }

    /// All columns from this index on stand so many fields further right.
    fn moved(mut self, from: usize, by: usize) -> Self {
        for index in self.0.iter_mut().flatten() {
            if from <= *index {
                *index += by;
            }
        }
        self
    }

    /// The columns of rows that lack one.
    fn without(mut self, column: Column) -> Self {
        let gap = self.get(column);
        self.set(column, None);
        for index in self.0.iter_mut().flatten() {
            if gap.is_some_and(|gap| gap < *index) {
                *index -= 1;
            }
        }
        self
    }

    /// The columns of a row whose time has this index, with so many fields behind it.
    fn of_row(time: usize, behind: usize) -> Option<Self> {
        let tail = TAILS.iter().find(|tail| tail.len() == behind)?;
        let mut places = Self::default();
        places.set(Mac, Some(0));
        places.set(Ssid, Some(1));
        places.set(AuthMode, Some(time.checked_sub(1)?));
        places.set(Time, Some(time));
        for (column, index) in tail.iter().zip(time + 1..) {
            places.set(*column, Some(index));
        }
        Some(places)
    }
}

/// Where the columns of one row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    places: Places,
    /// How many further fields the name takes, because it has commas that nobody quoted.
    ssid_extra: usize,
}

impl Row {
    /// The field of the column, or the empty text if the row lacks it.
    pub(super) fn get<'f>(&self, fields: &'f Fields, column: Column) -> &'f [u8] {
        let index = self.places.get(column);
        index.map(|index| fields.get(index)).unwrap_or_default()
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.places.get(column).is_some()
    }

    /// Whether each column is one field.
    pub(super) const fn is_exact(&self) -> bool {
        self.ssid_extra == 0
    }

    /// The name, with its commas.
    pub(super) fn ssid<'f>(&self, fields: &'f Fields) -> Cow<'f, [u8]> {
        let Some(index) = self.places.get(Ssid) else {
            return Cow::default();
        };
        if self.ssid_extra == 0 {
            return Cow::Borrowed(fields.get(index));
        }
        let parts: Vec<_> = (index..=index + self.ssid_extra)
            .map(|index| fields.get(index))
            .collect();
        Cow::Owned(parts.join(&b','))
    }
}

/// The columns of the rows behind a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// How many fields the header has.
    count: usize,
    places: Places,
}

impl Layout {
    /// Reads a header. `None` if the line is not a header, which names both the address and the SSID.
    pub(super) fn of_header(fields: &Fields) -> Option<Self> {
        let mut places = Places::default();
        let names: Vec<_> = fields
            .iter()
            .map(|field| field.trim_ascii().to_ascii_lowercase())
            .collect();
        for (name, column) in NAMES {
            let index = names.iter().position(|field| field == name.as_bytes());
            if index.is_some() && places.get(column).is_none() {
                places.set(column, index);
            }
        }
        let is_header = places.get(Mac).is_some() && places.get(Ssid).is_some();
        is_header.then_some(Self {
            count: fields.len(),
            places,
        })
    }

    /// Finds the columns of a row behind this header.
    fn align(&self, fields: &Fields) -> Option<Row> {
        let is_exact = fields.len() == self.count || self.has_a_comma_behind(fields);
        if is_exact && self.has_its_time(fields) {
            return Some(Row {
                places: self.places,
                ssid_extra: 0,
            });
        }
        match time_index(fields, self.places.get(Time).unwrap_or_default()) {
            Some(time) => self.align_by_time(fields, time),
            None => self.align_by_count(fields),
        }
    }

    /// Whether the row ends in a comma, as some writers end all but the header.
    fn has_a_comma_behind(&self, fields: &Fields) -> bool {
        let is_one_more = fields.len() == self.count + 1 && fields.last().is_empty();
        is_one_more && is_type_word(fields.get(self.count - 1))
    }

    /// Whether the time is where the header has it. A row without a time has none elsewhere either.
    fn has_its_time(&self, fields: &Fields) -> bool {
        let Some(index) = self.places.get(Time) else {
            return true;
        };
        is_time_shaped(fields.get(index)) || time_index(fields, index).is_none()
    }

    /// The name takes all fields that are too many before the time. Behind it, a row has the columns of the header, or
    /// those of one of the versions.
    fn align_by_time(&self, fields: &Fields, time: usize) -> Option<Row> {
        let (expected, ssid) = (self.places.get(Time)?, self.places.get(Ssid)?);
        if expected < ssid {
            return self.align_by_count(fields);
        }
        let ssid_extra = time.checked_sub(expected)?;
        let (behind, expected_behind) = (fields.len() - time - 1, self.count - expected - 1);
        let places = if behind == expected_behind {
            self.places.moved(ssid + 1, ssid_extra)
        } else if is_type_word(fields.last()) {
            Places::of_row(time, behind)?
        } else {
            return None;
        };
        Some(Row { places, ssid_extra })
    }

    /// Without a time, the columns behind the name are counted from the right.
    fn align_by_count(&self, fields: &Fields) -> Option<Row> {
        let ssid = self.places.get(Ssid)?;
        if let Some(ssid_extra) = fields.len().checked_sub(self.count) {
            return Some(Row {
                places: self.places.moved(ssid + 1, ssid_extra),
                ssid_extra,
            });
        }
        let mut places = self.places;
        let mut missing = self.count - fields.len();
        // None of the two is read, so it does not matter which one is missing.
        for column in [MfgrId, Rcois] {
            if 0 < missing && places.get(column).is_some() {
                places = places.without(column);
                missing -= 1;
            }
        }
        let is_whole = missing == 0 && is_type_word(fields.last());
        is_whole.then_some(Row {
            places,
            ssid_extra: 0,
        })
    }
}

/// Finds the columns of a row. `None` if the fields do not make a row.
pub(super) fn align(fields: &Fields, layout: Option<&Layout>) -> Option<Row> {
    if let Some(layout) = layout {
        return layout.align(fields);
    }
    if !is_type_word(fields.last()) {
        return None;
    }
    // Without a time there may be no comma in the name.
    let is_version = |columns: usize| TAILS.iter().any(|tail| HEAD + tail.len() == columns);
    let time = match time_index(fields, HEAD - 1) {
        Some(time) => time,
        None if is_version(fields.len()) => HEAD - 1,
        None => return None,
    };
    let ssid_extra = (time + 1).checked_sub(HEAD)?;
    let places = Places::of_row(time, fields.len() - time - 1)?;
    Some(Row { places, ssid_extra })
}

/// The last field from here on that looks like a time: one before it may be a name that looks like one.
fn time_index(fields: &Fields, from: usize) -> Option<usize> {
    let index = fields.iter().rposition(is_time_shaped)?;
    (from <= index).then_some(index)
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wifi,
    Bluetooth,
    Other(&'static str),
}

/// The meaning of a type word. `None` if the word is not known.
pub(super) fn kind(word: &[u8]) -> Option<Kind> {
    const WORDS: [(&str, Kind); 20] = [
        ("wifi", Kind::Wifi),
        ("w", Kind::Wifi),
        ("ble", Kind::Bluetooth),
        ("bt", Kind::Bluetooth),
        ("btle", Kind::Bluetooth),
        ("bluetooth", Kind::Bluetooth),
        ("gsm", Kind::Other("cell")),
        ("cdma", Kind::Other("cell")),
        ("lte", Kind::Other("cell")),
        ("wcdma", Kind::Other("cell")),
        ("umts", Kind::Other("cell")),
        ("nr", Kind::Other("cell")),
        ("nr_5g", Kind::Other("cell")),
        ("5g", Kind::Other("cell")),
        ("cell", Kind::Other("cell")),
        ("nfc", Kind::Other("nfc")),
        ("zigbee", Kind::Other("zigbee")),
        ("lora", Kind::Other("other")),
        ("subghz", Kind::Other("other")),
        ("alpr", Kind::Other("other")),
    ];
    let word = word.trim_ascii();
    let mut words = WORDS.iter();
    words
        .find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, kind)| *kind)
}

fn is_type_word(field: &[u8]) -> bool {
    kind(field).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V14: &str = "MAC,SSID,AuthMode,FirstSeen,Channel,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type";
    const V16: &str = "MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type";

    fn fields(record: &str) -> Fields {
        let mut fields = Fields::default();
        fields.split(record.as_bytes());
        fields
    }

    /// The name, the security, the time, the frequency, the signal, the latitude and the type of a row.
    #[track_caller]
    fn check(header: Option<&str>, record: &str, expected: [&str; 7]) {
        let layout = header.map(|header| Layout::of_header(&fields(header)).unwrap());
        let fields = fields(record);
        let row = align(&fields, layout.as_ref()).unwrap_or_else(|| panic!("{record}"));
        let mut read = [AuthMode, Time, Frequency, Rssi, Lat, Type]
            .map(|column| String::from_utf8_lossy(row.get(&fields, column)).into_owned())
            .to_vec();
        read.insert(0, String::from_utf8_lossy(&row.ssid(&fields)).into_owned());
        assert_eq!(read, expected, "{record}");
    }

    const MAC: &str = "aa:bb:cc:dd:ee:0f";

    #[test]
    fn rows_have_the_columns_of_their_header() {
        let row = format!("{MAC},net,[WPA2],2026-08-01 10:00:00,6,-61,52.5,13.4,34,5,WIFI");
        let expected = [
            "net",
            "[WPA2]",
            "2026-08-01 10:00:00",
            "",
            "-61",
            "52.5",
            "WIFI",
        ];
        check(Some(V14), &row, expected);
        check(None, &row, expected);
        let row = format!("{MAC},net,[WPA2],2026-08-01 10:00:00,6,2437,-61,52.5,13.4,34,5,,,WIFI");
        let expected = [
            "net",
            "[WPA2]",
            "2026-08-01 10:00:00",
            "2437",
            "-61",
            "52.5",
            "WIFI",
        ];
        check(Some(V16), &row, expected);
        check(None, &row, expected);
        check(Some(V16), &format!("{row},"), expected);
        check(
            Some("type,LATITUDE,Longitude,bssid,level,ssid,Security,lastseen"),
            &format!("WIFI,52.5,13.4,{MAC},-61,net,WPA2,2026-08-01T10:00:00Z"),
            [
                "net",
                "WPA2",
                "2026-08-01T10:00:00Z",
                "",
                "-61",
                "52.5",
                "WIFI",
            ],
        );
    }

    #[test]
    fn rows_without_two_columns_are_read_by_their_type() {
        for (tail, frequency) in [("WIFI", "2437"), (",WIFI", "2437"), ("0059,BLE", "7936")] {
            let row = format!(
                "{MAC},net,[WPA2],2026-08-01 10:00:00,6,{frequency},-61,52.5,13.4,34,5,{tail}"
            );
            let kind = tail.rsplit(',').next().unwrap();
            let expected = [
                "net",
                "[WPA2]",
                "2026-08-01 10:00:00",
                frequency,
                "-61",
                "52.5",
                kind,
            ];
            check(Some(V16), &row, expected);
            check(Some(V14), &row, expected);
            check(None, &row, expected);
            let without_time = row.replace("2026-08-01 10:00:00", "");
            let expected = ["net", "[WPA2]", "", frequency, "-61", "52.5", kind];
            check(Some(V16), &without_time, expected);
            check(None, &without_time, expected);
        }
    }

    #[test]
    fn commas_of_a_name_belong_to_the_name() {
        let row = format!("{MAC},a,b, c,[WPA2],2026-8-1 1:00:00,6,-61,52.5,13.4,34,5,WIFI");
        let expected = [
            "a,b, c",
            "[WPA2]",
            "2026-8-1 1:00:00",
            "",
            "-61",
            "52.5",
            "WIFI",
        ];
        check(Some(V14), &row, expected);
        check(None, &row, expected);
        let row = format!("{MAC},a,b,[WPA2],,6,2437,-61,52.5,13.4,34,5,,,WIFI");
        check(
            Some(V16),
            &row,
            ["a,b", "[WPA2]", "", "2437", "-61", "52.5", "WIFI"],
        );
        // As many fields as the header has, but one of them is half of the name.
        let row = format!("{MAC},a,b,[WPA2],2026-08-01 10:00:00,6,2437,-61,52.5,13.4,34,5,,WIFI");
        let expected = [
            "a,b",
            "[WPA2]",
            "2026-08-01 10:00:00",
            "2437",
            "-61",
            "52.5",
            "WIFI",
        ];
        check(Some(V16), &row, expected);
    }

    #[test]
    fn a_row_that_breaks_off_has_no_columns() {
        let whole = format!("{MAC},net,[WPA2],2026-08-01 10:00:00,6,-61,52.5,13.4,34,5,WIFI");
        let layout = Layout::of_header(&fields(V14)).unwrap();
        // What is left of its type may be a type too.
        for length in 0..whole.len() - "IFI".len() {
            let cut = whole.get(..length).unwrap();
            let fields = fields(cut);
            let row = align(&fields, Some(&layout));
            // Its type alone may be cut.
            let has_all_fields = fields.len() == 11;
            assert_eq!(row.is_some(), has_all_fields, "{cut}");
            assert_eq!(align(&fields, None), None, "{cut}");
        }
    }

    #[test]
    fn only_a_line_with_both_names_is_a_header() {
        assert!(Layout::of_header(&fields(V16)).is_some());
        assert!(Layout::of_header(&fields("netid,ssid")).is_some());
        assert_eq!(Layout::of_header(&fields("SSID,Type")), None);
        assert_eq!(
            Layout::of_header(&fields("WigleWifi-1.4,appRelease=1")),
            None
        );
    }
}
