//! `[[webhooks]]`: receivers of alerts.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hyper::Uri;
use hyper::http::uri::Scheme;
use serde::{Deserialize, Serialize};

use super::layers;
use super::list::{Entry, Fault};
use super::{DAY, HOUR, count, duration_text, time};
use crate::alerts::Severity;

const NAME_BYTES_MAX: usize = 64;
const URL_BYTES_MAX: usize = 2048;
const RULES_MAX: usize = 64;
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Prefix of every secret, by Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";

/// An entry of `[[webhooks]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// Name, which identifies the webhook across restarts.
    pub name: String,
    /// URL of the receiver, `http` or `https`. Never shown, because many services put a secret into the path.
    pub url: HiddenText,
    /// Secret that signs requests: `whsec_` and then 24 to 64 bytes in base64.
    pub secret: HiddenText,
    /// File that holds the secret.
    pub secret_file: PathBuf,
    /// Environment variable that holds the secret.
    pub secret_env: String,
    /// Rules whose alerts are sent. Empty means all.
    pub rules: Vec<String>,
    /// Lowest severity that is sent. Default `info`, which sends all.
    pub severity_min: Severity,
    /// PEM file with certificates to trust besides those that browsers trust. Default empty.
    pub ca_file: PathBuf,
    /// Longest time to connect. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub connect_timeout: Duration,
    /// Longest time from the start of a request to the head of its response. Default 20 seconds.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// Pause after the first failure. Each further failure doubles it. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub retry_min: Duration,
    /// Longest pause, also if `Retry-After` asks for more. Default 1 hour.
    #[serde(with = "duration_text")]
    pub retry_max: Duration,
    /// Age at which an alert that cannot be delivered is dropped. 0 means never. Default 3 days.
    #[serde(with = "duration_text")]
    pub give_up_after: Duration,
    /// Largest number of pending alerts. Past it, the oldest are dropped. Default 10 000.
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

/// Text that its `Debug` form hides, so that logs do not show it.
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

impl Entry for Webhook {
    const SECTION: &'static str = "webhooks";
    const ENTRIES_MAX: usize = 64;
    const SECRET: &'static [&'static str] = &["url", "secret"];

    fn name(&self) -> &str {
        &self.name
    }

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
}

impl Webhook {
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
                "must be given exactly once: set one of `secret`, `secret_file` and `secret_env`";
            return Err(("secret", reason.to_owned()));
        }
        if secret_env.starts_with(layers::ENVIRONMENT_PREFIX) {
            let reason = format!(
                "must not begin with {}, which is reserved for configuration keys",
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

/// Decodes a secret to the bytes of the signing key.
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

/// Parses the URL of a receiver.
pub(crate) fn target(text: &str) -> Result<Uri, String> {
    let refused = |what| format!("must be a URL such as \"https://home.example/hook\": {what}");
    let uri = http_url(text).map_err(refused)?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(refused("it must not contain a user name or password"));
    }
    port(authority).map_err(refused)?;
    Ok(uri)
}

fn http_url(text: &str) -> Result<Uri, &'static str> {
    let is_blank = |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    if text.is_empty() {
        return Err("it is empty");
    }
    if URL_BYTES_MAX < text.len() {
        return Err("it is longer than 2048 bytes");
    }
    if text.bytes().any(is_blank) {
        return Err("it contains whitespace or control characters; percent-encode them");
    }
    if !text.is_ascii() {
        return Err("it contains non-ASCII characters; percent-encode them");
    }
    if !text.contains("://") {
        return Err("it does not begin with http:// or https://");
    }
    let uri: Uri = text.parse().map_err(|_| "it is not a valid URL")?;
    if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme()) {
        return Err("it does not begin with http:// or https://");
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("it has no host");
    }
    Ok(uri)
}

/// `Uri` accepts any text as the port, and the connector falls back to the scheme's port if it is no number.
fn port(authority: &str) -> Result<(), &'static str> {
    // A colon inside the brackets is part of an IPv6 address.
    let behind_host = authority.rsplit(']').next().unwrap_or_default();
    let Some((_, port)) = behind_host.rsplit_once(':') else {
        return Ok(());
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|number| 0 < number);
    is_port.then_some(()).ok_or("its port is not 1 to 65535")
}

/// Restricts names to characters that need no escaping, because names appear in paths and logs.
pub(super) fn name(text: &str) -> Result<(), String> {
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

#[cfg(test)]
mod tests;
