//! The configuration: a TOML file, then the environment, then flags, as one checked [`Config`].
//!
//! Whoever holds a [`Config`] from [`Config::load`] holds values that are known, well-typed and
//! within their bounds. This module owns every key, its default and its bounds, and opens nothing
//! but the one file it is told to read. `config.example.toml` lists the same keys for people;
//! a test holds the two equal.

pub mod alerts;
mod layers;
pub(crate) mod webhook;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use alerts::Alerts;
use layers::Layers;
pub use webhook::{HiddenText, Webhook};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An empty log has some 100 KiB, which no expiry makes smaller.
const SIZE_LEAST_BYTES: u64 = 1 << 20;

/// Everything that can be set, one field a section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server listens, where it keeps its data, what it calls itself.
    pub server: Server,
    /// Who may report and read.
    pub auth: Auth,
    /// What is logged, and in which form.
    pub logging: Logging,
    /// How reports are judged.
    pub ingest: Ingest,
    /// How often the picture is put on disk.
    pub snapshots: Snapshots,
    /// What is forgotten, and when.
    pub retention: Retention,
    /// What is worth a warning.
    pub alerts: Alerts,
    /// The bounds of everything that comes from outside.
    pub limits: Limits,
    /// Whom alerts are sent to.
    pub webhooks: Vec<Webhook>,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on; port 0 lets the system choose. Default `127.0.0.1:2501`, Kismet's port.
    pub listen: SocketAddr,
    /// The folder that holds the server's data, as configured. Default empty: see [`Server::data_dir`].
    pub data_dir: PathBuf,
    /// The server's name, shown as `kismet.system.server_name`. Default `scanpost`.
    pub name: String,
    /// What the server is for, in the operator's words. Default empty.
    pub description: String,
    /// Where the server stands, in the operator's words. Default empty.
    pub location: String,
    /// How long requests in flight may take to finish once the server is told to stop. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub shutdown_grace: Duration,
    /// Origins of other web pages that may use this server from a browser, such as `https://map.example`. Default none.
    pub cors_origins: Vec<String>,
    /// What may stand before every path, such as `/kismet`, where a proxy leaves it there. Default empty.
    pub uri_prefix: String,
    /// Proxies, as addresses and networks, that are believed when they say whom they ask for. Default none.
    pub proxies: Vec<String>,
    /// A PEM file with the certificate to show and those it depends on. Default empty: no TLS.
    pub tls_certificate: PathBuf,
    /// A PEM file with the certificate's key. Default empty: no TLS.
    pub tls_key: PathBuf,
}

impl Server {
    /// The folder that holds the server's data: the configured one, else `scanpost` in the
    /// platform's folder for application data.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        let home = etcetera::choose_base_strategy().ok();
        self.data_dir_within(home.map(|home| home.data_dir()))
    }

    fn data_dir_within(&self, data_home: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        match data_home {
            _ if !self.data_dir.as_os_str().is_empty() => Ok(self.data_dir.clone()),
            Some(home) => Ok(home.join("scanpost")),
            None => Err(ConfigError::NoDataHome),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 2501).into(),
            data_dir: PathBuf::new(),
            name: "scanpost".to_owned(),
            description: String::new(),
            location: String::new(),
            shutdown_grace: Duration::from_secs(10),
            cors_origins: Vec::new(),
            uri_prefix: String::new(),
            proxies: Vec::new(),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
        }
    }
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whether requests must say who they are. Default `auto`.
    pub mode: AuthMode,
    /// How long a login by password lasts. Default 1 day.
    #[serde(with = "duration_text")]
    pub session_timeout: Duration,
    /// How many logins are remembered; past it the one that was used least recently ends. Default 1 000.
    pub sessions_max: usize,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mode: AuthMode::default(),
            session_timeout: DAY,
            sessions_max: 1000,
        }
    }
}

/// Whether requests must say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Open on a loopback address; on any other address credentials are required.
    #[default]
    Auto,
    /// Credentials are required on every address.
    Required,
    /// Open on every address: whoever reaches the port may report and read.
    Off,
}

/// `[logging]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The form of a log line. Default `human`.
    pub format: LogFormat,
    /// What is logged, as a `tracing` filter: a level, or a list such as `info,scanpost=debug`.
    /// The variable `RUST_LOG`, where set, wins over it. Default `info`.
    pub level: String,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text an event, for a terminal or a journal.
    #[default]
    Human,
    /// One JSON object an event, for log collectors.
    Json,
}

