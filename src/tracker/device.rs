//! The state of one device.

use smallvec::SmallVec;

use super::activity::Activity;
use super::tags::Tags;
use crate::report::advertising::{Structure, Structures, structures};
use crate::report::capabilities::{Security, Topology};
use crate::report::{
    Band, Channel, ChannelWidth, Dbm, DeviceId, Frequency, Position, ReceivedAt, ServiceData, Ssid,
    UnixTime,
};

/// A value and the time of its report. A later report replaces it, an earlier one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest<T> {
    /// Time of the report.
    pub time: UnixTime,
    /// What it said.
    pub value: T,
}

/// A tracked device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Radio technology and address.
    pub id: DeviceId,
    /// Time of the earliest report.
    pub first_time: UnixTime,
    /// Time of the latest report.
    pub last_time: UnixTime,
    /// Time of receipt of the latest change. Never decreases, even if the clock is set back.
    pub modified_at: ReceivedAt,
    /// Number of reports.
    pub reports: u64,
    /// Latest, weakest and strongest signal.
    pub signal: Option<SignalRange>,
    /// Strongest sighting with a position.
    pub peak: Option<Peak>,
    /// Latest channel, as sent or derived from the frequency. [`Self::tuning`] is what to show.
    pub channel: Option<Latest<Channel>>,
    /// Latest frequency. [`Self::tuning`] is what to show.
    pub frequency: Option<Latest<Frequency>>,
    /// Number of reports by frequency.
    pub frequencies: SmallVec<[(Frequency, u32); 1]>,
    /// Positions of the scanners that reported it.
    pub place: Option<Box<PositionStats>>,
    /// Sources that reported it.
    pub seen_by: SmallVec<[SeenBy; 1]>,
    /// Reports by second, minute and hour.
    pub activity: Activity,
    /// Name that a person gave it.
    pub given_name: Option<Box<str>>,
    /// Tags from scanners and people.
    pub tags: Tags,
    /// State that differs by radio technology.
    pub radio: Radio,
}

/// Where a device transmits. Channel and frequency belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// The channel, in Kismet's notation.
    pub channel: Option<Channel>,
    /// The frequency, if a scanner measured it on this channel.
    pub frequency: Option<Frequency>,
}

impl Tuning {
    /// The tuning of a device with this channel and this frequency.
    pub(super) fn of(
        channel: Option<Channel>,
        frequency: Option<Frequency>,
        is_channel_later: bool,
    ) -> Self {
        let channel = channel.and_then(Channel::canonical);
        let Some(frequency) = frequency else {
            return Self {
                channel,
                frequency: None,
            };
        };
        let measured = Self {
            channel: frequency.channel().canonical(),
            frequency: Some(frequency),
        };
        let Some(channel) = channel else {
            return measured;
        };
        let fits = channel.may_be_at(frequency)
            // A scanner that sends no frequency does not receive 6 GHz, whose channels have the same numbers.
            && (!is_channel_later
                || channel
                    .band()
                    .is_none_or(|band| frequency.band() == Some(band)));
        match (fits, is_channel_later) {
            (true, _) => Self {
                channel: Some(channel),
                frequency: Some(frequency),
            },
            (false, false) => measured,
            (false, true) => Self {
                channel: Some(channel),
                frequency: None,
            },
        }
    }

    /// The band by the frequency, or else by the channel.
    pub fn band(self) -> Option<Band> {
        self.frequency
            .and_then(Frequency::band)
            .or_else(|| self.channel.and_then(Channel::band))
    }
}

/// State that differs by radio technology.
#[derive(Clone, Debug)]
pub enum Radio {
    /// A Wi-Fi access point or ad-hoc peer.
    Wifi(Wifi),
    /// A Bluetooth device.
    Bluetooth(Box<Bluetooth>),
}

