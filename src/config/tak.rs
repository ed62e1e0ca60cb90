//! `[[tak]]`: TAK programs that are shown devices as they are reported.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::http::uri::Authority;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio_rustls::rustls::pki_types::ServerName;

use super::list::{Entry, Fault};
use super::webhook::{MINUTE, name};
use super::{DAY, HOUR, HiddenText, count, duration_text, forward, time};
use crate::privacy::{AddressRange, Pattern};
use crate::report::Phy;
use crate::report::capabilities::SecurityClass;

/// Each device is compared with each of them.
const PATTERNS_MAX: usize = 100;
const ADDRESSES_MAX: usize = 1000;
const URL_BYTES_MAX: usize = 512;
/// What the targets of one server may need: TAK programs become slow with more.
const RATE_MAX: usize = 100;

/// An entry of `[[tak]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tak {
    /// Name, which identifies the target.
    pub name: String,
    /// Address of the program: `udp://`, `tcp://` or `tls://`, a host and a port.
    pub url: HiddenText,
    /// Name that the certificate of the server must have, if it is not the host of `url`. For `tls` only.
    pub server_name: String,
    /// PEM file with certificates to trust besides those that browsers trust. For `tls` only. Default empty.
    pub ca_file: PathBuf,
    /// PEM file with the certificate by which this server shows who it is. For `tls` only. Default empty.
    pub cert_file: PathBuf,
    /// PEM file with the private key of that certificate. Default empty.
    pub key_file: PathBuf,
    /// Most events a second. Default 10.
    pub events_per_second_max: usize,
    /// Least time between two events of the same device. Default 1 minute.
    #[serde(with = "duration_text")]
    pub every: Duration,
    /// How long a mark stays after the device was seen. Default 5 minutes.
    #[serde(with = "duration_text")]
    pub stale_after: Duration,
    /// Most devices that wait to be sent. Default 10 000.
    pub queue_max: usize,
    /// Radio technologies of the devices that are sent. Empty means all.
    pub phys: Vec<PhyWord>,
    /// Security of the devices that are sent. Empty means any.
    pub security: Vec<SecurityWord>,
    /// Sources whose reports are the occasion to send a device, by UUID or by name. Empty means all.
    pub sources: Vec<String>,
    /// Names of the networks that are sent: `*` stands for any characters, `?` for one byte. Empty means all.
    pub ssids: Vec<Pattern>,
    /// Addresses of the devices that are sent. Empty means all.
    pub addresses: Vec<AddressRange>,
    /// Longest time to connect. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub connect_timeout: Duration,
    /// Longest time until the receiver takes an event. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub write_timeout: Duration,
    /// Pause after the first failure. Each further failure doubles it. Default 1 second.
    #[serde(with = "duration_text")]
    pub retry_min: Duration,
    /// Longest pause. Default 5 minutes.
    #[serde(with = "duration_text")]
    pub retry_max: Duration,
}

/// How events travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakScheme {
    /// One event a datagram.
    Udp,
    /// One event after the other.
    Tcp,
    /// The same, encrypted.
    Tls,
}

/// Where events go. Its text has no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TakAddress {
    pub(crate) scheme: TakScheme,
    /// A name or an address. One of IPv6 is without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A radio technology, as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhyWord {
    /// Wi-Fi.
    Wifi,
    /// Bluetooth, classic and low energy.
    Bluetooth,
}

impl PhyWord {
    pub(crate) const fn phy(self) -> Phy {
        match self {
            Self::Wifi => Phy::Wifi,
            Self::Bluetooth => Phy::Bluetooth,
        }
    }
}

/// A class of security, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityWord(pub SecurityClass);

impl Serialize for SecurityWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for SecurityWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut all = SecurityClass::ALL.into_iter();
        let known = all.find(|class| class.as_str() == text);
        known.map(Self).ok_or_else(|| {
            let words = SecurityClass::ALL.map(SecurityClass::as_str);
            de::Error::custom(format!("must be among {}", words.join(", ")))
        })
    }
}

impl Default for Tak {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: HiddenText::default(),
            server_name: String::new(),
            ca_file: PathBuf::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            events_per_second_max: 10,
            every: MINUTE,
            stale_after: MINUTE * 5,
            queue_max: 10_000,
            phys: Vec::new(),
            security: Vec::new(),
            sources: Vec::new(),
            ssids: Vec::new(),
            addresses: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: MINUTE * 5,
        }
    }
}

