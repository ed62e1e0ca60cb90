//! `[[webhooks]]`: whom alerts are sent to. A list, so each entry is checked as a whole and named by its place.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hyper::Uri;
use hyper::http::uri::Scheme;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::layers::{self, Key};
use super::{ConfigError, DAY, HOUR, count, duration_text, time};
use crate::alerts::Severity;

/// The section, as the file has it.
const SECTION: &str = "webhooks";
const NOT_A_LIST: &str = "must be a list of tables: write [[webhooks]]";
/// Each has a task and a client of its own.
const WEBHOOKS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;
const URL_BYTES_MAX: usize = 2048;
const RULES_MAX: usize = 64;
const MINUTE: Duration = Duration::from_secs(60);
/// What every secret begins with, by Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";

/// One of `[[webhooks]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// What it is called; with it, it is known again after a restart.
    pub name: String,
    /// Where alerts are sent, `http` or `https`. Hidden, because many services put their secret into the path.
    pub url: HiddenText,
    /// What requests are signed with, as `whsec_` and 24 to 64 bytes in base64.
    pub secret: HiddenText,
    /// A file that holds the secret.
    pub secret_file: PathBuf,
    /// The variable of the environment that holds the secret.
    pub secret_env: String,
    /// The rules whose alerts are sent; empty means all of them.
    pub rules: Vec<String>,
    /// The least severity that is sent. Default `info`, which is all.
    pub severity_min: Severity,
    /// A PEM file with certificates to trust, beside those that browsers trust. Default empty.
    pub ca_file: PathBuf,
    /// How long connecting may take. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub connect_timeout: Duration,
    /// How long a delivery may take as a whole, up to the head of the answer. Default 20 seconds.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// How long to wait after the first failure; after each further one twice as long. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub retry_min: Duration,
    /// How long to wait at most, also where the receiver asks for more. Default 1 hour.
    #[serde(with = "duration_text")]
    pub retry_max: Duration,
    /// How old an alert may become that cannot be delivered; 0 is without a bound. Default 3 days.
    #[serde(with = "duration_text")]
    pub give_up_after: Duration,
    /// How many alerts that it wants may wait; past it the oldest are left out. Default 10 000.
    pub queue_max: usize,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: HiddenText::default(),
            secret: HiddenText::default(),
            secret_file: PathBuf::new(),
            secret_env: String::new(),
            rules: Vec::new(),
            severity_min: Severity::default(),
            ca_file: PathBuf::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            retry_min: Duration::from_secs(5),
            retry_max: HOUR,
            give_up_after: DAY * 3,
            queue_max: 10_000,
        }
    }
}

/// A text that does not show itself in logs.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct HiddenText(String);

impl HiddenText {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for HiddenText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HiddenText")
    }
}

/// A key that is wrong, and what it would have to be.
type Fault = (&'static str, String);

impl Webhook {
    fn check(&self) -> Result<(), Fault> {
        let at = |key: &'static str| move |reason: String| (key, reason);
        name(&self.name).map_err(at("name"))?;
        target(self.url.reveal()).map_err(at("url"))?;
        self.check_secret()?;
        rules(&self.rules).map_err(at("rules"))?;
        let least = Duration::from_millis(1);
        time(self.connect_timeout, least..=MINUTE * 10).map_err(at("connect_timeout"))?;
        time(self.timeout, least..=MINUTE * 10).map_err(at("timeout"))?;
        time(self.retry_min, least..=DAY).map_err(at("retry_min"))?;
        time(self.retry_max, least..=DAY * 7).map_err(at("retry_max"))?;
        if self.retry_max < self.retry_min {
            let reason = "must be at least `retry_min`".to_owned();
            return Err(("retry_max", reason));
        }
        time(self.give_up_after, Duration::ZERO..=DAY * 365).map_err(at("give_up_after"))?;
        count(self.queue_max, 1..=1_000_000).map_err(at("queue_max"))
    }

    fn check_secret(&self) -> Result<(), Fault> {
        let Self {
            secret,
            secret_file,
            secret_env,
            ..
        } = self;
        let given = [
            !secret.reveal().is_empty(),
            !secret_file.as_os_str().is_empty(),
            !secret_env.is_empty(),
        ];
        if given.into_iter().filter(|&is_given| is_given).count() != 1 {
            let reason =
                "must be given in one way of three: `secret`, `secret_file` or `secret_env`";
            return Err(("secret", reason.to_owned()));
        }
        if secret_env.starts_with(layers::ENVIRONMENT_PREFIX) {
            let reason = format!(
                "must not begin with {}, as the keys of the configuration do",
                layers::ENVIRONMENT_PREFIX
            );
            return Err(("secret_env", reason));
        }
        match secret.reveal() {
            "" => Ok(()),
            text => signing_secret(text)
                .map(drop)
                .map_err(|reason| ("secret", reason)),
        }
    }
}

/// The bytes that a secret stands for.
pub(crate) fn signing_secret(text: &str) -> Result<Vec<u8>, String> {
    let bytes = text
        .strip_prefix(SECRET_PREFIX)
        .and_then(|digits| Base64::decode_vec(digits).ok());
    match bytes {
        Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(bytes),
        _ => Err(format!(
            "must be {SECRET_PREFIX} and then 24 to 64 bytes in base64, as `openssl rand -base64 32` makes them"
        )),
    }
}

/// Where a webhook's requests go.
pub(crate) fn target(text: &str) -> Result<Uri, String> {
    let refused = |what| format!("must be a URL such as \"https://home.example/hook\": {what}");
    let uri = http_url(text).map_err(refused)?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(refused("it has a name or a password"));
    }
    port(authority).map_err(refused)?;
    Ok(uri)
}