/// `[ingest]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// How far ahead of this server's clock a report's timestamp may be. Default 1 day.
    #[serde(with = "duration_text")]
    pub clock_skew_max: Duration,
    /// For how long a batch that is sent again is recognised. Default 7 days.
    #[serde(with = "duration_text")]
    pub resend_window: Duration,
    /// How many batches are remembered to recognise them when they are sent again. Default 100 000.
    pub resend_batches_max: usize,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            clock_skew_max: DAY,
            resend_window: DAY * 7,
            resend_batches_max: 100_000,
        }
    }
}

/// `[snapshots]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshots {
    /// How often what changed is put on disk. Default 1 minute.
    #[serde(with = "duration_text")]
    pub interval: Duration,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
        }
    }
}

/// `[retention]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// For how many days after they came reports stay in the log; 0 is for ever. Default 0.
    pub days: u32,
    /// How large the log may become before its oldest reports go, in bytes; 0 is without a bound. Default 0.
    #[serde(with = "size_text")]
    pub size: u64,
    /// How long a device stays without a new report; 0 is for ever. Default 0.
    #[serde(with = "duration_text")]
    pub device_timeout: Duration,
}

impl Retention {
    /// For how long reports stay in the log.
    pub fn age_max(&self) -> Option<Duration> {
        (0 < self.days).then(|| DAY * self.days)
    }

    /// How large the log may become, in bytes.
    pub fn size_max_bytes(&self) -> Option<u64> {
        (0 < self.size).then_some(self.size)
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one request body, as sent and after inflating. Default 8 MiB.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies in memory together; at least twice `body_bytes_max`. Default 256 MiB.
    pub bodies_bytes_max: usize,
    /// Reports in one request. Default 10 000.
    pub reports_per_batch_max: usize,
    /// How deep JSON objects and arrays may nest. Default 32.
    pub json_depth_max: usize,
    /// Connections open at one time. Default 1 024.
    pub connections_max: usize,
    /// How long a client may take to send a request's head. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub body_timeout: Duration,
    /// How long a connection may stay open with nothing moving on it. Default 60 seconds.
    #[serde(with = "duration_text")]
    pub idle_timeout: Duration,
    /// Accepted requests that may wait for the writer. Default 1 024.
    pub queue_batches_max: usize,
    /// Reports a second from one sender, on average over ten seconds. Default 0, without a bound.
    pub reports_per_second_max: u32,
    /// Devices tracked; past it the least recently seen makes room. Default 20 000 000.
    pub devices_max: usize,
    /// Sources tracked. Default 10 000.
    pub sources_max: usize,
    /// SSIDs kept a device. Default 32.
    pub ssids_per_device_max: usize,
    /// Sources kept a device. Default 64.
    pub sources_per_device_max: usize,
    /// Frequencies counted a device. Default 64.
    pub frequencies_per_device_max: usize,
    /// Tags kept a device. Default 32.
    pub tags_per_device_max: usize,
    /// Items in one page of a list. Default 1 000.
    pub page_items_max: usize,
    /// Fields, patterns or addresses in one command. Default 1 000.
    pub command_items_max: usize,
    /// WebSockets open at one time. Default 64.
    pub subscribers_max: usize,
    /// Subscriptions of one WebSocket. Default 64.
    pub subscriptions_max: usize,
    /// Events that a subscriber may be behind, rounded up to a power of two. Default 16 384.
    pub events_queue_max: usize,
    /// Bytes of a message that a subscriber sends. Default 64 KiB.
    pub subscriber_message_bytes_max: usize,
    /// How long a subscriber may take to take what it is sent. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub subscriber_timeout: Duration,
    /// How often a subscriber has to show that it is there. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub ping_interval: Duration,
    /// Bytes of a source's name. Default 256.
    pub source_name_bytes_max: usize,
    /// Bytes of a capabilities text. Default 1 024.
    pub capabilities_bytes_max: usize,
    /// Bytes of a tag's name, and of its value. Default 256.
    pub tag_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 << 20,
            bodies_bytes_max: 256 << 20,
            reports_per_batch_max: 10_000,
            json_depth_max: 32,
            connections_max: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            queue_batches_max: 1024,
            reports_per_second_max: 0,
            devices_max: 20_000_000,
            sources_max: 10_000,
            ssids_per_device_max: 32,
            sources_per_device_max: 64,
            frequencies_per_device_max: 64,
            tags_per_device_max: 32,
            page_items_max: 1000,
            command_items_max: 1000,
            subscribers_max: 64,
            subscriptions_max: 64,
            events_queue_max: 16_384,
            subscriber_message_bytes_max: 64 << 10,
            subscriber_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            source_name_bytes_max: 256,
            capabilities_bytes_max: 1024,
            tag_bytes_max: 256,
        }
    }
}