impl Entry for Tak {
    const SECTION: &'static str = "tak";
    const ENTRIES_MAX: usize = 16;
    // A URL with a password is refused, and must not be shown then.
    const SECRET: &'static [&'static str] = &["url"];

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), Fault> {
        let at = |key: &'static str| move |reason: String| (key, reason);
        name(&self.name).map_err(at("name"))?;
        let address = self.address().map_err(at("url"))?;
        self.check_tls(&address)?;
        forward::sources(&self.sources).map_err(at("sources"))?;
        for (key, length, most) in [
            ("phys", self.phys.len(), 2),
            ("security", self.security.len(), SecurityClass::ALL.len()),
            ("ssids", self.ssids.len(), PATTERNS_MAX),
            ("addresses", self.addresses.len(), ADDRESSES_MAX),
        ] {
            if most < length {
                return Err((key, format!("must have at most {most} entries")));
            }
        }
        let least = Duration::from_millis(1);
        count(self.events_per_second_max, 1..=RATE_MAX).map_err(at("events_per_second_max"))?;
        time(self.every, Duration::ZERO..=HOUR).map_err(at("every"))?;
        time(self.stale_after, Duration::from_secs(1)..=DAY).map_err(at("stale_after"))?;
        count(self.queue_max, 1..=1_000_000).map_err(at("queue_max"))?;
        time(self.connect_timeout, least..=MINUTE * 10).map_err(at("connect_timeout"))?;
        time(self.write_timeout, least..=MINUTE * 10).map_err(at("write_timeout"))?;
        time(self.retry_min, least..=DAY).map_err(at("retry_min"))?;
        time(self.retry_max, least..=DAY * 7).map_err(at("retry_max"))?;
        if self.retry_max < self.retry_min {
            return Err(("retry_max", "must be at least `retry_min`".to_owned()));
        }
        Ok(())
    }
}

impl Tak {
    /// Where events go.
    pub(crate) fn address(&self) -> Result<TakAddress, String> {
        address(self.url.reveal()).map_err(|what| {
            format!("must be an address such as \"udp://239.2.3.1:6969\", \"tcp://tak.example:8087\" or \"tls://tak.example:8089\": {what}")
        })
    }

    /// The name in the certificate of the server.
    pub(crate) fn certified_name(&self, address: &TakAddress) -> String {
        if self.server_name.is_empty() {
            address.host.clone()
        } else {
            self.server_name.clone()
        }
    }

    fn check_tls(&self, address: &TakAddress) -> Result<(), Fault> {
        let is_given = |path: &Path| !path.as_os_str().is_empty();
        if address.scheme != TakScheme::Tls {
            for (key, is_given) in [
                ("server_name", !self.server_name.is_empty()),
                ("ca_file", is_given(&self.ca_file)),
                ("cert_file", is_given(&self.cert_file)),
                ("key_file", is_given(&self.key_file)),
            ] {
                if is_given {
                    return Err((key, "must be empty, because `url` is not tls://".to_owned()));
                }
            }
            return Ok(());
        }
        if self.server_name.is_empty() && address.host.contains('%') {
            let reason = "must be set, because no certificate has an address with a zone";
            return Err(("server_name", reason.to_owned()));
        }
        if ServerName::try_from(self.certified_name(address)).is_err() {
            let key = if self.server_name.is_empty() {
                "url"
            } else {
                "server_name"
            };
            return Err((
                key,
                "must have the name or the address of a host".to_owned(),
            ));
        }
        let (missing, given) = match (is_given(&self.cert_file), is_given(&self.key_file)) {
            (true, false) => ("key_file", "cert_file"),
            (false, true) => ("cert_file", "key_file"),
            _ => return Ok(()),
        };
        Err((
            missing,
            format!("must name a file too, because `{given}` does"),
        ))
    }
}

fn address(text: &str) -> Result<TakAddress, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if URL_BYTES_MAX < text.len() {
        return Err("it is longer than 512 bytes");
    }
    let schemes = [
        ("udp://", TakScheme::Udp),
        ("tcp://", TakScheme::Tcp),
        ("tls://", TakScheme::Tls),
    ];
    let (scheme, rest) = schemes
        .into_iter()
        .find_map(|(start, scheme)| Some((scheme, text.strip_prefix(start)?)))
        .ok_or("it does not begin with udp://, tcp:// or tls://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err("it must not contain a user name or password");
    }
    if rest.contains(['/', '?', '#']) {
        return Err("it must end with the port");
    }
    let authority: Authority = rest.parse().map_err(|_| "it is not a valid address")?;
    let host = authority.host();
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(host) = in_brackets {
        check_v6(scheme, host)?;
    } else if let Ok(address) = host.parse() {
        check_ip(scheme, address)?;
    }
    let host = in_brackets.unwrap_or(host);
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = authority.port_u16().filter(|port| 0 < *port);
    Ok(TakAddress {
        scheme,
        host: host.to_owned(),
        port: port.ok_or("its port is missing, or is not 1 to 65535")?,
    })
}

