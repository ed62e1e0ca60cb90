//! Checks of fields in which this server differs from Kismet: the value has to follow from the reports or the clock.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use scanpost::report::capabilities::SecurityClass;
use serde_json::{Value, json};

use super::document;

pub(super) type Check = fn(&Case<'_>) -> bool;

/// Checks that the table of differences may name.
pub(super) const CHECKS: [(&str, Check); 25] = [
    ("accepts_all", accepts_all),
    ("are_changes_of_channel", are_changes_of_channel),
    ("counts_device", counts_device),
    ("counts_frequencies", counts_frequencies),
    ("counts_source", counts_source),
    ("has_address", has_address),
    ("is_channel", is_channel),
    ("is_device_as_reported", is_device_as_reported),
    ("is_gauge", is_gauge),
    ("is_group", is_group),
    ("is_name", is_name),
    ("is_name_or_nothing", is_name_or_nothing),
    ("is_number", is_number),
    ("is_recent", is_recent),
    ("is_security_class", is_security_class),
    ("is_some_count", is_some_count),
    ("is_ssid_as_reported", is_ssid_as_reported),
    ("is_text", is_text),
    ("is_time_of_strongest", is_time_of_strongest),
    ("is_uuid", is_uuid),
    ("names_reports", names_reports),
    ("names_source", names_source),
    ("ranges_signals", ranges_signals),
    ("refuses_address", refuses_address),
    ("shows_strongest", shows_strongest),
];

fn are_changes_of_channel(case: &Case<'_>) -> bool {
    let alerts = case.ours.as_array().unwrap();
    let is_change = |alert: &Value| alert["kismet.alert.header"] == "CHANCHANGE";
    alerts.iter().all(is_change)
}

/// A field to check.
pub(super) struct Case<'c> {
    pub(super) ours: &'c Value,
    /// Records that contain the field, outermost first.
    pub(super) around: &'c [&'c Value],
    /// The recorded request or read.
    pub(super) recorded: &'c Value,
    /// All reports of the capture.
    pub(super) reports: &'c [Value],
}

impl<'c> Case<'c> {
    /// A field of the innermost enclosing record that has it.
    fn around(&self, field: &str) -> Option<&'c Value> {
        self.around
            .iter()
            .rev()
            .find_map(|record| record.get(field))
    }

    /// Reports of the enclosing device, oldest first.
    fn of_device(&self) -> Vec<&'c Value> {
        let mac = self.around("kismet.device.base.macaddr");
        self.reports_where(|report| {
            let addr = report.get("bssid").or(report.get("btaddr"));
            let addr = addr.and_then(Value::as_str).map(str::to_ascii_uppercase);
            addr.is_some() && addr.as_deref() == mac.and_then(Value::as_str)
        })
    }

    /// Reports of the enclosing device by the enclosing source.
    fn of_device_by_source(&self) -> Vec<&'c Value> {
        let uuid = self.around("kismet.common.seenby.uuid");
        let mut reports = self.of_device();
        reports.retain(|report| is_from(report, uuid));
        reports
    }

    /// Reports by the enclosing source.
    fn of_source(&self) -> Vec<&'c Value> {
        let uuid = self.around("kismet.datasource.uuid");
        self.reports_where(|report| is_from(report, uuid))
    }

    fn reports_where(&self, chosen: impl Fn(&Value) -> bool) -> Vec<&'c Value> {
        let mut reports: Vec<_> = self
            .reports
            .iter()
            .filter(|report| chosen(report))
            .collect();
        reports.sort_by_key(|report| report["timestamp"].as_u64());
        reports
    }
}

fn is_from(report: &Value, uuid: Option<&Value>) -> bool {
    let source = report["source_uuid"].as_str().map(str::to_ascii_uppercase);
    source.is_some() && source.as_deref() == uuid.and_then(Value::as_str)
}

fn is_uuid(case: &Case<'_>) -> bool {
    let text = case.ours.as_str().unwrap_or_default();
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

fn is_recent(case: &Case<'_>) -> bool {
    is_now(case.ours)
}

fn is_now(time: &Value) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    time.as_u64()
        .is_some_and(|time| (now.as_secs() - 120..=now.as_secs()).contains(&time))
}

fn sum(vector: &Value) -> f64 {
    vector
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .sum()
}

fn has_slots(rrd: &Value) -> bool {
    [("minute_vec", 60), ("hour_vec", 60), ("day_vec", 24)]
        .iter()
        .all(|(vector, slots)| {
            let vector = rrd[format!("kismet.common.rrd.{vector}")].as_array();
            vector.is_some_and(|vector| vector.len() == *slots)
        })
}

