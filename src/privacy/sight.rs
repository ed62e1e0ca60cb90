//! What one client sees, where the configuration says that the views keep to the policy.

use std::sync::Arc;

use super::policy::{OptedOut, Policy};
use crate::report::{MacAddr, Position, Report};
use crate::tracker::{Device, Tracker};

/// The length of an address in a text of this program.
const ADDRESS_LENGTH: usize = "00:00:00:00:00:00".len();

/// Decides what a client sees: everything, or only what may leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight(Option<Arc<Policy>>);

impl Sight {
    /// Sees everything.
    pub(crate) const EVERYTHING: Self = Self(None);

    /// Sees only what leaves by a policy.
    pub(crate) const fn of(policy: Arc<Policy>) -> Self {
        Self(Some(policy))
    }

    pub(crate) const fn is_of_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a device is shown.
    pub(crate) fn shows(&self, device: &Device) -> bool {
        let policy = self.0.as_ref();
        policy.is_none_or(|policy| policy.lets_out(device, OptedOut::LeftOut))
    }

    /// Whether a single report is shown. Whether its device is has to be asked besides.
    pub(crate) fn shows_report(&self, report: &Report) -> bool {
        let policy = self.0.as_ref();
        policy.is_none_or(|policy| policy.lets_out_report_itself(report, OptedOut::LeftOut))
    }

    /// Whether a place is shown.
    pub(crate) fn shows_place(&self, position: Position) -> bool {
        !self.0.as_ref().is_some_and(|policy| policy.hides(position))
    }

    /// Whether what is known of an address is shown. What is known of a device only while it is tracked decides, so
    /// nothing of an address is shown that is not tracked.
    pub(crate) fn shows_address(&self, addr: MacAddr, tracker: &Tracker) -> bool {
        if self.is_of_everything() {
            return true;
        }
        let devices = tracker.devices_by_addr(addr);
        !devices.is_empty() && devices.iter().all(|device| self.shows(device))
    }

    /// Whether an address is that of a device that is not shown. Nothing is known of one that is not tracked.
    pub(crate) fn hides_address(&self, addr: MacAddr, tracker: &Tracker) -> bool {
        let Some(policy) = &self.0 else {
            return false;
        };
        let devices = tracker.devices_by_addr(addr);
        policy.denies(addr) || devices.iter().any(|device| !self.shows(device))
    }

    /// Whether a text of this program is shown: it names no address that is not.
    pub(crate) fn shows_text(&self, text: &str, tracker: &Tracker) -> bool {
        self.is_of_everything() || addresses_in(text).all(|addr| self.shows_address(addr, tracker))
    }
}

/// Two are equal if they show the same for sure.
impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The addresses that a text names, as this program writes them.
fn addresses_in(text: &str) -> impl Iterator<Item = MacAddr> {
    let is_between = |character: char| !(character.is_ascii_hexdigit() || character == ':');
    text.split(is_between)
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.len() == ADDRESS_LENGTH)
        .filter_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_text_are_found() {
        let found = |text: &str| {
            addresses_in(text)
                .map(|addr| addr.to_string())
                .collect::<Vec<_>>()
        };
        let address = "AA:BB:CC:00:11:22";
        for text in [
            "AA:BB:CC:00:11:22",
            "Detected new Bluetooth device AA:BB:CC:00:11:22",
            "'AA:BB:CC:00:11:22': seen",
            "(aa:bb:cc:00:11:22)",
            "AA:BB:CC:00:11:22: seen",
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
        assert_eq!(found("AA:BB:CC:00:11:22,AA:BB:CC:00:11:22").len(), 2);
        for text in [
            "",
            "44444444-0000-0000-0000-000000000001",
            "AA:BB:CC:00:11",
            "AA:BB:CC:00:11:22:33",
            "12:30:00",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
