//! `[[forward]]`: services that get what scanners reported.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::list::{Entry, Fault};
use super::webhook::{MINUTE, name, target};
use super::{DAY, HOUR, HiddenText, count, duration_text, layers, time};

const SOURCES_MAX: usize = 1000;
const SOURCE_BYTES_MAX: usize = 256;
const USER_BYTES_MAX: usize = 256;
const KEY_BYTES_MAX: usize = 1024;

/// An entry of `[[forward]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forward {
    /// Name, which identifies the target across restarts.
    pub name: String,
    /// The service, which determines how it is spoken to.
    pub kind: ForwardKind,
    /// Address of the service, to which the paths of its interface are added. Default that of the public service, if there
    /// is one.
    pub url: HiddenText,
    /// Name of the account, for services that want one beside the key.
    pub user: String,
    /// Key or token of the account.
    pub key: HiddenText,
    /// File that holds the key.
    pub key_file: PathBuf,
    /// Environment variable that holds the key.
    pub key_env: String,
    /// Sources whose reports are sent, by UUID or by name. Empty means all.
    pub sources: Vec<String>,
    /// Whether reports out of imported files are sent too. Default no: whoever made a file may have sent it already.
    pub imported: bool,
    /// Whether networks whose security is not known are sent, in forms that state the security. Default `skip`.
    pub unknown_security: UnknownSecurity,
    /// Lets `WiGLE` use the data commercially. Default no.
    pub donate: bool,
    /// Folder that gets the parts as files, instead of the service. Default empty.
    pub dry_run: PathBuf,
    /// Time from the end of one run to the next. 0 means only when somebody asks. Default 0.
    #[serde(with = "duration_text")]
    pub every: Duration,
    /// Most observations of a part. Default 10 000. Some services take fewer.
    pub rows_max: usize,
    /// Most bytes of a part before it is packed. Default 8 MiB.
    pub bytes_max: usize,
    /// PEM file with certificates to trust besides those that browsers trust. Default empty.
    pub ca_file: PathBuf,
    /// Longest time to connect. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub connect_timeout: Duration,
    /// Longest time from the start of a request to the head of its response. Default 5 minutes.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// Pause after the first failure. Each further failure doubles it. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub retry_min: Duration,
    /// Longest pause, also if `Retry-After` asks for more. Default 1 hour.
    #[serde(with = "duration_text")]
    pub retry_max: Duration,
}

/// A service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardKind {
    /// wigle.net.
    Wigle,
    /// wdgwars.pl.
    Wdgwars,
    /// wardriver.org.
    Wardriver,
    /// beaconDB, or another server that speaks Ichnaea's interface.
    #[default]
    Geosubmit,
    /// Another scanpost.
    Scanpost,
}

impl ForwardKind {
    /// The word for it, in the configuration.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Wigle => "wigle",
            Self::Wdgwars => "wdgwars",
            Self::Wardriver => "wardriver",
            Self::Geosubmit => "geosubmit",
            Self::Scanpost => "scanpost",
        }
    }

    /// The address of the public service.
    const fn url(self) -> Option<&'static str> {
        match self {
            Self::Wigle => Some("https://api.wigle.net"),
            Self::Wdgwars => Some("https://wdgwars.pl"),
            Self::Wardriver => Some("https://wardriver.org"),
            Self::Geosubmit => Some("https://api.beacondb.net"),
            Self::Scanpost => None,
        }
    }

    /// Whether the service takes nothing without a key.
    const fn needs_key(self) -> bool {
        matches!(self, Self::Wigle | Self::Wdgwars | Self::Wardriver)
    }

    /// The most bytes of a body that the service takes.
    const fn bytes_max(self) -> usize {
        match self {
            Self::Wigle => 180_000_000,
            // 15 MiB, without what stands around the file in the form.
            Self::Wdgwars => 15_728_640 - 1024,
            Self::Wardriver | Self::Geosubmit | Self::Scanpost => 256 << 20,
        }
    }
}

/// Whether networks whose security is not known are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSecurity {
    /// They are left out, because most readers would take them for open networks.
    #[default]
    Skip,
    /// They are sent.
    Keep,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: ForwardKind::default(),
            url: HiddenText::default(),
            user: String::new(),
            key: HiddenText::default(),
            key_file: PathBuf::new(),
            key_env: String::new(),
            sources: Vec::new(),
            imported: false,
            unknown_security: UnknownSecurity::default(),
            donate: false,
            dry_run: PathBuf::new(),
            every: Duration::ZERO,
            rows_max: 10_000,
            bytes_max: 8 << 20,
            ca_file: PathBuf::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(300),
            retry_min: Duration::from_secs(30),
            retry_max: HOUR,
        }
    }
}

