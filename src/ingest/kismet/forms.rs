//! Kismet's two scan report formats. The path of the request determines the radio technology.

use super::{decode, documents};
use crate::ingest::decode::DecodeError;
use crate::ingest::format::{Context, Described, Format, Upload};
use crate::report::Phy;

const ACCEPTED: &str = "Scan report accepted";

/// The reports of a Wi-Fi scanner.
#[derive(Clone, Copy, Debug)]
pub struct WifiScanReport;

/// The reports of a Bluetooth scanner.
#[derive(Clone, Copy, Debug)]
pub struct BluetoothScanReport;

impl Format for WifiScanReport {
    const PATH: &'static str = "/phy/phy80211/scan/scan_report.cmd";
    const ROUTER_PATH: &'static str = "/phy/phy80211/scan/{file}";
    const SUMMARY: &'static str = "Reports Wi-Fi access points";
    const MEDIA_TYPES: &'static [(&'static str, Described)] = &[(
        "application/json",
        Described::of::<documents::WifiScanReport>(),
    )];
    const IS_JSON: bool = true;
    const NAME: &'static str = "Phy80211/Wi-Fi scan report";
    const ACCEPTED: &'static str = ACCEPTED;
    const HAS_ONE_ENTRY: bool = true;

    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
        decode(Phy::Wifi, body, context.received_at, &context.limits).map(Upload::from)
    }
}

impl Format for BluetoothScanReport {
    const PATH: &'static str = "/phy/phybluetooth/scan/scan_report.cmd";
    const ROUTER_PATH: &'static str = "/phy/phybluetooth/scan/{file}";
    const SUMMARY: &'static str = "Reports Bluetooth devices";
    const MEDIA_TYPES: &'static [(&'static str, Described)] = &[(
        "application/json",
        Described::of::<documents::BluetoothScanReport>(),
    )];
    const IS_JSON: bool = true;
    const NAME: &'static str = "Bluetooth scan report";
    const ACCEPTED: &'static str = ACCEPTED;
    const HAS_ONE_ENTRY: bool = true;

    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
        decode(Phy::Bluetooth, body, context.received_at, &context.limits).map(Upload::from)
    }
}
