//! What stands in place of addresses, names and identities. Nothing of the original is in it.

use uuid::Builder;

use crate::hex::Hex;
use crate::privacy::key::PrivacyKey;
use crate::report::{MacAddr, SourceId, Ssid};

/// Octets of a digest that a name shows. Of ten million names, two share an alias with a chance of 1 in 6.
const NAME_OCTETS: usize = 6;
/// The words for kinds of Bluetooth devices. Other words may have anything.
const KINDS: [&str; 7] = ["BTLE", "BLE", "LE", "BT", "BR/EDR", "BREDR", "DUAL"];
/// The word for a device that advertised.
const LOW_ENERGY: &str = "BTLE";

/// An address of a station that is locally administered. All other 46 bits are of the digest.
pub(super) fn address(key: &PrivacyKey, addr: MacAddr) -> MacAddr {
    let [first, a, b, c, d, e, ..] = key.digest("address", &addr.octets());
    MacAddr::new([first & 0b1111_1100 | 0b10, a, b, c, d, e])
}

/// A hidden network stays hidden, and the alias of a name that opts out opts out too.
pub(super) fn ssid(key: &PrivacyKey, ssid: &Ssid) -> Ssid {
    if ssid.is_hidden() {
        return *ssid;
    }
    let name = ssid.as_bytes();
    let mark = if ssid.opts_out() { "_nomap" } else { "" };
    let alias = format!("net-{}{mark}", digits(key, "name", name));
    // The alias has 22 octets at most.
    Ssid::try_from(alias.as_bytes()).unwrap_or_default()
}

pub(super) fn device_name(key: &PrivacyKey, name: &str) -> Box<str> {
    format!("device-{}", digits(key, "name", name.as_bytes())).into()
}

/// A UUID of version 8, which has no meaning but its own (RFC 9562, 5.8).
pub(super) fn source(key: &PrivacyKey, id: SourceId) -> SourceId {
    let digest = key.digest("source", id.uuid().as_bytes());
    let mut octets = [0; 16];
    for (octet, digested) in octets.iter_mut().zip(digest) {
        *octet = digested;
    }
    SourceId::new(Builder::from_custom_bytes(octets).into_uuid())
}

/// The kind of a Bluetooth device, if it is one of the usual words, or follows from what it advertised.
pub(super) fn device_type(said: Option<&str>, has_advertised: bool) -> Option<Box<str>> {
    let mut known = KINDS.into_iter();
    let known = said.and_then(|said| known.find(|word| word.eq_ignore_ascii_case(said)));
    known
        .or(has_advertised.then_some(LOW_ENERGY))
        .map(Into::into)
}

fn digits(key: &PrivacyKey, purpose: &str, value: &[u8]) -> String {
    let digest = key.digest(purpose, value);
    Hex(digest.get(..NAME_OCTETS).unwrap_or_default()).to_string()
}
