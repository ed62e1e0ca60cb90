//! `[alerts]`: checks the settings of alerts.

use std::time::Duration;

use super::{DAY, count, time};
use crate::alerts::Rules;
pub use crate::alerts::settings::{Network, ProtectedNetwork, Settings as Alerts};

pub(super) fn check_each(alerts: &Alerts) -> Result<(), String> {
    count(alerts.kept_max, 1..=1_000_000)?;
    count(alerts.backlog, 1..=1_000_000)?;
    count(alerts.definitions_max, 0..=10_000)?;
    count(alerts.text_bytes_max, 1..=65_535)?;
    count(alerts.watched_max, 1..=1_000_000)?;
    count(alerts.eviltwin_ssids_max, 1..=10_000_000)?;
    for timeout in [
        alerts.devicefound_timeout,
        alerts.devicelost_timeout,
        alerts.sourcesilent_least,
    ] {
        time(timeout, Duration::from_secs(1)..=DAY * 365)?;
    }
    if !(1..=1000).contains(&alerts.sourcesilent_factor) {
        return Err("must be 1 to 1000".to_owned());
    }
    if !(1..=20_000_000).contains(&alerts.apmoved_distance_m) {
        return Err("must be 1 to 20000000".to_owned());
    }
    Rules::read(alerts).map(drop)
}
