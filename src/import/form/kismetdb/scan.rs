//! Scan reports in Kismet's database, and how Kismet writes octets in texts.

use std::time::Duration;

use crate::import::rows::{Marks, Sighting};
use crate::ingest::format::Limits;
use crate::ingest::kismet;
use crate::report::{MacAddr, Phy, ReceivedAt, UnixTime};

/// The limits of one report. Its database has a limit for the length of a document.
const LIMITS: Limits = Limits {
    reports_per_batch_max: 1,
    json_depth_max: 32,
    ignored_max: 0,
    clock_skew_max: Duration::from_secs(24 * 60 * 60),
    source_name_bytes_max: 0,
    capabilities_bytes_max: 1024,
    // Services of a Bluetooth device are bounded by it too. Tags have no room.
    tags_max: 64,
    tag_bytes_max: 0,
    tags_bytes_max: 0,
    advertising_bytes_max: 4096,
};

/// Reads one report. `time` is that of its row. An error is the reason for which the row is refused.
pub(super) fn sighting(
    phy: Phy,
    json: &[u8],
    time: Option<UnixTime>,
) -> Result<(MacAddr, Box<Sighting>), String> {
    const BEFORE: &[u8] = br#"{"source_uuid":"00000000-0000-0000-0000-000000000001","reports":["#;
    let document = [BEFORE, json, b"]}"].concat();
    let seconds = time.map_or(0, UnixTime::seconds);
    let received_at = ReceivedAt::from_micros(u64::from(seconds) * 1_000_000);
    let (mut batch, _) = kismet::decode(phy, &document, received_at, &LIMITS)
        .map_err(|error| format!("json: {error}"))?;
    let report = batch.reports.pop().ok_or("json: no report")?;
    let address = report.device().addr;
    let sighting = Sighting {
        time,
        signal: report.signal,
        frequency: report.frequency,
        channel: report.channel,
        position: report.position,
        accuracy: report.accuracy,
        seen: report.sighting,
        marks: Marks::default(),
    };
    Ok((address, Box::new(sighting)))
}

/// The octets of a text in which Kismet escaped quotes, backslashes and what is not UTF-8.
pub(super) fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return octets,
            [b'\\', b'x', high, low, after @ ..] if crate::hex::byte(&[*high, *low]).is_some() => {
                octets.extend(crate::hex::byte(&[*high, *low]));
                after
            }
            [b'\\', escaped @ (b'"' | b'\\' | b'/'), after @ ..] => {
                octets.push(*escaped);
                after
            }
            [b'\\', b'n', after @ ..] => {
                octets.push(b'\n');
                after
            }
            [b'\\', b'r', after @ ..] => {
                octets.push(b'\r');
                after
            }
            [b'\\', b't', after @ ..] => {
                octets.push(b'\t');
                after
            }
            [octet, after @ ..] => {
                octets.push(*octet);
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_octets() {
        assert_eq!(octets(r#"a\"b\\c\xFFd\q"#), b"a\"b\\c\xffd\\q");
        assert_eq!(octets("Café"), "Café".as_bytes());
        assert_eq!(octets(r"\x"), br"\x");
    }
}