/// State of a Wi-Fi device.
#[derive(Clone, Debug, Default)]
pub struct Wifi {
    /// Infrastructure or ad-hoc, if the capabilities say so.
    pub topology: Option<Latest<Topology>>,
    /// Its networks.
    pub ssids: SmallVec<[SsidRecord; 1]>,
}

/// One network of an access point.
#[derive(Clone, Debug)]
pub struct SsidRecord {
    /// Empty if hidden.
    pub ssid: Ssid,
    /// Time of the earliest report of it.
    pub first_time: UnixTime,
    /// Time of the latest report of it.
    pub last_time: UnixTime,
    /// Number of reports of it.
    pub reports: u64,
    /// Latest channel. [`Self::channel`] is what to show.
    pub channel: Option<Latest<Channel>>,
    /// Latest security, from the capabilities.
    pub security: Option<Latest<Advertised>>,
    /// Latest channel width and centre frequencies. Boxed, because few scanners send them.
    pub layout: Option<Box<Latest<ChannelLayout>>>,
}

/// What the capabilities of a network advertise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Protocols, AKMs, cipher suites, WPS and MFP.
    pub security: Security,
    /// The checksum of name and capabilities: tells whether they changed.
    pub checksum: u32,
}

/// Width and centre frequencies of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLayout {
    /// Channel width.
    pub width: Option<ChannelWidth>,
    /// Centre of the channel, or of its first segment, in MHz.
    pub center0_mhz: Option<u32>,
    /// Centre of the second segment (80+80), in MHz.
    pub center1_mhz: Option<u32>,
}

/// State of a Bluetooth device.
#[derive(Clone, Debug, Default)]
pub struct Bluetooth {
    /// Name that the scanner reported.
    pub name: Option<Latest<Box<str>>>,
    /// Name from advertising data. Stored separately, because most advertisements do not repeat it.
    pub advertised_name: Option<Latest<AdvertisedName>>,
    /// Device type that the scanner reported.
    pub device_type: Option<Latest<Box<str>>>,
    /// Stated transmit power, in dBm.
    pub tx_power_dbm: Option<Latest<i16>>,
    /// Path loss, in dB.
    pub path_loss_db: Option<Latest<i16>>,
    /// Latest advertising data.
    pub scan_data: Option<Latest<Box<[u8]>>>,
    /// Latest data by service.
    pub service_data: Vec<Latest<ServiceData>>,
}

/// A local name from advertising data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvertisedName {
    /// The name or its beginning.
    pub text: Box<str>,
    /// False for a shortened local name.
    pub is_complete: bool,
}

/// Latest, weakest and strongest signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalRange {
    /// The signal of the latest report that had one.
    pub last: Latest<Dbm>,
    /// The weakest.
    pub min: Dbm,
    /// The strongest.
    pub max: Dbm,
}

/// Strongest sighting with a position. Of equally strong ones, the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Signal of that sighting.
    pub signal: Dbm,
    /// Time of that sighting.
    pub time: UnixTime,
    /// Position of the scanner.
    pub position: Position,
}

/// Positions of the scanners that reported a device. Sums are exact integers, so order does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionStats {
    /// Least latitude, in 10⁻⁷ degrees.
    pub lat_min_e7: i32,
    /// Greatest latitude, in 10⁻⁷ degrees.
    pub lat_max_e7: i32,
    /// Least longitude, in 10⁻⁷ degrees.
    pub lon_min_e7: i32,
    /// Greatest longitude, in 10⁻⁷ degrees.
    pub lon_max_e7: i32,
    /// Least and greatest altitude of the 3D fixes, in mm.
    pub alt_range_mm: Option<(i32, i32)>,
    /// The latest fix.
    pub last: Latest<Position>,
    pub(crate) lat_sum_e7: i64,
    pub(crate) lon_sum_e7: i64,
    pub(crate) alt_sum_mm: i64,
    pub(crate) fixes: u32,
    pub(crate) fixes_3d: u32,
    /// Fixes west of Greenwich. Needed for the mean across the date line.
    pub(crate) fixes_west: u32,
}

