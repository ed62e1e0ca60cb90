//! A device in one row, as JSON that is written by hand.
//!
//! Files have a million of these rows, and the general way takes twice as long.

use std::io::Write;

use super::{DeviceRow, Utc};
use crate::report::Channel;

impl DeviceRow<'_> {
    /// Appends the same as `serde_json` writes of [`without_place`](Self::without_place), without the brace at the end.
    pub(crate) fn write_without_place(&self, out: &mut Vec<u8>) {
        let Self {
            phy,
            address,
            key,
            name,
            security,
            security_label,
            channel,
            frequency_khz,
            band_ghz,
            signals,
            seen,
            changed,
            changed_utc,
            reports,
            sources,
            lat: _,
            lon: _,
            manufacturer,
            randomised,
        } = self;
        put_text(out, b"{\"phy\":", phy);
        // Writing to memory does not fail.
        write!(out, ",\"address\":\"{address}\",\"key\":\"{key}\"").ok();
        let channel = channel.as_ref().map(Channel::as_str);
        for (before, text) in [
            (b",\"name\":".as_slice(), name.as_deref()),
            (b",\"security\":", *security),
            (b",\"security_label\":", *security_label),
            (b",\"channel\":", channel),
        ] {
            if let Some(text) = text {
                put_text(out, before, text);
            }
        }
        if let Some(khz) = *frequency_khz {
            put_number(out, b",\"frequency_khz\":", khz);
        }
        if let Some(band) = *band_ghz {
            put_text(out, b",\"band_ghz\":", band);
        }
        for (before, dbm) in [
            (b",\"signal_dbm\":".as_slice(), signals.signal_dbm),
            (b",\"signal_weakest_dbm\":", signals.signal_weakest_dbm),
            (b",\"signal_strongest_dbm\":", signals.signal_strongest_dbm),
        ] {
            if let Some(dbm) = dbm {
                put_number(out, before, dbm);
            }
        }
        for (before, seconds, before_utc, utc) in [
            (
                b",\"first_seen\":".as_slice(),
                seen.first_seen,
                b",\"first_seen_utc\":".as_slice(),
                seen.first_seen_utc,
            ),
            (
                b",\"last_seen\":",
                seen.last_seen,
                b",\"last_seen_utc\":",
                seen.last_seen_utc,
            ),
            (
                b",\"changed\":",
                *changed,
                b",\"changed_utc\":",
                *changed_utc,
            ),
        ] {
            put_number(out, before, seconds);
            put_utc(out, before_utc, utc);
        }
        put_number(out, b",\"reports\":", *reports);
        put_number(out, b",\"sources\":", *sources);
        if let Some(name) = *manufacturer {
            put_text(out, b",\"manufacturer\":", name);
        }
        match *randomised {
            None => {}
            Some(true) => out.extend_from_slice(b",\"randomised\":true"),
            Some(false) => out.extend_from_slice(b",\"randomised\":false"),
        }
    }
}

fn put_number(out: &mut Vec<u8>, before: &[u8], number: impl itoa::Integer) {
    out.extend_from_slice(before);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn put_utc(out: &mut Vec<u8>, before: &[u8], utc: Utc) {
    out.extend_from_slice(before);
    write!(out, "\"{utc}\"").ok();
}

fn put_text(out: &mut Vec<u8>, before: &[u8], text: &str) {
    out.extend_from_slice(before);
    json_text(out, text);
}

/// Appends a text as JSON, as `serde_json` does. Nearly all texts are written as they are.
pub(crate) fn json_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: &u8| 0x20 <= *byte && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory does not fail.
        serde_json::to_writer(out, text).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::report::{DeviceId, MacAddr, Phy, UnixTime};
    use crate::views::native::{Signals, Times};

    #[track_caller]
    fn check_text(text: &str) {
        let mut out = Vec::new();
        json_text(&mut out, text);
        let expected = serde_json::to_vec(text).unwrap();
        assert_eq!(out, expected, "{text:?}");
    }

    #[test]
    fn each_character_is_written_as_the_general_way_does() {
        for character in '\0'..='\u{17F}' {
            check_text(&format!("a{character}b"));
        }
        for text in [
            "",
            "\"",
            "\\",
            "\\\"",
            "\u{2028}\u{2029}",
            "\u{FEFF}",
            "😀\u{10FFFF}",
            "</script>",
        ] {
            check_text(text);
        }
    }

    fn row(
        octets: [u8; 6],
        (name, channel): (Option<&str>, Option<Channel>),
        (numbers, dbm): ([u32; 5], Option<i16>),
    ) -> DeviceRow<'_> {
        let id = DeviceId {
            phy: Phy::Wifi,
            addr: MacAddr::new(octets),
        };
        let [first, last, changed, reports, khz] = numbers;
        let is_odd = khz % 2 == 1;
        DeviceRow {
            phy: id.phy.name(),
            address: id.addr,
            key: id.key(),
            name: name.map(Cow::Borrowed),
            security: name.map(|_| "wpa2-personal"),
            security_label: name.map(|_| "WPA2 \"personal\""),
            channel,
            frequency_khz: is_odd.then_some(khz.into()),
            band_ghz: is_odd.then_some("2.4"),
            signals: Signals {
                signal_dbm: dbm,
                signal_weakest_dbm: dbm.map(|dbm| dbm.saturating_sub(1)),
                signal_strongest_dbm: dbm.map(|dbm| dbm.saturating_add(1)),
            },
            seen: Times::new(UnixTime::new(first), UnixTime::new(last)),
            changed: changed.into(),
            changed_utc: Utc(UnixTime::new(changed)),
            reports: reports.into(),
            sources: u64::MAX - u64::from(reports),
            lat: Some(1.5),
            lon: Some(-1.5),
            manufacturer: is_odd.then_some("A \\ B\u{2028}"),
            randomised: dbm.map(|dbm| 0 < dbm),
        }
    }

    proptest! {
        #[test]
        fn both_ways_write_the_same_text(text: String) {
            check_text(&text);
        }

        #[test]
        fn both_ways_write_the_same_row(
            octets: [u8; 6],
            name: Option<String>,
            channel in prop::option::of("[ -~]{1,16}"),
            numbers: [u32; 5],
            dbm: Option<i16>,
        ) {
            let channel = channel.map(|text| Channel::from_stored_text(&text).unwrap());
            let row = row(octets, (name.as_deref(), channel), (numbers, dbm));
            let mut out = Vec::new();
            row.write_without_place(&mut out);
            out.push(b'}');
            let expected = serde_json::to_string(&row.without_place()).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
