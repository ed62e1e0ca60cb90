//! Merging: how one report changes one device.
//!
//! Every rule is a minimum, a maximum, a sum, or the latest by the report's own time, so the order of arrival does not
//! matter. Of two reports of the same second, the later one in the log wins. Order shows only past a limit (networks,
//! sources, frequencies or tags per device).

use smallvec::{Array, SmallVec};

use super::Bounds;
use super::activity::Activity;
use super::checksum::checksum;
use super::device::{
    Advertised, AdvertisedName, Bluetooth, ChannelLayout, Device, Latest, Peak, PositionStats,
    Radio, SeenBy, SignalRange, SourceNumber, SsidRecord, Wifi,
};
use super::tags::{TagSets, Tags};
use crate::report::advertising::{LocalName, Structure, structures};
use crate::report::capabilities::SecurityClass;
use crate::report::{
    BluetoothSighting, Capabilities, Channel, Dbm, DeviceId, Frequency, Position, ReceivedAt,
    Remark, Report, ServiceData, Sighting, UnixTime, WifiSighting,
};

impl<T> Latest<T> {
    pub(super) fn offer(slot: &mut Option<Self>, time: UnixTime, value: T) {
        match slot {
            Some(latest) if time < latest.time => {}
            _ => *slot = Some(Self { time, value }),
        }
    }
}

impl Advertised {
    /// A text that states nothing, such as an ESP32's `UNDEFINED`, never replaces one that does, however old.
    ///
    /// Nor does the text of a scanner that cannot know more, if it agrees with one that names more: one of before WPA3,
    /// or one that names only the best mode. Else such scanners would hide what others say, and a change of that.
    fn offer(
        slot: &mut Option<Latest<Self>>,
        time: UnixTime,
        value: Self,
        capabilities: &Capabilities,
    ) {
        let is_known = |advertised: Self| advertised.security.class() != SecurityClass::Unknown;
        match slot {
            Some(latest) if latest.value.security != value.security => {
                let before = latest.value;
                match (is_known(before), is_known(value)) {
                    (true, false) => {}
                    (false, true) => *latest = Latest { time, value },
                    _ if capabilities.is_lesser_view_of(before.security) => {
                        latest.time = latest.time.max(time);
                    }
                    _ if capabilities.is_better_view_of(before.security) => {
                        latest.value = value;
                        latest.time = latest.time.max(time);
                    }
                    _ => Latest::offer(slot, time, value),
                }
            }
            _ => Latest::offer(slot, time, value),
        }
    }
}

impl Device {
    pub(super) fn new(id: DeviceId, report: &Report) -> Self {
        Self {
            id,
            first_time: report.time,
            last_time: report.time,
            modified_at: ReceivedAt::from_micros(0),
            reports: 0,
            signal: None,
            peak: None,
            channel: None,
            frequency: None,
            frequencies: SmallVec::new(),
            place: None,
            seen_by: SmallVec::new(),
            activity: Activity::default(),
            given_name: None,
            tags: Tags::default(),
            radio: match report.sighting {
                Sighting::Wifi(_) => Radio::Wifi(Wifi::default()),
                Sighting::Bluetooth(_) => Radio::Bluetooth(Box::default()),
            },
        }
    }

    /// Merges one report. Returns whether its source is new to the device, and which source it replaced.
    pub(super) fn merge(
        &mut self,
        report: &Report,
        source: SourceNumber,
        modified_at: ReceivedAt,
        (bounds, tag_sets): (&Bounds, &TagSets),
    ) -> Seers {
        let time = report.time;
        self.first_time = self.first_time.min(time);
        self.last_time = self.last_time.max(time);
        self.modified_at = modified_at;
        self.reports += 1;
        let channel = report
            .channel
            .or_else(|| report.frequency.map(Frequency::channel));
        if let Some(channel) = channel {
            Latest::offer(&mut self.channel, time, channel);
        }
        if let Some(frequency) = report.frequency {
            Latest::offer(&mut self.frequency, time, frequency);
            count_frequency(
                &mut self.frequencies,
                frequency,
                bounds.frequencies_per_device_max,
            );
        }
        if let Some(signal) = report.signal {
            SignalRange::offer(&mut self.signal, time, signal);
        }
        if let Some(position) = report.position {
            PositionStats::offer(&mut self.place, time, position);
            Peak::offer(&mut self.peak, time, report.signal, position);
        }
        self.activity.add(time, report.signal);
        let seers = self.merge_source(report, source, bounds);
        if !report.tags.is_empty() {
            self.tags.offer(&report.tags, time, bounds, tag_sets);
        }
        match (&mut self.radio, &report.sighting) {
            (Radio::Wifi(wifi), Sighting::Wifi(sighting)) => {
                wifi.merge(sighting, time, channel, bounds);
            }
            (Radio::Bluetooth(bluetooth), Sighting::Bluetooth(sighting)) => {
                bluetooth.merge(sighting, time, bounds);
            }
            // Unreachable: the device was looked up by the radio technology of the report.
            (Radio::Wifi(_), Sighting::Bluetooth(_)) | (Radio::Bluetooth(_), Sighting::Wifi(_)) => {
            }
        }
        seers
    }

