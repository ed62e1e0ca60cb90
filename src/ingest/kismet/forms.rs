//! Kismet's two scan report formats. The path of the request determines the radio technology.

use super::decode;
use crate::ingest::decode::DecodeError;
use crate::ingest::format::{Context, Format, Upload};
use crate::report::Phy;

const ACCEPTED: &str = "Scan report accepted";

/// The reports of a Wi-Fi scanner.
#[derive(Clone, Copy, Debug)]
pub struct WifiScanReport;

/// The reports of a Bluetooth scanner.
#[derive(Clone, Copy, Debug)]
pub struct BluetoothScanReport;

impl Format for WifiScanReport {
    const IS_JSON: bool = true;
    const NAME: &'static str = "Phy80211/Wi-Fi scan report";
    const ACCEPTED: &'static str = ACCEPTED;
    const HAS_ONE_ENTRY: bool = true;

    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
        decode(Phy::Wifi, body, context.received_at, &context.limits).map(Upload::from)
    }
}

impl Format for BluetoothScanReport {
    const IS_JSON: bool = true;
    const NAME: &'static str = "Bluetooth scan report";
    const ACCEPTED: &'static str = ACCEPTED;
    const HAS_ONE_ENTRY: bool = true;

    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
        decode(Phy::Bluetooth, body, context.received_at, &context.limits).map(Upload::from)
    }
}