/// What the command line sets; it wins over the file and the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Replaces `server.listen`.
    pub listen: Option<SocketAddr>,
    /// Replaces `server.data_dir`.
    pub data_dir: Option<PathBuf>,
}

/// Why there is no configuration to run with. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file was named but cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML; the source shows the place.
    #[error("{} is not valid TOML", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A key that does not exist was set.
    #[error("{origin}: unknown key `{key}`; the nearest known key is `{nearest}`")]
    UnknownKey {
        /// The file, or the environment.
        origin: String,
        /// The key in full, as written.
        key: String,
        /// The known key that looks most like it, written the same way.
        nearest: String,
    },
    /// A key was set to a value that it cannot have.
    #[error("{origin}: `{key}` = {value} is refused: {reason}")]
    BadValue {
        /// The file, or the environment.
        origin: String,
        /// The key in full.
        key: String,
        /// The value, as TOML.
        value: String,
        /// What the value would have to be.
        reason: String,
    },
    /// No data folder is configured, and the platform names none.
    #[error(
        "there is no home directory to keep data in: set `server.data_dir`, or start with --data-dir DIR"
    )]
    NoDataHome,
}

impl Config {
    /// Reads the file, where one is named, then the environment, then the flags: the later wins.
    ///
    /// Of `environment`, which is usually [`std::env::vars_os`], only names that start with
    /// `SCANPOST_` are looked at.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: Overrides,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        if let Some(path) = path {
            layers.add_file(path)?;
        }
        layers.add_environment(environment)?;
        layers.into_config().overridden(flags)
    }

    fn overridden(mut self, flags: Overrides) -> Result<Self, ConfigError> {
        if let Some(listen) = flags.listen {
            self.server.listen = listen;
        }
        if let Some(data_dir) = flags.data_dir {
            self.server.data_dir = data_dir;
        }
        self.check_together()?;
        Ok(self)
    }

    /// What holds for each key by itself. The error is the reason alone: the caller knows the key.
    fn check_each(&self) -> Result<(), String> {
        let Self {
            server,
            auth,
            logging,
            ingest,
            snapshots,
            retention,
            alerts,
            limits,
            webhooks: _, // Checked where an error can name the entry and the key.
        } = self;
        time(server.shutdown_grace, Duration::ZERO..=HOUR)?;
        server
            .cors_origins
            .iter()
            .try_for_each(|text| origin(text))?;
        uri_prefix(&server.uri_prefix)?;
        server
            .proxies
            .iter()
            .try_for_each(|text| network(text).map(drop))?;
        time(auth.session_timeout, Duration::from_secs(1)..=DAY * 365)?;
        count(auth.sessions_max, 1..=1_000_000)?;
        time(ingest.clock_skew_max, Duration::ZERO..=DAY * 365)?;
        time(ingest.resend_window, Duration::ZERO..=DAY * 365)?;
        count(ingest.resend_batches_max, 0..=100_000_000)?;
        log_filter(&logging.level)?;
        time(snapshots.interval, Duration::from_millis(1)..=DAY)?;
        if 36_500 < retention.days {
            return Err("must be 0 to 36500".to_owned());
        }
        if 0 < retention.size && retention.size < SIZE_LEAST_BYTES {
            return Err("must be 0 or at least 1MiB".to_owned());
        }
        time(retention.device_timeout, Duration::ZERO..=DAY * 36_500)?;
        alerts.check_each()?;
        limits.check_each()
    }

    /// What holds between keys.
    fn check_together(&self) -> Result<(), ConfigError> {
        let Limits {
            body_bytes_max,
            bodies_bytes_max,
            ..
        } = self.limits;
        if bodies_bytes_max < body_bytes_max.saturating_mul(2) {
            return Err(ConfigError::BadValue {
                origin: "configuration".to_owned(),
                key: "limits.bodies_bytes_max".to_owned(),
                value: bodies_bytes_max.to_string(),
                reason: format!(
                    "must be at least twice `limits.body_bytes_max`, which is {body_bytes_max}"
                ),
            });
        }
        let Server {
            tls_certificate,
            tls_key,
            ..
        } = &self.server;
        let is_empty = |path: &Path| path.as_os_str().is_empty();
        let (missing, given) = match (is_empty(tls_certificate), is_empty(tls_key)) {
            (true, false) => ("server.tls_certificate", "server.tls_key"),
            (false, true) => ("server.tls_key", "server.tls_certificate"),
            _ => return Ok(()),
        };
        Err(ConfigError::BadValue {
            origin: "configuration".to_owned(),
            key: missing.to_owned(),
            value: "\"\"".to_owned(),
            reason: format!("must name a file too, because `{given}` does"),
        })
    }
}

