//! Fields that Kismet derives from an alert, and the hash by which its clients request one.

use crate::alerts::{Addresses, Raised};
use crate::report::Phy;
use crate::tracker::checksum;

/// Number of the radio technology; all ones for any.
pub(super) fn phy_id(raised: &Raised) -> u32 {
    match raised.phy {
        None => u32::MAX,
        Some(Phy::Wifi) => 0,
        Some(Phy::Bluetooth) => 3,
    }
}

/// Channel of the alert. Kismet writes `0` without one.
pub(super) fn channel(raised: &Raised) -> &str {
    let none = if raised.device.is_some() { "0" } else { "" };
    raised.channel.as_deref().unwrap_or(none)
}

/// Hash by which clients request an alert (`alertracker.cc`). Several alerts may share one.
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
