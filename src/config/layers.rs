//! The layers of the configuration: defaults, then the file, then the environment.
//!
//! This file knows how keys are written and compared, but no key by name. It takes the keys from the defaults, so a
//! new field of [`Config`] needs no change here.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use toml::de::DeTable;
use toml::{Table, Value};

use super::{Config, ConfigError, list};

/// Prefix of this program's environment variables.
pub(super) const ENVIRONMENT_PREFIX: &str = "SCANPOST_";

/// The defaults, and a copy of them with the values that were set so far.
///
/// Each value is checked alone over the defaults when it is set. The error can then name the key, and whether the file
/// or the environment has to be corrected.
pub(super) struct Layers {
    defaults: Table,
    given: Table,
}

impl Default for Layers {
    fn default() -> Self {
        let defaults = Table::try_from(Config::default())
            .expect("the defaults are plain strings, integers and lists");
        Self {
            given: defaults.clone(),
            defaults,
        }
    }
}

impl Layers {
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        self.add_text(path, &text)
    }

    pub(super) fn add_text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: Table = text.parse().map_err(|error| syntax(path, text, &error))?;
        let origin = path.display().to_string();
        for (section, value) in table {
            refuse_dates(&origin, &section, &value)?;
            match value {
                entries if self.defaults.get(&section).is_some_and(Value::is_array) => {
                    list::check(&origin, &section, &entries)?;
                    self.given.insert(section, entries);
                }
                Value::Table(keys) if self.defaults.contains_key(&section) || !keys.is_empty() => {
                    for (name, value) in keys {
                        self.set(&origin, &Key::new(&section, &name), value)?;
                    }
                }
                _ => return Err(self.unknown(&origin, &section, Key::to_string)),
            }
        }
        Ok(())
    }

    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, text) in environment {
            let Some(name) = name
                .to_str()
                .filter(|name| name.starts_with(ENVIRONMENT_PREFIX))
            else {
                continue;
            };
            if is_set_by_kubernetes(name) {
                continue;
            }
            let Some(key) = self.keys().find(|key| key.environment_name() == name) else {
                return Err(self.unknown("environment", name, Key::environment_name));
            };
            let origin = format!("environment variable {name}");
            let text = text.into_string().map_err(|text| ConfigError::BadValue {
                origin: origin.clone(),
                key: key.to_string(),
                value: text.display().to_string(),
                reason: "must be Unicode text".to_owned(),
            })?;
            // A text that does not parse as its type is passed on as text, and `set` refuses the type.
            let value = match self.default_of(&key) {
                Some(Value::Integer(_)) => text.parse().map_or(Value::String(text), Value::Integer),
                Some(Value::Array(_)) => Value::Array(split_list(&text)),
                Some(Value::Boolean(_)) => text.parse().map_or(Value::String(text), Value::Boolean),
                _ => Value::String(text),
            };
            self.set(&origin, &key, value)?;
        }
        Ok(())
    }

    fn set(&mut self, origin: &str, key: &Key, value: Value) -> Result<(), ConfigError> {
        let Some(default) = self.default_of(key) else {
            return Err(self.unknown(origin, &key.to_string(), Key::to_string));
        };
        check_alone(key, default, &value).map_err(|reason| ConfigError::BadValue {
            origin: origin.to_owned(),
            key: key.to_string(),
            value: value.to_string(),
            reason,
        })?;
        if let Some(Value::Table(section)) = self.given.get_mut(&key.section) {
            section.insert(key.name.clone(), value);
        }
        Ok(())
    }

    pub(super) fn into_config(self) -> Config {
        self.given
            .try_into()
            .expect("every value was read by itself before")
    }

    fn default_of(&self, key: &Key) -> Option<&Value> {
        self.defaults.get(&key.section)?.get(&key.name)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.defaults.iter().flat_map(|(section, keys)| {
            let names = keys.as_table().into_iter().flat_map(Table::keys);
            names.map(move |name| Key::new(section, name))
        })
    }

    /// `spelling` writes the nearest known key in the notation of the unknown one.
    fn unknown(&self, origin: &str, key: &str, spelling: impl Fn(&Key) -> String) -> ConfigError {
        ConfigError::UnknownKey {
            origin: origin.to_owned(),
            key: key.to_owned(),
            nearest: nearest(key, self.keys(), spelling),
        }
    }
}

/// No key is a date, and the types of texts take one for a text.
fn refuse_dates(origin: &str, key: &str, value: &Value) -> Result<(), ConfigError> {
    match value {
        Value::Datetime(_) => Err(ConfigError::BadValue {
            origin: origin.to_owned(),
            key: key.to_owned(),
            // It may be a secret.
            value: "a date".to_owned(),
            reason: "must not be a date: put it in quotes if it is a text".to_owned(),
        }),
        Value::Array(values) => (0..)
            .zip(values)
            .try_for_each(|(place, value): (usize, _)| {
                refuse_dates(origin, &format!("{key}[{place}]"), value)
            }),
        Value::Table(values) => values
            .iter()
            .try_for_each(|(name, value)| refuse_dates(origin, &format!("{key}.{name}"), value)),
        _ => Ok(()),
    }
}