/// One source's view of a device.
#[derive(Clone, Debug)]
pub struct SeenBy {
    /// Number of the source.
    pub source: SourceNumber,
    /// Time of its earliest report of the device.
    pub first_time: UnixTime,
    /// Time of its latest report of the device.
    pub last_time: UnixTime,
    /// Number of its reports of the device.
    pub reports: u64,
    /// Latest, weakest and strongest signal that it reported.
    pub signal: Option<SignalRange>,
    /// Number of its reports by frequency.
    pub frequencies: SmallVec<[(Frequency, u32); 1]>,
}

/// Number of a source, counted from 1 in order of first contact.
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

impl SsidRecord {
    /// Latest channel, in Kismet's notation.
    pub fn channel(&self) -> Option<Channel> {
        self.channel?.value.canonical()
    }
}

impl Device {
    /// Channel and frequency that belong together, although one scanner sends both and another only one of them.
    ///
    /// The later one counts. Of one time they are from one report, or from two reports between which nothing decides;
    /// there the frequency counts, because it is measured.
    pub fn tuning(&self) -> Tuning {
        Tuning::of(
            self.channel.map(|latest| latest.value),
            self.frequency.map(|latest| latest.value),
            self.is_channel_later(),
        )
    }

    /// Whether the latest channel is from a later report than the latest frequency.
    pub(super) fn is_channel_later(&self) -> bool {
        let both = self.channel.zip(self.frequency);
        both.is_some_and(|(channel, frequency)| frequency.time < channel.time)
    }

    /// Touches every heap block of the device to pull it into cache. The sum keeps the reads from being optimised away.
    pub(super) fn read_ahead(&self) -> u64 {
        let place = self.place.as_ref().map_or(0, |place| place.fixes);
        let seen_by = self.seen_by.last().map_or(0, |seen| seen.reports);
        let radio = match &self.radio {
            Radio::Wifi(wifi) => wifi.ssids.last().map_or(0, |record| record.reports),
            Radio::Bluetooth(_) => 0,
        };
        u64::from(place) ^ seen_by ^ radio ^ self.reports ^ self.activity.read_ahead()
    }

    /// Number of networks.
    pub fn ssid_count(&self) -> usize {
        match &self.radio {
            Radio::Wifi(wifi) => wifi.ssids.len(),
            Radio::Bluetooth(_) => 0,
        }
    }

    /// The network that represents the device: the latest one with a name, else the hidden one.
    ///
    /// Named networks come first, because some scanners leave the name out.
    pub fn main_ssid(&self) -> Option<&SsidRecord> {
        let Radio::Wifi(wifi) = &self.radio else {
            return None;
        };
        // `max_by_key` returns the last of equals, which is the later one in the log.
        wifi.ssids
            .iter()
            .max_by_key(|record| (!record.ssid.is_hidden(), record.last_time))
    }

    /// Security of the main network, or of the network that stated it last.
    pub fn security(&self) -> Option<Security> {
        let Radio::Wifi(wifi) = &self.radio else {
            return None;
        };
        // Nearly all devices have one network, and each report asks for this.
        if let [record] = wifi.ssids.as_slice() {
            return record.security.map(|latest| latest.value.security);
        }
        let latest = wifi.ssids.iter().filter_map(|record| record.security);
        let shown = self.main_ssid().and_then(|record| record.security);
        shown
            .or(latest.max_by_key(|latest| latest.time))
            .map(|latest| latest.value.security)
    }

    /// Width of the channel, as it was stated last for any network of the device.
    pub fn width(&self) -> Option<ChannelWidth> {
        let Radio::Wifi(wifi) = &self.radio else {
            return None;
        };
        let layouts = wifi.ssids.iter().filter_map(|record| {
            let layout = record.layout.as_deref()?;
            Some((layout.time, layout.value.width?))
        });
        // The latest network stands last.
        let latest = layouts.max_by_key(|(time, _)| *time);
        latest.map(|(_, width)| width)
    }

