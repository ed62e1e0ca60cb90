//! The configuration: a TOML file, then the environment, then flags, as one checked [`Config`].
//!
//! All values of a [`Config`] from [`Config::load`] are known, well-typed and within their bounds. This module owns
//! each key with its default and its bounds. It reads no file but the one that it is given. `config.example.toml` lists
//! the same keys; a test compares the two.

pub mod alerts;
mod export;
pub(crate) mod forward;
mod import;
mod layers;
mod limits;
mod list;
mod listen;
mod privacy;
mod retention;
mod server;
pub(crate) mod tak;
mod ui;
pub(crate) mod webhook;

use std::ffi::OsString;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::setting_text::{duration_text, span_text};
use alerts::Alerts;
pub use export::Export;
pub use forward::{Forward, ForwardKind, UnknownSecurity};
pub use import::Import;
use layers::Layers;
pub use limits::Limits;
pub use listen::{BadListen, Listen, ListenAddress};
pub use privacy::Privacy;
pub use retention::{Retention, RetentionRule};
pub use server::Server;
pub(crate) use server::{SOCKET_PROXY, proxy};
pub use tak::{PhyWord, SecurityWord, Tak};
pub use ui::Ui;
pub use webhook::{HiddenText, Webhook};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// All settings, one field for each section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address, data directory, name, proxies and TLS.
    pub server: Server,
    /// Who may report and read.
    pub auth: Auth,
    /// Log level and format.
    pub logging: Logging,
    /// Clock skew and recognition of repeated requests.
    pub ingest: Ingest,
    /// How often devices are saved.
    pub snapshots: Snapshots,
    /// When old reports and devices are removed.
    pub retention: Retention,
    /// Alert rules.
    pub alerts: Alerts,
    /// Limits for everything that comes from outside.
    pub limits: Limits,
    /// Files that people have already.
    pub import: Import,
    /// Files for other programs.
    pub export: Export,
    /// What never leaves the server.
    pub privacy: Privacy,
    /// Pages for browsers.
    pub ui: Ui,
    /// Receivers of alerts.
    pub webhooks: Vec<Webhook>,
    /// Services that get what is new in the log.
    pub forward: Vec<Forward>,
    /// TAK programs that are shown devices as they are reported.
    pub tak: Vec<Tak>,
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whether requests need credentials. Default `auto`.
    pub mode: AuthMode,
    /// Validity of a session, from the last login with the password. Default 1 day.
    #[serde(with = "duration_text")]
    pub session_timeout: Duration,
    /// Largest number of logins. Past it, the least recently used one ends. Default 1 000.
    pub sessions_max: usize,
    /// Passwords that wait to be checked. Past it, and past a quarter of it for one client, 503. Default 64.
    pub logins_waiting_max: usize,
    /// Wrong passwords a minute from all addresses that nobody has logged in from. Past it, 429. Default 60.
    pub guesses_per_minute_max: u32,
    /// Pause after five wrong passwords from one address. It doubles with each further one, up to 30 seconds. Default
    /// 1 second.
    #[serde(with = "duration_text")]
    pub guess_delay: Duration,
    /// How long known credentials stay valid while `auth.json` cannot be read. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub stale_max: Duration,
    /// Whether only the key or user that reported a source first may report for it. Default no.
    pub bind_sources: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mode: AuthMode::default(),
            session_timeout: DAY,
            sessions_max: 1000,
            logins_waiting_max: 64,
            guesses_per_minute_max: 60,
            guess_delay: Duration::from_secs(1),
            stale_max: Duration::from_secs(5),
            bind_sources: false,
        }
    }
}

/// Whether requests need credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// No credentials on a loopback address, credentials on any other.
    #[default]
    Auto,
    /// Credentials are required on every address.
    Required,
    /// No credentials on any address: everyone who reaches the port may report and read.
    Off,
}

/// `[logging]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The form of a log line. Default `human`.
    pub format: LogFormat,
    /// `tracing` filter: a level, or a list such as `info,scanpost=debug`. The environment variable `RUST_LOG` wins
    /// over it. Default `info`.
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
    /// One line of text for each event, for a terminal or a journal.
    #[default]
    Human,
    /// One JSON object for each event, for log collectors.
    Json,
}

