//! What several forms show of a row, whether it is a device or an observation.

use super::Row;
use crate::report::advertising::{Structure, structures};
use crate::report::{
    BluetoothSighting, Channel, Dbm, DeviceId, Frequency, MacAddr, Phy, Sighting, UnixTime,
};
use crate::tracker::{Bluetooth, Device, Radio};

/// The kind of radio that a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wifi,
    Bluetooth,
    LowEnergy,
}

impl Kind {
    /// The word of `WiGLE`.
    pub(super) const fn wigle(self) -> &'static str {
        match self {
            Self::Wifi => "WIFI",
            Self::Bluetooth => "BT",
            Self::LowEnergy => "BLE",
        }
    }
}

impl<'r> Row<'r> {
    pub(super) fn id(&self) -> DeviceId {
        match *self {
            Self::Device(device) => device.id,
            Self::Observation(observed) => observed.report.device(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        let is_low_energy = match *self {
            Self::Device(device) => match &device.radio {
                Radio::Wifi(_) => return Kind::Wifi,
                Radio::Bluetooth(bluetooth) => is_device_low_energy(bluetooth),
            },
            Self::Observation(observed) => match &observed.report.sighting {
                Sighting::Wifi(_) => return Kind::Wifi,
                Sighting::Bluetooth(bluetooth) => is_low_energy(bluetooth),
            },
        };
        if is_low_energy {
            Kind::LowEnergy
        } else {
            Kind::Bluetooth
        }
    }

    /// The network's name, or the Bluetooth device's. Empty if it is hidden, or not known.
    pub(super) fn name(&self) -> &'r [u8] {
        match *self {
            Self::Device(device) => name_of_device(device),
            Self::Observation(observed) => match &observed.report.sighting {
                Sighting::Wifi(wifi) => wifi.ssid.as_bytes(),
                Sighting::Bluetooth(bluetooth) => match &bluetooth.name {
                    Some(name) => name.as_bytes(),
                    None => observed.device().map(name_of_device).unwrap_or_default(),
                },
            },
        }
    }

    /// The channel as Kismet writes it.
    pub(super) fn channel(&self) -> Option<Channel> {
        match *self {
            Self::Device(device) => device.tuning().channel,
            Self::Observation(observed) => observed.report.channel,
        }
    }

    pub(super) fn frequency(&self) -> Option<Frequency> {
        match *self {
            Self::Device(device) => device.tuning().frequency,
            Self::Observation(observed) => observed.report.frequency,
        }
    }

    /// The number of the channel, without its width and band.
    pub(super) fn channel_number(&self) -> Option<u32> {
        let stated = self.channel().and_then(number_of);
        stated.or_else(|| number_of(self.frequency()?.channel()))
    }

    /// The strongest signal of a device, or that of the observation.
    pub(super) fn signal_strongest(&self) -> Option<Dbm> {
        match *self {
            Self::Device(device) => device.signal.map(|signal| signal.max),
            Self::Observation(observed) => observed.report.signal,
        }
    }

    /// When it was seen last.
    pub(super) fn last_seen(&self) -> UnixTime {
        match *self {
            Self::Device(device) => device.last_time,
            Self::Observation(observed) => observed.report.time,
        }
    }

    /// The company in the manufacturer's data of a Bluetooth device.
    pub(super) fn company(&self) -> Option<u16> {
        match *self {
            Self::Device(device) => company_of(device),
            Self::Observation(observed) => match &observed.report.sighting {
                Sighting::Wifi(_) => None,
                Sighting::Bluetooth(bluetooth) => {
                    company_in(&bluetooth.scan_data).or_else(|| company_of(observed.device()?))
                }
            },
        }
    }
}

fn company_of(device: &Device) -> Option<u16> {
    let Radio::Bluetooth(bluetooth) = &device.radio else {
        return None;
    };
    company_in(&bluetooth.scan_data.as_ref()?.value)
}

fn company_in(scan_data: &[u8]) -> Option<u16> {
    structures(scan_data).find_map(|structure| match structure {
        Structure::Manufacturer(company, _) => Some(company),
        _ => None,
    })
}

fn name_of_device(device: &Device) -> &[u8] {
    match &device.radio {
        Radio::Wifi(_) => device
            .main_ssid()
            .map(|record| record.ssid.as_bytes())
            .unwrap_or_default(),
        Radio::Bluetooth(bluetooth) => bluetooth.shown_name().unwrap_or_default().as_bytes(),
    }
}

fn is_device_low_energy(bluetooth: &Bluetooth) -> bool {
    let word = bluetooth.device_type.as_ref().map(|word| &*word.value);
    bluetooth.scan_data.is_some()
        || !bluetooth.service_data.is_empty()
        || word.is_some_and(is_word_of_low_energy)
}

fn is_low_energy(bluetooth: &BluetoothSighting) -> bool {
    !bluetooth.scan_data.is_empty()
        || !bluetooth.service_data.is_empty()
        || bluetooth
            .device_type
            .as_deref()
            .is_some_and(is_word_of_low_energy)
}

fn is_word_of_low_energy(word: &str) -> bool {
    ["BTLE", "BLE", "LE"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// The number before the notation of a channel: 42 of `42HT40P`.
fn number_of(channel: Channel) -> Option<u32> {
    let text = channel.as_str();
    let end = text.find(|mark: char| !mark.is_ascii_digit());
    let (number, notation) = text.split_at(end.unwrap_or(text.len()));
    if notation == "MHz" {
        return None;
    }
    number.parse().ok()
}

/// Appends an address in small letters.
pub(super) fn write_small(out: &mut Vec<u8>, address: MacAddr) {
    let digit = |half: u8| {
        if half < 10 {
            b'0' + half
        } else {
            b'a' + half - 10
        }
    };
    let mut text = [b':'; 17];
    for (octet, place) in address.octets().into_iter().zip(text.chunks_mut(3)) {
        if let [high, low, ..] = place {
            (*high, *low) = (digit(octet >> 4), digit(octet & 0xF));
        }
    }
    out.extend_from_slice(&text);
}

/// An address in small letters.
pub(super) fn small(address: MacAddr) -> String {
    address.to_string().to_ascii_lowercase()
}

/// Both radio technologies, each in a pass of its own.
pub(super) const BY_PHY: &[Option<Phy>] = &[Some(Phy::Wifi), Some(Phy::Bluetooth)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_write_an_address_alike() {
        for octets in [[0, 1, 0x9A, 0xAF, 0xF9, 0xFF], [0x10, 0xA0, 0, 0, 0, 0]] {
            let address = MacAddr::new(octets);
            let mut out = Vec::new();
            write_small(&mut out, address);
            assert_eq!(out, small(address).as_bytes());
        }
    }

    #[test]
    fn a_channel_has_a_number_whatever_stands_behind_it() {
        for (text, number) in [
            ("6", Some(6)),
            ("42HT40P", Some(42)),
            ("2W6e", Some(2)),
            ("FHSS", None),
            ("2300MHz", None),
        ] {
            let channel = Channel::from_stored_text(text).unwrap();
            assert_eq!(number_of(channel), number, "{text}");
        }
    }
}