impl Limits {
    fn check_each(&self) -> Result<(), String> {
        count(self.body_bytes_max, 1..=1 << 30)?;
        count(self.bodies_bytes_max, 2..=usize::MAX)?;
        count(self.reports_per_batch_max, 1..=1_000_000)?;
        count(self.json_depth_max, 4..=100)?; // A report is 4 deep; `serde_json` itself stops at 128.
        count(self.connections_max, 1..=1_000_000)?;
        for timeout in [
            self.header_timeout,
            self.body_timeout,
            self.idle_timeout,
            self.subscriber_timeout,
            self.ping_interval,
        ] {
            time(timeout, Duration::from_millis(1)..=DAY)?;
        }
        count(self.queue_batches_max, 1..=1_000_000)?;
        if 1_000_000_000 < self.reports_per_second_max {
            return Err("must be 0 to 1000000000".to_owned());
        }
        count(self.devices_max, 1..=1_000_000_000)?;
        count(self.sources_max, 1..=1_000_000)?;
        count(self.page_items_max, 1..=1_000_000)?;
        count(self.command_items_max, 1..=1_000_000)?;
        count(self.subscribers_max, 1..=1_000_000)?;
        count(self.subscriptions_max, 1..=10_000)?;
        count(self.events_queue_max, 1..=1_000_000)?;
        count(self.subscriber_message_bytes_max, 64..=1 << 24)?;
        for entries in [
            self.ssids_per_device_max,
            self.sources_per_device_max,
            self.frequencies_per_device_max,
            self.tags_per_device_max,
        ] {
            count(entries, 1..=10_000)?;
        }
        for bytes in [
            self.source_name_bytes_max,
            self.capabilities_bytes_max,
            self.tag_bytes_max,
        ] {
            count(bytes, 1..=65_535)?;
        }
        Ok(())
    }
}

fn count(value: usize, allowed: RangeInclusive<usize>) -> Result<(), String> {
    let (least, most) = allowed.into_inner();
    if value < least || most < value {
        return Err(match most {
            usize::MAX => format!("must be at least {least}"),
            _ => format!("must be {least} to {most}"),
        });
    }
    Ok(())
}

fn time(value: Duration, allowed: RangeInclusive<Duration>) -> Result<(), String> {
    let (least, most) = allowed.into_inner();
    if value < least || most < value {
        let text = humantime::format_duration;
        return Err(format!("must be {} to {}", text(least), text(most)));
    }
    Ok(())
}

/// An origin as browsers write it. There is no `*`: it would let every page use what the user may.
fn origin(text: &str) -> Result<(), String> {
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte);
    match authority {
        Some(authority) if !authority.is_empty() && authority.bytes().all(is_part) => Ok(()),
        _ => Err(format!(
            "must be origins such as \"https://map.example\" or \"http://localhost:3000\", without a path, not `{text}`"
        )),
    }
}

/// Whole parts of a path, in characters that nobody writes in two ways.
fn uri_prefix(text: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(is_plain) && !part.bytes().all(|byte| byte == b'.')
    };
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(()),
        Some(parts) if parts.split('/').all(is_part) => Ok(()),
        _ => Err(
            "must be empty or such as \"/kismet\": a / at the start, none at the end, and between them letters, digits, `-`, `.`, `_` and `~`"
                .to_owned(),
        ),
    }
}

/// A network, or an address alone.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = address.or_else(|| text.parse().ok());
    network.ok_or_else(|| {
        format!(
            "must be addresses or networks such as \"127.0.0.1\" or \"10.0.0.0/8\", not `{text}`"
        )
    })
}

/// A filter reads any bare word as the name of a module, so that `level = "inof"` would be
/// taken and silence the log; here a bare word must be a level.
fn log_filter(directives: &str) -> Result<(), String> {
    EnvFilter::try_new(directives).map_err(|error| error.to_string())?;
    let mut words = directives.split(',').map(str::trim);
    let is_no_level = |word: &str| word.is_empty() || word.parse::<LevelFilter>().is_err();
    match words.find(|word| !word.contains('=') && is_no_level(word)) {
        Some(word) if !directives.contains('[') => Err(format!(
            "`{word}` is not a level; known are off, error, warn, info, debug and trace, alone or as module=level"
        )),
        _ => Ok(()),
    }
}

