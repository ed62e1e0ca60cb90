//! FLIPPERZERO: a new Bluetooth device with the address of a Flipper Zero.

use super::raised_alerts::RaisedAlerts;
use super::rule::Rule;
use crate::alerts::rules::Rules;
use crate::report::{MacAddr, Report};
use crate::tracker::Device;

/// The first three octets of their addresses, as in Kismet.
const PREFIXES: [u64; 2] = [0x80_E1_26, 0x80_E1_27];

pub(super) fn check(
    _: &Rules,
    alerts: &mut RaisedAlerts,
    before: Option<&Device>,
    report: &Report,
) {
    let addr = report.device().addr;
    if before.is_none() && is_flipper(addr) {
        alerts.of_report(Rule::FlipperZero, report, || {
            format!("The new Bluetooth device {addr} has the address of a Flipper Zero")
        });
    }
}

fn is_flipper(addr: MacAddr) -> bool {
    PREFIXES.contains(&(addr.to_u64() >> 24))
}
