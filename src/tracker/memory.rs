//! How much memory devices and sources hold, as it counts against [`Bounds::memory_bytes_max`].
//!
//! The sizes are constants and not those of this build, and the sum follows from the tracked state alone. So servers with
//! the same log and configuration evict the same devices, whatever their processors and allocators. A test compares the
//! constants with the real sizes.

use smallvec::{Array, SmallVec};

use super::activity::Activity;
use super::device::{Bluetooth, Device, Latest, Radio, SeenBy, SsidRecord};
use super::{ActivityKept, Bounds};

/// A device in its slot, with all indexes.
const DEVICE_BYTES: usize = 480;
/// A source, with its index and its counters.
const SOURCE_BYTES: usize = 1056;
const POSITIONS_BYTES: usize = 112;
const SSID_BYTES: usize = 160;
const LAYOUT_BYTES: usize = 40;
const SEEN_BY_BYTES: usize = 72;
const FREQUENCY_BYTES: usize = 8;
const SAMPLE_BYTES: usize = 8;
const COUNTS_BYTES: usize = 832;
const BLUETOOTH_BYTES: usize = 176;
const SERVICE_BYTES: usize = 72;
/// Counted for each text or list of octets besides its length: what the allocator rounds up.
const ROUNDING_BYTES: usize = 16;

/// Memory that a source holds, without the text of its name.
pub(super) const fn of_source() -> usize {
    SOURCE_BYTES
}

impl Bounds {
    /// Whether memory is counted at all.
    pub(super) const fn counts_memory(&self) -> bool {
        self.memory_bytes_max != 0
    }
}

impl Device {
    /// Memory that the device holds. Sets of tags are counted separately, because devices share them.
    pub(super) fn held_bytes(&self) -> u64 {
        let lists = spilled(&self.frequencies, FREQUENCY_BYTES)
            + spilled(&self.seen_by, SEEN_BY_BYTES)
            + self.seen_by.iter().map(of_seen_by).sum::<usize>();
        let place = self.place.as_ref().map_or(0, |_| POSITIONS_BYTES);
        let name = self
            .given_name
            .as_deref()
            .map_or(0, |name| of_bytes(name.len()));
        let radio = match &self.radio {
            Radio::Wifi(wifi) => {
                spilled(&wifi.ssids, SSID_BYTES) + wifi.ssids.iter().map(of_ssid).sum::<usize>()
            }
            Radio::Bluetooth(bluetooth) => of_bluetooth(bluetooth),
        };
        let bytes = DEVICE_BYTES
            + lists
            + place
            + name
            + radio
            + of_activity(&self.activity)
            + self.tags.held_bytes();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A list of one stands in the device itself.
fn spilled<A: Array>(list: &SmallVec<A>, each_bytes: usize) -> usize {
    match list.len() {
        0 | 1 => 0,
        count => count * each_bytes,
    }
}

const fn of_bytes(length: usize) -> usize {
    length + ROUNDING_BYTES
}

fn of_seen_by(seen: &SeenBy) -> usize {
    spilled(&seen.frequencies, FREQUENCY_BYTES)
}

fn of_ssid(record: &SsidRecord) -> usize {
    record.layout.as_ref().map_or(0, |_| LAYOUT_BYTES)
}

fn of_activity(activity: &Activity) -> usize {
    match &activity.0 {
        ActivityKept::Few(samples) => spilled(samples, SAMPLE_BYTES),
        ActivityKept::Many(_) => COUNTS_BYTES,
    }
}

fn of_bluetooth(bluetooth: &Bluetooth) -> usize {
    let text = |latest: &Option<Latest<Box<str>>>| {
        latest
            .as_ref()
            .map_or(0, |latest| of_bytes(latest.value.len()))
    };
    let advertised = bluetooth.advertised_name.as_ref();
    let scan_data = bluetooth.scan_data.as_ref();
    let services = bluetooth.service_data.iter();
    BLUETOOTH_BYTES
        + text(&bluetooth.name)
        + text(&bluetooth.device_type)
        + advertised.map_or(0, |latest| of_bytes(latest.value.text.len()))
        + scan_data.map_or(0, |latest| of_bytes(latest.value.len()))
        + services
            .map(|latest| SERVICE_BYTES + latest.value.service.len() + latest.value.bytes.len())
            .sum::<usize>()
}

#[cfg(test)]
#[cfg(target_pointer_width = "64")]
mod tests {
    use super::*;
    use crate::report::ServiceData;
    use crate::tracker::activity::{Counts, Sample};
    use crate::tracker::device::{ChannelLayout, PositionStats};
    use crate::tracker::places::bytes_of_device;
    use crate::tracker::shard::bytes_of_slot;
    use crate::tracker::sources::Source;

    #[test]
    fn the_constants_are_what_things_take() {
        // A table of hashes is between 7/16 and 7/8 full, with five bytes an entry.
        let of_device = bytes_of_slot() + 12 + bytes_of_device();
        let of_source = size_of::<Source>() + size_of::<Counts>() + 64;
        let service = size_of::<Latest<ServiceData>>() + 2 * ROUNDING_BYTES;
        for (what, constant, bytes) in [
            ("device", DEVICE_BYTES, of_device),
            ("source", SOURCE_BYTES, of_source),
            ("positions", POSITIONS_BYTES, size_of::<PositionStats>()),
            ("ssid", SSID_BYTES, size_of::<SsidRecord>()),
            ("layout", LAYOUT_BYTES, size_of::<Latest<ChannelLayout>>()),
            ("seen by", SEEN_BY_BYTES, size_of::<SeenBy>()),
            ("sample", SAMPLE_BYTES, size_of::<Sample>()),
            ("counts", COUNTS_BYTES, size_of::<Counts>()),
            ("bluetooth", BLUETOOTH_BYTES, size_of::<Bluetooth>()),
            ("service", SERVICE_BYTES, service),
        ] {
            let is_near = bytes <= constant && constant <= bytes * 5 / 4 + 16;
            assert!(is_near, "{what}: {constant} is counted, {bytes} are taken");
        }
    }
}
