//! Decodes Kismet's scan reports (`datasource_scan.cc`), Wi-Fi and Bluetooth.
//!
//! Pure: no clock, no I/O. Only who reports and what was seen are needed. Every other value costs itself if it cannot be
//! used, and never its report; a report that is refused spoils no other. The body is octets: one that is no UTF-8 spoils
//! at most the text that it stands in.

#[expect(dead_code, reason = "what is in them is described, not made")]
mod documents;
mod forms;
mod identity;
mod repair;
mod row;
mod wire;

use serde::de::DeserializeSeed;

pub use self::forms::{BluetoothScanReport, WifiScanReport};
pub(in crate::ingest) use self::repair::bytes as repaired_bytes;
pub(crate) use self::repair::{repair, shown};
use self::row::Row;
use self::wire::{Document, DocumentSeed, Fields, Item, Reports};
use super::decode::{DecodeError, Notes, Reason};
pub use super::format::Limits;
use super::json::{ParseBounds, Value};
use super::quantity::before_nul;
use super::time_text::clock;
use super::values;
use crate::report::{Batch, Phy, ReceivedAt, Report, SourceId, source_name};

/// Decodes the scan report in `body`.
///
/// # Errors
///
/// When the request as a whole cannot be decoded, or when no report in it is valid.
pub fn decode(
    phy: Phy,
    body: &[u8],
    received_at: ReceivedAt,
    limits: &Limits,
) -> Result<(Batch, Notes), DecodeError> {
    let mut decoder = Decoder {
        phy,
        received_at,
        limits,
        repaired: false,
    };
    let broken = match std::str::from_utf8(body) {
        Ok(json) => match parse(json, limits) {
            Ok(document) => return decoder.batch(document),
            Err(broken) => broken.to_string(),
        },
        Err(_) => "the body is not UTF-8".to_owned(),
    };
    // The first message counts: its line and column are those of what was sent.
    let broken = || DecodeError::NotAReport(broken.clone());
    let repaired = repair(body).ok_or_else(broken)?;
    decoder.repaired = true;
    decoder.batch(parse(&repaired, limits).map_err(|_| broken())?)
}

/// The batch of a scan report that is right.
#[cfg(test)]
pub(crate) fn batch(phy: Phy, json: &str, received_at: ReceivedAt) -> Batch {
    let decoded = decode(phy, json.as_bytes(), received_at, &Limits::FOR_TESTS);
    decoded.unwrap().0
}

fn parse<'a>(json: &'a str, limits: &Limits) -> Result<Document<'a>, serde_json::Error> {
    let bounds = ParseBounds {
        depth: limits.json_depth_max,
        reports_max: limits.reports_per_batch_max,
        entries_max: limits.tags_max,
    };
    let mut parser = serde_json::Deserializer::from_str(json);
    let document = DocumentSeed(bounds).deserialize(&mut parser)?;
    parser.end()?;
    Ok(document)
}

struct Decoder<'l> {
    phy: Phy,
    received_at: ReceivedAt,
    limits: &'l Limits,
    /// Whether strings may contain stand-ins for bytes.
    repaired: bool,
}

impl Decoder<'_> {
    fn batch(&self, document: Document<'_>) -> Result<(Batch, Notes), DecodeError> {
        let mut notes = Notes::default();
        let source = source(&document.source_uuid)?;
        let source_name = self.source_name(document.source_name, &mut notes);
        let items = match document.reports {
            Reports::Items(_, count) if self.limits.reports_per_batch_max < count => {
                return Err(DecodeError::TooManyReports {
                    count,
                    max: self.limits.reports_per_batch_max,
                });
            }
            Reports::Items(items, _) => items,
            Reports::Missing => return Err(DecodeError::NoReports("nothing")),
            Reports::NotAnArray(kind) => return Err(DecodeError::NoReports(kind)),
        };
        let has_own_time = |fields: &Fields<'_>| {
            let said = clock(
                &fields.timestamp,
                self.received_at,
                self.limits.clock_skew_max,
            );
            said.is_ok_and(|said| said.right().is_some())
        };
        let identity = identity::of(source, self.phy, &items, has_own_time);
        let mut reports = Vec::with_capacity(items.len());
        let mut rejected = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match self.report(index, item, &mut notes) {
                Ok(report) => reports.push(report),
                Err(reason) => rejected.push(reason.of_report(index)),
            }
        }
        if reports.is_empty() && !rejected.is_empty() {
            return Err(DecodeError::NothingValid(rejected));
        }
        let batch = Batch {
            source,
            source_name,
            technology: reports.is_empty().then_some(self.phy),
            identity,
            reports,
            rejected,
        };
        Ok((batch, notes))
    }

    /// Null, empty and absent come from reporters that were not given a name.
    fn source_name(&self, mut value: Value<'_>, notes: &mut Notes) -> Option<Box<str>> {
        if self.repaired {
            value.show_bytes();
        }
        match values::text(value, self.limits.source_name_bytes_max) {
            Ok(name) => source_name(&name?, usize::MAX),
            Err(wrong) => {
                notes.ignore(self.limits.ignored_max, None, "source_name", wrong);
                None
            }
        }
    }

    fn report(&self, index: usize, item: Item<'_>, notes: &mut Notes) -> Result<Report, Reason> {
        let mut fields = match item {
            Item::Report(fields) => fields,
            Item::NotAnObject(kind) => {
                return Err(Reason::new(
                    "report",
                    format!("expected an object, found {kind}"),
                ));
            }
        };
        if self.repaired {
            fields.show_bytes();
        }
        let mut row = Row {
            decoder: self,
            index,
            notes,
        };
        row.report(fields)
    }
}

fn source(value: &Value<'_>) -> Result<SourceId, DecodeError> {
    let wrong = |reason| DecodeError::Source(reason);
    match value {
        Value::Absent => Err(wrong(Reason::missing("source_uuid"))),
        Value::Text(text) => text
            .parse()
            .or_else(|_| before_nul(text).parse())
            .map_err(|error| wrong(Reason::new("source_uuid", error))),
        other => Err(wrong(Reason::wrong_type(
            "source_uuid",
            "a string",
            other.kind(),
        ))),
    }
}

#[cfg(test)]
mod tests;
