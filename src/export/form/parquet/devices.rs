//! The columns of devices.

use super::leaf::{Cell, Kind, Leaf};
use super::{received_ms, time_ms};
use crate::export::PlaceOf;
use crate::export::number::{degrees, thousandth};
use crate::export::text::shown;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Channel, Manufacturer};
use crate::tracker::{Device, Radio};
use crate::views::native::name_of;

pub(super) const LEAVES: [Leaf; 25] = [
    Leaf::required("phy", Kind::Text),
    Leaf::required("address", Kind::Text),
    Leaf::required("key", Kind::Text),
    Leaf::optional("name", Kind::Text),
    Leaf::optional("ssid", Kind::Text),
    Leaf::optional("security", Kind::Text),
    Leaf::optional("security_label", Kind::Text),
    Leaf::optional("channel", Kind::Text),
    Leaf::optional("manufacturer", Kind::Text),
    Leaf::optional("ssid_raw", Kind::Bytes),
    Leaf::optional("frequency_khz", Kind::Int32),
    Leaf::optional("signal_dbm", Kind::Int32),
    Leaf::optional("signal_weakest_dbm", Kind::Int32),
    Leaf::optional("signal_strongest_dbm", Kind::Int32),
    Leaf::required("first_seen", Kind::Time),
    Leaf::required("last_seen", Kind::Time),
    Leaf::required("changed", Kind::Time),
    Leaf::required("reports", Kind::Int64),
    Leaf::required("sources", Kind::Int32),
    Leaf::required("randomised", Kind::Boolean),
    Leaf::optional("lat", Kind::Double),
    Leaf::optional("lon", Kind::Double),
    Leaf::optional("strongest_lat", Kind::Double),
    Leaf::optional("strongest_lon", Kind::Double),
    Leaf::optional("alt_m", Kind::Double),
];

/// Gives the values of a device to `take`, in the order of the columns.
pub(super) fn row<R>(
    device: &Device,
    place: PlaceOf,
    take: impl FnOnce([Cell<'_>; LEAVES.len()]) -> R,
) -> R {
    let (address, key) = (device.id.addr.to_string(), device.id.key().to_string());
    let name = name_of(device);
    let ssid = match &device.radio {
        Radio::Wifi(_) => device.main_ssid().map(|network| network.ssid.as_bytes()),
        Radio::Bluetooth(_) => None,
    };
    let shown_ssid = ssid.map(|ssid| shown(ssid, |_| false).text);
    let security = device.security().map(Security::class);
    let tuning = device.tuning();
    let frequency = tuning.frequency;
    let signal = device.signal;
    let place = place.of_device(device);
    let peak = device.peak.map(|peak| peak.position);
    take([
        device.id.phy.name().into(),
        address.as_str().into(),
        key.as_str().into(),
        name.as_deref().into(),
        shown_ssid.as_deref().into(),
        security.map(SecurityClass::as_str).into(),
        security.map(SecurityClass::label).into(),
        tuning.channel.as_ref().map(Channel::as_str).into(),
        Manufacturer::of(device.id.addr)
            .map(Manufacturer::name)
            .into(),
        ssid.into(),
        frequency
            .and_then(|frequency| i32::try_from(frequency.khz()).ok())
            .into(),
        signal
            .map(|signal| i32::from(signal.last.value.get()))
            .into(),
        signal.map(|signal| i32::from(signal.min.get())).into(),
        signal.map(|signal| i32::from(signal.max.get())).into(),
        time_ms(device.first_time).into(),
        time_ms(device.last_time).into(),
        received_ms(device.modified_at).into(),
        i64::try_from(device.reports).unwrap_or(i64::MAX).into(),
        i32::try_from(device.seen_by.len())
            .unwrap_or(i32::MAX)
            .into(),
        device.id.is_randomised().into(),
        place.map(|place| degrees(place.lat_e7)).into(),
        place.map(|place| degrees(place.lon_e7)).into(),
        peak.map(|peak| degrees(peak.lat_e7().into())).into(),
        peak.map(|peak| degrees(peak.lon_e7().into())).into(),
        place.and_then(|place| place.alt_mm).map(thousandth).into(),
    ])
}
