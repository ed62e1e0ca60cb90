//! What Kismet shows of an alert beside its own fields, and the number by which its clients ask for it.

use crate::alerts::{Addresses, Raised};
use crate::report::Phy;
use crate::tracker::checksum;

/// The number of the radio technology: all ones for any.
pub(super) fn phy_id(raised: &Raised) -> u32 {
    match raised.phy {
        None => u32::MAX,
        Some(Phy::Wifi) => 0,
        Some(Phy::Bluetooth) => 3,
    }
}

/// The channel. Kismet shows `0` where a device has none.
pub(super) fn channel(raised: &Raised) -> &str {
    let none = if raised.device.is_some() { "0" } else { "" };
    raised.channel.as_deref().unwrap_or(none)
}

/// The number by which clients ask for an alert (`alertracker.cc`). Several alerts may have the same.
pub fn alert_hash(raised: &Raised) -> u32 {
    let Addresses {
        transmitter,
        source,
        dest,
        other,
    } = raised.addresses;
    let at = raised.raised_at;
    let text = format!(
        "{} {} {} {}.{:06} {transmitter} {source} {dest} {other} {}",
        raised.header,
        raised.severity.number(),
        phy_id(raised),
        at.micros() / 1_000_000,
        at.subsec_micros(),
        channel(raised)
    );
    checksum([text.as_bytes()])
}
