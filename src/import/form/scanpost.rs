//! Observations that this program exported as GeoJSON. They have all that their reports had.

use serde_json::{Map, Value};

use crate::hex;
use crate::import::rows::{Context, Marks, Sighting};
use crate::import::values::{self, Place};
use crate::report::{
    self, Accuracy, BluetoothAddr, BluetoothSighting, Bssid, Capabilities, Channel, ChannelWidth,
    Dbm, Frequency, MacAddr, Phy, ServiceData, Ssid, Tag, UnixTime, WifiSighting,
};

/// Before the names of properties that are tags, or data of Bluetooth services.
const TAG: &str = "tag:";
const SERVICE_DATA: &str = "service_data:";

/// Most tags, and most services. The same bounds as those of reports, by default.
const PARTS_MAX: usize = 64;
/// Longest name or value of a tag, and longest name of a service, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Longest advertised data, in bytes.
const ADVERTISED_BYTES_MAX: usize = 4096;
/// The longest information elements, in bytes: a beacon body of 2304 octets in hex.
const IE_TAGS_BYTES_MAX: usize = 4608;

/// Whether properties are those of an observation, and not of a device or of another program.
pub(super) fn is_observation(properties: &Map<String, Value>) -> bool {
    let is_number = |name: &str| properties.get(name).is_some_and(Value::is_number);
    let is_text = |name: &str| properties.get(name).is_some_and(Value::is_string);
    is_number("position") && is_number("received_at") && is_text("source") && is_text("phy")
}

/// The sighting of an observation at a place. An error is the reason why it is refused.
pub(super) fn sighting(
    properties: &Map<String, Value>,
    place: Place,
    context: &Context<'_>,
) -> Result<Sighting, String> {
    let observation = Observation(properties);
    let phy = match observation.text("phy") {
        Some("IEEE802.11") => Phy::Wifi,
        Some("Bluetooth") => Phy::Bluetooth,
        _ => return Err("phy: expected IEEE802.11 or Bluetooth".to_owned()),
    };
    let address = observation.text("address");
    let address = address.and_then(|text| values::address(text.as_bytes()));
    let address = address.ok_or("address: not a hardware address")?;
    let time = observation.integer::<u32>("time").map(UnixTime::new);
    let position = Place {
        speed_km_h: observation.number("speed_km_h"),
        ..place
    }
    .position();
    let frequency = observation.number("frequency_khz");
    let channel = observation.text("channel");
    let accuracy = observation.number("accuracy_m");
    Ok(Sighting {
        time: time.filter(|time| *time <= context.latest),
        signal: observation.number("signal_dbm").and_then(Dbm::from_wire),
        frequency: frequency.and_then(|khz| Frequency::from_wire(khz).ok().flatten()),
        channel: channel.and_then(|text| Channel::from_wire(text).ok().flatten()),
        position,
        accuracy: position.and(accuracy.and_then(Accuracy::from_wire)),
        seen: observation
            .seen(phy, address, context)
            .map_err(|error| format!("address: {error}"))?,
        marks: Marks {
            tags: observation.tags(),
            ..Marks::default()
        },
    })
}

struct Observation<'p>(&'p Map<String, Value>);

impl<'p> Observation<'p> {
    fn text(&self, name: &str) -> Option<&'p str> {
        self.0.get(name)?.as_str()
    }

    /// A text of another length is left out.
    fn text_up_to(&self, name: &str, bytes_max: usize) -> Option<&'p str> {
        self.text(name).filter(|text| text.len() <= bytes_max)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.as_i64()?.try_into().ok()
    }

    fn octets(&self, name: &str) -> Option<Vec<u8>> {
        hex::bytes(self.text_up_to(name, 2 * ADVERTISED_BYTES_MAX)?)
    }

    fn seen(
        &self,
        phy: Phy,
        address: MacAddr,
        context: &Context<'_>,
    ) -> Result<report::Sighting, report::NotAStation> {
        let bounds = context.bounds;
        Ok(match phy {
            Phy::Wifi => report::Sighting::Wifi(WifiSighting {
                bssid: Bssid::try_from(address)?,
                ssid: self.ssid(),
                capabilities: self
                    .text_up_to("capabilities", bounds.capabilities_bytes_max)
                    .map(Capabilities::from),
                width: self
                    .text("channel_width_mhz")
                    .and_then(ChannelWidth::from_wire),
                center0_mhz: self.integer("center0_mhz"),
                center1_mhz: self.integer("center1_mhz"),
                ie_tags: self
                    .text_up_to("ie_tags", IE_TAGS_BYTES_MAX)
                    .map(Into::into),
            }),
            Phy::Bluetooth => report::Sighting::Bluetooth(Box::new(BluetoothSighting {
                addr: BluetoothAddr::try_from(address)?,
                name: self
                    .text_up_to(
                        "name",
                        crate::import::rows::Bounds::BLUETOOTH_NAME_BYTES_MAX,
                    )
                    .map(Into::into),
                device_type: self
                    .text_up_to("device_type", TEXT_BYTES_MAX)
                    .map(Into::into),
                tx_power_dbm: self.integer("tx_power_dbm"),
                path_loss_db: self.integer("path_loss_db"),
                scan_data: self.octets("scan_data").unwrap_or_default().into(),
                service_data: self.service_data(),
            })),
        })
    }

    /// The octets stand beside the text where they do not follow from it.
    fn ssid(&self) -> Ssid {
        let octets = self.octets("ssid_hex");
        let text = || self.text("ssid").unwrap_or_default().as_bytes().to_vec();
        let octets = octets.unwrap_or_else(text);
        Ssid::try_from(octets.as_slice()).unwrap_or_default()
    }

    fn tags(&self) -> Vec<Tag> {
        let tags = self.parts(TAG).filter_map(|(name, value)| {
            let value = value
                .as_str()
                .filter(|value| value.len() <= TEXT_BYTES_MAX)?;
            Some(Tag {
                name: name.into(),
                value: value.into(),
            })
        });
        tags.take(PARTS_MAX).collect()
    }

    fn service_data(&self) -> Vec<ServiceData> {
        let services = self.parts(SERVICE_DATA).filter_map(|(service, value)| {
            let digits = value.as_str()?;
            let is_short = digits.len() <= 2 * ADVERTISED_BYTES_MAX;
            let bytes: Vec<u8> = is_short.then(|| hex::bytes(digits)).flatten()?;
            Some(ServiceData {
                service: service.into(),
                bytes: bytes.into(),
            })
        });
        services.take(PARTS_MAX).collect()
    }

    /// The properties whose names begin with this, without it.
    fn parts(&self, prefix: &'static str) -> impl Iterator<Item = (&'p str, &'p Value)> {
        self.0.iter().filter_map(move |(name, value)| {
            let name = name.strip_prefix(prefix)?;
            (!name.is_empty() && name.len() <= TEXT_BYTES_MAX).then_some((name, value))
        })
    }
}