/// Checks an address of IPv6, with its zone if it has one.
fn check_v6(scheme: TakScheme, host: &str) -> Result<(), &'static str> {
    let (address, zone) = match host.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (host, None),
    };
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| "it has no valid address of IPv6 in its brackets")?;
    // The system takes a zone for these alone, and does not reach them without one.
    match (is_link_local(address), zone) {
        (true, None) => Err(
            "a link-local address needs the zone in which it is, such as udp://[fe80::1%eth0]:6969",
        ),
        (true, Some(zone)) if zone.is_empty() || zone.contains('%') || zone.starts_with("25") => {
            Err("its zone must be the name of an interface, behind a single %")
        }
        (false, Some(_)) => Err("only a link-local address has a zone"),
        _ => check_ip(scheme, address.into()),
    }
}

/// Whether the address means something on one link only.
fn is_link_local(address: Ipv6Addr) -> bool {
    // Groups whose scope is an interface or a link.
    let [first, ..] = address.segments();
    address.is_unicast_link_local() || matches!(first & 0xff0f, 0xff01 | 0xff02)
}

fn check_ip(scheme: TakScheme, address: IpAddr) -> Result<(), &'static str> {
    let address = address.to_canonical();
    if address == Ipv4Addr::BROADCAST {
        return Err("events are not broadcast: use a multicast group, such as 239.2.3.1");
    }
    if address.is_multicast() && scheme != TakScheme::Udp {
        return Err("a multicast group is reached by udp:// only");
    }
    Ok(())
}

impl TakScheme {
    const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for TakAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let scheme = scheme.word();
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::config::{Config, ConfigError, Overrides};

    fn load(text: &str) -> Result<Vec<Tak>, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("scanpost.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), [], Overrides::default()).map(|config| config.tak)
    }

    /// An entry with these keys, and with a name and a URL.
    fn entry(keys: &[(&str, &str)]) -> String {
        let defaults = [("name", "\"a\""), ("url", "\"tls://h:8089\"")];
        let is_given = |default: &(&str, &str)| keys.iter().any(|(key, _)| *key == default.0);
        let missing = defaults.into_iter().filter(|default| !is_given(default));
        let lines = missing.chain(keys.iter().copied());
        let lines = lines.map(|(name, value)| format!("{name} = {value}\n"));
        format!("[[tak]]\n{}", lines.collect::<String>())
    }

    #[track_caller]
    fn refused(text: &str, parts: &[&str]) {
        let message = load(text).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[track_caller]
    fn check(key: &str, good: &[&str], bad: &[&str]) {
        for value in good {
            let loaded = load(&entry(&[(key, value)]));
            assert!(loaded.is_ok(), "{key} = {value}: {loaded:?}");
        }
        for value in bad {
            let named = format!("`tak[0].{key}`");
            refused(&entry(&[(key, value)]), &[&named, "must "]);
        }
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let example = include_str!("../../config.example.toml");
        let (_, shown) = example.split_once("# [[tak]]\n").unwrap();
        let lines = shown.lines().map_while(|line| line.strip_prefix("# "));
        let shown = lines.collect::<Vec<_>>().join("\n");
        let keys: Table = shown.parse().unwrap();
        let loaded = load(&format!("[[tak]]\n{shown}")).unwrap().remove(0);
        let defaults = Tak {
            name: "team".to_owned(),
            url: "udp://239.2.3.1:6969".to_owned().into(),
            ..Tak::default()
        };
        assert_eq!(loaded, defaults);
        let known = Table::try_from(defaults).unwrap();
        assert!(known.keys().eq(keys.keys()), "{keys}");
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        let texts = |count: usize, text: &str| format!("{:?}", vec![text; count]);
        check("name", &["\"a-B_0\""], &["\"\"", "\"a.b\""]);
        check("events_per_second_max", &["1", "100"], &["0", "101"]);
        check("every", &["\"0s\"", "\"1h\""], &["\"1h 1ms\""]);
        check(
            "stale_after",
            &["\"1s\"", "\"1day\""],
            &["\"999ms\"", "\"1day 1ms\""],
        );
        check("queue_max", &["1", "1000000"], &["0", "1000001"]);
        for key in ["connect_timeout", "write_timeout"] {
            check(key, &["\"1ms\"", "\"10m\""], &["\"999us\"", "\"10m 1ms\""]);
        }
        check(
            "retry_min",
            &["\"1ms\"", "\"5m\""],
            &["\"999us\"", "\"1day 1ms\""],
        );
        check(
            "retry_max",
            &["\"1s\"", "\"7days\""],
            &["\"999ms\"", "\"7days 1ms\""],
        );
        check(
            "ssids",
            &["[\"Cafe*\"]", &texts(100, "a")],
            &["[\"\"]", &texts(101, "a")],
        );
        check(
            "addresses",
            &["[\"AA:BB:CC\"]", &texts(1000, "AA")],
            &["[\"x\"]", &texts(1001, "AA")],
        );
        check("sources", &["[\"phone\"]"], &["[\"\"]"]);
        check("security", &["[\"open\", \"wep\"]"], &["[\"opem\"]"]);
        load(&entry(&[("phys", "[\"wifi\", \"bluetooth\"]")])).unwrap();
        refused(
            &entry(&[("phys", "[\"wlan\"]")]),
            &["`tak[0].phys`", "`wifi`"],
        );
        let all = |count: usize| {
            let entries = (0..count).map(|number| entry(&[("name", &format!("\"a{number}\""))]));
            entries.collect::<String>()
        };
        assert_eq!(load(&all(16)).unwrap().len(), 16);
        refused(&all(17), &["`tak`", "at most 16"]);
        refused(
            &format!("{}{}", entry(&[]), entry(&[])),
            &["`tak[1].name` = \"a\"", "must differ"],
        );
        refused(
            &entry(&[("evry", "\"1s\"")]),
            &["`tak[0].evry`", "tak[0].every"],
        );
    }

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (text, shown) in [
            ("udp://239.2.3.1:6969", "udp://239.2.3.1:6969"),
            ("tcp://tak.example:8087/", "tcp://tak.example:8087"),
            ("tls://[::1]:8089", "tls://[::1]:8089"),
        ] {
            let loaded = load(&entry(&[("url", &format!("{text:?}"))]))
                .unwrap()
                .remove(0);
            assert_eq!(loaded.address().unwrap().to_string(), shown);
            assert!(!format!("{loaded:?}").contains("://"), "{loaded:?}");
        }
        check(
            "url",
            &[],
            &[
                "\"\"",
                "\"239.2.3.1:6969\"",
                "\"http://h:1\"",
                "\"tcp://h\"",
                "\"tcp://h:0\"",
                "\"tcp://h:65536\"",
                "\"tcp://:1\"",
                "\"tcp://u:hunter2@h:1\"",
                "\"tcp://h:1/hunter2\"",
                "\"tcp://a b:1\"",
                "\"tls://a_b!:1\"",
            ],
        );
    }