    /// Applies a name or tag that a person gave.
    pub(super) fn annotate(
        &mut self,
        remark: &Remark,
        at: ReceivedAt,
        (bounds, tag_sets): (&Bounds, &TagSets),
    ) {
        self.modified_at = at;
        match remark {
            Remark::Name(name) => {
                self.given_name = Some(name.clone()).filter(|name| !name.is_empty());
            }
            Remark::Tag(tag) if tag.value.is_empty() => {
                self.tags.remove(&tag.name, tag_sets);
            }
            Remark::Tag(tag) => {
                let tag = std::slice::from_ref(tag);
                self.tags.offer(tag, at.time(), bounds, tag_sets);
            }
        }
    }

    fn merge_source(&mut self, report: &Report, source: SourceNumber, bounds: &Bounds) -> Seers {
        let time = report.time;
        let fresh = || SeenBy {
            source,
            first_time: time,
            last_time: time,
            reports: 0,
            signal: None,
            frequencies: SmallVec::new(),
        };
        let place = self.seen_by.iter().position(|seen| seen.source == source);
        let max = bounds.sources_per_device_max;
        let is_full = place.is_none() && max <= self.seen_by.len();
        let oldest = self.seen_by.iter().min_by_key(|seen| seen.last_time);
        let gone = oldest.filter(|_| is_full).map(|seen| seen.source);
        let Some(seen) = find_or_insert(
            &mut self.seen_by,
            place,
            max,
            |list, fresh| oldest_of(list, fresh, |seen| seen.last_time),
            fresh,
        ) else {
            return Seers::default();
        };
        seen.first_time = seen.first_time.min(time);
        seen.last_time = seen.last_time.max(time);
        seen.reports += 1;
        if let Some(signal) = report.signal {
            SignalRange::offer(&mut seen.signal, time, signal);
        }
        if let Some(frequency) = report.frequency {
            count_frequency(
                &mut seen.frequencies,
                frequency,
                bounds.frequencies_per_device_max,
            );
        }
        Seers {
            is_new: place.is_none(),
            gone,
        }
    }
}

/// How a report changed the list of sources that saw the device.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seers {
    /// Whether its source is new to the device.
    pub(super) is_new: bool,
    /// A source that was replaced because the list was full.
    pub(super) gone: Option<SourceNumber>,
}

impl SignalRange {
    fn offer(slot: &mut Option<Self>, time: UnixTime, signal: Dbm) {
        match slot {
            None => {
                *slot = Some(Self {
                    last: Latest {
                        time,
                        value: signal,
                    },
                    min: signal,
                    max: signal,
                });
            }
            Some(range) => {
                range.min = range.min.min(signal);
                range.max = range.max.max(signal);
                if range.last.time <= time {
                    range.last = Latest {
                        time,
                        value: signal,
                    };
                }
            }
        }
    }
}

impl Peak {
    fn offer(slot: &mut Option<Self>, time: UnixTime, signal: Option<Dbm>, position: Position) {
        let Some(signal) = signal else { return };
        match slot {
            Some(peak) if (signal, time) < (peak.signal, peak.time) => {}
            _ => {
                *slot = Some(Self {
                    signal,
                    time,
                    position,
                });
            }
        }
    }
}

