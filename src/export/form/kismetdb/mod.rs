//! The database that Kismet logs to, `.kismet`, with which the tools for Kismet work.
//!
//! Such a file cannot be made while it is sent: it is written to disk first. Each observation of a network is a packet
//! without content, and each one of a Bluetooth device is a report of a scanner, as the tools expect.

mod beside;
mod database;
mod minimal;
mod record;

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use rusqlite::params;
use serde_json::Value;

use self::beside::{Ways, write_alerts};
use self::database::{Database, Finished};
use self::minimal::minimise;
use self::record::Shown;
use crate::alerts::AlertStore;
use crate::export::number::{degrees, thousandth};
use crate::export::place::{Place, of_report};
use crate::export::{
    Around, Choices, ExportError, Form, FormWriter, Hidden, Made, Observed, Per, PlaceOf, Row,
    ScratchFile,
};
use crate::report::{
    BluetoothSighting, Dbm, DeviceId, Frequency, Position, Report, Sighting, SourceId,
};
use crate::tracker::{Device, Tracker};
use crate::views::kismet::{Context, SourceRecord, Sources};

/// The release of Kismet whose files these are.
const RELEASE: &str = "2025.09.0";
/// The versions. Only the newer one has signals of Bluetooth devices, and only the older one is read by all tools.
const V9: &str = "9";
const V10: &str = "10";
/// The link type of 802.11 frames (`LINKTYPE_IEEE802_11`). Packets of this file have no content.
const DLT_IEEE802_11: i64 = 105;

/// Devices that are known to have a row. Others are looked for in the file.
const DEVICES_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(65_535);
const SOURCES_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);
/// After so many devices, the JSON of their sources is dropped, because there may be many sources.
const DEVICES_PER_SOURCES: u32 = 4096;

const DEVICE: &str = "INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)";
const HAS_DEVICE: &str = "SELECT 1 FROM devices WHERE phyname = ? AND devmac = ?";
const PACKET: &str = "INSERT INTO packets VALUES (?1, 0, 'IEEE802.11', ?2, 'FF:FF:FF:FF:FF:FF', ?2, ?3, '0', ?4, ?5, ?6, \
                      ?7, 0, 0, ?8, ?9, ?10, x'', 0, '', 0, 0, ?11, 0)";
const DATA_9: &str =
    "INSERT INTO data VALUES (?, 0, 'Bluetooth', ?, ?, ?, ?, ?, 0, ?, 'BLUETOOTHSCAN', ?)";
const DATA_10: &str =
    "INSERT INTO data VALUES (?, 0, 'Bluetooth', ?, ?, ?, ?, ?, 0, ?, 'BLUETOOTHSCAN', ?, ?)";
const SOURCE: &str = "INSERT OR IGNORE INTO datasources VALUES (?, 'virtual', '', ?, '', ?)";
const VERSION: &str = "INSERT INTO KISMET VALUES (?, ?, 'kismetlog')";
const SYSTEM: &str = "INSERT INTO snapshots VALUES (?, 0, 0.0, 0.0, 'SYSTEM', ?)";

pub(super) const FORM: Form = Form {
    word: "kismetdb",
    media_type: "application/vnd.sqlite3",
    extension: "kismet",
    per: &[Per::Observation, Per::Device],
    versions: &[V9, V10],
    has_texts: false,
    switches: &[],
    made: Made::OnDisk,
    has_parts: false,
    has_minimal: true,
    writer: |choices, around| Box::new(KismetDb::new(choices, around)),
};

struct KismetDb {
    has_signal: bool,
    /// Whether records of devices are small.
    is_minimal: bool,
    context: Context,
    alerts: AlertStore,
    hidden: Hidden,
    tracker: Arc<Tracker>,
    /// Which places of devices are written.
    shown: Shown,
    progress: Progress,
    /// The JSON of sources, which devices show.
    shown_sources: Sources,
    devices_shown: u32,
    devices: LruCache<DeviceId, ()>,
    sources: LruCache<SourceId, ()>,
    ways: Ways,
    packets: i64,
}

enum Progress {
    Start(Option<ScratchFile>),
    Writing(Database),
    /// What [`FormWriter::finish`] returns next.
    Failed(ExportError),
    Sending(Finished),
    Done,
}

impl FormWriter for KismetDb {
    fn head(&mut self, _out: &mut Vec<u8>) {
        self.progress = match self.begin() {
            Ok(database) => Progress::Writing(database),
            Err(failure) => Progress::Failed(failure),
        };
    }