impl Entry for Forward {
    const SECTION: &'static str = "forward";
    const ENTRIES_MAX: usize = 16;
    const SECRET: &'static [&'static str] = &["url", "key"];

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), Fault> {
        let at = |key: &'static str| move |reason: String| (key, reason);
        name(&self.name).map_err(at("name"))?;
        self.check_url().map_err(at("url"))?;
        if USER_BYTES_MAX < self.user.len() || self.user.contains([':', '\r', '\n']) {
            let reason =
                format!("must be at most {USER_BYTES_MAX} bytes without a colon and line ends");
            return Err(("user", reason));
        }
        self.check_key()?;
        sources(&self.sources).map_err(at("sources"))?;
        if self.donate && self.kind != ForwardKind::Wigle {
            return Err(("donate", "is for the kind `wigle` only".to_owned()));
        }
        let least = Duration::from_millis(1);
        time(self.every, Duration::ZERO..=DAY * 365).map_err(at("every"))?;
        if !self.every.is_zero() && self.every < Duration::from_secs(1) {
            return Err(("every", "must be 0 or at least 1s".to_owned()));
        }
        count(self.rows_max, 1..=1_000_000).map_err(at("rows_max"))?;
        count(self.bytes_max, 64 << 10..=self.kind.bytes_max()).map_err(at("bytes_max"))?;
        time(self.connect_timeout, least..=MINUTE * 10).map_err(at("connect_timeout"))?;
        time(self.timeout, least..=HOUR).map_err(at("timeout"))?;
        time(self.retry_min, least..=DAY).map_err(at("retry_min"))?;
        time(self.retry_max, least..=DAY * 7).map_err(at("retry_max"))?;
        if self.retry_max < self.retry_min {
            return Err(("retry_max", "must be at least `retry_min`".to_owned()));
        }
        Ok(())
    }
}

impl Forward {
    /// The address of the service, without a slash at its end.
    pub(crate) fn base(&self) -> String {
        let given = self.url.reveal();
        let url = if given.is_empty() {
            self.kind.url().unwrap_or_default()
        } else {
            given
        };
        url.trim_end_matches('/').to_owned()
    }

    fn check_url(&self) -> Result<(), String> {
        let base = self.base();
        if base.is_empty() {
            let kind = self.kind.word();
            return Err(format!(
                "must be given, because the kind `{kind}` has no public service"
            ));
        }
        if base.contains(['?', '#']) {
            return Err("must have no query: the key has a setting of its own".to_owned());
        }
        target(&base).map(drop)
    }

    fn check_key(&self) -> Result<(), Fault> {
        let given = [
            !self.key.reveal().is_empty(),
            !self.key_file.as_os_str().is_empty(),
            !self.key_env.is_empty(),
        ];
        let given = given.into_iter().filter(|&is_given| is_given).count();
        if 1 < given {
            let reason = "must be given once only: set one of `key`, `key_file` and `key_env`";
            return Err(("key", reason.to_owned()));
        }
        let is_needed = self.kind.needs_key() && self.dry_run.as_os_str().is_empty();
        if is_needed && given == 0 {
            let kind = self.kind.word();
            let reason = format!(
                "must be given for the kind `{kind}`: set one of `key`, `key_file` and `key_env`"
            );
            return Err(("key", reason));
        }
        if self.key_env.starts_with(layers::ENVIRONMENT_PREFIX) {
            let reason = format!(
                "must not begin with {}, which is reserved for configuration keys",
                layers::ENVIRONMENT_PREFIX
            );
            return Err(("key_env", reason));
        }
        match self.key.reveal() {
            "" => Ok(()),
            text => key(text).map_err(|reason| ("key", reason)),
        }
    }
}

/// Checks a key, which becomes the value of a header.
pub(crate) fn key(text: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    if (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!(
        "must be 1 to {KEY_BYTES_MAX} visible ASCII characters"
    ))
}