impl PositionStats {
    fn offer(slot: &mut Option<Box<Self>>, time: UnixTime, position: Position) {
        let place = slot.get_or_insert_with(|| Box::new(Self::around(time, position)));
        if place.fixes == u32::MAX {
            // The sums have room for this many. The mean of four billion fixes no longer moves.
            return;
        }
        place.lat_min_e7 = place.lat_min_e7.min(position.lat_e7());
        place.lat_max_e7 = place.lat_max_e7.max(position.lat_e7());
        place.lon_min_e7 = place.lon_min_e7.min(position.lon_e7());
        place.lon_max_e7 = place.lon_max_e7.max(position.lon_e7());
        place.lat_sum_e7 += i64::from(position.lat_e7());
        place.lon_sum_e7 += i64::from(position.lon_e7());
        place.fixes += 1;
        place.fixes_west += u32::from(position.lon_e7() < 0);
        if let Some(alt_mm) = position.alt_mm() {
            let (min, max) = place.alt_range_mm.unwrap_or((alt_mm, alt_mm));
            place.alt_range_mm = Some((min.min(alt_mm), max.max(alt_mm)));
            place.alt_sum_mm += i64::from(alt_mm);
            place.fixes_3d += 1;
        }
        if place.last.time <= time {
            place.last = Latest {
                time,
                value: position,
            };
        }
    }

    /// Statistics without a fix yet, whose bounding box is this position.
    fn around(time: UnixTime, position: Position) -> Self {
        Self {
            lat_min_e7: position.lat_e7(),
            lat_max_e7: position.lat_e7(),
            lon_min_e7: position.lon_e7(),
            lon_max_e7: position.lon_e7(),
            alt_range_mm: None,
            last: Latest {
                time,
                value: position,
            },
            lat_sum_e7: 0,
            lon_sum_e7: 0,
            alt_sum_mm: 0,
            fixes: 0,
            fixes_3d: 0,
            fixes_west: 0,
        }
    }
}

impl Wifi {
    fn merge(
        &mut self,
        sighting: &WifiSighting,
        time: UnixTime,
        channel: Option<Channel>,
        bounds: &Bounds,
    ) {
        let advertised = sighting
            .capabilities
            .as_ref()
            .map(|capabilities| Advertised {
                security: capabilities.security(),
                checksum: checksum([sighting.ssid.as_bytes(), capabilities.raw().as_bytes()]),
            });
        if let Some(topology) = advertised.and_then(|advertised| advertised.security.topology()) {
            Latest::offer(&mut self.topology, time, topology);
        }
        let fresh = || SsidRecord {
            ssid: sighting.ssid,
            first_time: time,
            last_time: time,
            reports: 0,
            channel: None,
            security: None,
            layout: None,
        };
        let place = self
            .ssids
            .iter()
            .position(|record| record.ssid == sighting.ssid);
        let max = bounds.ssids_per_device_max;
        let Some(record) = find_or_insert(&mut self.ssids, place, max, oldest_network, fresh)
        else {
            return;
        };
        record.first_time = record.first_time.min(time);
        record.last_time = record.last_time.max(time);
        record.reports += 1;
        if let Some(channel) = channel {
            Latest::offer(&mut record.channel, time, channel);
        }
        if let (Some(advertised), Some(capabilities)) = (advertised, &sighting.capabilities) {
            Advertised::offer(&mut record.security, time, advertised, capabilities);
        }
        let layout = ChannelLayout {
            width: sighting.width,
            center0_mhz: sighting.center0_mhz,
            center1_mhz: sighting.center1_mhz,
        };
        if layout
            != (ChannelLayout {
                width: None,
                center0_mhz: None,
                center1_mhz: None,
            })
        {
            match &mut record.layout {
                Some(latest) if time < latest.time => {}
                slot => {
                    let value = layout;
                    *slot = Some(Box::new(Latest { time, value }));
                }
            }
        }
        if let (Some(place), true) = (place, record.last_time <= time) {
            // The latest stands last, so that of two networks of one second the later one in the log wins.
            if place + 1 < self.ssids.len() {
                let record = self.ssids.remove(place);
                self.ssids.push(record);
            }
        }
    }
}

impl Bluetooth {
    fn merge(&mut self, sighting: &BluetoothSighting, time: UnixTime, bounds: &Bounds) {
        if let Some(name) = &sighting.name {
            Latest::offer(&mut self.name, time, name.clone());
        }
        if let Some(device_type) = &sighting.device_type {
            Latest::offer(&mut self.device_type, time, device_type.clone());
        }
        if let Some(tx_power_dbm) = sighting.tx_power_dbm {
            Latest::offer(&mut self.tx_power_dbm, time, tx_power_dbm);
        }
        if let Some(path_loss_db) = sighting.path_loss_db {
            Latest::offer(&mut self.path_loss_db, time, path_loss_db);
        }
        for structure in structures(&sighting.scan_data) {
            if let Structure::Name(name) = structure {
                self.offer_name(time, name);
            }
        }
        let bytes_max = bounds.advertising_bytes_per_device_max;
        // The decoder accepts no longer data, but logs of earlier versions have it.
        if (1..=bytes_max).contains(&sighting.scan_data.len()) {
            Latest::offer(&mut self.scan_data, time, sighting.scan_data.clone());
        }
        for service in &sighting.service_data {
            offer_service(&mut self.service_data, time, service, bounds);
        }
    }
}

