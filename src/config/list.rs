//! Sections that are lists of tables, such as `[[webhooks]]`. Errors name an entry by its index.

use std::collections::HashSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::layers::{self, Key};
use super::{ConfigError, Forward, Tak, Webhook};

/// What errors show in place of a secret.
const HIDDEN: &str = "(not shown)";

/// A key with an invalid value, and the reason.
pub(super) type Fault = (&'static str, String);

/// An entry of a list.
pub(super) trait Entry: Default + Serialize + DeserializeOwned {
    const SECTION: &'static str;
    /// The most entries. Each has a task and an HTTP client of its own.
    const ENTRIES_MAX: usize;
    /// Keys whose values are secrets, so that errors do not show them.
    const SECRET: &'static [&'static str];

    /// The name of the entry, which no other entry may have.
    fn name(&self) -> &str;

    /// Checks the entry as a whole.
    fn check(&self) -> Result<(), Fault>;
}

/// Checks the entries of a section: each key alone, then each entry as a whole.
pub(super) fn check(origin: &str, section: &str, list: &Value) -> Result<(), ConfigError> {
    match section {
        Forward::SECTION => check_entries::<Forward>(origin, list),
        Tak::SECTION => check_entries::<Tak>(origin, list),
        _ => check_entries::<Webhook>(origin, list),
    }
}

fn check_entries<E: Entry>(origin: &str, list: &Value) -> Result<(), ConfigError> {
    let section = E::SECTION;
    let not_a_list = || format!("must be a list of tables: write [[{section}]]");
    let bad = |key: String, value: String, reason: String| ConfigError::BadValue {
        origin: origin.to_owned(),
        key,
        value,
        reason,
    };
    let Value::Array(entries) = list else {
        let value = list.type_str().to_owned();
        return Err(bad(section.to_owned(), value, not_a_list()));
    };
    if E::ENTRIES_MAX < entries.len() {
        let reason = format!("must be at most {}", E::ENTRIES_MAX);
        return Err(bad(section.to_owned(), entries.len().to_string(), reason));
    }
    let mut names = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("{section}[{index}]");
        let Value::Table(keys) = entry else {
            let value = entry.type_str().to_owned();
            return Err(bad(place, value, not_a_list()));
        };
        check_keys::<E>(origin, &place, keys)?;
        let entry: E = keys
            .clone()
            .try_into()
            .expect("every key was read by itself before");
        let checked = entry.check().and_then(|()| {
            let is_new = names.insert(entry.name().to_owned());
            let reason = "must differ from that of every other entry of the list";
            is_new
                .then_some(())
                .ok_or_else(|| ("name", reason.to_owned()))
        });
        checked.map_err(|(key, reason)| {
            let value = shown::<E>(key, keys.get(key));
            bad(format!("{place}.{key}"), value, reason)
        })?;
    }
    Ok(())
}

/// Checks that all keys are known and that each value has the right type.
fn check_keys<E: Entry>(origin: &str, place: &str, keys: &Table) -> Result<(), ConfigError> {
    let defaults =
        Table::try_from(E::default()).expect("the defaults are plain strings, integers and lists");
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
        alone.try_into::<E>().map_err(|error| {
            // What should be a text may be a secret, or was meant for a key beside it.
            let hides = defaults.get(name).is_some_and(Value::is_str) && !value.is_str();
            let (value, reason) = if hides || E::SECRET.contains(&name.as_str()) {
                let found = value.type_str();
                let reason = format!("must be of type string, but it is of type {found}");
                (HIDDEN.to_owned(), reason)
            } else {
                (shown::<E>(name, Some(value)), error.message().to_owned())
            };
            ConfigError::BadValue {
                origin: origin.to_owned(),
                key,
                value,
                reason,
            }
        })?;
    }
    Ok(())
}

/// Formats a value for an error, without secrets.
fn shown<E: Entry>(key: &str, value: Option<&Value>) -> String {
    match value {
        Some(_) if E::SECRET.contains(&key) => HIDDEN.to_owned(),
        Some(value) => value.to_string(),
        None => "\"\"".to_owned(),
    }
}
