//! What is known of one device.

use smallvec::SmallVec;

use super::activity::Activity;
use crate::report::advertising::{Structure, Structures, structures};
use crate::report::capabilities::{Security, Topology};
use crate::report::{
    Channel, ChannelWidth, Dbm, DeviceId, Frequency, Position, ReceivedAt, ServiceData, Ssid, Tag,
    UnixTime,
};

/// A value and the time of the report that said it: a later report replaces it, an earlier one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest<T> {
    /// When it was so.
    pub time: UnixTime,
    /// What was so.
    pub value: T,
}

/// A tracked device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Who it is.
    pub id: DeviceId,
    /// The earliest report.
    pub first_time: UnixTime,
    /// The latest report.
    pub last_time: UnixTime,
    /// When a report last changed it, by our clock; never falls, even if the clock is set back.
    pub modified_at: ReceivedAt,
    /// How many reports there were.
    pub reports: u64,
    /// How strong it was.
    pub signal: Option<SignalRange>,
    /// Where it was strongest.
    pub peak: Option<Peak>,
    /// The channel, as sent or by the frequency.
    pub channel: Option<Latest<Channel>>,
    /// The frequency.
    pub frequency: Option<Latest<Frequency>>,
    /// Reports by frequency.
    pub frequencies: SmallVec<[(Frequency, u32); 1]>,
    /// Where it was seen from.
    pub place: Option<Box<Place>>,
    /// Who saw it.
    pub seen_by: SmallVec<[SeenBy; 1]>,
    /// When it was heard.
    pub activity: Activity,
    /// A name that somebody gave it.
    pub given_name: Option<Box<str>>,
    /// Marks that scanners or people put on it.
    pub tags: Vec<Latest<Tag>>,
    /// What its radio tells.
    pub radio: Radio,
}

/// The part of a device that differs by radio.
#[derive(Clone, Debug)]
pub enum Radio {
    /// A Wi-Fi access point or ad-hoc peer.
    Wifi(Wifi),
    /// A Bluetooth device.
    Bluetooth(Box<Bluetooth>),
}

/// What a Wi-Fi device tells.
#[derive(Clone, Debug, Default)]
pub struct Wifi {
    /// What kind of network it belongs to, where the capabilities say it.
    pub topology: Option<Latest<Topology>>,
    /// Its networks.
    pub ssids: SmallVec<[SsidRecord; 1]>,
}

/// One network of an access point.
#[derive(Clone, Debug)]
pub struct SsidRecord {
    /// Its name; empty when hidden.
    pub ssid: Ssid,
    /// The earliest report of it.
    pub first_time: UnixTime,
    /// The latest report of it.
    pub last_time: UnixTime,
    /// How many reports named it.
    pub reports: u64,
    /// The channel it was on.
    pub channel: Option<Latest<Channel>>,
    /// How it is secured.
    pub security: Option<Latest<Advertised>>,
    /// How its channel lies. Few scanners say it.
    pub layout: Option<Box<Latest<ChannelLayout>>>,
}

/// What a network's capabilities said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// How it is secured.
    pub security: Security,
    /// The checksum of name and capabilities: tells whether they changed.
    pub checksum: u32,
}

/// Width and middle of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLayout {
    /// How wide it is.
    pub width: Option<ChannelWidth>,
    /// The middle, or that of the first part, in MHz.
    pub center0_mhz: Option<u32>,
    /// The middle of the second part, in MHz.
    pub center1_mhz: Option<u32>,
}

/// What a Bluetooth device tells.
#[derive(Clone, Debug, Default)]
pub struct Bluetooth {
    /// Its name, in the scanner's words.
    pub name: Option<Latest<Box<str>>>,
    /// Its name, as it advertised it. Kept here because what it advertises takes turns, and few have the name.
    pub advertised_name: Option<Latest<AdvertisedName>>,
    /// Its kind, in the scanner's words.
    pub device_type: Option<Latest<Box<str>>>,
    /// Transmit power it states, in dBm.
    pub tx_power_dbm: Option<Latest<i16>>,
    /// Loss on the way, in dB.
    pub path_loss_db: Option<Latest<i16>>,
    /// Its advertising data.
    pub scan_data: Option<Latest<Box<[u8]>>>,
    /// Its data by service.
    pub service_data: Vec<Latest<ServiceData>>,
}