impl Bluetooth {
    /// A complete name replaces a shortened one, whichever came later.
    fn offer_name(&mut self, time: UnixTime, name: LocalName<'_>) {
        let known = self.advertised_name.as_ref();
        let known_is_complete = known.map(|known| known.value.is_complete);
        let text = name.text();
        if text.is_empty() || (known_is_complete == Some(true) && !name.is_complete) {
            return;
        }
        if known_is_complete == Some(false) && name.is_complete {
            self.advertised_name = None;
        }
        let value = AdvertisedName {
            text: text.into(),
            is_complete: name.is_complete,
        };
        Latest::offer(&mut self.advertised_name, time, value);
    }
}

/// Updates the data of a service, or adds it. Data for which there is no room is left out.
fn offer_service(
    list: &mut Vec<Latest<ServiceData>>,
    time: UnixTime,
    offered: &ServiceData,
    bounds: &Bounds,
) {
    let bytes = |data: &ServiceData| data.service.len() + data.bytes.len();
    let same = |known: &Latest<ServiceData>| known.value.service == offered.service;
    let at = list.iter().position(same);
    let others = list
        .iter()
        .enumerate()
        .filter(|(other, _)| Some(*other) != at);
    let held: usize = others.map(|(_, known)| bytes(&known.value)).sum();
    if bounds.advertising_bytes_per_device_max < held + bytes(offered) {
        return;
    }
    let latest = || Latest {
        time,
        value: offered.clone(),
    };
    let has_room = list.len() < bounds.tags_per_device_max;
    match at.and_then(|at| list.get_mut(at)) {
        Some(known) if time < known.time => {}
        Some(known) => *known = latest(),
        None if has_room => list.push(latest()),
        None => {}
    }
}

/// Returns the element at `place`, or inserts a fresh one. If the list is full, `gone` says which goes: the place of one of
/// them, or the length of the list for the fresh one.
fn find_or_insert<A: Array>(
    list: &mut SmallVec<A>,
    place: Option<usize>,
    max: usize,
    gone: impl FnOnce(&[A::Item], &A::Item) -> Option<usize>,
    fresh: impl FnOnce() -> A::Item,
) -> Option<&mut A::Item> {
    if let Some(place) = place {
        return list.get_mut(place);
    }
    let fresh = fresh();
    if max <= list.len() {
        let gone = gone(list, &fresh)?;
        if list.len() <= gone {
            return None;
        }
        list.remove(gone);
    }
    list.push(fresh);
    list.last_mut()
}

/// The one that was seen least recently.
fn oldest_of<T>(list: &[T], fresh: &T, last_time: impl Fn(&T) -> UnixTime) -> Option<usize> {
    let all = list.iter().chain([fresh]).enumerate();
    all.min_by_key(|(_, one)| last_time(one)).map(|(at, _)| at)
}

/// The network that was seen least recently. The newest name with which the owner opted out stays: exports ask for it.
/// Older ones do not, so that such names cannot keep others out.
fn oldest_network(list: &[SsidRecord], fresh: &SsidRecord) -> Option<usize> {
    let all = || list.iter().chain([fresh]).enumerate();
    let opted_out = all().filter(|(_, record)| record.ssid.opts_out());
    let kept = opted_out.max_by_key(|(_, record)| record.last_time);
    let kept = kept.map(|(at, _)| at);
    let others = all().filter(|(at, _)| Some(*at) != kept);
    others
        .min_by_key(|(_, record)| record.last_time)
        .map(|(at, _)| at)
}

fn count_frequency(counts: &mut SmallVec<[(Frequency, u32); 1]>, frequency: Frequency, max: usize) {
    let has_room = counts.len() < max;
    match counts.iter_mut().find(|(known, _)| *known == frequency) {
        Some((_, count)) => *count = count.saturating_add(1),
        None if has_room => counts.push((frequency, 1)),
        None => {}
    }
}