/// `[ingest]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// Largest lead of a report's timestamp over this server's clock. Default 2 minutes.
    #[serde(with = "duration_text")]
    pub clock_skew_max: Duration,
    /// How long a repeated batch is recognised. Default 7 days.
    #[serde(with = "duration_text")]
    pub resend_window: Duration,
    /// Largest number of batches that are remembered to recognise repeated ones. Default 100 000.
    pub resend_batches_max: usize,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            clock_skew_max: Duration::from_secs(120),
            resend_window: DAY * 7,
            resend_batches_max: 100_000,
        }
    }
}

/// `[snapshots]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshots {
    /// Time between two snapshots. Default 1 minute.
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

/// Settings from the command line, which win over the file and the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Replaces `server.listen`.
    pub listen: Option<Listen>,
    /// Replaces `server.data_dir`.
    pub data_dir: Option<PathBuf>,
}

/// Why the configuration cannot be used. Each text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file is not valid TOML. The line itself is not shown, because it may have a secret.
    #[error("{} is not valid TOML: line {line}, column {column}: {reason}", path.display())]
    Syntax {
        /// Path of the file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Number of the character in the line, from 1.
        column: usize,
        /// What is wrong, without anything of the file.
        reason: String,
    },
    /// A key does not exist.
    #[error("{origin}: unknown key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// The file, or the environment.
        origin: String,
        /// The whole key, as written.
        key: String,
        /// The most similar known key, in the same notation.
        nearest: String,
    },
    /// The value of a key is not allowed.
    #[error("{origin}: `{key}` = {value} is refused: {reason}")]
    BadValue {
        /// The file, or the environment.
        origin: String,
        /// The whole key.
        key: String,
        /// The value, as TOML.
        value: String,
        /// What the value must be.
        reason: String,
    },
    /// No data directory is configured, and the platform has no default one.
    #[error(
        "no home directory was found for the data: set `server.data_dir`, or start with --data-dir DIR"
    )]
    NoDataHome,
}

impl Config {
    /// Reads the file if there is one, then the environment, then the flags. Later ones win.
    ///
    /// `environment` is usually [`std::env::vars_os`]. Names that do not begin with `SCANPOST_` are ignored.
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

    /// The keys whose values differ, such as `limits.connections_max`. Webhooks, forwards and TAK targets are not among them.
    pub fn differing_keys(&self, other: &Self) -> Vec<String> {
        layers::differing_keys(self, other)
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

    /// Checks each key alone. The error holds only the reason: the caller knows the key.
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
            import,
            export,
            privacy,
            ui: _,       // The start checks the folder.
            webhooks: _, // `list::check` checks them: its errors name the entry and the key.
            forward: _,
            tak: _,
        } = self;
        server.check_each()?;
        time(auth.session_timeout, Duration::from_secs(1)..=DAY * 365)?;
        count(auth.sessions_max, 1..=1_000_000)?;
        count(auth.logins_waiting_max, 1..=10_000)?;
        if !(1..=1_000_000).contains(&auth.guesses_per_minute_max) {
            return Err("must be 1 to 1000000".to_owned());
        }
        time(auth.guess_delay, Duration::from_millis(100)..=HOUR)?;
        time(auth.stale_max, Duration::ZERO..=HOUR)?;
        time(ingest.clock_skew_max, Duration::ZERO..=DAY * 365)?;
        time(ingest.resend_window, Duration::ZERO..=DAY * 365)?;
        count(ingest.resend_batches_max, 0..=100_000_000)?;
        log_filter(&logging.level)?;
        time(snapshots.interval, Duration::from_millis(1)..=DAY)?;
        retention.check_each()?;
        alerts::check_each(alerts)?;
        import.check_each()?;
        export.check_each()?;
        privacy.check_each()?;
        limits.check_each()
    }

    /// Checks what several keys have to fulfil together.
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

/// Refuses bare words that are not levels. `EnvFilter` takes any bare word for a module's name, so `level = "inof"`
/// would be accepted and silence the log.
fn log_filter(directives: &str) -> Result<(), String> {
    EnvFilter::try_new(directives).map_err(|error| error.to_string())?;
    let mut words = directives.split(',').map(str::trim);
    let is_no_level = |word: &str| word.is_empty() || word.parse::<LevelFilter>().is_err();
    match words.find(|word| !word.contains('=') && is_no_level(word)) {
        Some(word) if !directives.contains('[') => Err(format!(
            "`{word}` is not a level: use off, error, warn, info, debug or trace, alone or as module=level"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
