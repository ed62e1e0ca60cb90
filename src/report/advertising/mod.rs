//! Bluetooth advertising data (Bluetooth Core Specification, Vol 3, Part C, 11; the types are in its Supplement, Part
//! A).
//!
//! Parsing never fails. A structure that contradicts its own length or type is returned as damaged, and the structures
//! around it are parsed. Nothing is copied.

mod service;

use std::borrow::Cow;

pub use self::service::{ServiceId, Services};

/// A structure of advertising data, or of an extended inquiry response, which has the same layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure<'a> {
    /// Capabilities and discoverability of the device.
    Flags(Flags),
    /// Services that the device offers.
    Services(Services<'a>),
    /// Services that the device looks for.
    Solicited(Services<'a>),
    /// Name of the device.
    Name(LocalName<'a>),
    /// Transmit power in dBm.
    TxPower(i8),
    /// Data of a service.
    ServiceData(ServiceId, &'a [u8]),
    /// Appearance: category and subcategory (Assigned Numbers, 2.6).
    Appearance(u16),
    /// Identifier of a company (Assigned Numbers, 7), and data in that company's format.
    Manufacturer(u16, &'a [u8]),
    /// A structure of another type.
    Other(u8, &'a [u8]),
    /// Bytes that are not a valid structure, including their length byte.
    Damaged(&'a [u8]),
}

/// The advertised name of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalName<'a> {
    bytes: &'a [u8],
    /// Whether the name is complete; otherwise it is shortened.
    pub is_complete: bool,
}

impl<'a> LocalName<'a> {
    /// The name as text. Bytes that are not UTF-8 are replaced, and trailing zeros, which some devices add, are
    /// removed.
    pub fn text(self) -> Cow<'a, str> {
        let end = self.bytes.iter().rposition(|&byte| byte != 0);
        let name = self.bytes.get(..end.map_or(0, |end| end + 1));
        String::from_utf8_lossy(name.unwrap_or_default())
    }
}

/// Capabilities and discoverability of a device (Supplement, Part A, 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    const NAMES: [(u8, &'static str); 4] = [
        (0x01, "le-limited-discoverable"),
        (0x02, "le-general-discoverable"),
        (0x04, "br-edr-not-supported"),
        (0x08, "le-and-br-edr-at-once"),
    ];

    /// Whether the device lacks classic Bluetooth.
    pub const fn is_low_energy_only(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES
            .into_iter()
            .filter(move |&(bit, _)| self.0 & bit != 0);
        set.map(|(_, name)| name)
    }
}

/// Iterator over the structures of advertising data.
#[derive(Clone, Debug)]
pub struct Structures<'a> {
    rest: &'a [u8],
}

/// Splits advertising data into its structures.
pub const fn structures(data: &[u8]) -> Structures<'_> {
    Structures { rest: data }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = self.rest;
        let (&length, behind) = all.split_first()?;
        if length == 0 {
            // The end mark. Scanners pad unused space with zeros.
            self.rest = &[];
            let is_padding = behind.iter().all(|&byte| byte == 0);
            return (!is_padding).then_some(Structure::Damaged(all));
        }
        let Some((structure, rest)) = behind.split_at_checked(length.into()) else {
            self.rest = &[];
            return Some(Structure::Damaged(all));
        };
        self.rest = rest;
        let (&kind, data) = structure.split_first()?;
        let raw = all.get(..=structure.len()).unwrap_or_default();
        Some(Structure::read(kind, data).unwrap_or(Structure::Damaged(raw)))
    }
}

impl std::iter::FusedIterator for Structures<'_> {}

impl<'a> Structure<'a> {
    /// Parses the data of a structure. `None` if its length does not fit the type (Assigned Numbers, 2.3).
    fn read(kind: u8, data: &'a [u8]) -> Option<Self> {
        Some(match kind {
            // A device without flags may send no octet. Only the first octet has assigned flags.
            0x01 => Self::Flags(Flags(data.first().copied().unwrap_or_default())),
            0x02 | 0x03 => Self::Services(Services::read(data, 2, kind == 0x03)?),
            0x04 | 0x05 => Self::Services(Services::read(data, 4, kind == 0x05)?),
            0x06 | 0x07 => Self::Services(Services::read(data, 16, kind == 0x07)?),
            0x08 | 0x09 => Self::Name(LocalName {
                bytes: data,
                is_complete: kind == 0x09,
            }),
            0x0a => Self::TxPower(i8::from_le_bytes(data.try_into().ok()?)),
            0x14 => Self::Solicited(Services::read(data, 2, true)?),
            0x1f => Self::Solicited(Services::read(data, 4, true)?),
            0x15 => Self::Solicited(Services::read(data, 16, true)?),
            0x16 => Self::service_data(data, 2)?,
            0x20 => Self::service_data(data, 4)?,
            0x21 => Self::service_data(data, 16)?,
            0x19 => Self::Appearance(u16::from_le_bytes(data.try_into().ok()?)),
            0xff => {
                let (&company, data) = data.split_first_chunk()?;
                Self::Manufacturer(u16::from_le_bytes(company), data)
            }
            other => Self::Other(other, data),
        })
    }

    fn service_data(data: &'a [u8], size: usize) -> Option<Self> {
        let (service, data) = data.split_at_checked(size)?;
        Some(Self::ServiceData(ServiceId::from_le_bytes(service)?, data))
    }
}

#[cfg(test)]
mod tests;
