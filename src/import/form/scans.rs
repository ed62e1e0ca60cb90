//! Scan results that programs print for people: `iw`, `wpa_cli`, Android's `cmd wifi` and `dumpsys`, Termux.
//!
//! They have no clock. The time of the whole capture comes with the file.

use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::Value;

use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, address, find_address, number, text};
use crate::ingest::ssid_text::unescaped;
use crate::report::{ChannelWidth, UnixTime};

/// The time so many seconds before the capture.
fn before(context: &Context<'_>, age_s: f64) -> Option<UnixTime> {
    let seconds = (f64::from(context.time?.seconds()) - age_s).floor();
    crate::import::clock::unix_time(seconds)
}

/// Reads `iw dev wlan0 scan`.
pub(crate) fn read_iw(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_iw_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_iw_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    let mut station: Option<Station> = None;
    while let Some(line) = lines.next()? {
        let record = line.bytes.strip_prefix(b"BSS ").and_then(find_address);
        if let Some((0, address)) = record {
            let begun = Station::begun(line.number, address);
            if let Some(done) = station.replace(begun)
                && rows.row(done.line, done.row(context)).is_break()
            {
                return Ok(Ending::default());
            }
        } else if let Some(station) = &mut station {
            station.take(&text(&line.bytes));
        }
        lines.reuse(line);
    }
    if let Some(done) = station {
        let _flow = rows.row(done.line, done.row(context));
    }
    Ok(Ending::default())
}

/// The security that one element of a beacon states.
#[derive(Default)]
struct Suites {
    akms: String,
    ciphers: String,
}

impl Suites {
    fn block(&self, protocol: &str) -> String {
        let parts = [protocol, &self.akms, &self.ciphers];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("[{}]", parts.join("-"))
    }
}

/// An access point as `iw` prints it.
struct Station {
    line: u64,
    address: crate::report::MacAddr,
    frequency: Option<f64>,
    signal_dbm: Option<f64>,
    age_s: f64,
    ssid: Vec<u8>,
    channel: String,
    /// The element of the beacon that the lines belong to.
    section: String,
    capability: String,
    rsn: Option<Suites>,
    wpa: Option<Suites>,
    has_wps: bool,
    requires_mfp: bool,
    is_mfp_capable: bool,
}

impl Station {
    fn begun(line: u64, address: crate::report::MacAddr) -> Self {
        Self {
            line,
            address,
            frequency: None,
            signal_dbm: None,
            age_s: 0.0,
            ssid: Vec::new(),
            channel: String::new(),
            section: String::new(),
            capability: String::new(),
            rsn: None,
            wpa: None,
            has_wps: false,
            requires_mfp: false,
            is_mfp_capable: false,
        }
    }

    fn take(&mut self, line: &str) {
        let is_of_station = line.starts_with('\t') && !line.starts_with("\t\t");
        let trimmed = line.trim_start();
        let detail = if is_of_station {
            let (name, value) = trimmed.split_once(':').unwrap_or((trimmed, ""));
            name.clone_into(&mut self.section);
            self.take_value(name, value);
            value
        } else {
            trimmed
        };
        if let Some(detail) = detail.trim_start().strip_prefix('*') {
            self.take_detail(detail.trim());
        }
    }

    fn take_value(&mut self, name: &str, value: &str) {
        let first = value.split_whitespace().next().unwrap_or_default();
        let leading = || number(first.as_bytes());
        match name {
            "freq" => self.frequency = leading(),
            "signal" => self.signal_dbm = leading(),
            "last seen" => self.age_s = leading().unwrap_or_default() / 1000.0,
            "SSID" => {
                let name = value.strip_prefix(' ').unwrap_or(value);
                self.ssid = unescaped(name).into_owned();
            }
            "DS Parameter set" => {
                let channel = value.trim().strip_prefix("channel").unwrap_or_default();
                channel.trim().clone_into(&mut self.channel);
            }
            "capability" => value.clone_into(&mut self.capability),
            "RSN" => self.rsn = Some(Suites::default()),
            "WPA" => self.wpa = Some(Suites::default()),
            "WPS" => self.has_wps = true,
            _ => {}
        }
    }

    /// A line that begins with an asterisk. It belongs to the last line without one.
    fn take_detail(&mut self, detail: &str) {
        let Some((name, value)) = detail.split_once(':') else {
            return;
        };
        let suites = match &*self.section {
            "RSN" => &mut self.rsn,
            "WPA" => &mut self.wpa,
            "HT operation" => {
                if name == "primary channel" && self.channel.is_empty() {
                    value.trim().clone_into(&mut self.channel);
                }
                return;
            }
            _ => return,
        };
        let suites = suites.get_or_insert_default();
        match name {
            "Pairwise ciphers" => suites.ciphers = joined(value),
            "Authentication suites" => {
                let value = value
                    .replace("IEEE 802.1X", "EAP")
                    .replace("/SHA-256", "-SHA256")
                    .replace("/SHA-384", "-SHA384");
                suites.akms = joined(&value);
            }
            "Capabilities" => {
                self.requires_mfp |= value.contains("MFP-required");
                self.is_mfp_capable |= value.contains("MFP-capable");
            }
            _ => {}
        }
    }

