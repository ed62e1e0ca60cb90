//! The configuration: a TOML file, then the environment, then flags, as one checked [`Config`].
//!
//! Whoever holds a [`Config`] from [`Config::load`] holds values that are known, well-typed and
//! within their bounds. This module owns every key, its default and its bounds, and opens nothing
//! but the one file it is told to read. `config.example.toml` lists the same keys for people;
//! a test holds the two equal.

pub mod alerts;
mod layers;
mod limits;
mod server;
pub(crate) mod webhook;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::setting_text::{duration_text, size_text, span_text};
use alerts::Alerts;
use layers::Layers;
pub use limits::Limits;
pub use server::Server;
pub(crate) use server::network;
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
        server.check_each()?;
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
        alerts::check_each(alerts)?;
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
        let (least, most) = (span_text(least), span_text(most));
        return Err(format!("must be {least} to {most}"));
    }
    Ok(())
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

#[cfg(test)]
mod tests;