/// Checks a list of sources.
pub(super) fn sources(sources: &[String]) -> Result<(), String> {
    let is_name = |source: &String| (1..=SOURCE_BYTES_MAX).contains(&source.len());
    if sources.len() <= SOURCES_MAX && sources.iter().all(is_name) {
        return Ok(());
    }
    Err(format!(
        "must be up to {SOURCES_MAX} UUIDs or names of up to {SOURCE_BYTES_MAX} bytes"
    ))
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::config::{Config, ConfigError, Overrides};

    fn load(text: &str) -> Result<Vec<Forward>, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("scanpost.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), [], Overrides::default()).map(|config| config.forward)
    }

    fn entry(keys: &[(&str, &str)]) -> String {
        let name = ("name", "\"a\"");
        let is_named = keys.iter().any(|(key, _)| *key == "name");
        let name = (!is_named).then_some(name);
        let lines = name.into_iter().chain(keys.iter().copied());
        let lines = lines.map(|(name, value)| format!("{name} = {value}\n"));
        format!("[[forward]]\n{}", lines.collect::<String>())
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
            let named = format!("`forward[0].{key}`");
            refused(&entry(&[(key, value)]), &[&named, "must "]);
        }
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let example = include_str!("../../config.example.toml");
        let (_, shown) = example.split_once("# [[forward]]\n").unwrap();
        let lines = shown.lines().map_while(|line| line.strip_prefix("# "));
        let shown = lines.collect::<Vec<_>>().join("\n");
        let keys: Table = shown.parse().unwrap();
        let loaded = load(&format!("[[forward]]\n{shown}")).unwrap().remove(0);
        let defaults = Forward {
            name: "wigle".to_owned(),
            kind: ForwardKind::Wigle,
            key_file: "/etc/scanpost/wigle.key".into(),
            ..Forward::default()
        };
        assert_eq!(loaded, defaults);
        let known = Table::try_from(defaults).unwrap();
        assert!(known.keys().eq(keys.keys()), "{keys}");
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        let text = |length: usize| format!("{:?}", "x".repeat(length));
        check(
            "name",
            &["\"a-B_0\"", &text(64)],
            &["\"\"", &text(65), "\"a.b\""],
        );
        check("user", &[&text(256)], &[&text(257), "\"a:b\""]);
        check("key", &[&text(1024)], &[&text(1025), "\"a b\"", "\"é\""]);
        check("rows_max", &["1", "1000000"], &["0", "1000001"]);
        check(
            "bytes_max",
            &["65536", "268435456"],
            &["65535", "268435457"],
        );
        check(
            "every",
            &["\"0s\"", "\"1s\"", "\"365days\""],
            &["\"999ms\"", "\"365days 1ms\""],
        );
        check(
            "connect_timeout",
            &["\"1ms\"", "\"10m\""],
            &["\"999us\"", "\"10m 1ms\""],
        );
        check(
            "timeout",
            &["\"1ms\"", "\"1h\""],
            &["\"999us\"", "\"1h 1ms\""],
        );
        check(
            "retry_min",
            &["\"1ms\"", "\"1h\""],
            &["\"999us\"", "\"1day 1ms\""],
        );
        check(
            "retry_max",
            &["\"30s\"", "\"7days\""],
            &["\"29s\"", "\"7days 1ms\""],
        );
        let sources =
            |count: usize, length: usize| format!("{:?}", vec!["x".repeat(length); count]);
        check(
            "sources",
            &["[]", &sources(1000, 256)],
            &[&sources(1001, 1), &sources(1, 257), "[\"\"]"],
        );
        let all = |count: usize| {
            let entries = (0..count).map(|number| entry(&[("name", &format!("\"a{number}\""))]));
            entries.collect::<String>()
        };
        assert_eq!(load(&all(16)).unwrap().len(), 16);
        refused(&all(17), &["`forward`", "at most 16"]);
        let wdgwars = |bytes: &str| {
            entry(&[
                ("kind", "\"wdgwars\""),
                ("key", "\"k\""),
                ("bytes_max", bytes),
            ])
        };
        load(&wdgwars("15727616")).unwrap();
        refused(
            &wdgwars("15727617"),
            &["`forward[0].bytes_max`", "15727616"],
        );
    }

    #[test]
    fn a_service_has_an_address_and_a_key_that_are_never_shown() {
        check(
            "url",
            &["\"http://h:1/base/\""],
            &[
                "\"ftp://hunter2/\"",
                "\"http://h/?key=hunter2\"",
                "\"http://hunter2@h/\"",
            ],
        );
        let scanpost = ("kind", "\"scanpost\"");
        refused(
            &entry(&[scanpost]),
            &["`forward[0].url`", "no public service"],
        );
        load(&entry(&[scanpost, ("url", "\"http://h\"")])).unwrap();
        for kind in ["wigle", "wdgwars", "wardriver"] {
            let kind = ("kind", &*format!("{kind:?}"));
            refused(&entry(&[kind]), &["`forward[0].key`", "must be given"]);
            load(&entry(&[kind, ("key_env", "\"KEY\"")])).unwrap();
            load(&entry(&[kind, ("dry_run", "\"/tmp/x\"")])).unwrap();
        }
        let key = ("key", "\"hunter2\"");
        refused(
            &entry(&[key, ("key_file", "\"/k\"")]),
            &["`forward[0].key`", "once only"],
        );
        refused(
            &entry(&[("key_env", "\"SCANPOST_X\"")]),
            &["`forward[0].key_env`", "SCANPOST_"],
        );
        refused(
            &entry(&[("donate", "true")]),
            &["`forward[0].donate`", "wigle"],
        );
        let loaded = load(&entry(&[key])).unwrap();
        assert!(!format!("{loaded:?}").contains("hunter2"));
        assert_eq!(loaded[0].base(), "https://api.beacondb.net");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let two = format!("{}{}", entry(&[]), entry(&[]));
        refused(&two, &["`forward[1].name` = \"a\"", "must differ"]);
        refused(
            &entry(&[("retry_mix", "\"1s\"")]),
            &["unknown key `forward[0].retry_mix`", "retry_m"],
        );
        refused(
            &entry(&[("kind", "\"wiggle\"")]),
            &["`forward[0].kind`", "`wigle`"],
        );
        refused("[forward]\nname = \"a\"", &["`forward`", "[[forward]]"]);
    }
}