    fn row(&mut self, row: &Row<'_>, _out: &mut Vec<u8>) -> bool {
        let database = match std::mem::replace(&mut self.progress, Progress::Done) {
            Progress::Writing(database) => database,
            other => {
                self.progress = other;
                return false;
            }
        };
        let written = match row {
            Row::Device(device) => self.device(&database, device),
            Row::Observation(observed) => self.observation(&database, observed),
        };
        self.progress = match written {
            Ok(()) => Progress::Writing(database),
            Err(failure) => Progress::Failed(failure),
        };
        true
    }

    fn finish(&mut self, piece: Vec<u8>, is_last: bool) -> Result<Vec<u8>, ExportError> {
        self.progress = match std::mem::replace(&mut self.progress, Progress::Done) {
            Progress::Failed(failure) => return Err(failure),
            Progress::Writing(database) if is_last => {
                let is_hidden = |place| self.shown != Shown::All || self.hidden.has_position(place);
                write_alerts(&database, &self.alerts, is_hidden)?;
                Progress::Sending(database.finish()?)
            }
            going_on => going_on,
        };
        Ok(piece)
    }

    fn rest(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        match &mut self.progress {
            Progress::Sending(finished) => finished.piece(),
            _ => Ok(None),
        }
    }
}

impl KismetDb {
    fn new(choices: &Choices, around: &mut Around) -> Self {
        Self {
            has_signal: choices.version == Some(V10),
            is_minimal: choices.is_minimal,
            alerts: around.alerts.clone(),
            hidden: choices.hidden.clone(),
            context: Context {
                server: around.server,
                now: choices.exported,
            },
            tracker: Arc::clone(&around.tracker),
            shown: match choices.per {
                _ if !choices.hidden.is_some() => Shown::All,
                // The device is there because of observations elsewhere, and may have been inside of what is left out.
                Per::Observation => Shown::None,
                Per::Device => Shown::Mean,
            },
            progress: Progress::Start(around.file.take()),
            shown_sources: Sources::default(),
            devices_shown: 0,
            devices: LruCache::new(DEVICES_KEPT),
            sources: LruCache::new(SOURCES_KEPT),
            ways: Ways::new(),
            packets: 0,
        }
    }

    fn begin(&mut self) -> Result<Database, ExportError> {
        let Progress::Start(Some(file)) = std::mem::replace(&mut self.progress, Progress::Done)
        else {
            return Err(ExportError::File("there is no folder for it".to_owned()));
        };
        let database = Database::create(file, self.has_signal)?;
        let version = if self.has_signal { 10 } else { 9 };
        database.run(VERSION, params![RELEASE, version])?;
        let system = record::system(self.context.server, self.context.now).to_string();
        database.run(SYSTEM, params![self.context.now.seconds(), system])?;
        Ok(database)
    }

    fn device(&mut self, database: &Database, device: &Device) -> Result<(), ExportError> {
        if self.devices_shown == DEVICES_PER_SOURCES {
            self.shown_sources = Sources::default();
            self.devices_shown = 0;
        }
        self.devices_shown += 1;
        let devices = std::slice::from_ref(device);
        self.shown_sources.add(devices, &self.tracker, self.context);
        for seen in &device.seen_by {
            if let Some(source) = self.tracker.source_by_number(seen.source) {
                self.source(database, source.id, None)?;
            }
        }
        let mut record = record::device(device, &self.shown_sources, self.context);
        record::remove_places(&mut record, self.shown);
        if self.is_minimal {
            minimise(&mut record);
        }
        let mean = PlaceOf::Mean.of_device(device);
        let mean = mean.filter(|_| self.shown != Shown::None);
        let mean = mean.map_or((0, 0), |mean| (mean.lat_e7, mean.lon_e7));
        let place = device.place.as_deref();
        let (min, max) = match place.filter(|_| self.shown == Shown::All) {
            Some(place) => (
                (place.lat_min_e7.into(), place.lon_min_e7.into()),
                (place.lat_max_e7.into(), place.lon_max_e7.into()),
            ),
            None => (mean, mean),
        };
        let signal = device.signal.map(|signal| signal.max);
        database.run(
            DEVICE,
            params![
                device.first_time.seconds(),
                device.last_time.seconds(),
                device.id.key().to_string(),
                device.id.phy.name(),
                device.id.addr.to_string(),
                signal.map_or(0, Dbm::get),
                degrees(min.0),
                degrees(min.1),
                degrees(max.0),
                degrees(max.1),
                degrees(mean.0),
                degrees(mean.1),
                type_in(&record),
                record.to_string().into_bytes(),
            ],
        )
    }

