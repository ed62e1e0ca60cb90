//! Small records of devices: what the tools for Kismet ask for, and nothing else.

use serde_json::Value;

use super::record::{DOT11, LAST, MAP};

const OF_DEVICE: [&str; 15] = [
    "kismet.device.base.key",
    "kismet.device.base.macaddr",
    "kismet.device.base.phyname",
    "kismet.device.base.name",
    "kismet.device.base.commonname",
    "kismet.device.base.type",
    "kismet.device.base.crypt",
    "kismet.device.base.channel",
    "kismet.device.base.frequency",
    "kismet.device.base.manuf",
    "kismet.device.base.first_time",
    "kismet.device.base.last_time",
    "kismet.device.base.packets.total",
    "kismet.device.base.location",
    DOT11,
];
const OF_NETWORK: [&str; 4] = [
    "dot11.advertisedssid.ssid",
    "dot11.advertisedssid.channel",
    "dot11.advertisedssid.crypt_string",
    "dot11.advertisedssid.crypt_bitfield",
];

/// Removes all else from the record of a device.
pub(super) fn minimise(record: &mut Value) {
    keep(record, &OF_DEVICE);
    let Some(dot11) = record.get_mut(DOT11) else {
        return;
    };
    keep(dot11, &[LAST, MAP]);
    if let Some(last) = dot11.get_mut(LAST) {
        keep(last, &OF_NETWORK);
    }
    let networks = dot11.get_mut(MAP).and_then(Value::as_object_mut);
    for network in networks.into_iter().flat_map(|map| map.values_mut()) {
        keep(network, &OF_NETWORK);
    }
}

fn keep(record: &mut Value, names: &[&str]) {
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|name, _| names.contains(&name.as_str()));
    }
}