/// A name out of advertising data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvertisedName {
    /// The name.
    pub text: Box<str>,
    /// Whether it is all of the name.
    pub is_complete: bool,
}

/// The range of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalRange {
    /// The signal of the latest report that had one.
    pub last: Latest<Dbm>,
    /// The weakest.
    pub min: Dbm,
    /// The strongest.
    pub max: Dbm,
}

/// The strongest sighting with a position; of equally strong ones the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// How strong it was.
    pub signal: Dbm,
    /// When.
    pub time: UnixTime,
    /// Where the scanner stood.
    pub position: Position,
}

/// Where a device was seen from. Sums are exact integers, so order does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Least latitude, in 10⁻⁷ degrees.
    pub lat_min_e7: i32,
    /// Greatest latitude, in 10⁻⁷ degrees.
    pub lat_max_e7: i32,
    /// Least longitude, in 10⁻⁷ degrees.
    pub lon_min_e7: i32,
    /// Greatest longitude, in 10⁻⁷ degrees.
    pub lon_max_e7: i32,
    /// Least and greatest altitude, in mm, of the 3D fixes.
    pub alt_range_mm: Option<(i32, i32)>,
    /// The latest fix.
    pub last: Latest<Position>,
    pub(crate) lat_sum_e7: i64,
    pub(crate) lon_sum_e7: i64,
    pub(crate) alt_sum_mm: i64,
    pub(crate) fixes: u32,
    pub(crate) fixes_3d: u32,
    /// How many of the fixes lie west of Greenwich: needed where the date line runs through the middle.
    pub(crate) fixes_west: u32,
}

/// What one source saw of a device.
#[derive(Clone, Debug)]
pub struct SeenBy {
    /// The source, by its number.
    pub source: SourceNumber,
    /// Its earliest report of the device.
    pub first_time: UnixTime,
    /// Its latest report of the device.
    pub last_time: UnixTime,
    /// How many reports of the device it sent.
    pub reports: u64,
    /// How strong the device was for it.
    pub signal: Option<SignalRange>,
    /// Its reports by frequency.
    pub frequencies: SmallVec<[(Frequency, u32); 1]>,
}

/// A source's number: sources count from 1 in the order in which they first reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceNumber(pub(super) u32);

impl SourceNumber {
    /// Takes a number that a source has.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Where the source stands in the list of all.
    pub(super) fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok()?.checked_sub(1)
    }
}

impl Device {
    /// Reads something of each of its parts, which is nothing to anybody.
    pub(super) fn read_ahead(&self) -> u64 {
        let place = self.place.as_ref().map_or(0, |place| place.fixes);
        let seen_by = self.seen_by.last().map_or(0, |seen| seen.reports);
        let radio = match &self.radio {
            Radio::Wifi(wifi) => wifi.ssids.last().map_or(0, |record| record.reports),
            Radio::Bluetooth(_) => 0,
        };
        u64::from(place) ^ seen_by ^ radio ^ self.reports ^ self.activity.read_ahead()
    }

    /// How many networks it has.
    pub fn ssid_count(&self) -> usize {
        match &self.radio {
            Radio::Wifi(wifi) => wifi.ssids.len(),
            Radio::Bluetooth(_) => 0,
        }
    }

    /// The network that a device is shown by: the latest one with a name, else the hidden one.
    ///
    /// A named network goes first because a scanner that leaves the name out says nothing against it.
    pub fn main_ssid(&self) -> Option<&SsidRecord> {
        let Radio::Wifi(wifi) = &self.radio else {
            return None;
        };
        // `max_by_key` gives the last of equals: a later place in the list is a later place in the log.
        wifi.ssids
            .iter()
            .max_by_key(|record| (!record.ssid.is_hidden(), record.last_time))
    }

