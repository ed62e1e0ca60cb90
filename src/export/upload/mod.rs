//! Bodies for services that people feed. Each has as many observations as fit in its bounds.

mod geosubmit;
mod wardriver;

use std::sync::Arc;

use uuid::Uuid;

use self::geosubmit::Geosubmit;
use self::wardriver::Wardriver;
use super::facts::Kind;
use super::form::{GEOJSON, WIGLE_CSV};
use super::{Around, Choices, Form, FormWriter, Hidden, Per, PlaceOf, Row, security};
use crate::alerts::AlertStore;
use crate::log::LogPosition;
use crate::report::UnixTime;
use crate::tracker::Tracker;
use crate::views::list::Texts;

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadForm {
    /// `WiGLE` CSV.
    WigleCsv,
    /// `WiGLE` CSV without classic Bluetooth devices.
    WigleCsvWithoutClassic,
    /// `GeoJSON`, from which another scanpost gets all of an observation.
    Geojson,
    /// Ichnaea's interface.
    Geosubmit,
    /// The interface of wardriver.org.
    Wardriver,
}

/// How much a body has at most. It has one row at least, however long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UploadBounds {
    pub(crate) rows_max: u64,
    pub(crate) bytes_max: usize,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Taken,
    /// The form cannot hold it, or its readers would drop it.
    Unfit,
    /// It belongs to the next body.
    Full,
}

/// Writes one body.
pub(crate) trait UploadWriter: Send {
    fn add(&mut self, row: &Row<'_>) -> Added;

    /// How many rows were taken.
    fn rows(&self) -> u64;

    /// Ends the body. `id` is the same for all attempts to send it, and no other body has it.
    fn finish(self: Box<Self>, id: Uuid) -> Vec<u8>;
}

impl UploadForm {
    /// Whether the form says how networks are secured, in words that have none for unknown.
    pub(crate) const fn states_security(self) -> bool {
        match self {
            Self::WigleCsv | Self::WigleCsvWithoutClassic | Self::Wardriver => true,
            Self::Geojson | Self::Geosubmit => false,
        }
    }

    /// Begins a body.
    pub(crate) fn begin(
        self,
        bounds: UploadBounds,
        tracker: &Arc<Tracker>,
        server: Uuid,
    ) -> Box<dyn UploadWriter> {
        let file = |form: &'static Form, takes: fn(&Row<'_>) -> bool| -> Box<dyn UploadWriter> {
            Box::new(FileUpload::new(form, takes, bounds, tracker, server))
        };
        match self {
            Self::WigleCsv => file(WIGLE_CSV, |_| true),
            Self::WigleCsvWithoutClassic => file(WIGLE_CSV, |row| row.kind() != Kind::Bluetooth),
            Self::Geojson => file(GEOJSON, |_| true),
            Self::Geosubmit => Box::new(Geosubmit::new(bounds)),
            Self::Wardriver => Box::new(Wardriver::new(bounds, server)),
        }
    }
}

/// Whether it is known how the network of a row is secured. Bluetooth devices count as known.
pub(crate) fn is_security_known(row: &Row<'_>) -> bool {
    row.kind() != Kind::Wifi || !security::capabilities(row).is_empty()
}

/// A file of a form.
struct FileUpload {
    writer: Box<dyn FormWriter>,
    takes: fn(&Row<'_>) -> bool,
    bounds: UploadBounds,
    rows: u64,
    out: Vec<u8>,
}

impl FileUpload {
    fn new(
        form: &'static Form,
        takes: fn(&Row<'_>) -> bool,
        bounds: UploadBounds,
        tracker: &Arc<Tracker>,
        server: Uuid,
    ) -> Self {
        let choices = Choices {
            per: Per::Observation,
            place: PlaceOf::default(),
            texts: Texts::Raw,
            version: form.versions.first().copied(),
            is_minimal: false,
            switches: Vec::new(),
            hidden: Hidden::default(),
            parts: None,
            exported: UnixTime::new(0),
            position: LogPosition::START,
        };
        let mut around = Around {
            tracker: Arc::clone(tracker),
            // No upload has any.
            alerts: AlertStore::default(),
            server,
            file: None,
            package_devices_max: 0,
            tracks: None,
        };
        let mut writer = (form.writer)(&choices, &mut around);
        let mut out = Vec::new();
        writer.head(&mut out);
        Self {
            writer,
            takes,
            bounds,
            rows: 0,
            out,
        }
    }
}

impl UploadWriter for FileUpload {
    fn add(&mut self, row: &Row<'_>) -> Added {
        if !(self.takes)(row) {
            return Added::Unfit;
        }
        let before = self.out.len();
        if !self.writer.row(row, &mut self.out) {
            self.out.truncate(before);
            return Added::Unfit;
        }
        if 0 < self.rows
            && (self.bounds.rows_max <= self.rows || self.bounds.bytes_max < self.out.len())
        {
            self.out.truncate(before);
            return Added::Full;
        }
        self.rows += 1;
        Added::Taken
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(mut self: Box<Self>, _id: Uuid) -> Vec<u8> {
        self.writer.tail(&mut self.out);
        self.out
    }
}