fn has_address(case: &Case<'_>) -> bool {
    case.ours["kismet.device.base.macaddr"].is_string()
}

fn is_number(case: &Case<'_>) -> bool {
    case.ours.is_u64()
}

fn is_text(case: &Case<'_>) -> bool {
    case.ours.is_string()
}

fn is_name_or_nothing(case: &Case<'_>) -> bool {
    let name = &case.ours["kismet.device.base.name"];
    case.ours.is_null() || name == "CSV,\"quoted\""
}

/// A network that Kismet lacks, or another spelling of one that it has.
fn is_group(case: &Case<'_>) -> bool {
    let devices = &case.ours["dot11.ssidgroup.advertising_devices_len"];
    case.ours.is_null() || devices.as_u64() == Some(1)
}

/// A count that is not zero.
fn is_some_count(case: &Case<'_>) -> bool {
    case.ours.as_u64().is_some_and(|count| 0 < count)
}

/// A sample a second since the start, which is not long ago.
fn is_gauge(case: &Case<'_>) -> bool {
    let rrd = case.ours;
    let now = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let minute = &rrd["kismet.common.rrd.minute_vec"];
    is_now(&json!(now))
        && rrd["kismet.common.rrd.serial_time"] == now
        && has_slots(rrd)
        && minute[slot(now)] == rrd["kismet.common.rrd.last_value"]
        && ["minute_vec", "hour_vec", "day_vec"]
            .iter()
            .all(|vector| 0.0 < sum(&rrd[format!("kismet.common.rrd.{vector}")]))
}

fn counts_device(case: &Case<'_>) -> bool {
    counts(
        case.ours,
        &case.of_device(),
        case.around("kismet.device.base.packets.total"),
    )
}

fn counts_source(case: &Case<'_>) -> bool {
    counts(
        case.ours,
        &case.of_source(),
        case.around("kismet.datasource.num_packets"),
    )
}

/// Each report counts in its own second, minute and hour, as far as these are in the windows that end now.
fn counts(rrd: &Value, reports: &[&Value], total: Option<&Value>) -> bool {
    let total = total.and_then(Value::as_u64).unwrap();
    let now = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let is_timeless = |report: &&Value| report.get("timestamp").is_none();
    let are_timeless = reports.iter().any(is_timeless);
    let close = |vector: &str, unit_s: u64, slots: u64| {
        let recent = times(reports).filter(|time| now / unit_s - time / unit_s < slots);
        let recent = u64::try_from(recent.count()).unwrap();
        let expected = if are_timeless { total } else { recent };
        let shown = sum(&rrd[format!("kismet.common.rrd.{vector}")]);
        let [expected, unit_s] =
            [expected, unit_s].map(|number| f64::from(u32::try_from(number).unwrap()));
        (shown * unit_s - expected).abs() < 0.1
    };
    has_slots(rrd)
        && is_now(&json!(now))
        && rrd["kismet.common.rrd.serial_time"] == now
        && close("minute_vec", 1, 60)
        && close("hour_vec", 60, 60)
        && close("day_vec", 3600, 24)
}

fn times(reports: &[&Value]) -> impl Iterator<Item = u64> {
    reports
        .iter()
        .filter_map(|report| report["timestamp"].as_u64())
}

/// Index of a second in the record of a minute.
fn slot(time: u64) -> usize {
    usize::try_from(time % 60).unwrap()
}

/// The strongest signal of each second of the last minute.
fn shows_strongest(case: &Case<'_>) -> bool {
    let rrd = case.ours;
    let now = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let mut strongest = None;
    for report in case.of_device() {
        let is_recent = report["timestamp"]
            .as_u64()
            .is_none_or(|time| now - time < 60);
        strongest = strongest.max(report["signal"].as_i64().filter(|_| is_recent));
    }
    let seconds = rrd["kismet.common.rrd.minute_vec"].as_array().unwrap();
    let shown = seconds.iter().filter_map(Value::as_i64);
    is_now(&json!(now))
        && rrd["kismet.common.rrd.serial_time"] == now
        && seconds.len() == 60
        && rrd["kismet.common.rrd.blank_val"] == 0
        && shown.filter(|&signal| signal != 0).max() == strongest
}

fn is_time_of_strongest(case: &Case<'_>) -> bool {
    let mut placed = case.of_device();
    placed.retain(|report| report.get("lat").is_some());
    let strongest = placed
        .iter()
        .max_by_key(|report| report["signal"].as_i64())
        .unwrap();
    *case.ours == strongest["timestamp"]
}

