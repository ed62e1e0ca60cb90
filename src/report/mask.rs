//! Hardware addresses with masks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{MacAddr, ParseMacError};

/// A set of addresses: all that agree with an address in the bits of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacMask {
    addr: u64,
    mask: u64,
}

impl MacMask {
    const ALL_BITS: u64 = MacAddr::BROADCAST.to_u64();

    /// Whether the set contains an address.
    pub const fn fits(self, addr: MacAddr) -> bool {
        addr.to_u64() & self.mask == self.addr & self.mask
    }

    /// The address, if the set has exactly one.
    pub const fn single(self) -> Option<MacAddr> {
        if self.mask == Self::ALL_BITS {
            MacAddr::from_u64(self.addr)
        } else {
            None
        }
    }
}

impl From<MacAddr> for MacMask {
    fn from(addr: MacAddr) -> Self {
        Self {
            addr: addr.to_u64(),
            mask: Self::ALL_BITS,
        }
    }
}

impl FromStr for MacMask {
    type Err = ParseMacError;

    /// Parses Kismet's `ADDRESS/MASK`, and `ADDRESS*MASK` for paths, where a slash would split it. Without a mask, the
    /// set has one address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(['/', '*']) {
            None => Ok(text.parse::<MacAddr>()?.into()),
            Some((addr, mask)) => Ok(Self {
                addr: addr.parse::<MacAddr>()?.to_u64(),
                mask: mask.parse::<MacAddr>()?.to_u64(),
            }),
        }
    }
}

impl fmt::Display for MacMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both numbers have 48 bits, because they were parsed as addresses.
        let shown = |bits| MacAddr::from_u64(bits).unwrap_or(MacAddr::ZERO);
        write!(f, "{}", shown(self.addr))?;
        match self.single() {
            Some(_) => Ok(()),
            None => write!(f, "/{}", shown(self.mask)),
        }
    }
}

impl Serialize for MacMask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacMask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mask: &str, addr: &str, fits: bool) {
        let mask: MacMask = mask.parse().unwrap();
        assert_eq!(mask.to_string().parse(), Ok(mask));
        assert_eq!(mask.fits(addr.parse().unwrap()), fits, "{mask} {addr}");
    }

    #[test]
    fn the_bits_of_the_mask_decide() {
        check("02:00:5E:00:00:01", "02:00:5e:00:00:01", true);
        check("02:00:5E:00:00:01", "02:00:5e:00:00:02", false);
        check(
            "02:00:5E:00:00:00/FF:FF:FF:00:00:00",
            "02:00:5e:12:34:56",
            true,
        );
        check(
            "02:00:5E:00:00:00*FF:FF:FF:00:00:00",
            "02:00:5f:12:34:56",
            false,
        );
        check(
            "02:00:5E:00:00:00/00:00:00:00:00:00",
            "ff:00:00:00:00:00",
            true,
        );
        for text in ["", "/", "02:00:5E:00:00:01/", "02:00:5E:00:00:01/8"] {
            assert_eq!(text.parse::<MacMask>(), Err(ParseMacError), "{text}");
        }
    }
}
