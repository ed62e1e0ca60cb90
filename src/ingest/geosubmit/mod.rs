//! Decodes geosubmit, the form in which phones and desktops report to location services such as Mozilla's Ichnaea and
//! beaconDB.
//!
//! Pure: no clock, no I/O. A record that is refused spoils no other, and a value that cannot be used costs itself.

#[expect(dead_code, reason = "what is in them is described, not made")]
mod documents;
mod forms;
mod row;
mod wire;

use std::fmt;

pub use self::forms::{GeosubmitV1, GeosubmitV2, Submit};
use self::row::{Place, Row};
use self::wire::{Item, Record};
use super::content::Content;
use super::decode::{DecodeError, Notes, Reason};
use super::format::{Context, Upload, UploadEntry};
use super::json::ParseBounds;
use super::kismet::repair;
use crate::report::{Batch, Phy, Rejected, Report, SourceId};

/// The word for geosubmit in the text that a source is derived from.
const FORM: &str = "geosubmit";

/// How many batches one upload may become. Phones send a day's walk at once.
const BATCHES_MAX: usize = 16;

/// Decodes the upload in `body`.
fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let broken = match std::str::from_utf8(body) {
        Ok(json) => match parse(json, context, false) {
            Ok(upload) => return upload,
            Err(broken) => broken.to_string(),
        },
        Err(_) => "the body is not UTF-8".to_owned(),
    };
    let broken = DecodeError::NotAReport(broken);
    // An odd byte or half an emoji in a network's name must not cost a phone its whole day.
    let Some(repaired) = repair(body) else {
        return Err(broken);
    };
    parse(&repaired, context, true).unwrap_or(Err(broken))
}

fn parse(
    json: &str,
    context: &Context,
    repaired: bool,
) -> Result<Result<Upload, DecodeError>, serde_json::Error> {
    let limits = &context.limits;
    let rows_max = BATCHES_MAX.saturating_mul(limits.reports_per_batch_max);
    let bounds = ParseBounds {
        depth: limits.json_depth_max,
        reports_max: rows_max,
        entries_max: 0,
    };
    let mut decoder = Decoder {
        context,
        repaired,
        rows_max,
        rows: 0,
        cells: 0,
        full: Vec::new(),
        open: Chunk::default(),
    };
    let mut number = 0;
    let wrong_items = wire::parse(json, bounds, |item| {
        decoder.item(number, item);
        number += 1;
    })?;
    Ok(match wrong_items {
        Some(kind) => Err(DecodeError::NotAReport(format!(
            "items: expected an array, found {kind}"
        ))),
        None => decoder.finish(),
    })
}

/// Where a record stands in the document.
struct At {
    item: usize,
    list: &'static str,
    index: Option<usize>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "items.{}.{}", self.item, self.list)?;
        match self.index {
            Some(index) => write!(f, ".{index}"),
            None => Ok(()),
        }
    }
}

/// The rows of one batch.
#[derive(Default)]
struct Chunk {
    reports: Vec<Report>,
    rows: Vec<usize>,
    rejected: Vec<Rejected>,
    notes: Notes,
    content: Option<Content>,
    /// Whether a report has no time of its own: two equal batches may then be two sightings.
    lacks_time: bool,
}

struct Decoder<'c> {
    context: &'c Context,
    /// Whether strings may contain stand-ins for bytes.
    repaired: bool,
    rows_max: usize,
    /// How many rows there were so far. Each record for Wi-Fi or Bluetooth is one.
    rows: usize,
    cells: u64,
    full: Vec<Chunk>,
    open: Chunk,
}