    fn capabilities(&self) -> String {
        let mut capabilities = String::new();
        if let Some(wpa) = &self.wpa {
            capabilities += &wpa.block("WPA");
        }
        if let Some(rsn) = &self.rsn {
            capabilities += &rsn.block("RSN");
        }
        let has = |word: &str| {
            self.capability
                .split_whitespace()
                .any(|known| known == word)
        };
        if has("Privacy") && self.wpa.is_none() && self.rsn.is_none() {
            capabilities += "[WEP]";
        }
        for (is_set, flag) in [
            (self.has_wps, "[WPS]"),
            (has("ESS"), "[ESS]"),
            (has("IBSS"), "[IBSS]"),
            (self.requires_mfp, "[MFPR]"),
            (self.is_mfp_capable, "[MFPC]"),
        ] {
            capabilities += if is_set { flag } else { "" };
        }
        capabilities
    }

    fn row(self, context: &Context<'_>) -> Row {
        let mut draft = Draft::wifi(self.address);
        draft.time = before(context, self.age_s);
        draft.capabilities = self.capabilities().into();
        draft.name = Cow::Owned(self.ssid);
        draft.channel = self.channel.into();
        draft.frequency = self.frequency;
        draft.signal_dbm = self.signal_dbm;
        draft.into_row(context)
    }
}

fn joined(words: &str) -> String {
    let words: Vec<_> = words.split_whitespace().collect();
    words.join("+")
}

/// Passes each line, and its row on.
fn each_row(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
    row_of: &dyn Fn(&[u8]) -> Option<Row>,
) -> Result<Ending, FileError> {
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    while let Some(line) = lines.next()? {
        if let Some(row) = row_of(&line.bytes)
            && rows.row(line.number, row) == ControlFlow::Break(())
        {
            return Ok(Ending::default());
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}

/// Reads `wpa_cli scan_results`: address, frequency, signal, flags and name, with tabs between them.
pub(crate) fn read_wpa_supplicant(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_wpa_supplicant_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_wpa_supplicant_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    each_row(input, context, rows, &|line| {
        let mut fields = line.splitn(5, |byte| *byte == b'\t');
        let address = address(fields.next()?)?;
        let (mhz, dbm) = (
            fields.next().and_then(number),
            fields.next().and_then(number),
        );
        let mut draft = Draft::wifi(address);
        draft.time = context.time;
        draft.frequency = mhz;
        draft.signal_dbm = dbm;
        draft.capabilities = text(fields.next().unwrap_or_default());
        let name = fields.next().unwrap_or_default();
        draft.name = match std::str::from_utf8(name) {
            Ok(name) => unescaped(name),
            Err(_) => Cow::Borrowed(name),
        };
        Some(draft.into_row(context))
    })
}

/// Reads the tables of Android's `cmd wifi list-scan-results` and `dumpsys wifiscanner`.
pub(crate) fn read_dumpsys(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_dumpsys_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_dumpsys_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    each_row(input, context, rows, &|line| {
        let line = text(line);
        let (address_word, rest) = line.trim_start().split_once(char::is_whitespace)?;
        let address = address(address_word.as_bytes())?;
        let (mhz, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        let (dbm, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        let (age, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        // A name may have brackets and blanks, the flags have no blanks.
        let (name, flags) = match rest.trim_end().rsplit_once(char::is_whitespace) {
            Some((name, flags)) if flags.starts_with('[') => (name, flags),
            None if rest.starts_with('[') => ("", rest),
            _ => (rest, ""),
        };
        // One number for each antenna may follow.
        let dbm = dbm.split('(').next().unwrap_or_default();
        let age = age.trim_start_matches('>').replace(',', ".");
        let mut draft = Draft::wifi(address);
        draft.time = before(context, number(age.as_bytes()).unwrap_or_default());
        draft.frequency = number(mhz.as_bytes());
        draft.signal_dbm = number(dbm.as_bytes());
        draft.name = Cow::Borrowed(name.trim().as_bytes());
        draft.capabilities = Cow::Borrowed(flags.trim());
        Some(draft.into_row(context))
    })
}

/// Reads the JSON of `termux-wifi-scaninfo`.
pub(crate) fn read_termux(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_termux_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_termux_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    /// A scan has some hundred networks, of some hundred bytes each.
    const BYTES_MAX: u64 = 16 << 20;
    let mut json = Vec::new();
    input.take(BYTES_MAX).read_to_end(&mut json)?;
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&json);
    let scan: Vec<Scanned> = serde_json::from_slice(json).map_err(|wrong| {
        FileError::refused(format!("not the JSON of termux-wifi-scaninfo: {wrong}"))
    })?;
    for (number, scanned) in (1..).zip(scan) {
        let row = match address(scanned.bssid.as_bytes()) {
            None => Row::Refused("bssid: not a hardware address".to_owned()),
            Some(address) => {
                let mut draft = Draft::wifi(address);
                // Its own times count from the start of the phone.
                draft.time = context.time;
                draft.name = Cow::Borrowed(scanned.ssid.as_bytes());
                draft.capabilities = Cow::Borrowed(&scanned.capabilities);
                draft.frequency = scanned.frequency_mhz;
                let width = scanned.channel_bandwidth_mhz.as_str();
                draft.width = width.and_then(ChannelWidth::from_wire);
                draft.signal_dbm = scanned.rssi;
                draft.into_row(context)
            }
        };
        if rows.row(number, row).is_break() {
            return Ok(Ending::default());
        }
    }
    Ok(Ending::default())
}

/// A network as Termux writes it, with the parts that are read.
#[derive(Debug, Deserialize)]
struct Scanned {
    #[serde(default)]
    bssid: String,
    #[serde(default)]
    ssid: String,
    #[serde(default)]
    capabilities: String,
    #[serde(default)]
    frequency_mhz: Option<f64>,
    /// `???` if the phone does not say it.
    #[serde(default)]
    channel_bandwidth_mhz: Value,
    #[serde(default)]
    rssi: Option<f64>,
}