fn http_url(text: &str) -> Result<Uri, &'static str> {
    let is_blank = |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    if text.is_empty() {
        return Err("there is none");
    }
    if URL_BYTES_MAX < text.len() {
        return Err("it is longer than 2048 bytes");
    }
    if text.bytes().any(is_blank) {
        return Err("it has blanks, which have to be encoded");
    }
    if !text.is_ascii() {
        return Err("it has letters beyond ASCII, which have to be encoded");
    }
    if !text.contains("://") {
        return Err("it does not begin with http:// or https://");
    }
    let uri: Uri = text.parse().map_err(|_| "it is none")?;
    if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme()) {
        return Err("it does not begin with http:// or https://");
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("it has no host");
    }
    Ok(uri)
}

/// `Uri` takes any text for a port, and who connects takes what is none for that of the scheme.
fn port(authority: &str) -> Result<(), &'static str> {
    // A colon inside of brackets is one of an address.
    let behind_host = authority.rsplit(']').next().unwrap_or_default();
    let Some((_, port)) = behind_host.rsplit_once(':') else {
        return Ok(());
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|number| 0 < number);
    is_port.then_some(()).ok_or("its port is not 1 to 65535")
}

/// It stands in a path, and in logs.
fn name(text: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!(
        "must be 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"
    ))
}

fn rules(rules: &[String]) -> Result<(), String> {
    let is_name = |rule: &String| (1..=NAME_BYTES_MAX).contains(&rule.len());
    if rules.len() <= RULES_MAX && rules.iter().all(is_name) {
        return Ok(());
    }
    Err(format!(
        "must be up to {RULES_MAX} names of up to {NAME_BYTES_MAX} bytes"
    ))
}

/// Checks the entries as they stand in a file: all of their keys, each by itself and then together.
pub(super) fn check_list(origin: &str, list: &Value) -> Result<(), ConfigError> {
    let bad = |key: String, value: String, reason: String| ConfigError::BadValue {
        origin: origin.to_owned(),
        key,
        value,
        reason,
    };
    let Value::Array(entries) = list else {
        let (key, value) = (SECTION.to_owned(), list.type_str().to_owned());
        return Err(bad(key, value, NOT_A_LIST.to_owned()));
    };
    if WEBHOOKS_MAX < entries.len() {
        let reason = format!("must be at most {WEBHOOKS_MAX}");
        return Err(bad(SECTION.to_owned(), entries.len().to_string(), reason));
    }
    let mut names = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("{SECTION}[{index}]");
        let Value::Table(keys) = entry else {
            let value = entry.type_str().to_owned();
            return Err(bad(place, value, NOT_A_LIST.to_owned()));
        };
        check_keys(origin, &place, keys)?;
        let webhook: Webhook = keys
            .clone()
            .try_into()
            .expect("every key was read by itself before");
        let checked = webhook.check().and_then(|()| {
            let reason = || "must differ from that of every other webhook".to_owned();
            let is_new = names.insert(webhook.name.clone());
            is_new.then_some(()).ok_or_else(|| ("name", reason()))
        });
        checked.map_err(|(key, reason)| {
            let value = shown(key, keys.get(key));
            bad(format!("{place}.{key}"), value, reason)
        })?;
    }
    Ok(())
}

/// That the keys are known, and each of its kind.
fn check_keys(origin: &str, place: &str, keys: &Table) -> Result<(), ConfigError> {
    let defaults = Table::try_from(Webhook::default())
        .expect("the defaults are plain strings, integers and lists");
    for (name, value) in keys {
        let key = format!("{place}.{name}");
        if !defaults.contains_key(name) {
            let known = defaults.keys().map(|name| Key::new(place, name));
            return Err(ConfigError::UnknownKey {
                origin: origin.to_owned(),
                nearest: layers::nearest(&key, known, Key::to_string),
                key,
            });
        }
        let alone = Table::from_iter([(name.clone(), value.clone())]);
        alone
            .try_into::<Webhook>()
            .map_err(|error| ConfigError::BadValue {
                origin: origin.to_owned(),
                value: shown(name, Some(value)),
                reason: error.message().to_owned(),
                key,
            })?;
    }
    Ok(())
}

/// A value as an error shows it.
fn shown(key: &str, value: Option<&Value>) -> String {
    match (key, value) {
        ("url" | "secret", Some(_)) => "(not shown)".to_owned(),
        (_, Some(value)) => value.to_string(),
        (_, None) => "\"\"".to_owned(),
    }
}

#[cfg(test)]
mod tests;
