//! Finds the networks that one radio sends.
//!
//! An access point with several networks on a radio gives each an address derived from the first: it counts up the
//! lowest four bits, or sets the U/L bit of the first octet and varies the bits above it.
//!
//! Addresses alone prove little, because a maker numbers its devices one after the other. Two access points count as
//! one radio only if all of this holds:
//!
//! - Their addresses differ only in the lowest four bits and the first octet. If the first octets differ, at least one
//!   address is locally administered.
//! - They share a frequency, or a channel if a frequency is unknown. If widths and centre frequencies of both are
//!   known, these are equal too.
//! - One source saw both within [`TOGETHER_S`] seconds, with signals at most [`ALIKE_DB`] dB apart.
//! - They share no SSID. One radio does not send a network twice, but neighbouring devices of one maker do.
//! - Neither is an ad-hoc peer.
//!
//! A locally administered address that fits two neighbouring devices of one maker is related to both.
//!
//! The rule is symmetric. It is evaluated on demand over the few possible addresses, so it costs nothing otherwise.

use super::device::{ChannelLayout, Device, Radio, SeenBy, Wifi};
use super::{Tracker, read};
use crate::report::{DeviceId, MacAddr, Phy};

/// Longest time between two sightings of one scan, in seconds.
const TOGETHER_S: u32 = 10;
/// Largest difference between signals of one radio in one scan, in dB. Each beacon fades on its own.
const ALIKE_DB: u16 = 10;
/// Most networks to return. Radios have sixteen or fewer; senders of fake beacons have more.
const RELATED_MAX: usize = 64;
/// Bits of the first octet that a derived address may change: all but the group bit.
const FIRST_OCTET: u8 = 0xfe;
/// Bits of the last octet that are counted up.
const LAST_OCTET: u8 = 0x0f;

impl Tracker {
    /// Other networks of the device's radio, ordered by address, at most 64.
    pub fn related_to(&self, device: &Device) -> Vec<Device> {
        if device.id.phy != Phy::Wifi {
            return Vec::new();
        }
        let others = siblings(device.id.addr).filter_map(|addr| {
            let id = DeviceId {
                phy: device.id.phy,
                addr,
            };
            let shard = read(self.shard_of(id));
            let other = shard.get(id)?;
            are_related(device, other).then(|| other.clone())
        });
        others.take(RELATED_MAX).collect()
    }
}

/// Addresses that the same radio could have.
fn siblings(addr: MacAddr) -> impl Iterator<Item = MacAddr> {
    let [first, b, c, d, e, last] = addr.octets();
    let firsts = (0..=u8::MAX).filter(move |bits| bits & !FIRST_OCTET == first & !FIRST_OCTET);
    let all = firsts.flat_map(move |first| {
        (0..=LAST_OCTET)
            .map(move |bits| MacAddr::new([first, b, c, d, e, last & !LAST_OCTET | bits]))
    });
    all.filter(move |&other| other != addr && could_be_one(addr, other))
}

/// Whether the first octets allow one radio. Two universally administered ones belong to two radios.
fn could_be_one(one: MacAddr, other: MacAddr) -> bool {
    let ([first, ..], [other_first, ..]) = (one.octets(), other.octets());
    first == other_first || one.is_local() || other.is_local()
}

/// Whether all conditions but that on the addresses hold.
fn are_related(one: &Device, other: &Device) -> bool {
    let (Radio::Wifi(wifi), Radio::Wifi(other_wifi)) = (&one.radio, &other.radio) else {
        return false;
    };
    !one.is_ad_hoc()
        && !other.is_ad_hoc()
        && are_tuned_alike(one, other)
        && have_one_layout(one, other)
        && share_no_name(wifi, other_wifi)
        && one.seen_by.iter().any(|seen| {
            let by_same = |other: &&SeenBy| other.source == seen.source;
            let other = other.seen_by.iter().find(by_same);
            other.is_some_and(|other| are_seen_together(seen, other))
        })
}

fn are_tuned_alike(one: &Device, other: &Device) -> bool {
    let (one, other) = (one.tuning(), other.tuning());
    match (one.frequency, other.frequency) {
        (Some(frequency), Some(other)) => frequency == other,
        _ => one.channel.is_some() && one.channel == other.channel,
    }
}

fn have_one_layout(one: &Device, other: &Device) -> bool {
    let layout = |device: &Device| -> Option<ChannelLayout> {
        Some(device.main_ssid()?.layout.as_ref()?.value)
    };
    match (layout(one), layout(other)) {
        (Some(layout), Some(other)) => layout == other,
        _ => true,
    }
}

fn share_no_name(one: &Wifi, other: &Wifi) -> bool {
    let mut names = one.ssids.iter().map(|record| &record.ssid);
    !names.any(|name| {
        let is_same = other.ssids.iter().any(|record| record.ssid == *name);
        is_same && !name.is_hidden()
    })
}

fn are_seen_together(one: &SeenBy, other: &SeenBy) -> bool {
    let (Some(signal), Some(other)) = (one.signal, other.signal) else {
        return false;
    };
    let (signal, other) = (signal.last, other.last);
    signal.time.seconds().abs_diff(other.time.seconds()) <= TOGETHER_S
        && signal.value.get().abs_diff(other.value.get()) <= ALIKE_DB
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        let (one, other): (MacAddr, MacAddr) = (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(
            siblings(one).any(|sibling| sibling == other),
            expected,
            "{one} {other}"
        );
    }

    #[test]
    fn addresses_are_derived_in_the_last_digit_and_the_first_octet() {
        check("00:11:22:33:44:50", "00:11:22:33:44:5f", true);
        check("00:11:22:33:44:50", "02:11:22:33:44:50", true);
        check("00:11:22:33:44:50", "fe:11:22:33:44:5a", true);
        check("06:11:22:33:44:50", "0a:11:22:33:44:51", true);
        // Itself, the next unit, other middle octets, another maker, a group address.
        check("00:11:22:33:44:50", "00:11:22:33:44:50", false);
        check("00:11:22:33:44:50", "00:11:22:33:44:60", false);
        check("00:11:22:33:44:50", "02:11:22:33:45:50", false);
        check("00:11:22:33:44:50", "04:11:22:33:44:50", false);
        check("02:11:22:33:44:50", "03:11:22:33:44:50", false);
    }

    proptest! {
        #[test]
        fn siblings_are_siblings_of_each_other_and_few(octets: [u8; 6], pick: prop::sample::Index) {
            let addr = MacAddr::new(octets);
            let siblings: Vec<_> = siblings(addr).collect();
            prop_assert!(siblings.len() <= 2047);
            let sibling = *pick.get(&siblings);
            prop_assert!(super::siblings(sibling).any(|other| other == addr));
        }
    }
}