/// Tells what is wrong in a text, and where, without showing anything of it.
fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    // The parser's own errors have fixed texts. One that comes later may have the value that does not fit.
    let reason = match DeTable::parse(text) {
        Err(error) => error.message().to_owned(),
        Ok(_) => "a value is out of range".to_owned(),
    };
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let (line_start, line) = match before.rfind('\n') {
        Some(end) => (end + 1, before.matches('\n').count() + 1),
        None => (0, 1),
    };
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    ConfigError::Syntax {
        path: path.to_owned(),
        line,
        column,
        reason,
    }
}

/// The keys whose values differ in two configurations.
pub(super) fn differing_keys(one: &Config, other: &Config) -> Vec<String> {
    let table = |config: &Config| Table::try_from(config).unwrap_or_default();
    let (one, other) = (table(one), table(other));
    let value = |table: &Table, key: &Key| -> Option<Value> {
        table.get(&key.section)?.get(&key.name).cloned()
    };
    let keys = Layers::default();
    let differing = keys
        .keys()
        .filter(|key| value(&one, key) != value(&other, key));
    differing.map(|key| key.to_string()).collect()
}

/// Checks one value with all others at their defaults.
fn check_alone(key: &Key, default: &Value, value: &Value) -> Result<(), String> {
    let (wanted, found) = (default.type_str(), value.type_str());
    if value.as_integer().is_some_and(i64::is_negative) {
        return Err("must not be negative".to_owned());
    }
    let section = Table::from_iter([(key.name.clone(), value.clone())]);
    let alone = Table::from_iter([(key.section.clone(), Value::Table(section))]);
    let config: Config = alone.try_into().map_err(|error: toml::de::Error| {
        // Keys that take several types have texts of their own.
        if wanted == found || error.message().starts_with("must ") {
            error.message().to_owned()
        } else {
            format!("must be of type {wanted}, such as {default}, but it is of type {found}")
        }
    })?;
    config.check_each()
}

/// Splits a comma-separated list, as environment variables hold it.
fn split_list(text: &str) -> Vec<Value> {
    let texts = text.split(',').map(str::trim);
    let given = texts.filter(|text| !text.is_empty());
    given.map(|text| Value::String(text.to_owned())).collect()
}

/// A configuration key: `auth.mode` in files and errors, `SCANPOST_AUTH__MODE` in the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) section: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(section: &str, name: &str) -> Self {
        Self {
            section: section.to_owned(),
            name: name.to_owned(),
        }
    }

    fn environment_name(&self) -> String {
        let Self { section, name } = self;
        format!("{ENVIRONMENT_PREFIX}{section}__{name}").to_uppercase()
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// Converts `SCANPOST_AUTH__MODE` to `auth.mode`, so that keys of all origins can be compared.
fn dotted(key: &str) -> String {
    match key.strip_prefix(ENVIRONMENT_PREFIX) {
        Some(name) => name.to_lowercase().replace("__", "."),
        None => key.to_lowercase(),
    }
}

/// The known key that is most similar to an unknown one.
pub(super) fn nearest(
    key: &str,
    known: impl Iterator<Item = Key>,
    spelling: impl Fn(&Key) -> String,
) -> String {
    let dotted = dotted(key);
    let nearest = known.max_by(|a, b| similarity(&dotted, a).total_cmp(&similarity(&dotted, b)));
    nearest.map(|key| spelling(&key)).unwrap_or_default()
}

/// Similarity of an unknown key to a known one. It compares the whole keys, and then the names without section and
/// with sorted words, because people confuse sections and the order of words.
fn similarity(dotted: &str, known: &Key) -> f64 {
    let name = dotted.rsplit_once('.').map_or(dotted, |(_, name)| name);
    strsim::normalized_damerau_levenshtein(dotted, &known.to_string())
        + strsim::normalized_damerau_levenshtein(&sorted_words(name), &sorted_words(&known.name))
}

fn sorted_words(name: &str) -> String {
    let mut words: Vec<_> = name.split('_').collect();
    words.sort_unstable();
    words.join("_")
}

/// Kubernetes sets these variables in every pod for each service of its namespace. A service that is called
/// `scanpost` must not keep the server from starting.
fn is_set_by_kubernetes(name: &str) -> bool {
    match name.strip_prefix(ENVIRONMENT_PREFIX) {
        Some("SERVICE_HOST" | "SERVICE_PORT" | "PORT") => true,
        Some(rest) => ["SERVICE_PORT_", "PORT_"]
            .iter()
            .any(|start| rest.starts_with(start)),
        None => false,
    }
}
