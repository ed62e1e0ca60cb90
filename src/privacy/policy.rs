//! The one policy of what may leave.

use super::deny::{AddressRange, DenyList, Pattern};
use super::key::PrivacyKey;
use super::opt_out::{self, has_opted_out};
use super::redact::{Redaction, Redactor};
use super::zone::{Hole, Zone};
use crate::hex::Hex;
use crate::report::advertising::{Structure, structures};
use crate::report::{DeviceId, MacAddr, Position, Report, Sighting};
use crate::tracker::{Device, Radio};

/// What the configuration says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules<'r> {
    pub(crate) zones: &'r [Zone],
    /// Names of networks.
    pub(crate) ssids: &'r [String],
    /// Patterns of such names.
    pub(crate) ssid_patterns: &'r [Pattern],
    pub(crate) addresses: &'r [AddressRange],
}

/// What happens to devices whose owners opted out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OptedOut {
    /// They stay here.
    #[default]
    LeftOut,
    /// They leave too: an administrator asked for it.
    Included,
}

/// Decides which devices and observations leave.
///
/// A device stays here if its address or one of its names is on a list, if its owner opted out, or if one of its places
/// is in a zone: the mean, the strongest, or the last. With a device, all observations of it stay here, because others
/// could compute its place from those around the zone. Besides, all observations from inside a zone stay here.
#[derive(Debug)]
pub(crate) struct Policy {
    key: PrivacyKey,
    fingerprint: String,
    holes: Vec<Hole>,
    denied: DenyList,
}

impl Policy {
    pub(crate) fn new(rules: Rules<'_>, key: &PrivacyKey) -> Self {
        let Rules {
            zones,
            ssids,
            ssid_patterns,
            addresses,
        } = rules;
        let text = format!("{rules:?}");
        Self {
            key: key.clone(),
            fingerprint: Hex(&key.digest("rules", text.as_bytes())).to_string(),
            holes: zones.iter().map(|zone| zone.hole(key)).collect(),
            denied: DenyList::new(ssids, ssid_patterns, addresses),
        }
    }

    /// Stands for the rules: others have another one.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Makes redacted copies of what leaves.
    pub(crate) fn redactor(&self, what: Redaction) -> Redactor {
        Redactor::new(self.key.clone(), what)
    }

    /// Whether there are zones.
    pub(crate) fn has_zones(&self) -> bool {
        !self.holes.is_empty()
    }

    /// Whether a device leaves.
    pub(crate) fn lets_out(&self, device: &Device, opted_out: OptedOut) -> bool {
        !(self.is_denied(device)
            || (opted_out == OptedOut::LeftOut && has_opted_out(device))
            || self.is_in_a_zone(device))
    }

    /// Whether an observation leaves. Of a device that has been evicted, only the observation itself is known: it stays if
    /// there are zones or names, because its device may have had such a place or name.
    pub(crate) fn lets_out_report(
        &self,
        report: &Report,
        device: Option<&Device>,
        opted_out: OptedOut,
    ) -> bool {
        self.lets_out_report_itself(report, opted_out)
            && match device {
                Some(device) => self.lets_out(device, opted_out),
                None => self.holes.is_empty() && self.denied.has_no_names(),
            }
    }

    /// Whether an observation leaves, as far as it tells itself. Whether its device does has to be asked besides.
    pub(super) fn lets_out_report_itself(&self, report: &Report, opted_out: OptedOut) -> bool {
        !(self.is_report_denied(report)
            || (opted_out == OptedOut::LeftOut && says_no_itself(report))
            || report.position.is_some_and(|position| self.hides(position)))
    }

    /// Whether a place is in a hole.
    pub(super) fn hides(&self, position: Position) -> bool {
        self.hides_point(degrees(position))
    }

    /// Whether a point in degrees is in a hole.
    pub(crate) fn hides_point(&self, point: (f64, f64)) -> bool {
        self.holes.iter().any(|hole| hole.contains(point))
    }

    fn is_in_a_zone(&self, device: &Device) -> bool {
        if self.holes.is_empty() {
            return false;
        }
        let peak = device.peak.is_some_and(|peak| self.hides(peak.position));
        let place = device.place.as_deref();
        peak || place.is_some_and(|place| {
            self.hides_point(place.mean_degrees()) || self.hides(place.last.value)
        })
    }

    /// Whether an address is on the list.
    pub(super) fn denies(&self, addr: MacAddr) -> bool {
        self.denied.has_address(addr)
    }

    /// Whether a text may have a name on a list, or one by which an owner opted out.
    pub(super) fn denies_text(&self, text: &str) -> bool {
        opt_out::may_be_in(text) || self.denied.may_be_in(text)
    }

    fn is_denied(&self, device: &Device) -> bool {
        let DeviceId { addr, .. } = device.id;
        let is_named = || match &device.radio {
            Radio::Wifi(wifi) => {
                let mut networks = wifi.ssids.iter();
                networks.any(|record| self.denied.has_ssid(&record.ssid))
            }
            Radio::Bluetooth(_) if self.denied.has_no_names() => false,
            Radio::Bluetooth(bluetooth) => {
                let said = bluetooth.name.as_ref().map(|name| &name.value);
                let advertised = bluetooth.advertised_name.as_ref();
                let advertised = advertised.map(|name| &name.value.text);
                let mut names = said.into_iter().chain(advertised);
                names.any(|name| self.denied.has_name(name.as_bytes()))
                    || bluetooth
                        .advertising()
                        .any(|part| self.is_name_denied(&part))
            }
        };
        self.denied.has_address(addr) || is_named()
    }

    fn is_report_denied(&self, report: &Report) -> bool {
        let is_named = match &report.sighting {
            Sighting::Wifi(wifi) => self.denied.has_ssid(&wifi.ssid),
            Sighting::Bluetooth(_) if self.denied.has_no_names() => false,
            Sighting::Bluetooth(bluetooth) => {
                let name = bluetooth.name.as_deref();
                name.is_some_and(|name| self.denied.has_name(name.as_bytes()))
                    || structures(&bluetooth.scan_data).any(|part| self.is_name_denied(&part))
            }
        };
        is_named || self.denied.has_address(report.device().addr)
    }

    /// Whether a part of advertising data has a name on a list.
    fn is_name_denied(&self, part: &Structure<'_>) -> bool {
        match part {
            Structure::Name(name) => self.denied.has_name(name.text().as_bytes()),
            _ => false,
        }
    }
}

/// Whether the report itself has the name of a network whose owner opted out.
fn says_no_itself(report: &Report) -> bool {
    match &report.sighting {
        Sighting::Wifi(wifi) => wifi.ssid.opts_out(),
        Sighting::Bluetooth(_) => false,
    }
}

fn degrees(position: Position) -> (f64, f64) {
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    (degrees(position.lat_e7()), degrees(position.lon_e7()))
}
