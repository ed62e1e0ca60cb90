//! Identifiers of Bluetooth services.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// UUID of a service (Bluetooth Core Specification, Vol 3, Part B, 2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub(super) Uuid);

/// The text is not the UUID of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the UUID of a service (4 or 8 hex digits, or a whole UUID)")]
pub struct ParseServiceIdError;

impl ServiceId {
    /// The Bluetooth base UUID, to which short UUIDs are prefixed.
    const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;

    /// Expands a short UUID of 16 or 32 bits.
    pub const fn from_short(number: u32) -> Self {
        Self(Uuid::from_u128((number as u128) << 96 | Self::BASE))
    }

    /// The short UUID, if there is one.
    pub fn short(self) -> Option<u32> {
        let number = u32::try_from(self.0.as_u128() >> 96).ok()?;
        (Self::from_short(number) == self).then_some(number)
    }

    /// The 128-bit UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// Decodes two, four or sixteen little-endian bytes.
    pub(super) fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            2 => Some(Self::from_short(
                u16::from_le_bytes(bytes.try_into().ok()?).into(),
            )),
            4 => Some(Self::from_short(u32::from_le_bytes(bytes.try_into().ok()?))),
            16 => Some(Self(Uuid::from_u128(u128::from_le_bytes(
                bytes.try_into().ok()?,
            )))),
            _ => None,
        }
    }
}

/// The shortest form: `180d`, `12345678` or the 128-bit UUID.
impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short() {
            Some(number) if number <= u16::MAX.into() => write!(f, "{number:04x}"),
            Some(number) => write!(f, "{number:08x}"),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for ServiceId {
    type Err = ParseServiceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_short =
            matches!(text.len(), 4 | 8) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_short {
            let number = u32::from_str_radix(text, 16);
            return number
                .map(Self::from_short)
                .map_err(|_| ParseServiceIdError);
        }
        text.parse().map(Self).map_err(|_| ParseServiceIdError)
    }
}

/// A list of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Whether the list has all of the device's services with UUIDs of this size.
    pub is_complete: bool,
}

impl<'a> Services<'a> {
    /// Parses UUIDs of `size` bytes. `None` if bytes are left over.
    pub(super) fn read(bytes: &'a [u8], size: usize, is_complete: bool) -> Option<Self> {
        bytes.len().is_multiple_of(size).then_some(Self {
            bytes,
            size,
            is_complete,
        })
    }

    /// The UUIDs of the services.
    pub fn iter(&self) -> impl Iterator<Item = ServiceId> + use<'a> {
        let ids = self.bytes.chunks_exact(self.size);
        ids.filter_map(ServiceId::from_le_bytes)
    }
}
