//! FLIPPERZERO: a new Bluetooth device with the address of a Flipper Zero.

use super::raising::Raising;
use crate::alerts::kind::Rule;
use crate::report::{MacAddr, Report};

/// The first three octets of their addresses, as in Kismet.
const PREFIXES: [u64; 2] = [0x80_E1_26, 0x80_E1_27];

/// Looks at a Bluetooth report of a device that is new.
pub(super) fn look(raising: &mut Raising, report: &Report) {
    let addr = report.device().addr;
    if is_flipper(addr) {
        raising.of_report(Rule::FlipperZero, report, || {
            format!("The new Bluetooth device {addr} has the address of a Flipper Zero")
        });
    }
}

fn is_flipper(addr: MacAddr) -> bool {
    PREFIXES.contains(&(addr.to_u64() >> 24))
}