fn counts_frequencies(case: &Case<'_>) -> bool {
    let mut counts = BTreeMap::<String, u64>::new();
    for report in case.of_device_by_source() {
        // Bluetooth hops over its whole band, for which Kismet shows one frequency.
        let khz = if report.get("btaddr").is_some() {
            Some(2_400_000)
        } else {
            report["freqkhz"].as_u64()
        };
        if let Some(khz) = khz {
            *counts.entry(khz.to_string()).or_default() += 1;
        }
    }
    *case.ours == json!(counts)
}

fn ranges_signals(case: &Case<'_>) -> bool {
    let signals: Vec<_> = case
        .of_device_by_source()
        .iter()
        .filter_map(|report| report["signal"].as_i64())
        .collect();
    let signal = |field: &str| case.ours[format!("kismet.common.signal.{field}")].clone();
    signal("type") == "dbm"
        && signal("last_signal") == json!(signals.last())
        && signal("min_signal") == json!(signals.iter().min())
        && signal("max_signal") == json!(signals.iter().max())
}

fn is_channel(case: &Case<'_>) -> bool {
    let channel = case.around("kismet.device.base.channel");
    channel.is_some_and(|channel| channel != "" && channel == case.ours)
}

fn is_security_class(case: &Case<'_>) -> bool {
    let mut classes = SecurityClass::ALL.into_iter();
    classes.any(|class| *case.ours == class.as_str())
}

/// The name comes from the newest report. A hidden network is shown by its address.
fn is_name(case: &Case<'_>) -> bool {
    let reports = case.of_device();
    let ssid = reports.last().and_then(|report| report.get("ssid"));
    ssid.or(case.around("kismet.device.base.macaddr")) == Some(case.ours)
}

fn is_ssid_as_reported(case: &Case<'_>) -> bool {
    let reports = case.of_device();
    let ssid = reports.last().unwrap()["ssid"].as_str().unwrap_or_default();
    let field = |field: &str| Some(&case.ours[format!("dot11.advertisedssid.{field}")]);
    field("ssid") == Some(&json!(ssid))
        && field("ssidlen") == Some(&json!(ssid.len()))
        && field("cloaked") == Some(&json!(u8::from(ssid.is_empty())))
        && field("crypt_string") == Some(&json!(""))
        && field("crypt_bitfield") == Some(&json!(0))
        && field("crypt_set") == Some(&json!(0))
        && field("channel") == case.around("kismet.device.base.channel")
        && field("first_time") == case.around("kismet.device.base.first_time")
        && field("last_time") == case.around("kismet.device.base.last_time")
}

fn is_device_as_reported(case: &Case<'_>) -> bool {
    let inside = Case {
        around: &[case.ours],
        ..*case
    };
    let reports = inside.of_device();
    let [report] = reports.as_slice() else {
        return false;
    };
    if case.recorded.get("form").is_some() {
        // The request asked for some fields only.
        let signal = &report["signal"];
        let text = signal.as_str().and_then(|text| text.parse().ok());
        return case.ours["sig"].as_i64() == text.or(signal.as_i64());
    }
    let channel = &report["channel"];
    let channel = channel
        .as_str()
        .map_or_else(|| channel.to_string(), str::to_owned);
    let field = |field: &str| &case.ours[format!("kismet.device.base.{field}")];
    *field("name") == report["bssid"]
        && *field("channel") == channel
        && *field("packets.total") == 1
        && *field("type") == "Wi-Fi AP"
        && field("signal")["kismet.common.signal.last_signal"] == -60
        && is_now(field("first_time"))
        && is_now(field("last_time"))
}

fn accepts_all(case: &Case<'_>) -> bool {
    let reports = document(case.recorded).and_then(|document| document["reports"].as_array());
    reports.is_some_and(|reports| *case.ours == reports.len())
}

fn refuses_address(case: &Case<'_>) -> bool {
    let refused = case.ours.as_array().unwrap();
    refused.len() == 1
        && refused[0]["index"] == 0
        && refused[0]["reason"].as_str().unwrap().starts_with("bssid")
}

fn names_source(case: &Case<'_>) -> bool {
    is_error(case.ours, "44444444-0000-0000-0000-000000000001")
}

fn names_reports(case: &Case<'_>) -> bool {
    is_error(case.ours, "reports")
}

fn is_error(body: &Value, part: &str) -> bool {
    body["success"] == false && body["status"].as_str().unwrap().contains(part)
}
