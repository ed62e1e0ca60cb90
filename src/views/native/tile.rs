//! A tile of the map.

use std::borrow::Cow;

use crate::report::Phy;
use crate::report::capabilities::{Security, SecurityClass};
use crate::tracker::{Device, MapPoint, TileCell, TileContent, TileId};
use crate::views::mvt::{PointLayer, Value};

/// The name of the layer.
const LAYER: &str = "aps";
/// From this zoom on, names have room on the map.
const SSID_ZOOM_MIN: u8 = 16;
/// Set in the number of a Bluetooth device, because a Wi-Fi device may have the same address.
const BLUETOOTH_BIT: u64 = 1 << 48;

type Property<'d> = (&'static str, Value<'d>);

/// The tile as a Mapbox vector tile. Without devices it is empty.
pub fn tile(id: TileId, content: &TileContent) -> Vec<u8> {
    let mut layer = PointLayer::new(LAYER, TileId::EXTENT);
    match content {
        TileContent::Devices(devices) => {
            for device in devices {
                add_device(&mut layer, id, device);
            }
        }
        TileContent::Cells(cells) => {
            for cell in cells {
                layer.add(None, cell.middle(), of_cell(cell));
            }
        }
    }
    layer.into_tile()
}

fn add_device<'d>(layer: &mut PointLayer<'d>, tile: TileId, device: &'d Device) {
    let Some(place) = &device.place else {
        return;
    };
    let number = match device.id.phy {
        Phy::Wifi => device.id.addr.to_u64(),
        Phy::Bluetooth => device.id.addr.to_u64() | BLUETOOTH_BIT,
    };
    let pixel = tile.pixel(MapPoint::of(place.mean_degrees()));
    layer.add(Some(number), pixel, of_device(tile, device));
}

fn of_device(tile: TileId, device: &Device) -> impl Iterator<Item = Property<'_>> {
    let class = device
        .security()
        .map_or(SecurityClass::Unknown, Security::class);
    let ssid = device
        .main_ssid()
        .filter(|record| SSID_ZOOM_MIN <= tile.zoom() && !record.ssid.is_hidden());
    let always = [
        ("address", text(device.id.addr.to_string())),
        ("security", text(class.as_str())),
        ("last_seen", Value::Count(device.last_time.seconds().into())),
    ];
    let signal = device.signal.map(|signal| {
        let dbm = signal.last.value.get();
        ("signal_dbm", Value::Signed(dbm.into()))
    });
    let ssid = ssid.map(|record| ("ssid", text(record.ssid.to_string())));
    always.into_iter().chain(signal).chain(ssid)
}

fn of_cell(cell: &TileCell) -> impl Iterator<Item = Property<'_>> {
    let strongest = cell
        .strongest_dbm()
        .map(|dbm| ("signal_strongest_dbm", Value::Signed(dbm.into())));
    let classes = cell
        .classes()
        .map(|(class, count)| (class.as_str(), Value::Count(count.into())));
    std::iter::once(("count", Value::Count(cell.count().into())))
        .chain(strongest)
        .chain(classes)
}

fn text<'d>(text: impl Into<Cow<'d, str>>) -> Value<'d> {
    Value::Text(text.into())
}
