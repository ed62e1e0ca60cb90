//! `kismet.datasource.*`: sources as virtual datasources (`kis_datasource.h`, `datasource_virtual.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::Rrd;
use super::{Context, zeros};
use crate::report::Phy;
use crate::tracker::{Source, checksum};

const DRIVER_CANNOT: [&str; 7] = [
    "kismet.datasource.driver.probe_capable",
    "kismet.datasource.driver.probe_ipc",
    "kismet.datasource.driver.list_capable",
    "kismet.datasource.driver.list_ipc",
    "kismet.datasource.driver.local_capable",
    "kismet.datasource.driver.local_ipc",
    "kismet.datasource.driver.remote_capable",
];

/// Longest silence of a source that counts as running, in seconds.
const RUNNING_S: u32 = 600;

/// A source.
#[derive(Clone, Copy, Debug)]
pub struct SourceRecord<'s> {
    /// The source.
    pub source: &'s Source,
    /// Time of the request, and the server's UUID.
    pub context: Context,
    /// Whether it is paused. Its reports are accepted all the same, as in Kismet.
    pub is_paused: bool,
}

/// Fields that are the same for all sources, because none has a radio of its own: empty texts, numbers and lists.
const BEFORE_RUNNING: [Blank; 2] = [
    Blank::Empty("kismet.datasource.ipc_binary"),
    Blank::Zero("kismet.datasource.ipc_pid"),
];
const AFTER_RUNNING: [Blank; 3] = [
    Blank::Empty("kismet.datasource.datasource_version"),
    Blank::Empty("kismet.datasource.remote_ip"),
    Blank::Zero("kismet.datasource.remote"),
];
const AFTER_HARDWARE: [Blank; 13] = [
    Blank::Zero("kismet.datasource.dlt"),
    Blank::Empty("kismet.datasource.warning"),
    Blank::List("kismet.datasource.channels"),
    Blank::Zero("kismet.datasource.hopping"),
    Blank::Empty("kismet.datasource.channel"),
    Blank::Zero("kismet.datasource.hop_rate"),
    Blank::List("kismet.datasource.hop_channels"),
    Blank::Zero("kismet.datasource.hop_split"),
    Blank::Zero("kismet.datasource.hop_offset"),
    Blank::Zero("kismet.datasource.hop_shuffle"),
    Blank::Zero("kismet.datasource.hop_shuffle_skip"),
    Blank::Zero("kismet.datasource.error"),
    Blank::Empty("kismet.datasource.error_reason"),
];
const AFTER_PACKETS: [Blank; 10] = [
    Blank::Zero("kismet.datasource.retry"),
    Blank::Zero("kismet.datasource.retry_attempts"),
    Blank::Zero("kismet.datasource.total_retry_attempts"),
    Blank::Empty("kismet.datasource.info.antenna_type"),
    Blank::Zero("kismet.datasource.info.antenna_gain"),
    Blank::Zero("kismet.datasource.info.antenna_orientation"),
    Blank::Zero("kismet.datasource.info.antenna_beamwidth"),
    Blank::Empty("kismet.datasource.info.amp_type"),
    Blank::Zero("kismet.datasource.info.amp_gain"),
    Blank::Zero("kismet.datasource.linktype_override"),
];

/// An empty value.
enum Blank {
    Zero(&'static str),
    Empty(&'static str),
    List(&'static str),
}

fn blanks<M: SerializeMap>(record: &mut M, fields: &[Blank]) -> Result<(), M::Error> {
    let none: [u8; 0] = [];
    fields.iter().try_for_each(|field| match field {
        Blank::Zero(name) => record.serialize_entry(name, &0),
        Blank::Empty(name) => record.serialize_entry(name, ""),
        Blank::List(name) => record.serialize_entry(name, &none),
    })
}

impl SourceRecord<'_> {
    /// Whether it sends reports: it is not paused, and sent some lately.
    fn is_running(&self) -> bool {
        let last = self.source.last_contact.time().seconds();
        let silence_s = self.context.now.seconds().saturating_sub(last);
        !self.is_paused && silence_s <= RUNNING_S
    }
}

impl Serialize for SourceRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self.source;
        let uuid = source.id.to_string();
        let key = checksum([uuid.as_bytes()]);
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.datasource.source_number", &source.number.get())?;
        record.serialize_entry("kismet.datasource.source_key", &key)?;
        zeros(&mut record, &["kismet.datasource.cmd_pending"])?;
        record.serialize_entry("kismet.datasource.paused", &u8::from(self.is_paused))?;
        blanks(&mut record, &BEFORE_RUNNING)?;
        record.serialize_entry("kismet.datasource.running", &u8::from(self.is_running()))?;
        blanks(&mut record, &AFTER_RUNNING)?;
        // Pages say of such a source that it is not under their control, and takes data from elsewhere.
        record.serialize_entry("kismet.datasource.passive", &1)?;
        record.serialize_entry("kismet.datasource.name", &source.name)?;
        record.serialize_entry("kismet.datasource.uuid", &uuid)?;
        record.serialize_entry("kismet.datasource.definition", "")?;
        record.serialize_entry("kismet.datasource.interface", "")?;
        record.serialize_entry("kismet.datasource.capture_interface", "virtual")?;
        record.serialize_entry("kismet.datasource.hardware", hardware(source.phy))?;
        blanks(&mut record, &AFTER_HARDWARE)?;
        record.serialize_entry("kismet.datasource.num_packets", &source.reports)?;
        record.serialize_entry("kismet.datasource.num_error_packets", &0)?;
        let now = self.context.now;
        let counts = source.activity.counts().map(|counts| counts.as_of(now));
        let fed = Rrd {
            counts: counts.as_ref(),
            now,
        };
        record.serialize_entry("kismet.datasource.packets_rrd", &fed)?;
        let unfed = Rrd { counts: None, now };
        record.serialize_entry("kismet.datasource.packets_datasize_rrd", &unfed)?;
        blanks(&mut record, &AFTER_PACKETS)?;
        record.serialize_entry("kismet.datasource.type_driver", &Driver)?;
        record.end()
    }
}

/// The only driver: virtual datasources.
struct Driver;

impl Serialize for Driver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.datasource.driver.type", "virtual")?;
        let description = "A scanner that sends reports over HTTP";
        record.serialize_entry("kismet.datasource.driver.description", description)?;
        zeros(&mut record, &DRIVER_CANNOT)?;
        record.serialize_entry("kismet.datasource.driver.passive_capable", &1)?;
        zeros(
            &mut record,
            &[
                "kismet.datasource.driver.tuning_capable",
                "kismet.datasource_driver.hop_capable",
            ],
        )?;
        record.end()
    }
}

/// Hardware name of a source by radio technology (`datasource_*_scan.h`).
const fn hardware(phy: Phy) -> &'static str {
    match phy {
        Phy::Wifi => "IEEE80211 scan",
        Phy::Bluetooth => "Bluetooth/BTLE Scan",
    }
}
