//! What a real Kismet answered, held against what this server answers to the same requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use scanpost::report::capabilities::SecurityClass;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer, WIFI};

/// Differences that are meant, or that no two servers agree on, for one reason.
struct Differences {
    /// The captures that show them, each of them; none named means that any may.
    files: &'static [&'static str],
    /// An address, a request or a read on the way to the fields; [`ANY`] means wherever they are.
    inside: &'static str,
    reason: &'static str,
    /// The last parts of a field's path, and what stands there.
    fields: &'static [(&'static str, Here)],
}

/// What this server shows where Kismet shows something else or nothing.
#[derive(Clone, Copy)]
enum Here {
    /// Anything of the same JSON type.
    Ignored,
    /// This JSON.
    Ours(&'static str),
    /// A text that holds this.
    Says(&'static str),
    /// What follows from the reports or from the clock.
    Holds(fn(&Case<'_>) -> bool),
}

use Here::{Holds, Ignored, Ours, Says};

const ANY: &str = "*";

const fn differ(
    files: &'static [&'static str],
    inside: &'static str,
    reason: &'static str,
    fields: &'static [(&'static str, Here)],
) -> Differences {
    Differences {
        files,
        inside,
        reason,
        fields,
    }
}

/// No capture in particular.
const ANYWHERE: &[&str] = &[];
/// The captures whose reports say nothing of how a network is secured.
const WITHOUT_CAPABILITIES: &[&str] = &["channels", "form-encoded", "refused"];

/// All of them. The first that fits a field counts.
const DIFFERENCES: &[Differences] = &[
    differ(
        ANYWHERE,
        "/alerts/all_alerts.json",
        "of Kismet's own set-up, which is not this server's; and Kismet does not see that a channel changes",
        &[("body", Holds(are_changes_of_channel))],
    ),
    differ(
        &["two-sources-out-of-order"],
        ANY,
        "the alerts about a device are counted, and its channel changes",
        &[("kismet.device.base.num_alerts", Ours("1"))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "a field that no record has comes back under the name that was asked for, as documented",
        &[
            ("field.unknown.not.registered", Ours("null")),
            ("no.such.field", Ours("0")),
        ],
    ),
    differ(
        ANYWHERE,
        "/devices/last-time/-5/devices.json",
        "polls go by when a device changed, so what was sent late is in them",
        &[("body/*", Holds(has_address))],
    ),
    differ(
        ANYWHERE,
        "/phy/phy80211/ssids/views/ssids.json",
        "Kismet cuts the set to 32 bits",
        &[
            ("dot11.ssidgroup.crypt_set", Holds(is_number)),
            ("dot11.ssidgroup.crypt_string", Holds(is_text)),
        ],
    ),
    differ(
        &["channels", "ssids"],
        "/phy/phy80211/ssids/views/ssids.json",
        "Kismet records no name without capabilities, and escapes it twice",
        &[("body/*", Holds(is_group))],
    ),
    differ(
        WITHOUT_CAPABILITIES,
        "/devices/views/phydot11_accesspoints/devices.json",
        "Kismet records no name",
        &[("ssid", Holds(is_text))],
    ),
    differ(
        &["refused"],
        ANY,
        "Kismet refuses more",
        &[
            ("kismet.devices.view.size", Holds(is_number)),
            ("recordsTotal", Ours("5")),
            ("recordsFiltered", Ours("5")),
            ("data/*", Holds(has_address)),
        ],
    ),
    differ(
        &["ssids"],
        ANY,
        "the latest network and signal; a name is escaped once",
        &[
            ("00:11:22:00:01:01/sig", Ours("-62")),
            ("ssid", Holds(is_text)),
            ("body/CSV,\"quoted\"", Holds(is_name_or_nothing)),
            ("body/CSV,\\\"quoted\\\"", Holds(is_name_or_nothing)),
        ],
    ),
    differ(
        &["two-sources-out-of-order"],
        "/phy/phy80211/ssids/views/ssids.json",
        "the latest report of the network",
        &[("dot11.ssidgroup.last_time", Ours("1700000090"))],
    ),
    differ(
        &["refused"],
        "/devices/last-time/1600000000/devices.json",
        "Kismet refuses more",
        &[("body/*", Holds(has_address))],
    ),
    // What the clock, the host and the build decide.
    differ(
        ANYWHERE,
        ANY,
        "each server has its own",
        &[("kismet.server.uuid", Holds(is_uuid))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the clock of the server",
        &[
            ("kismet.device.base.mod_time", Holds(is_recent)),
            (
                "kismet.common.location.avg_loc/kismet.common.location.time_sec",
                Holds(is_recent),
            ),
            (
                "kismet.datasource.packets_datasize_rrd/kismet.common.rrd.last_time",
                Holds(is_recent),
            ),
            (
                "kismet.datasource.packets_datasize_rrd/kismet.common.rrd.serial_time",
                Holds(is_recent),
            ),
            ("kismet.system.timestamp.sec", Holds(is_recent)),
            ("kismet.system.timestamp.start_sec", Holds(is_recent)),
            (
                "kismet.common.location.avg_loc/kismet.common.location.time_usec",
                Ignored,
            ),
            ("kismet.system.timestamp.usec", Ignored),
        ],
    ),
    differ(
        ANYWHERE,
        ANY,
        "each process takes what it takes",
        &[("kismet.system.memory.rss", Ignored)],
    ),
    differ(
        ANYWHERE,
        ANY,
        "only the present value is known",
        &[
            ("kismet.system.memory.rrd", Holds(is_gauge)),
            ("kismet.system.devices.rrd", Holds(is_gauge)),
        ],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the user that the tests run as",
        &[("kismet.system.user", Ignored)],
    ),
    differ(
        ANYWHERE,
        ANY,
        "what the client keeps open",
        &[("kismet.system.num_http_connections", Ignored)],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the release spoken, and who speaks it",
        &[("kismet.system.version", Says("2025.09.0-scanpost-"))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the program",
        &[("kismet.system.git", Says("scanpost-"))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "one source gives one binary, so it holds no time",
        &[("kismet.system.build_time", Ours(r#""""#))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the default; the capture was made with a name set",
        &[("kismet.system.server_name", Ours(r#""scanpost""#))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "counts the parts that a server is made of",
        &[
            ("kismet.system.num_fields", Holds(is_some_count)),
            ("kismet.system.num_components", Ours("0")),
            ("kismet.system.string_cache_size", Ours("0")),
        ],
    ),
    differ(
        ANYWHERE,
        ANY,
        "our own words",
        &[(
            "kismet.datasource.driver.description",
            Ours(r#""A scanner that sends reports over HTTP""#),
        )],
    ),
    // Activity and history go by the time of the reports, not by that of their arrival.
    differ(
        ANYWHERE,
        ANY,
        "counts by the time of the reports",
        &[
            ("kismet.device.base.packets.rrd", Holds(counts_device)),
            ("kismet.device.base.tx_packets.rrd", Holds(counts_device)),
        ],
    ),
    differ(
        ANYWHERE,
        ANY,
        "Kismet never feeds it",
        &[("kismet.datasource.packets_rrd", Holds(counts_source))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "by the time of the reports; Kismet keeps the last minute of its own clock",
        &[("kismet.common.signal.signal_rrd", Holds(shows_strongest))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "when it was strongest, in seconds as reported, not when that was told",
        &[
            (
                "kismet.common.signal.peak_loc/kismet.common.location.time_sec",
                Holds(is_time_of_strongest),
            ),
            (
                "kismet.common.signal.peak_loc/kismet.common.location.time_usec",
                Ours("0"),
            ),
        ],
    ),
    // The answer to a batch with nothing valid in it comes before that to others.
    differ(
        &["refused"],
        "request 8",
        "no report of the batch is valid",
        &[
            ("status code", Ours("422")),
            ("body/success", Ours("false")),
            ("body/status", Ours(r#""no valid report""#)),
            ("body/rejected", Holds(refuses_address)),
        ],
    ),
    differ(
        &["refused"],
        "request 9",
        "no report of the batch is valid",
        &[
            ("status code", Ours("422")),
            ("body/success", Ours("false")),
            ("body/status", Ours(r#""no valid report""#)),
            ("body/rejected", Holds(refuses_address)),
        ],
    ),
    // More is said.
    differ(
        ANYWHERE,
        ANY,
        "as a Kismet with keep_per_datasource_stats",
        &[
            (
                "kismet.common.seenby.freq_khz_map",
                Holds(counts_frequencies),
            ),
            ("kismet.common.seenby.signal", Holds(ranges_signals)),
        ],
    ),
    differ(
        ANYWHERE,
        ANY,
        "Kismet leaves it empty",
        &[("dot11.advertisedssid.channel", Holds(is_channel))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "the one word for how a network is secured",
        &[("scanpost.security.class", Holds(is_security_class))],
    ),
    differ(
        ANYWHERE,
        ANY,
        "what became of the batch",
        &[
            ("body/accepted", Holds(accepts_all)),
            ("body/duplicate", Ours("false")),
            ("body/rejected", Ours("[]")),
        ],
    ),
    differ(
        &["bluetooth"],
        "C0:FF:EE:00:00:01",
        "Kismet throws it away",
        &[
            (
                "bluetooth.device.scan_data_bytes",
                Ours(r#""0201060aff4c001005""#),
            ),
            (
                "bluetooth.device.service_data_bytes/0000180f-0000-1000-8000-00805f9b34fb",
                Ours(r#""64""#),
            ),
        ],
    ),
    // Client errors are 4xx, and one report spoils only itself.
    differ(
        &["bluetooth"],
        "/datasource/by-uuid/44444444-0000-0000-0000-000000000001/source.json",
        "what is not there is no failure of the server",
        &[("status code", Ours("404")), ("body", Holds(names_source))],
    ),
    differ(
        &["refused"],
        "request 0",
        "the client's mistake, by its name",
        &[
            ("status code", Ours("400")),
            ("body/status", Says("not a scan report")),
        ],
    ),
    differ(
        &["refused"],
        "request 1",
        "the client's mistake, by its name",
        &[
            ("status code", Ours("400")),
            ("body/status", Says("source_uuid")),
        ],
    ),
    differ(
        &["refused"],
        "request 2",
        "the client's mistake, by its name",
        &[
            ("status code", Ours("400")),
            ("body/status", Says("source_uuid")),
        ],
    ),
    differ(
        &["refused"],
        "request 3",
        "the client's mistake, by its name",
        &[
            ("status code", Ours("400")),
            ("body/status", Says("source_uuid")),
        ],
    ),
    differ(
        &["refused"],
        "request 4",
        "the client's mistake, by its name",
        &[
            ("status code", Ours("400")),
            ("body/status", Says("source_name")),
        ],
    ),
    differ(
        &["refused"],
        "request 5",
        "the client's mistake, which Kismet answers with two documents",
        &[("status code", Ours("400")), ("body", Holds(names_reports))],
    ),
    differ(
        &["refused"],
        "request 6",
        "the client's mistake, which Kismet answers with two documents",
        &[("status code", Ours("400")), ("body", Holds(names_reports))],
    ),
    differ(
        &["refused"],
        "request 10",
        "a number may come as a text",
        &[
            ("status code", Ours("200")),
            ("body/success", Ours("true")),
            ("body/status", Ours(r#""Scan report accepted""#)),
        ],
    ),
    differ(
        &["refused"],
        "request 11",
        "a channel may come as a number",
        &[
            ("status code", Ours("200")),
            ("body/success", Ours("true")),
            ("body/status", Ours(r#""Scan report accepted""#)),
        ],
    ),
    differ(
        &["refused"],
        "request 12",
        "a channel may come as a number",
        &[
            ("status code", Ours("200")),
            ("body/success", Ours("true")),
            ("body/status", Ours(r#""Scan report accepted""#)),
        ],
    ),
    differ(
        &["refused"],
        ANY,
        "Kismet refuses the report",
        &[
            ("00:11:22:00:03:00", Holds(is_device_as_reported)),
            ("00:11:22:00:03:01", Holds(is_device_as_reported)),
            ("00:11:22:00:03:03", Holds(is_device_as_reported)),
            ("00:11:22:00:03:04", Holds(is_device_as_reported)),
        ],
    ),
    differ(
        &["refused"],
        ANY,
        "Kismet refuses four of the reports",
        &[("kismet.datasource.num_packets", Ours("5"))],
    ),
    differ(
        &["refused"],
        "IEEE802.11",
        "Kismet refuses four of the reports",
        &[
            ("kismet.phy.device_count", Ours("5")),
            ("kismet.phy.packet_count", Ours("5")),
        ],
    ),
    differ(
        &["refused"],
        ANY,
        "Kismet refuses four of the reports",
        &[("kismet.system.devices.count", Ours("5"))],
    ),
    differ(
        &["refused"],
        ANY,
        "the reports state no time, so it is that of receipt",
        &[
            ("kismet.device.base.first_time", Holds(is_recent)),
            ("kismet.device.base.last_time", Holds(is_recent)),
            ("kismet.common.seenby.first_time", Holds(is_recent)),
            ("kismet.common.seenby.last_time", Holds(is_recent)),
        ],
    ),
    // A name is recorded whether or not the capabilities are told.
    differ(
        WITHOUT_CAPABILITIES,
        ANY,
        "Kismet records no name",
        &[("kismet.device.base.name", Holds(is_name))],
    ),
    differ(
        &["channels"],
        ANY,
        "Kismet records no name",
        &[("kismet.device.base.commonname", Holds(is_name))],
    ),
    differ(
        WITHOUT_CAPABILITIES,
        ANY,
        "Kismet records no network",
        &[
            ("dot11.device.num_advertised_ssids", Ours("1")),
            (
                "dot11.device.advertised_ssid_map/*",
                Holds(is_ssid_as_reported),
            ),
            (
                "dot11.device.last_beaconed_ssid_record",
                Holds(is_ssid_as_reported),
            ),
        ],
    ),
    // How a network is secured.
    differ(
        &["capability-strings"],
        "00:11:22:00:00:00",
        "no capabilities are no knowledge; Kismet says open",
        &[
            ("kismet.device.base.crypt", Ours(r#""""#)),
            ("dot11.advertisedssid.crypt_string", Ours(r#""""#)),
            ("dot11.advertisedssid.ietag_checksum", Ours("0")),
        ],
    ),
    differ(
        &["capability-strings"],
        "00:11:22:00:00:03",
        "Kismet does not know TKIP",
        &[
            ("kismet.device.base.crypt", Ours(r#""WPA1 WPA1-PSK TKIP""#)),
            (
                "dot11.advertisedssid.crypt_string",
                Ours(r#""WPA1 WPA1-PSK TKIP""#),
            ),
            ("dot11.advertisedssid.crypt_bitfield", Ours("274911461894")),
            ("dot11.advertisedssid.crypt_set", Ours("134217952")),
        ],
    ),
    differ(
        &["capability-strings"],
        "00:11:22:00:00:04",
        "Kismet does not know TKIP",
        &[
            (
                "kismet.device.base.crypt",
                Ours(r#""WPA2 WPA2-PSK TKIP AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_string",
                Ours(r#""WPA2 WPA2-PSK TKIP AES-CCMP""#),
            ),
            ("dot11.advertisedssid.crypt_bitfield", Ours("274978571790")),
            ("dot11.advertisedssid.crypt_set", Ours("402653920")),
        ],
    ),
    differ(
        &["capability-strings"],
        "00:11:22:00:00:07",
        "Kismet does not know RSN and SAE",
        &[
            (
                "kismet.device.base.crypt",
                Ours(r#""WPA3 WPA3-SAE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_string",
                Ours(r#""WPA3 WPA3-SAE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_bitfield",
                Ours("17592253154330"),
            ),
            ("dot11.advertisedssid.crypt_set", Ours("805372480")),
        ],
    ),
    differ(
        &["capability-strings"],
        "00:11:22:00:00:07",
        "Kismet does not know MFPR and MFPC",
        &[
            ("dot11.advertisedssid.wpa_mfp_required", Ours("1")),
            ("dot11.advertisedssid.wpa_mfp_supported", Ours("1")),
        ],
    ),
    differ(
        &["capability-strings"],
        "00:11:22:00:00:08",
        "Kismet reads OWE as a cipher",
        &[
            (
                "kismet.device.base.crypt",
                Ours(r#""WPA3 WPA3-OWE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_string",
                Ours(r#""WPA3 WPA3-OWE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_bitfield",
                Ours("18014398576591898"),
            ),
            ("dot11.advertisedssid.crypt_set", Ours("805438016")),
        ],
    ),
    differ(
        &["one-ap-full"],
        ANY,
        "Kismet reads RSN as WPA1 and does not know SAE",
        &[
            (
                "kismet.device.base.crypt",
                Ours(r#""WPA3 WPA3-PSK WPA3-SAE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_string",
                Ours(r#""WPA3 WPA3-PSK WPA3-SAE AES-CCMP""#),
            ),
            (
                "dot11.advertisedssid.crypt_bitfield",
                Ours("144133055206917146"),
            ),
            ("dot11.advertisedssid.crypt_set", Ours("805372608")),
        ],
    ),
    // What is shown last is what was seen last, not what was worked on last.
    differ(
        &["ssids"],
        "00:11:22:00:01:01",
        "Kismet mixes up the order of a batch",
        &[
            ("kismet.device.base.name", Ours(r#""Second""#)),
            ("kismet.device.base.commonname", Ours(r#""Second""#)),
            ("kismet.common.signal.last_signal", Ours("-62")),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.ssid",
                Ours(r#""Second""#),
            ),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.ssidlen",
                Ours("6"),
            ),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.ssid_hash",
                Ours("254006405"),
            ),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.first_time",
                Ours("1700000002"),
            ),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.last_time",
                Ours("1700000002"),
            ),
            (
                "dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.ietag_checksum",
                Ours("1931020348"),
            ),
            ("kismet.common.seenby.last_time", Ours("1700000002")),
        ],
    ),
    differ(
        &["ssids"],
        "00:11:22:00:01:01",
        "a late report does not lower it in Kismet",
        &[
            ("kismet.device.base.first_time", Ours("1700000001")),
            ("kismet.common.seenby.first_time", Ours("1700000001")),
        ],
    ),
    differ(
        &["two-sources-out-of-order"],
        ANY,
        "Kismet takes one report of a batch into the mean",
        &[
            (
                "kismet.common.location.avg_loc/kismet.common.location.alt",
                Ours("35"),
            ),
            (
                "kismet.common.location.avg_loc/kismet.common.location.fix",
                Ours("3"),
            ),
        ],
    ),
    // A name is escaped once, by JSON.
    differ(
        &["ssids"],
        "00:11:22:00:01:03",
        "Kismet escapes it before JSON does",
        &[
            (
                "kismet.device.base.name",
                Ours(r#""tab\tnul\u0000bell\u0007""#),
            ),
            (
                "kismet.device.base.commonname",
                Ours(r#""tab\tnul\u0000bell\u0007""#),
            ),
            (
                "dot11.advertisedssid.ssid",
                Ours(r#""tab\tnul\u0000bell\u0007""#),
            ),
            ("dot11.advertisedssid.ssidlen", Ours("13")),
            ("dot11.advertisedssid.ssid_hash", Ours("3832537689")),
            ("dot11.advertisedssid.ietag_checksum", Ours("955975128")),
        ],
    ),
    differ(
        &["ssids"],
        "00:11:22:00:01:04",
        "Kismet escapes it before JSON does",
        &[
            ("kismet.device.base.name", Ours(r#""CSV,\"quoted\"""#)),
            ("kismet.device.base.commonname", Ours(r#""CSV,\"quoted\"""#)),
            ("dot11.advertisedssid.ssid", Ours(r#""CSV,\"quoted\"""#)),
            ("dot11.advertisedssid.ssidlen", Ours("12")),
            ("dot11.advertisedssid.ssid_hash", Ours("1564882201")),
            ("dot11.advertisedssid.ietag_checksum", Ours("823330193")),
        ],
    ),
];

/// The reads that are compared.
const SERVED: [&str; 14] = [
    "/devices/views/all/devices.json",
    "/devices/views/phydot11_accesspoints/devices.json",
    "/devices/views/phy-IEEE802.11/devices.json",
    "/devices/by-mac/*/devices.json",
    "/devices/last-time/*/devices.json",
    "/devices/multimac/devices.json",
    "/devices/views/all_views.json",
    "/phy/phy80211/ssids/views/ssids.json",
    "/alerts/all_alerts.json",
    "/datasource/all_sources.json",
    "/datasource/by-uuid/*/source.json",
    "/phy/all_phys.json",
    "/system/status.json",
    "/system/timestamp.json",
];

/// The same as a view, in another form; `reads` compares the forms.
const IN_ANOTHER_FORM: &str = "/devices/all_devices.ekjson";

/// What shows the same as the view of access points where nothing else was reported: the recordings
/// ask only for that view. Polls go by the time of change, so that late reports are in them too.
const ACCESS_POINTS: &str = "/devices/views/phydot11_accesspoints/devices.json";
const AS_ACCESS_POINTS: [&str; 4] = [
    "/devices/views/all/devices.json",
    "/devices/views/phy-IEEE802.11/devices.json",
    "/devices/last-time/1600000000/devices.json",
    "/devices/last-time/-60/devices.json",
];

/// The field that tells the records of a list apart.
const KEYS: [&str; 9] = [
    "kismet.device.base.macaddr",
    "kismet.datasource.uuid",
    "kismet.common.seenby.uuid",
    "dot11.advertisedssid.ssid",
    "kismet.phy.phy_name",
    "kismet.devices.view.id",
    "dot11.ssidgroup.ssid",
    "kismet.device.base.name",
    "kismet.alert.header",
];

fn are_changes_of_channel(case: &Case<'_>) -> bool {
    let alerts = case.ours.as_array().unwrap();
    let is_change = |alert: &Value| alert["kismet.alert.header"] == "CHANCHANGE";
    alerts.iter().all(is_change)
}

/// A field that [`Holds`] judges.
struct Case<'c> {
    ours: &'c Value,
    /// The records around the field, outermost first.
    around: &'c [&'c Value],
    /// The request or read as it was recorded.
    recorded: &'c Value,
    /// Everything that the capture reports.
    reports: &'c [Value],
}

impl<'c> Case<'c> {
    /// A field of the innermost record around that has it.
    fn around(&self, field: &str) -> Option<&'c Value> {
        self.around
            .iter()
            .rev()
            .find_map(|record| record.get(field))
    }

    /// The reports of the device around, oldest first.
    fn of_device(&self) -> Vec<&'c Value> {
        let mac = self.around("kismet.device.base.macaddr");
        self.reports_where(|report| {
            let addr = report.get("bssid").or(report.get("btaddr"));
            let addr = addr.and_then(Value::as_str).map(str::to_ascii_uppercase);
            addr.is_some() && addr.as_deref() == mac.and_then(Value::as_str)
        })
    }

    /// The reports of the device around by the source around.
    fn of_device_by_source(&self) -> Vec<&'c Value> {
        let uuid = self.around("kismet.common.seenby.uuid");
        let mut reports = self.of_device();
        reports.retain(|report| is_from(report, uuid));
        reports
    }

    /// The reports of the source around.
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

/// A network that Kismet has not, or the other spelling of one that it has.
fn is_group(case: &Case<'_>) -> bool {
    let devices = &case.ours["dot11.ssidgroup.advertising_devices_len"];
    case.ours.is_null() || devices.as_u64() == Some(1)
}

/// A count that is not zero.
fn is_some_count(case: &Case<'_>) -> bool {
    case.ours.as_u64().is_some_and(|count| 0 < count)
}

fn is_gauge(case: &Case<'_>) -> bool {
    let rrd = case.ours;
    let value = rrd["kismet.common.rrd.last_value"].as_f64().unwrap();
    is_now(&rrd["kismet.common.rrd.last_time"])
        && is_now(&rrd["kismet.common.rrd.serial_time"])
        && has_slots(rrd)
        && ["minute_vec", "hour_vec", "day_vec"]
            .iter()
            .all(|vector| (sum(&rrd[format!("kismet.common.rrd.{vector}")]) - value).abs() < 0.5)
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

/// Each report is counted in its own second, minute and hour. The reports of a capture are all
/// within an hour, so that none is too old for the hours.
fn counts(rrd: &Value, reports: &[&Value], total: Option<&Value>) -> bool {
    let total = total.and_then(Value::as_f64).unwrap();
    let close = |vector: &str, seconds: f64| (sum(&rrd[vector]) * seconds - total).abs() < 0.1;
    let newest = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let all = has_slots(rrd)
        && is_now(&rrd["kismet.common.rrd.serial_time"])
        && close("kismet.common.rrd.hour_vec", 60.0)
        && close("kismet.common.rrd.day_vec", 3600.0);
    if reports
        .iter()
        .any(|report| report.get("timestamp").is_none())
    {
        return all && is_now(&json!(newest)) && close("kismet.common.rrd.minute_vec", 1.0);
    }
    let mut seconds = vec![0; 60];
    for time in times(reports).filter(|time| newest - time < 60) {
        seconds[slot(time)] += 1;
    }
    all && times(reports).max() == Some(newest)
        && rrd["kismet.common.rrd.last_value"] == seconds[slot(newest)]
        && rrd["kismet.common.rrd.last_value_n1"] == seconds[slot(newest - 1)]
        && rrd["kismet.common.rrd.minute_vec"] == json!(seconds)
}

fn times(reports: &[&Value]) -> impl Iterator<Item = u64> {
    reports
        .iter()
        .filter_map(|report| report["timestamp"].as_u64())
}

/// Where a second stands in the record of a minute.
fn slot(time: u64) -> usize {
    usize::try_from(time % 60).unwrap()
}

/// The strongest signal of each second of the last minute.
fn shows_strongest(case: &Case<'_>) -> bool {
    let rrd = case.ours;
    let newest = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let mut seconds = vec![0; 60];
    for report in case.of_device() {
        let time = report["timestamp"].as_u64().unwrap_or(newest);
        let strongest = &mut seconds[slot(time)];
        let signal = report["signal"].as_i64().unwrap();
        if newest - time < 60 && (*strongest == 0 || *strongest < signal) {
            *strongest = signal;
        }
    }
    Some(&rrd["kismet.common.rrd.last_time"]) == case.around("kismet.device.base.last_time")
        && is_now(&rrd["kismet.common.rrd.serial_time"])
        && rrd["kismet.common.rrd.last_value"] == seconds[slot(newest)]
        && rrd["kismet.common.rrd.last_value_n1"] == seconds[slot(newest - 1)]
        && rrd["kismet.common.rrd.blank_val"] == 0
        && rrd["kismet.common.rrd.minute_vec"] == json!(seconds)
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
        // Bluetooth hops over its whole band, which Kismet shows as one frequency.
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

/// The name is that of the newest report; a hidden network goes by its address.
fn is_security_class(case: &Case<'_>) -> bool {
    let mut classes = SecurityClass::ALL.into_iter();
    classes.any(|class| *case.ours == class.as_str())
}

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
        // Only some fields were asked for.
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

/// A capture, and what came out of comparing it.
struct Comparison<'c> {
    file: &'c str,
    reports: Vec<Value>,
    used: BTreeSet<Place>,
    unexplained: Vec<String>,
}

/// A field in both answers.
#[derive(Clone, Copy)]
struct Pair<'v> {
    recorded: &'v Value,
    path: &'v [&'v str],
    around: &'v [&'v Value],
    kismet: Option<&'v Value>,
    ours: Option<&'v Value>,
}

impl Comparison<'_> {
    fn exchange(&mut self, name: &str, recorded: &Value, answer: &Answer) {
        let status = json!(answer.status.as_u16());
        // Kismet's answer is not always one JSON value; then the capture holds it as a text.
        let body = serde_json::from_str(&answer.text)
            .unwrap_or_else(|_| Value::from(answer.text.as_str()));
        for (part, kismet, ours) in [
            ("status code", "status", &status),
            ("body", "answer", &body),
        ] {
            self.compare(Pair {
                recorded,
                path: &[name, part],
                around: &[],
                kismet: recorded.get(kismet),
                ours: Some(ours),
            });
        }
    }

    fn compare(&mut self, pair: Pair<'_>) {
        let Pair {
            path, kismet, ours, ..
        } = pair;
        let meant = places().find(|&place| fits(place, self.file, path));
        match (kismet, ours) {
            _ if meant.is_some() => meant.into_iter().for_each(|place| self.judge(place, pair)),
            (Some(Value::Object(kismet)), Some(Value::Object(fields))) => {
                let mut around = pair.around.to_vec();
                around.extend(ours.filter(|ours| key(ours).is_some()));
                let names: BTreeSet<_> = kismet.keys().chain(fields.keys()).collect();
                for name in names {
                    self.compare(Pair {
                        path: &[path, &[name]].concat(),
                        around: &around,
                        kismet: kismet.get(name),
                        ours: fields.get(name),
                        ..pair
                    });
                }
            }
            (Some(Value::Array(kismet)), Some(Value::Array(ours)))
                if kismet.iter().chain(ours).any(Value::is_object) =>
            {
                let (kismet, ours) = by_key(kismet, ours);
                let keys: BTreeSet<_> = kismet.keys().chain(ours.keys()).collect();
                for key in keys {
                    self.compare(Pair {
                        path: &[path, &[key]].concat(),
                        kismet: kismet.get(key).copied(),
                        ours: ours.get(key).copied(),
                        ..pair
                    });
                }
            }
            _ if pair.is_same() => {}
            _ => self.unexplained.push(pair.report(self.file, "")),
        }
    }

    fn judge(&mut self, place: Place, pair: Pair<'_>) {
        let (_, here) = DIFFERENCES[place.0].fields[place.1];
        let ours = pair.ours.unwrap_or(&Value::Null);
        let right = match here {
            Ignored => {
                pair.kismet.map(std::mem::discriminant) == pair.ours.map(std::mem::discriminant)
            }
            Ours(json) => same(&serde_json::from_str(json).unwrap(), ours),
            Says(part) => ours.as_str().is_some_and(|text| text.contains(part)),
            Holds(judge) => judge(&Case {
                ours,
                around: pair.around,
                recorded: pair.recorded,
                reports: &self.reports,
            }),
        };
        if !right {
            self.unexplained
                .push(pair.report(self.file, DIFFERENCES[place.0].reason));
        }
        // A value that Kismet shows too keeps no entry alive, but what goes by the clock may be the
        // same by chance.
        if !pair.is_same() || matches!(here, Ignored | Holds(_)) {
            self.used.insert(place);
        }
    }
}

impl Pair<'_> {
    fn is_same(&self) -> bool {
        self.kismet
            .zip(self.ours)
            .is_some_and(|(kismet, ours)| same(kismet, ours))
    }

    fn report(&self, file: &str, reason: &str) -> String {
        let show = |value: Option<&Value>| {
            let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            text.chars().take(600).collect::<String>()
        };
        let (kismet, ours) = (show(self.kismet), show(self.ours));
        let path = self.path.join(" > ");
        let unlike = if reason.is_empty() {
            ""
        } else {
            "\n    unlike: "
        };
        format!("{file} > {path}\n    Kismet: {kismet}\n    ours:   {ours}{unlike}{reason}")
    }
}

/// Where a difference stands in the table.
type Place = (usize, usize);

fn places() -> impl Iterator<Item = Place> {
    let numbered = DIFFERENCES.iter().enumerate();
    numbered.flat_map(|(index, differences)| {
        (0..differences.fields.len()).map(move |field| (index, field))
    })
}

fn fits(place: Place, file: &str, path: &[&str]) -> bool {
    let differences = &DIFFERENCES[place.0];
    let (field, _) = differences.fields[place.1];
    let mut names = path.iter().rev();
    (differences.files.is_empty() || differences.files.contains(&file))
        && (differences.inside == ANY || path.contains(&differences.inside))
        && field.rsplit('/').all(|part| {
            names
                .next()
                .is_some_and(|name| part == ANY || part == *name)
        })
}

/// Equal, but for the last of the six decimals that Kismet writes.
fn same(kismet: &Value, ours: &Value) -> bool {
    match (kismet, ours) {
        (Value::Number(kismet), Value::Number(ours)) => {
            let both = kismet.as_f64().zip(ours.as_f64());
            let close = both.is_some_and(|(kismet, ours)| (kismet - ours).abs() < 1.1e-6);
            // Beyond 2^53 different integers are the same float.
            let exact = kismet.is_u64() && ours.is_u64();
            if exact { kismet == ours } else { close }
        }
        (Value::Array(kismet), Value::Array(ours)) => {
            kismet.len() == ours.len()
                && kismet
                    .iter()
                    .zip(ours)
                    .all(|(kismet, ours)| same(kismet, ours))
        }
        _ => kismet == ours,
    }
}

fn key(record: &Value) -> Option<&str> {
    KEYS.iter().find_map(|key| record[key].as_str())
}

type ByKey<'v> = BTreeMap<&'v str, &'v Value>;

/// The records of two lists by what tells them apart, since their order means nothing. Two lists of
/// one record each are about the same thing, even if its name differs.
fn by_key<'v>(kismet: &'v [Value], ours: &'v [Value]) -> (ByKey<'v>, ByKey<'v>) {
    let by_key = |list: &'v [Value]| {
        let records: ByKey<'v> = list
            .iter()
            .map(|record| (key(record).unwrap(), record))
            .collect();
        assert_eq!(
            records.len(),
            list.len(),
            "a record stands twice in {list:?}"
        );
        records
    };
    if let ([kismet], [ours]) = (kismet, ours) {
        let name = key(ours).unwrap();
        return (ByKey::from([(name, kismet)]), ByKey::from([(name, ours)]));
    }
    (by_key(kismet), by_key(ours))
}

/// What a request of a capture reports, where it can be read at all.
fn document(request: &Value) -> Option<&Value> {
    request.get("json").or(request.get("form"))
}

/// Every report of a capture, with the source that sends it.
fn reports(capture: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let requests = capture["requests"].as_array().unwrap();
    for document in requests.iter().filter_map(document) {
        for report in document["reports"].as_array().into_iter().flatten() {
            let mut report = report.clone();
            report["source_uuid"] = document["source_uuid"].clone();
            all.push(report);
        }
    }
    all
}

async fn send(server: &TestServer, request: &Value) -> Answer {
    let path = request["path"].as_str().unwrap();
    if let Some(document) = request.get("json") {
        return server.post_json(path, document).await;
    }
    if let Some(document) = request.get("form") {
        let document = document.to_string();
        let form = format!("json={}", utf8_percent_encode(&document, NON_ALPHANUMERIC));
        let content_type = "application/x-www-form-urlencoded";
        return server.post(path, Some(content_type), form).await;
    }
    let raw = request["raw"].as_str().unwrap().to_owned();
    server.post(path, Some("application/json"), raw).await
}

fn is_served(path: &str) -> bool {
    SERVED.iter().any(|pattern| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern
                .zip(path)
                .all(|(part, given)| part == ANY || part == given)
    })
}

/// Sends what the capture sent, and compares every answer with Kismet's.
async fn replay<'c>(file: &'c str, capture: &Value) -> Comparison<'c> {
    let server = TestServer::start().await;
    let mut comparison = Comparison {
        file,
        reports: reports(capture),
        used: BTreeSet::new(),
        unexplained: Vec::new(),
    };
    let requests = capture["requests"].as_array().unwrap();
    for (index, request) in requests.iter().enumerate() {
        let answer = send(&server, request).await;
        comparison.exchange(&format!("request {index}"), request, &answer);
    }
    let only_wifi = requests.iter().all(|request| request["path"] == WIFI);
    for read in capture["reads"].as_array().unwrap() {
        let path = read["path"].as_str().unwrap();
        if path == IN_ANOTHER_FORM {
            continue;
        }
        assert!(
            is_served(path),
            "{file} reads {path}, which stands in no list"
        );
        let has_form = read.get("form").is_some();
        let answer = if has_form {
            send(&server, read).await
        } else {
            server.get(path).await
        };
        comparison.exchange(path, read, &answer);
        if path == ACCESS_POINTS && only_wifi && !has_form {
            for path in AS_ACCESS_POINTS {
                comparison.exchange(path, read, &server.get(path).await);
            }
        }
    }
    comparison
}

/// Every capture, by the name of its file.
fn captures() -> BTreeMap<String, Value> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/captures");
    let captures: BTreeMap<_, _> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let capture = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            (name, capture)
        })
        .collect();
    assert!(!captures.is_empty());
    captures
}

#[tokio::test]
async fn every_answer_is_that_of_kismet_but_for_meant_differences() {
    let mut unexplained = Vec::new();
    for (file, capture) in captures() {
        unexplained.extend(replay(&file, &capture).await.unexplained);
    }
    assert!(
        unexplained.is_empty(),
        "{} unexplained differences:\n\n{}\n",
        unexplained.len(),
        unexplained.join("\n\n")
    );
}

/// An entry that explains nothing hides the next defect.
#[tokio::test]
async fn every_meant_difference_is_there() {
    let mut used = BTreeSet::new();
    let captures = captures();
    for (file, capture) in &captures {
        let places = replay(file, capture).await.used;
        used.extend(places.into_iter().map(|place| (place, file.as_str())));
    }
    let mut stale = Vec::new();
    for place in places() {
        let differences = &DIFFERENCES[place.0];
        let is_used = |file: &str| used.contains(&(place, file));
        let needed = match differences.files {
            [] => captures.keys().any(|file| is_used(file)),
            files => files.iter().all(|file| is_used(file)),
        };
        if !needed {
            let (field, _) = differences.fields[place.1];
            let Differences { inside, reason, .. } = differences;
            stale.push(format!("{inside} > {field}: {reason}"));
        }
    }
    assert!(stale.is_empty(), "no capture needs\n{}\n", stale.join("\n"));
}
