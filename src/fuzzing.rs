//! Doors for the fuzz targets in `fuzz/` to what is private here. Not part of the crate's interface: it may change
//! with every commit.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use crate::import::database::Database;
use crate::import::form::Form;
use crate::import::rows::{
    Bounds as ReaderBounds, Context as ReaderContext, Input, Origin, Point, Row, Rows,
};
use crate::ingest::format::{Context, Format, FormatVisitor, Limits, SenderNames};
use crate::ingest::{each_format, kismet};
use crate::maps::{self, Place};
use crate::report::capabilities::{Security, Topology, Wps};
use crate::report::{Phy, ReceivedAt, UnixTime};
use crate::snapshot;
use crate::tracker::{Bounds, Tracker};
use crate::views::kismet::{crypt_bitfield, crypt_set};

/// Limits of the default configuration.
const CONTEXT: Context = Context {
    received_at: ReceivedAt::from_micros(1_700_000_000_000_000),
    limits: Limits {
        reports_per_batch_max: 10_000,
        json_depth_max: 32,
        ignored_max: 100,
        clock_skew_max: Duration::from_secs(120),
        source_name_bytes_max: 256,
        capabilities_bytes_max: 1024,
        tags_max: 32,
        tag_bytes_max: 256,
        tags_bytes_max: 4096,
        advertising_bytes_max: 4096,
    },
    sender: SenderNames::NONE,
};

/// Decodes a scan report with the limits of the default configuration. Gives how many reports are accepted and how
/// many are rejected, or the error text.
pub fn decode(is_bluetooth: bool, body: &[u8]) -> Result<(usize, usize), String> {
    let phy = if is_bluetooth {
        Phy::Bluetooth
    } else {
        Phy::Wifi
    };
    match kismet::decode(phy, body, CONTEXT.received_at, &CONTEXT.limits) {
        Ok((batch, _)) => Ok((batch.reports.len(), batch.rejected.len())),
        Err(error) => Err(error.to_string()),
    }
}

/// Decodes `body` as each format. A format that says so has one entry in an upload.
pub fn decode_as_each_format(body: &[u8]) {
    struct Body<'b>(&'b [u8]);

    impl FormatVisitor for Body<'_> {
        fn visit<F: Format>(&mut self) {
            let Ok(upload) = F::decode(self.0, &CONTEXT) else {
                return;
            };
            let entries = upload.entries().count();
            assert!(
                !F::HAS_ONE_ENTRY || entries == 1,
                "{}: {entries} entries",
                F::NAME
            );
        }
    }
    each_format(&mut Body(body));
}

/// Repairs a document that is almost JSON. `None` if it needs no repair.
pub fn repair(json: &[u8]) -> Option<String> {
    kismet::repair(json)
}

/// Opens an archive of map tiles, and reads the tiles at the corners of some zooms. Gives the size of the largest one, as
/// it is sent to a client that takes no compression.
pub fn read_base_map(path: &Path) -> usize {
    let Some(Ok(archive)) = maps::open(path) else {
        return 0;
    };
    let facts = archive.facts();
    let zooms = [0, 1, facts.zoom_min, facts.zoom_max, 30];
    let corners = zooms.into_iter().flat_map(|zoom| {
        let last = (1_u32 << zoom.min(30)) - 1;
        [(0, 0), (0, last), (last, 0), (last, last)].map(|(x, y)| Place::new(zoom, x, y))
    });
    let tiles = corners
        .flatten()
        .filter_map(|place| archive.tile(place).ok()?);
    let sizes = tiles.filter_map(|tile| Some(tile.encoded(false).ok()?.0.len()));
    sizes.max().unwrap_or_default()
}

/// Everything that the views show of how a network is secured, in one text.
pub fn security_texts(security: Security) -> String {
    let topology = security.topology().map(Topology::name);
    let wps = security.wps().map(Wps::name);
    format!(
        "{} {} {} {:x} {:x} {topology:?} {wps:?}",
        security.class().as_str(),
        security.class().label(),
        security.summary(),
        crypt_bitfield(security),
        crypt_set(security),
    )
}

/// Restores the payload of one frame of a snapshot into an empty tracker, as a start does. `false` if it is no frame.
pub fn restore_frame(payload: &[u8]) -> bool {
    let tracker = Tracker::new(Bounds {
        devices_max: 1000,
        sources_max: 100,
        ssids_per_device_max: 32,
        sources_per_device_max: 64,
        frequencies_per_device_max: 64,
        tags_per_device_max: 32,
        tags_bytes_per_device_max: 4096,
        advertising_bytes_per_device_max: 4096,
        memory_bytes_max: 0,
        device_timeout: Duration::ZERO,
    });
    let is_frame = snapshot::restore_frame(&tracker, payload);
    tracker.restored();
    is_frame
}

/// Reads a file as one of the forms, whatever it is, with the bounds of the default configuration. Gives how many rows
/// and points the reader gave, or the error text. `None` if the form is a database.
pub fn read_import(form: u8, path: &Path) -> Option<Result<usize, String>> {
    // An input stays one of its form when forms are added.
    let form = Form::ALL.get(usize::from(form % 64) % Form::ALL.len())?;
    if form.database_reader().is_some() {
        return None;
    }
    let input = Input {
        path: path.to_owned(),
        name: "name_020000000001.gps.json".into(),
    };
    let mut counted = Counted(0);
    let read = form.reader()(&input, &READER_CONTEXT, &mut counted);
    Some(read.map(|_| counted.0).map_err(|error| error.to_string()))
}

/// The same for the forms that are databases. A server reads those in a process of its own.
pub fn read_import_database(form: u8, path: &Path) -> Option<Result<usize, String>> {
    let readers: Vec<_> = Form::ALL
        .iter()
        .filter_map(|form| form.database_reader())
        .collect();
    let reader = readers.get(usize::from(form) % readers.len().max(1))?;
    let mut counted = Counted(0);
    let read = Database::open(path, || Ok(()))
        .and_then(|database| reader(&database, &READER_CONTEXT, &mut counted));
    Some(read.map(|_| counted.0).map_err(|error| error.to_string()))
}

const READER_CONTEXT: ReaderContext<'_> = ReaderContext {
    zone: None,
    time: None,
    latest: UnixTime::new(1_800_000_000),
    companions: &[],
    bounds: ReaderBounds::DEFAULT,
    points_only: false,
};

/// Counts rows and points.
struct Counted(usize);

impl Rows for Counted {
    fn row(&mut self, _line: u64, _row: Row) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }

    fn point(&mut self, _point: Point) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }

    fn origin(&mut self, _origin: &Origin) {}
}
