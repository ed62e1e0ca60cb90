//! Rules about a network that is not as it was: CRYPTODROP, ADVCRYPTCHANGE, CHANCHANGE.
//!
//! They are about the present: a report older than what is known says nothing.

use super::Look;
use super::raising::Raising;
use crate::alerts::kind::Rule;
use crate::report::capabilities::{Security, SecurityClass};

/// Kismet's bit for WPS, which comes and goes with a button.
const WPS: u64 = 1 << 57;

pub(super) fn look(raising: &mut Raising, look: &Look<'_>) {
    security(raising, look);
    channel(raising, look);
}

fn security(raising: &mut Raising, look: &Look<'_>) {
    let (Some(before), Some(capabilities)) = (
        look.record.and_then(|record| record.security),
        &look.wifi.capabilities,
    ) else {
        return;
    };
    let (old, new) = (before.value.security, capabilities.security());
    if old == new || look.report.time < before.time {
        return;
    }
    let is_known = |security: Security| security.class() != SecurityClass::Unknown;
    let set = |security: Security| security.kismet_bitfield() & !WPS;
    if !is_known(old) || !is_known(new) || set(old) == set(new) {
        return;
    }
    let (ssid, addr) = (&look.wifi.ssid, look.device().addr);
    let was = old.kismet_text();
    if set(new) == 0 {
        raising.of_report(Rule::CryptoDrop, look.report, || {
            format!("{addr} shows the network '{ssid}' without encryption, which it had as {was}")
        });
    } else {
        raising.of_report(Rule::AdvCryptChange, look.report, || {
            let is = new.kismet_text();
            format!(
                "{addr} shows the network '{ssid}' with other encryption: {was} before, now {is}"
            )
        });
    }
}

fn channel(raising: &mut Raising, look: &Look<'_>) {
    if !raising.is_on(Rule::ChanChange) {
        return;
    }
    let before = look.record.and_then(|record| record.channel.as_ref());
    let channel = look
        .report
        .channel
        .or_else(|| look.report.frequency.map(crate::report::Frequency::channel));
    let (Some(before), Some(channel)) = (before, channel) else {
        return;
    };
    let (old, new) = (before.value.as_str(), channel.as_str());
    if look.report.time < before.time || primary(old) == primary(new) {
        return;
    }
    let (ssid, addr) = (&look.wifi.ssid, look.device().addr);
    raising.of_report(Rule::ChanChange, look.report, || {
        format!("{addr} shows the network '{ssid}' on another channel: {old} before, now {new}")
    });
}

/// The number of the first 20 MHz, and whether it counts in the 6 GHz band: scanners differ in what follows it.
fn primary(channel: &str) -> (&str, bool) {
    let end = channel.find(|digit: char| !digit.is_ascii_digit());
    let number = end.map_or(channel, |end| channel.split_at(end).0);
    (number, channel.ends_with("W6e"))
}

#[cfg(test)]
mod tests {
    use super::primary;

    #[test]
    fn widths_do_not_make_another_channel() {
        assert_eq!(primary("42HT40P"), primary("42"));
        assert_eq!(primary("6"), ("6", false));
        assert_ne!(primary("1W6e"), primary("1"));
        assert_ne!(primary("36"), primary("40"));
    }
}