    /// Whether the capabilities state an ad-hoc network.
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
    /// Name to show: the scanner's, which may have asked the device, else the advertised one.
    pub fn shown_name(&self) -> Option<&str> {
        let advertised = self.advertised_name.as_ref().map(|name| &name.value.text);
        let reported = self.name.as_ref().map(|name| &name.value);
        reported.or(advertised).map(AsRef::as_ref)
    }

    /// Structures of the latest advertising data.
    pub fn advertising(&self) -> Structures<'_> {
        let data = self.scan_data.as_ref().map(|data| data.value.as_ref());
        structures(data.unwrap_or_default())
    }

    /// Transmit power to show, in dBm: the scanner's, else the advertised one.
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

impl PositionStats {
    /// Mean latitude and longitude, in degrees.
    pub fn mean_degrees(&self) -> (f64, f64) {
        let (lat_e7, lon_e7) = self.mean_e7();
        (degrees(lat_e7), degrees(lon_e7))
    }

    /// Mean latitude and longitude, in 10⁻⁷ degrees.
    pub fn mean_e7(&self) -> (i64, i64) {
        const TURN_E7: i64 = 3_600_000_000;
        let fixes = i64::from(self.fixes.max(1));
        let wraps = TURN_E7 / 2 < i64::from(self.lon_max_e7) - i64::from(self.lon_min_e7);
        // The device was seen on both sides of the date line: count past 180° instead of jumping to -180°.
        let turns = if wraps { self.fixes_west } else { 0 };
        let lon_sum_e7 = i128::from(self.lon_sum_e7) + i128::from(TURN_E7) * i128::from(turns);
        let lon_e7 = rounded_quotient(lon_sum_e7, fixes);
        let lon_e7 = if TURN_E7 / 2 < lon_e7 {
            lon_e7 - TURN_E7
        } else {
            lon_e7
        };
        (rounded_quotient(i128::from(self.lat_sum_e7), fixes), lon_e7)
    }

    /// The same mean and the same latest fix, without the area of all fixes: both corners are the mean. An altitude
    /// that some fixes lack is left out, because it could be that of a single fix.
    pub(crate) fn without_area(&self) -> Self {
        let (lat_sum_e7, lon_sum_e7) = self.mean_e7();
        let short = |value: i64| i32::try_from(value).unwrap_or_default();
        let (lat_e7, lon_e7) = (short(lat_sum_e7), short(lon_sum_e7));
        let mean_alt_mm = self.mean_alt_mm();
        let alt_mm = mean_alt_mm.filter(|_| self.fixes_3d == self.fixes);
        Self {
            lat_min_e7: lat_e7,
            lat_max_e7: lat_e7,
            lon_min_e7: lon_e7,
            lon_max_e7: lon_e7,
            alt_range_mm: alt_mm.map(|alt_mm| (short(alt_mm), short(alt_mm))),
            last: self.last,
            lat_sum_e7,
            lon_sum_e7,
            alt_sum_mm: alt_mm.unwrap_or_default(),
            fixes: 1,
            fixes_3d: u32::from(alt_mm.is_some()),
            fixes_west: u32::from(lon_e7 < 0),
        }
    }

    /// Mean altitude of the 3D fixes, in m.
    pub fn mean_alt_m(&self) -> Option<f64> {
        let mean_mm = self.mean_alt_mm()?;
        #[expect(clippy::cast_precision_loss, reason = "an altitude in mm has 27 bits")]
        Some(mean_mm as f64 / 1e3)
    }

    /// Mean altitude of the 3D fixes, in mm.
    pub fn mean_alt_mm(&self) -> Option<i64> {
        let mean = || rounded_quotient(i128::from(self.alt_sum_mm), i64::from(self.fixes_3d));
        (0 < self.fixes_3d).then(mean)
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
