//! Security protocols.

use super::set::set_of;

/// A security protocol, by the element that the network sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Wired Equivalent Privacy, which has only the privacy bit and no element.
    Wep,
    /// The vendor element (00-50-F2, type 1) of 2002.
    Wpa,
    /// The element of IEEE 802.11-2020, 9.4.2.24: WPA2 and WPA3. Its override element counts as RSN too.
    Rsn,
    /// The Hotspot 2.0 element for online sign-up.
    Osen,
    /// The Chinese national standard GB 15629.11.
    Wapi,
}

impl Protocol {
    /// All protocols, in the order of their definition.
    pub const ALL: [Self; 5] = [Self::Wep, Self::Wpa, Self::Rsn, Self::Osen, Self::Wapi];

    /// The common name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wep => "WEP",
            Self::Wpa => "WPA",
            Self::Rsn => "RSN",
            Self::Osen => "OSEN",
            Self::Wapi => "WAPI",
        }
    }
}

set_of! {
    /// A set of [`Protocol`]s.
    pub struct ProtocolSet(u8) of Protocol
}