    #[test]
    fn an_address_that_cannot_be_reached_is_refused_with_the_reason() {
        check(
            "url",
            &[
                "\"udp://255.255.255.254:1\"",
                "\"udp://239.2.3.1:1\"",
                "\"udp://[ff0e::1]:1\"",
                "\"udp://[ff02::1%eth0]:1\"",
                "\"tcp://[fe80::1%eth0]:1\"",
                "\"tcp://[2001:db8::1]:1\"",
            ],
            &[],
        );
        for (url, reason) in [
            ("udp://255.255.255.255:1", "broadcast"),
            ("tcp://255.255.255.255:1", "broadcast"),
            ("udp://[::ffff:255.255.255.255]:1", "broadcast"),
            ("tcp://239.2.3.1:1", "by udp://"),
            ("tls://224.0.0.1:1", "by udp://"),
            ("tcp://[ff0e::1]:1", "by udp://"),
            ("tls://[ff02::1%eth0]:1", "by udp://"),
            ("udp://[fe80::1]:1", "needs the zone"),
            ("udp://[ff02::1]:1", "needs the zone"),
            ("udp://[fe80::1%]:1", "name of an interface"),
            ("udp://[fe80::1%25eth0]:1", "name of an interface"),
            ("udp://[2001:db8::1%eth0]:1", "only a link-local"),
            ("udp://[tak.example]:1", "in its brackets"),
        ] {
            let text = entry(&[("url", &format!("{url:?}"))]);
            refused(&text, &["`tak[0].url`", reason]);
        }
        let zoned = ("url", "\"tls://[fe80::1%eth0]:1\"");
        refused(&entry(&[zoned]), &["`tak[0].server_name`", "zone"]);
        load(&entry(&[zoned, ("server_name", "\"tak.example\"")])).unwrap();
    }

    #[test]
    fn files_of_tls_are_refused_where_they_would_do_nothing() {
        let plain = ("url", "\"tcp://h:1\"");
        for key in ["ca_file", "cert_file", "key_file", "server_name"] {
            let named = format!("`tak[0].{key}`");
            refused(&entry(&[plain, (key, "\"x\"")]), &[&named, "tls://"]);
        }
        let (cert, key) = (("cert_file", "\"/c\""), ("key_file", "\"/k\""));
        load(&entry(&[cert, key])).unwrap();
        refused(&entry(&[cert]), &["`tak[0].key_file`", "`cert_file`"]);
        refused(&entry(&[key]), &["`tak[0].cert_file`", "`key_file`"]);
        check("server_name", &["\"tak.example\""], &["\"a b\""]);
    }
}