    /// How the network is secured that it is shown by, or else the one that said so last.
    pub fn security(&self) -> Option<Security> {
        let Radio::Wifi(wifi) = &self.radio else {
            return None;
        };
        let latest = wifi.ssids.iter().filter_map(|record| record.security);
        let shown = self.main_ssid().and_then(|record| record.security);
        shown
            .or(latest.max_by_key(|latest| latest.time))
            .map(|latest| latest.value.security)
    }

    /// Whether the device says to be an ad-hoc peer.
    pub fn is_ad_hoc(&self) -> bool {
        match &self.radio {
            Radio::Wifi(wifi) => wifi
                .topology
                .is_some_and(|latest| latest.value == Topology::AdHoc),
            Radio::Bluetooth(_) => false,
        }
    }
}

impl Bluetooth {
    /// What it is called: by the scanners, which may have asked it, else as it advertised.
    pub fn shown_name(&self) -> Option<&str> {
        let advertised = self.advertised_name.as_ref().map(|name| &name.value.text);
        let reported = self.name.as_ref().map(|name| &name.value);
        reported.or(advertised).map(AsRef::as_ref)
    }

    /// The latest that it advertised.
    pub fn advertising(&self) -> Structures<'_> {
        let data = self.scan_data.as_ref().map(|data| data.value.as_ref());
        structures(data.unwrap_or_default())
    }

    /// The power that it sends with, in dBm: by the scanners, else as it advertises.
    pub fn shown_tx_power_dbm(&self) -> Option<i16> {
        let reported = self.tx_power_dbm.map(|power| power.value);
        reported.or_else(|| {
            self.advertising().find_map(|structure| match structure {
                Structure::TxPower(dbm) => Some(dbm.into()),
                _ => None,
            })
        })
    }
}

impl Place {
    /// Mean latitude and longitude, in degrees.
    pub fn mean_degrees(&self) -> (f64, f64) {
        const TURN_E7: i64 = 3_600_000_000;
        let fixes = i64::from(self.fixes.max(1));
        let wraps = TURN_E7 / 2 < i64::from(self.lon_max_e7) - i64::from(self.lon_min_e7);
        // Seen from both sides of the date line: count on past 180° instead of jumping to -180°.
        let turns = if wraps { self.fixes_west } else { 0 };
        let lon_sum_e7 = i128::from(self.lon_sum_e7) + i128::from(TURN_E7) * i128::from(turns);
        let lon_e7 = rounded_quotient(lon_sum_e7, fixes);
        let lon_e7 = if TURN_E7 / 2 < lon_e7 {
            lon_e7 - TURN_E7
        } else {
            lon_e7
        };
        (
            degrees(rounded_quotient(i128::from(self.lat_sum_e7), fixes)),
            degrees(lon_e7),
        )
    }

    /// Mean altitude of the 3D fixes, in m.
    pub fn mean_alt_m(&self) -> Option<f64> {
        if self.fixes_3d == 0 {
            return None;
        }
        let mean_mm = rounded_quotient(i128::from(self.alt_sum_mm), i64::from(self.fixes_3d));
        #[expect(clippy::cast_precision_loss, reason = "an altitude in mm has 27 bits")]
        Some(mean_mm as f64 / 1e3)
    }

    /// Whether any fix had an altitude.
    pub fn is_3d(&self) -> bool {
        0 < self.fixes_3d
    }
}

fn rounded_quotient(sum: i128, count: i64) -> i64 {
    let (count, half) = (i128::from(count), i128::from(count / 2));
    let quotient = if sum < 0 {
        (sum - half) / count
    } else {
        (sum + half) / count
    };
    i64::try_from(quotient).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "degrees in 10⁻⁷ have 32 bits")]
fn degrees(e7: i64) -> f64 {
    e7 as f64 / 1e7
}