impl Decoder<'_> {
    fn item(&mut self, number: usize, item: Result<Item<'_>, &'static str>) {
        let mut item = match item {
            Ok(item) => item,
            Err(kind) => {
                let why = format!("expected an object, found {kind}, in items.{number}");
                return self.refuse(Reason::new("item", why));
            }
        };
        self.cells += item.cells_count;
        if self.rows_max < self.rows + item.records_count {
            self.rows += item.records_count;
            return;
        }
        let records = std::mem::take(&mut item.records);
        if records.is_empty() {
            return;
        }
        let place = self.row().place(&item);
        for record in records {
            self.record(number, &item, &place, record);
        }
    }

    fn record(&mut self, number: usize, item: &Item<'_>, place: &Place, record: Record<'_>) {
        let phy = record.phy;
        let content = self.open.content.get_or_insert_with(Content::default);
        content.add_text(phy.name());
        content.add_values(item.plain());
        match &record.fields {
            Ok(fields) => content.add_values(fields.plain()),
            Err(kind) => content.add_text(kind),
        }
        let at = At {
            item: number,
            list: record.list,
            index: record.index,
        };
        let read = match record.fields {
            Ok(fields) => self.row().report(phy, &item.timestamp, place, *fields, &at),
            Err(kind) => {
                let expected = match record.index {
                    Some(_) => "an object",
                    None => "an array",
                };
                let why = format!("expected {expected}, found {kind}, in {at}");
                Err(Reason::new("report", why))
            }
        };
        match read {
            Ok(report) => self.accept(report),
            Err(reason) => self.refuse(reason),
        }
    }

    fn row(&mut self) -> Row<'_> {
        Row {
            context: self.context,
            repaired: self.repaired,
            index: self.rows,
            chunk: &mut self.open,
        }
    }

    fn accept(&mut self, report: Report) {
        self.open.reports.push(report);
        self.open.rows.push(self.rows);
        self.end_row();
    }

    fn refuse(&mut self, reason: Reason) {
        if self.rows < self.rows_max {
            self.open.rejected.push(reason.of_report(self.rows));
        }
        self.end_row();
    }

    fn end_row(&mut self) {
        self.rows += 1;
        let rows = self.open.reports.len() + self.open.rejected.len();
        if self.context.limits.reports_per_batch_max <= rows {
            self.full.push(std::mem::take(&mut self.open));
        }
    }

    /// Makes an upload of the chunks. Those without a report only add refused rows.
    fn finish(self) -> Result<Upload, DecodeError> {
        if self.rows_max < self.rows {
            return Err(DecodeError::TooManyReports {
                count: self.rows,
                max: self.rows_max,
            });
        }
        let limits = &self.context.limits;
        let (source, name) = self
            .context
            .sender
            .source(FORM, limits.source_name_bytes_max);
        let (mut entries, mut rejected) = (Vec::new(), Vec::new());
        for chunk in self.full.into_iter().chain([self.open]) {
            if chunk.reports.is_empty() {
                rejected.extend(chunk.rejected);
            } else {
                entries.push(chunk.entry(source, name.clone()));
            }
        }
        if entries.is_empty() {
            if !rejected.is_empty() && self.cells == 0 {
                return Err(DecodeError::NothingValid(rejected));
            }
            // Introduces the source, which has seen nothing that is kept.
            entries.push(Chunk::default().entry(source, name));
        }
        let mut entries = entries.into_iter();
        let Some(mut first) = entries.next() else {
            return Err(DecodeError::NothingValid(rejected));
        };
        if 0 < self.cells {
            let ignored = &mut first.notes.ignored_by_field;
            *ignored.entry("cell_towers").or_default() += self.cells;
        }
        let mut upload = Upload::new(first);
        entries.for_each(|entry| upload.add(entry));
        upload.reject_all(rejected);
        Ok(upload)
    }
}

impl Chunk {
    fn entry(self, source: SourceId, source_name: Option<Box<str>>) -> UploadEntry {
        let content = self.content.filter(|_| !self.lacks_time);
        UploadEntry {
            batch: Batch {
                source,
                source_name,
                technology: self.reports.is_empty().then_some(Phy::Wifi),
                identity: content.map(|content| content.identity(source)),
                reports: self.reports,
                rejected: self.rejected,
            },
            rows: self.rows,
            notes: self.notes,
        }
    }
}

#[cfg(test)]
mod tests;
