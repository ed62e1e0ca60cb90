//! Detects changes of a network's security.

use super::{Akm, Cipher, Pmf, Security, SecurityClass};

impl Security {
    /// Whether the security differs from that of `before`, as far as both strings state it.
    ///
    /// A missing statement is no difference: an ESP32 names no ciphers, and some scanners no key management. A string
    /// without ciphers also names its key managements only coarsely, so these are compared by family. WPS is ignored,
    /// because pressing a button changes it.
    pub fn differs_from(self, before: Self) -> bool {
        let classes = [before.class(), self.class()];
        if classes.contains(&SecurityClass::Unknown) {
            return false;
        }
        if self.is_open() || before.is_open() {
            return self.is_open() != before.is_open();
        }
        let states_all = |security: Self| !security.is_damaged() && !security.has_leftovers();
        if !states_all(self) || !states_all(before) {
            return false;
        }
        let is_coarse = |security: Self| {
            let ciphers = security.pairwise();
            ciphers.is_empty() || ciphers.contains(Cipher::Unknown)
        };
        let states_keys = |security: Self| {
            let akms = security.akms();
            !akms.is_empty() && !akms.contains(Akm::Unknown)
        };
        let keys_differ = if !states_keys(self) || !states_keys(before) {
            false
        } else if is_coarse(self) || is_coarse(before) {
            family(self.class()) != family(before.class())
        } else {
            let akms = |of: Self| (of.wpa_akms, of.rsn_akms, of.other_akms);
            let ciphers = |of: Self| (of.wpa_pairwise, of.rsn_pairwise, of.other_pairwise);
            akms(self) != akms(before) || ciphers(self) != ciphers(before)
        };
        let is_stated = |pmf: Pmf| pmf != Pmf::NotStated;
        let pmf_differs = is_stated(self.pmf) && is_stated(before.pmf) && self.pmf != before.pmf;
        let protocols_differ = !self.protocols.is_empty()
            && !before.protocols.is_empty()
            && self.protocols != before.protocols;
        protocols_differ || keys_differ || pmf_differs
    }

    /// Whether the network is open: anybody may join and listen.
    pub fn is_open(self) -> bool {
        matches!(
            self.class(),
            SecurityClass::Open | SecurityClass::OpenOweTransition
        )
    }
}

/// Merges the classes that coarse scanners do not distinguish.
fn family(class: SecurityClass) -> SecurityClass {
    match class {
        SecurityClass::Wpa2Wpa3Enterprise
        | SecurityClass::Wpa3Enterprise
        | SecurityClass::Wpa3Enterprise192 => SecurityClass::Wpa2Enterprise,
        class => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, differ: bool) {
        let (first, second) = (Security::decode(one), Security::decode(other));
        assert_eq!(second.differs_from(first), differ, "{one} {other}");
        assert_eq!(first.differs_from(second), differ, "{other} {one}");
    }

    #[test]
    fn scanners_that_say_less_say_nothing_else() {
        for (one, other) in [
            ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "[WPA2_PSK]"),
            ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "3"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2]"),
            ("[RSN-SAE-CCMP][ESS]", "[WPA3_PSK]"),
            ("[RSN-PSK+SAE-CCMP][ESS]", "[WPA2_WPA3_PSK]"),
            ("[WPA2-PSK-?][ESS]", "[WPA2-PSK-CCMP][ESS]"),
            ("[RSN-PSK+FT/PSK-CCMP][ESS]", "[WPA2_PSK]"),
            ("[RSN-EAP+EAP/SHA256-CCMP][ESS]", "[WPA2_ENTERPRISE]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS][WPS]"),
            ("[RSN-SAE-CCMP][MFPR][MFPC][ESS]", "[RSN-SAE-CCMP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[UNDEFINED]"),
            ("[ESS]", "[unheard-of]"),
            ("[ESS]", "[OPEN]"),
        ] {
            check(one, other, false);
        }
    }

    #[test]
    fn what_both_state_and_state_differently_is_a_change() {
        for (one, other) in [
            ("[WPA2-PSK-CCMP][ESS]", "[ESS]"),
            ("[WPA2_PSK]", "[OPEN]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA-PSK-TKIP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-TKIP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[RSN-SAE-CCMP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA3_PSK]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-EAP-CCMP][ESS]"),
            ("[RSN-PSK-CCMP][ESS]", "[RSN-PSK+FT/PSK-CCMP][ESS]"),
            ("[RSN-SAE-CCMP][ESS]", "[RSN-SAE_EXT_KEY-CCMP][ESS]"),
            ("[WAPI-WAPI-PSK-SMS4][ESS]", "[WAPI-WAPI-CERT-SMS4][ESS]"),
            ("[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]"),
            (
                "[RSN-SAE-CCMP][MFPR][MFPC][ESS]",
                "[RSN-SAE-CCMP][MFPC][ESS]",
            ),
        ] {
            check(one, other, true);
        }
    }
}