    /// A device that has been evicted, as one of its observations shows it.
    fn evicted(database: &Database, observed: &Observed<'_>) -> Result<(), ExportError> {
        let (record, report) = (record::evicted(observed), observed.report);
        let id = report.device();
        let place = of_report(report);
        let lat = degrees(place.map_or(0, |place| place.lat_e7));
        let lon = degrees(place.map_or(0, |place| place.lon_e7));
        let time = report.time.seconds();
        database.run(
            DEVICE,
            params![
                time,
                time,
                id.key().to_string(),
                id.phy.name(),
                id.addr.to_string(),
                report.signal.map_or(0, Dbm::get),
                lat,
                lon,
                lat,
                lon,
                lat,
                lon,
                type_in(&record),
                record.to_string().into_bytes(),
            ],
        )
    }

    fn observation(
        &mut self,
        database: &Database,
        observed: &Observed<'_>,
    ) -> Result<(), ExportError> {
        let report = observed.report;
        let id = report.device();
        if self.devices.put(id, ()).is_none()
            && !database.has(HAS_DEVICE, params![id.phy.name(), id.addr.to_string()])?
        {
            match observed.device() {
                Some(device) => self.device(database, device)?,
                None => Self::evicted(database, observed)?,
            }
        }
        let batch = observed.batch;
        self.source(database, batch.source, batch.source_name.as_deref())?;
        self.ways.add(database, batch.source, report)?;
        match &report.sighting {
            Sighting::Wifi(_) => self.packet(database, report, batch.source),
            Sighting::Bluetooth(bluetooth) => self.data(database, report, bluetooth, batch.source),
        }
    }

    fn packet(
        &mut self,
        database: &Database,
        report: &Report,
        source: SourceId,
    ) -> Result<(), ExportError> {
        self.packets += 1;
        let [lat, lon, alt, speed] = numbers(report, of_report(report));
        database.run(
            PACKET,
            params![
                report.time.seconds(),
                report.device().addr.to_string(),
                f64::from(report.frequency.map_or(0, Frequency::khz)),
                lat,
                lon,
                alt,
                speed,
                report.signal.map_or(0, Dbm::get),
                source.to_string(),
                DLT_IEEE802_11,
                self.packets,
            ],
        )
    }

    fn data(
        &self,
        database: &Database,
        report: &Report,
        bluetooth: &BluetoothSighting,
        source: SourceId,
    ) -> Result<(), ExportError> {
        let place = of_report(report);
        let [lat, lon, alt, speed] = numbers(report, place);
        let (time, address) = (report.time.seconds(), report.device().addr.to_string());
        let scan = record::scan(report, bluetooth, place).to_string();
        let source = source.to_string();
        if !self.has_signal {
            let values = params![time, address, lat, lon, alt, speed, source, scan];
            return database.run(DATA_9, values);
        }
        let signal = report.signal.map_or(0, Dbm::get);
        let values = params![time, address, lat, lon, alt, speed, source, scan, signal];
        database.run(DATA_10, values)
    }

    /// `name` is what it called itself, if the tracker does not know it.
    fn source(
        &mut self,
        database: &Database,
        id: SourceId,
        name: Option<&str>,
    ) -> Result<(), ExportError> {
        if self.sources.put(id, ()).is_some() {
            return Ok(());
        }
        let (name, json) = match self.tracker.source(id) {
            Some(source) => {
                let record = SourceRecord {
                    source: &source,
                    context: self.context,
                    is_paused: false,
                };
                let json = serde_json::to_string(&record).unwrap_or_default();
                (source.name.to_string(), json)
            }
            None => (name.unwrap_or_default().to_owned(), "{}".to_owned()),
        };
        database.run(SOURCE, params![id.to_string(), name, json])
    }
}

/// Latitude, longitude, altitude and speed. 0 stands for none.
fn numbers(report: &Report, place: Option<Place>) -> [f64; 4] {
    let speed = report.position.map_or(0, Position::speed_m_h);
    [
        degrees(place.map_or(0, |place| place.lat_e7)),
        degrees(place.map_or(0, |place| place.lon_e7)),
        thousandth(place.and_then(|place| place.alt_mm).unwrap_or_default()),
        thousandth(speed.into()),
    ]
}

fn type_in(record: &Value) -> &str {
    let kind = record.get("kismet.device.base.type");
    kind.and_then(Value::as_str).unwrap_or_default()
}
