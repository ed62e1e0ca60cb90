//! Flags of capabilities strings.

use super::set::set_of;

/// A statement that is neither a protocol, a suite nor a kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Pre-authentication is offered. `wpa_supplicant` writes it in a block.
    Preauth,
    /// RSN override elements are sent (Wi-Fi 7).
    RsnOverride,
    /// SAE with hash-to-element.
    SaeHashToElement,
    /// SAE with a public key.
    SaePublicKey,
    /// The encrypted half of an OWE transition pair.
    OweTransitionEncrypted,
    /// Wi-Fi Direct.
    P2p,
    /// Hotspot 2.0, as `wpa_supplicant` writes it.
    Hotspot20,
    /// Hotspot 2.0, as Android writes it.
    Passpoint,
    /// Fast initial link setup.
    Fils,
    /// Fast session transfer.
    FastSessionTransfer,
    /// The network's name is UTF-8.
    Utf8Ssid,
    /// Enhanced directional multi-gigabit (60 GHz).
    Edmg,
    /// Directional multi-gigabit (60 GHz).
    Dmg,
    /// Added by Xiaomi; its meaning is not public.
    WfaHt,
    /// Added by Xiaomi; its meaning is not public.
    WfaVht,
    /// Added by Xiaomi; its meaning is not public.
    WfaHe,
    /// Added by Samsung; its meaning is not public.
    Sec80,
    /// Added by Samsung; its meaning is not public.
    SecD00,
    /// Added by Samsung. Alone, it marks a Bluetooth device and not a network.
    Ble,
}

impl Flag {
    /// All flags, in the order of their definition.
    pub const ALL: [Self; 19] = [
        Self::Preauth,
        Self::RsnOverride,
        Self::SaeHashToElement,
        Self::SaePublicKey,
        Self::OweTransitionEncrypted,
        Self::P2p,
        Self::Hotspot20,
        Self::Passpoint,
        Self::Fils,
        Self::FastSessionTransfer,
        Self::Utf8Ssid,
        Self::Edmg,
        Self::Dmg,
        Self::WfaHt,
        Self::WfaVht,
        Self::WfaHe,
        Self::Sec80,
        Self::SecD00,
        Self::Ble,
    ];

    /// Name of the flag in capabilities strings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preauth => "preauth",
            Self::RsnOverride => "RSNO",
            Self::SaeHashToElement => "SAE-H2E",
            Self::SaePublicKey => "SAE-PK",
            Self::OweTransitionEncrypted => "OWE-TRANS",
            Self::P2p => "P2P",
            Self::Hotspot20 => "HS20",
            Self::Passpoint => "PASSPOINT",
            Self::Fils => "FILS",
            Self::FastSessionTransfer => "FST",
            Self::Utf8Ssid => "UTF-8",
            Self::Edmg => "EDMG",
            Self::Dmg => "DMG",
            Self::WfaHt => "WFA-HT",
            Self::WfaVht => "WFA-VHT",
            Self::WfaHe => "WFA-HE",
            Self::Sec80 => "SEC80",
            Self::SecD00 => "SECD00",
            Self::Ble => "BLE",
        }
    }
}

set_of! {
    /// A set of [`Flag`]s.
    pub struct FlagSet(u32) of Flag
}
