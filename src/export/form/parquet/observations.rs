//! The columns of observations.

use super::leaf::{Cell, Kind, Leaf};
use super::{received_ms, time_ms};
use crate::export::Observed;
use crate::export::number::{degrees, thousandth};
use crate::export::text::shown;
use crate::report::{Accuracy, Capabilities, Channel, Position, Sighting};

pub(super) const LEAVES: [Leaf; 22] = [
    Leaf::required("position", Kind::Int64),
    Leaf::required("source", Kind::Text),
    Leaf::optional("source_name", Kind::Text),
    Leaf::required("phy", Kind::Text),
    Leaf::required("address", Kind::Text),
    Leaf::optional("ssid", Kind::Text),
    Leaf::optional("capabilities", Kind::Text),
    Leaf::optional("name", Kind::Text),
    Leaf::optional("device_type", Kind::Text),
    Leaf::optional("channel", Kind::Text),
    Leaf::optional("ssid_raw", Kind::Bytes),
    Leaf::optional("scan_data", Kind::Bytes),
    Leaf::optional("frequency_khz", Kind::Int32),
    Leaf::optional("signal_dbm", Kind::Int32),
    Leaf::optional("tx_power_dbm", Kind::Int32),
    Leaf::required("received_at", Kind::Time),
    Leaf::required("time", Kind::Time),
    Leaf::optional("speed_km_h", Kind::Double),
    Leaf::optional("lat", Kind::Double),
    Leaf::optional("lon", Kind::Double),
    Leaf::optional("alt_m", Kind::Double),
    Leaf::optional("accuracy_m", Kind::Double),
];

/// Gives the values of an observation to `take`, in the order of the columns.
pub(super) fn row<R>(
    observed: &Observed<'_>,
    take: impl FnOnce([Cell<'_>; LEAVES.len()]) -> R,
) -> R {
    let (batch, report) = (observed.batch, observed.report);
    let device = report.device();
    let (source, address) = (batch.source.to_string(), device.addr.to_string());
    let (wifi, bluetooth) = match &report.sighting {
        Sighting::Wifi(wifi) => (Some(wifi), None),
        Sighting::Bluetooth(bluetooth) => (None, Some(bluetooth)),
    };
    let ssid = wifi.map(|wifi| wifi.ssid.as_bytes());
    let shown_ssid = ssid.map(|ssid| shown(ssid, |_| false).text);
    let capabilities = wifi.and_then(|wifi| wifi.capabilities.as_ref());
    let scan_data = bluetooth.map(|bluetooth| &*bluetooth.scan_data);
    let frequency = report.frequency;
    let place = report.position;
    let speed = place.map(Position::speed_m_h).filter(|&speed| speed != 0);
    take([
        i64::try_from(observed.entry.position.get())
            .unwrap_or(i64::MAX)
            .into(),
        source.as_str().into(),
        batch.source_name.as_deref().into(),
        device.phy.name().into(),
        address.as_str().into(),
        shown_ssid.as_deref().into(),
        capabilities.map(Capabilities::raw).into(),
        bluetooth
            .and_then(|bluetooth| bluetooth.name.as_deref())
            .into(),
        bluetooth
            .and_then(|bluetooth| bluetooth.device_type.as_deref())
            .into(),
        report.channel.as_ref().map(Channel::as_str).into(),
        ssid.into(),
        scan_data.filter(|data| !data.is_empty()).into(),
        frequency
            .and_then(|frequency| i32::try_from(frequency.khz()).ok())
            .into(),
        report.signal.map(|signal| i32::from(signal.get())).into(),
        bluetooth
            .and_then(|bluetooth| bluetooth.tx_power_dbm)
            .map(i32::from)
            .into(),
        received_ms(observed.entry.record.at).into(),
        time_ms(report.time).into(),
        speed.map(|speed| thousandth(speed.into())).into(),
        place.map(|place| degrees(place.lat_e7().into())).into(),
        place.map(|place| degrees(place.lon_e7().into())).into(),
        place
            .and_then(Position::alt_mm)
            .map(|alt_mm| thousandth(alt_mm.into()))
            .into(),
        report
            .accuracy
            .map(Accuracy::mm)
            .map(|mm| thousandth(mm.into()))
            .into(),
    ])
}