/// A time span as people write it: `"30s"`, `"1h 30m"`, `"1day"`.
mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|error| {
            de::Error::custom(format!(
                "must be a time span such as \"30s\" or \"1day\" ({error})"
            ))
        })
    }
}

/// A size as people write it: `"500MB"`, `"20GiB"`.
mod size_text {
    use bytesize::ByteSize;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands it over like this"
    )]
    pub(super) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{bytes}B"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let size: ByteSize = text.parse().map_err(|error| {
            de::Error::custom(format!(
                "must be a size such as \"500MB\" or \"20GiB\" ({error})"
            ))
        })?;
        Ok(size.as_u64())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const EXAMPLE: &str = include_str!("../config.example.toml");

    /// Reads a file and environment variables that exist only here.
    fn load(
        file: &str,
        environment: &[(&str, &str)],
        flags: Overrides,
    ) -> Result<Config, ConfigError> {
        let mut layers = Layers::default();
        layers.add_text(Path::new("scanpost.toml"), file)?;
        layers.add_environment(
            environment
                .iter()
                .map(|(name, text)| (name.into(), text.into())),
        )?;
        layers.into_config().overridden(flags)
    }

    fn from_file(file: &str) -> Result<Config, ConfigError> {
        load(file, &[], Overrides::default())
    }

    fn from_environment(name: &str, text: &str) -> Result<Config, ConfigError> {
        load("", &[(name, text)], Overrides::default())
    }

    #[track_caller]
    fn refused(result: Result<Config, ConfigError>, parts: &[&str]) {
        let error = result.unwrap_err();
        let source = error.source().map(ToString::to_string);
        let message = format!("{error}: {}", source.unwrap_or_default());
        for part in parts {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(from_file("").unwrap(), Config::default());
        assert_eq!(from_file("[auth]\n[limits]").unwrap(), Config::default());
    }

    #[test]
    fn the_defaults_pass_their_own_checks() {
        Config::default().check_each().unwrap();
        Config::default().check_together().unwrap();
    }

    #[test]
    fn the_example_lists_every_key_with_its_default() {
        assert_eq!(from_file(EXAMPLE).unwrap(), Config::default());

        let listed: toml::Table = EXAMPLE.parse().unwrap();
        for layers::Key { section, name } in Layers::default().keys() {
            assert!(
                listed
                    .get(&section)
                    .and_then(|keys| keys.get(&name))
                    .is_some(),
                "{section}.{name} is missing"
            );
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        #[track_caller]
        fn check(file: &str, key: &str, nearest: &str) {
            let expected =
                format!("scanpost.toml: unknown key `{key}`; the nearest known key is `{nearest}`");
            assert_eq!(from_file(file).unwrap_err().to_string(), expected);
        }
        check("[server]\nlissten = 1", "server.lissten", "server.listen");
        check("[sever]\nlisten = 1", "sever.listen", "server.listen");
        check("[server]\nlevel = 1", "server.level", "logging.level");
        check("listen = \"127.0.0.1:1\"", "listen", "server.listen");
        check("\"auth.mode\" = \"off\"", "auth.mode", "auth.mode");
        check(
            "[limits]\nbody_max_bytes = 1",
            "limits.body_max_bytes",
            "limits.body_bytes_max",
        );
        check(
            "[limits]\nssid_bytes_max = 32",
            "limits.ssid_bytes_max",
            "limits.tag_bytes_max",
        );
        assert!(matches!(
            from_file("[nonsense]"),
            Err(ConfigError::UnknownKey { .. })
        ));
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest() {
        #[track_caller]
        fn check(name: &str, nearest: &str) {
            let expected =
                format!("environment: unknown key `{name}`; the nearest known key is `{nearest}`");
            assert_eq!(
                from_environment(name, "off").unwrap_err().to_string(),
                expected
            );
        }
        check("SCANPOST_AUTH_MODE", "SCANPOST_AUTH__MODE");
        check("SCANPOST_AUTH__MOD", "SCANPOST_AUTH__MODE");
        check("SCANPOST_LISTEN", "SCANPOST_SERVER__LISTEN");
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        for name in [
            "PATH",
            "SCANPOSTAL",
            "scanpost_auth__mode",
            "SCANPOST_PORT",
            "SCANPOST_PORT_2501_TCP",
            "SCANPOST_SERVICE_HOST",
        ] {
            assert_eq!(
                from_environment(name, "tcp://10.0.0.1:2501").unwrap(),
                Config::default(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_variable_is_read_as_the_kind_of_its_key() {
        let set = |name, text| from_environment(name, text).unwrap();
        assert_eq!(
            set("SCANPOST_SERVER__LISTEN", "[::1]:2501").server.listen,
            "[::1]:2501".parse().unwrap()
        );
        assert_eq!(
            set("SCANPOST_SERVER__DATA_DIR", "/srv/x").server.data_dir,
            Path::new("/srv/x")
        );
        assert_eq!(set("SCANPOST_SERVER__NAME", "42").server.name, "42");
        assert_eq!(set("SCANPOST_AUTH__MODE", "off").auth.mode, AuthMode::Off);
        assert_eq!(
            set("SCANPOST_AUTH__MODE", "required").auth.mode,
            AuthMode::Required
        );
        assert_eq!(
            set("SCANPOST_LOGGING__FORMAT", "json").logging.format,
            LogFormat::Json
        );
        assert_eq!(
            set("SCANPOST_LIMITS__DEVICES_MAX", "5").limits.devices_max,
            5
        );
        assert_eq!(
            set("SCANPOST_LIMITS__IDLE_TIMEOUT", "1m 30s")
                .limits
                .idle_timeout,
            Duration::from_secs(90)
        );
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"/file\"\nname = \"file\"";
        let environment = [
            ("SCANPOST_SERVER__LISTEN", "127.0.0.1:2"),
            ("SCANPOST_SERVER__DATA_DIR", "/environment"),
        ];
        let flags = Overrides {
            listen: Some("127.0.0.1:3".parse().unwrap()),
            data_dir: None,
        };
        let server = load(file, &environment, flags).unwrap().server;
        assert_eq!(server.listen.port(), 3);
        assert_eq!(server.data_dir, Path::new("/environment"));
        assert_eq!(server.name, "file");
    }

    #[test]
    fn a_bad_value_names_its_key_its_value_and_the_reason() {
        refused(
            from_file("[limits]\ndevices_max = \"many\""),
            &[
                "scanpost.toml",
                "`limits.devices_max`",
                "\"many\"",
                "kind integer",
                "not string",
            ],
        );
        refused(
            from_file("[limits]\nidle_timeout = 60"),
            &["`limits.idle_timeout`", "60", "kind string", "\"1m\""],
        );
        refused(
            from_file("[limits]\nidle_timeout = \"soon\""),
            &["`limits.idle_timeout`", "\"soon\"", "must be a time span"],
        );
        refused(
            from_file("[limits]\ndevices_max = -1"),
            &["`limits.devices_max`", "-1", "must not be negative"],
        );
        refused(
            from_file("[server]\nlisten = \"localhost\""),
            &["`server.listen`", "\"localhost\"", "socket address"],
        );
        refused(
            from_file("[auth]\nmode = \"of\""),
            &["`auth.mode`", "\"of\"", "`auto`", "`required`", "`off`"],
        );
        refused(
            from_file("[logging]\nlevel = \"inof\""),
            &["`logging.level`", "`inof` is not a level"],
        );
        refused(
            from_environment("SCANPOST_LIMITS__DEVICES_MAX", "many"),
            &[
                "SCANPOST_LIMITS__DEVICES_MAX",
                "`limits.devices_max`",
                "many",
                "kind integer",
            ],
        );
        refused(
            from_file("[limits"),
            &["scanpost.toml is not valid TOML", "line 1"],
        );
    }

    #[test]
    fn filters_of_every_form_are_levels() {
        for level in [
            "off",
            "WARN",
            "info,scanpost=debug",
            "scanpost[request{id}]=trace",
        ] {
            let file = format!("[logging]\nlevel = \"{level}\"");
            assert_eq!(from_file(&file).unwrap().logging.level, level);
        }
        refused(from_file("[logging]\nlevel = \"\""), &["is not a level"]);
    }

    #[track_caller]
    fn check(key: &str, good: &[&str], bad: &[&str]) {
        let (section, name) = key.split_once('.').unwrap();
        let load = |value: &str| from_file(&format!("[{section}]\n{name} = {value}"));
        for value in good {
            assert!(load(value).is_ok(), "{key} = {value}: {:?}", load(value));
        }
        for value in bad {
            refused(load(value), &[key, value, "must "]);
        }
    }

    #[test]
    fn bounds_of_subscribers_hold_at_and_one_past() {
        for key in ["subscribers_max", "events_queue_max"] {
            let key = format!("limits.{key}");
            check(&key, &["1", "1000000"], &["0", "1000001"]);
        }
        check("limits.subscriptions_max", &["1", "10000"], &["0", "10001"]);
        check(
            "limits.subscriber_message_bytes_max",
            &["64", "16777216"],
            &["63", "16777217"],
        );
        for key in ["subscriber_timeout", "ping_interval"] {
            check(
                &format!("limits.{key}"),
                &["\"1ms\"", "\"1day\""],
                &["\"0s\"", "\"1day 1ms\""],
            );
        }
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        check("limits.json_depth_max", &["4", "100"], &["3", "101"]);
        check(
            "limits.body_bytes_max",
            &["1", "134217728"],
            &["0", "1073741825"],
        );
        check("limits.bodies_bytes_max", &["16777216"], &["16777215", "0"]);
        check(
            "limits.connections_max",
            &["1", "1000000"],
            &["0", "1000001"],
        );
        check(
            "limits.queue_batches_max",
            &["1", "1000000"],
            &["0", "1000001"],
        );
        check(
            "limits.reports_per_batch_max",
            &["1", "1000000"],
            &["0", "1000001"],
        );
        check(
            "limits.devices_max",
            &["1", "1000000000"],
            &["0", "1000000001"],
        );
        check(
            "limits.reports_per_second_max",
            &["0", "1000000000"],
            &["1000000001"],
        );
        check("limits.sources_max", &["1", "1000000"], &["0", "1000001"]);
        check(
            "limits.page_items_max",
            &["1", "1000000"],
            &["0", "1000001"],
        );
        check(
            "limits.command_items_max",
            &["1", "1000000"],
            &["0", "1000001"],
        );
        check("retention.days", &["0", "36500"], &["36501", "-1"]);
        check(
            "retention.size",
            &["\"0B\"", "\"1MiB\"", "\"20 GB\""],
            &["\"1048575B\"", "\"much\"", "\"-1MB\"", "5"],
        );
        check(
            "retention.device_timeout",
            &["\"0s\"", "\"36500days\""],
            &["\"36500days 1s\"", "\"5\""],
        );
        check(
            "auth.session_timeout",
            &["\"1s\"", "\"365days\""],
            &["\"999ms\"", "\"365days 1s\""],
        );
        check("auth.sessions_max", &["1", "1000000"], &["0", "1000001"]);
        check(
            "snapshots.interval",
            &["\"1ms\"", "\"1day\""],
            &["\"999us\"", "\"1day 1s\""],
        );
        for entries in ["ssids", "sources", "frequencies", "tags"] {
            let key = format!("limits.{entries}_per_device_max");
            check(&key, &["1", "10000"], &["0", "10001"]);
        }
        for bytes in ["source_name", "capabilities", "tag"] {
            let key = format!("limits.{bytes}_bytes_max");
            check(&key, &["1", "65535"], &["0", "65536"]);
        }
        for timeout in ["header", "body", "idle"] {
            let key = format!("limits.{timeout}_timeout");
            check(
                &key,
                &["\"1ms\"", "\"1day\""],
                &["\"0s\"", "\"999us\"", "\"1day 1ms\""],
            );
        }
        check(
            "server.shutdown_grace",
            &["\"0s\"", "\"1h\""],
            &["\"1h 1ms\"", "\"-1s\""],
        );
        check(
            "ingest.clock_skew_max",
            &["\"0s\"", "\"365days\""],
            &["\"365days 1s\""],
        );
    }

    #[test]
    fn bounds_of_alerts_hold_at_and_one_past() {
        let load = |key: &str, value: &str| from_file(&format!("[alerts]\n{key} = {value}"));
        for (key, least, most) in [
            ("kept_max", 1, 1_000_000),
            ("backlog", 1, 1_000_000),
            ("definitions_max", 0, 10_000),
            ("text_bytes_max", 1, 65_535),
            ("watched_max", 1, 1_000_000),
            ("eviltwin_ssids_max", 1, 10_000_000),
            ("sourcesilent_factor", 1, 1000),
            ("apmoved_distance_m", 1, 20_000_000),
        ] {
            for value in [least, most] {
                load(key, &value.to_string()).unwrap();
            }
            for value in [least - 1, most + 1] {
                let refused_key = format!("`alerts.{key}`");
                refused(load(key, &value.to_string()), &[&refused_key, "must"]);
            }
        }
        for key in [
            "devicefound_timeout",
            "devicelost_timeout",
            "sourcesilent_least",
        ] {
            for span in ["\"1s\"", "\"365days\""] {
                load(key, span).unwrap();
            }
            for span in ["\"999ms\"", "\"365days 1s\""] {
                refused(load(key, span), &[key, "must be 1s to"]);
            }
        }
    }

    #[test]
    fn all_bodies_together_hold_at_least_two() {
        let file = "[limits]\nbody_bytes_max = 10\nbodies_bytes_max = ";
        assert!(from_file(&format!("{file}20")).is_ok());
        refused(
            from_file(&format!("{file}19")),
            &[
                "`limits.bodies_bytes_max` = 19",
                "twice `limits.body_bytes_max`",
                "which is 10",
            ],
        );
    }

    #[test]
    fn origins_are_origins() {
        #[track_caller]
        fn cors(list: &str) -> Result<Vec<String>, ConfigError> {
            from_file(&format!("[server]\ncors_origins = {list}"))
                .map(|config| config.server.cors_origins)
        }
        let two = ["https://map.example", "http://[::1]:3000"];
        assert_eq!(cors(&format!("{two:?}")).unwrap(), two);
        let listed = from_environment("SCANPOST_SERVER__CORS_ORIGINS", &two.join(", "));
        assert_eq!(listed.unwrap().server.cors_origins, two);
        let none = from_environment("SCANPOST_SERVER__CORS_ORIGINS", "").unwrap();
        assert_eq!(none, Config::default());
        for bad in [
            "*",
            "map.example",
            "https://map.example/",
            "https://",
            "null",
        ] {
            refused(
                cors(&format!("[{bad:?}]")).map(|_| Config::default()),
                &["`server.cors_origins`", "must be origins"],
            );
        }
        assert!(cors("\"https://map.example\"").is_err());
    }

    #[test]
    fn a_prefix_is_whole_parts_of_a_path() {
        let load = |prefix: &str| from_file(&format!("[server]\nuri_prefix = {prefix:?}"));
        for good in ["", "/kismet", "/a/b-c.d_e~f/0"] {
            assert_eq!(load(good).unwrap().server.uri_prefix, good);
        }
        for bad in [
            "kismet", "/", "/kismet/", "//kismet", "/a//b", "/a/../b", "/a b", "/a?b", "/%61",
        ] {
            refused(load(bad), &["`server.uri_prefix`", bad, "must be"]);
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let load = |list: &[&str]| from_file(&format!("[server]\nproxies = {list:?}"));
        let all = ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"];
        assert_eq!(load(&all).unwrap().server.proxies, all);
        let listed = from_environment("SCANPOST_SERVER__PROXIES", &all.join(","));
        assert_eq!(listed.unwrap().server.proxies, all);
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80"] {
            refused(load(&[bad]), &["`server.proxies`", "must be addresses"]);
        }
    }

    #[test]
    fn a_certificate_needs_a_key_and_a_key_a_certificate() {
        let both = "tls_certificate = \"a.pem\"\ntls_key = \"b.pem\"";
        assert!(from_file(&format!("[server]\n{both}")).is_ok());
        for (given, missing) in [
            ("tls_certificate", "tls_key"),
            ("tls_key", "tls_certificate"),
        ] {
            let half = from_file(&format!("[server]\n{given} = \"a.pem\""));
            let missing = format!("`server.{missing}` = \"\"");
            refused(half, &[&missing, &format!("`server.{given}`")]);
        }
    }

    #[test]
    fn data_goes_where_it_was_told_else_below_home() {
        let mut server = Server::default();
        let home = || Some(PathBuf::from("/home/x/.local/share"));
        assert_eq!(
            server.data_dir_within(home()).unwrap(),
            Path::new("/home/x/.local/share/scanpost")
        );
        refused(
            server.data_dir_within(None).map(|_| Config::default()),
            &["no home directory", "--data-dir"],
        );
        server.data_dir = "/srv/scanpost".into();
        assert_eq!(
            server.data_dir_within(home()).unwrap(),
            Path::new("/srv/scanpost")
        );
        assert_eq!(
            server.data_dir_within(None).unwrap(),
            Path::new("/srv/scanpost")
        );
    }

    #[test]
    fn a_named_file_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scanpost.toml");
        let load = || Config::load(Some(&path), [], Overrides::default());
        refused(load(), &["cannot read", "scanpost.toml"]);

        std::fs::write(&path, "[server]\nname = \"attic\"").unwrap();
        assert_eq!(load().unwrap().server.name, "attic");
    }
}
