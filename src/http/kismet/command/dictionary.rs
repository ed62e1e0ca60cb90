//! What a read is asked for: the command dictionary, and the variables beside it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::http::request::bad_parameter::BadParameter;

/// How large a compiled pattern may be, and all of a command together, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;
const REGEXES_BYTES_MAX: usize = 4 << 20;
/// Under how many names a field may be asked for: an answer grows with each.
const NAMES_PER_PATH_MAX: usize = 4;

/// A field that is wanted, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Field {
    pub(in crate::http) path: Vec<String>,
    pub(in crate::http) name: String,
}

/// A pattern that some field has to match.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(in crate::http) path: Vec<String>,
    pub(in crate::http) regex: Regex,
}

/// The keys of commands that mean something. What stands under any other key is skipped and not built.
const KEYS: [&str; 24] = [
    "bssid",
    "burst",
    "channel",
    "class",
    "colmap",
    "datatable",
    "description",
    "dest",
    "devices",
    "fields",
    "last_time",
    "mac",
    "macs",
    "name",
    "other",
    "phyname",
    "regex",
    "severity",
    "source",
    "tagname",
    "tagvalue",
    "text",
    "throttle",
    "username",
];

/// A command as it was sent, without the keys that mean nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Document(Map<String, Value>);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut document = Map::new();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match KEYS.iter().find(|known| **known == key) {
                        Some(known) => {
                            document.insert((*known).to_owned(), map.next_value()?);
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Document(document))
            }
        }

        from.deserialize_map(Keys)
    }
}

/// What a read is asked for.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Command {
    /// The fields that are wanted; all of them, if none are named.
    pub(in crate::http) fields: Option<Vec<Field>>,
    /// Of these, one has to match.
    pub(super) patterns: Vec<Pattern>,
    document: Document,
    variables: Vec<(String, String)>,
    items_max: usize,
}

impl Command {
    /// Reads a document, and the variables of query and form.
    pub(super) fn read(
        document: Document,
        variables: Vec<(String, String)>,
        items_max: usize,
    ) -> Result<Self, BadParameter> {
        let fields = fields_of(&document.0, items_max)?;
        let patterns = match document.0.get("regex") {
            None | Some(Value::Null) => Vec::new(),
            Some(patterns) => read_patterns(items("regex", patterns, items_max)?)?,
        };
        Ok(Self {
            fields,
            patterns,
            document,
            variables,
            items_max,
        })
    }

    /// A variable of the query or the form.
    pub(in crate::http) fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        let (_, value) = variables.find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// A key of the document. It has to be one of [`KEYS`].
    fn key(&self, name: &str) -> Option<&Value> {
        debug_assert!(KEYS.contains(&name), "{name} is not among the keys");
        self.document.0.get(name)
    }

    /// A text of the document, or a variable.
    pub(in crate::http) fn text(&self, name: &str) -> Option<&str> {
        if let Some(text) = self.key(name) {
            return text.as_str();
        }
        let mut variables = self.variables.iter();
        let variable = variables.find(|(known, _)| known == name)?;
        Some(variable.1.as_str())
    }

    /// A variable that is a number.
    pub(in crate::http) fn number(&self, name: &str) -> Result<Option<usize>, BadParameter> {
        self.variable(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| BadParameter::new(name, "expected a number that is not negative"))
            })
            .transpose()
    }

    /// Something else of the document.
    pub(in crate::http) fn get(&self, name: &str) -> Option<&Value> {
        self.key(name)
    }

    /// A list of texts in the document, which has to be there.
    pub(in crate::http) fn texts(&self, name: &'static str) -> Result<Vec<&str>, BadParameter> {
        let list = self
            .key(name)
            .ok_or_else(|| BadParameter::new(name, "missing in the command"))?;
        let list = items(name, list, self.items_max)?;
        if let Some(at) = list.iter().position(|item| !item.is_string()) {
            return Err(BadParameter::new(
                &format!("{name}[{at}]"),
                "expected a text",
            ));
        }
        Ok(list.iter().filter_map(Value::as_str).collect())
    }
}

fn items<'v>(name: &str, value: &'v Value, items_max: usize) -> Result<&'v [Value], BadParameter> {
    match value {
        Value::Array(items) if items.len() <= items_max => Ok(items),
        Value::Array(_) => Err(BadParameter::new(
            name,
            &format!("more than {items_max} items"),
        )),
        _ => Err(BadParameter::new(name, "expected a list")),
    }
}

/// The fields that a document asks for. No name at all asks for nothing less than everything.
pub(super) fn fields_of(
    document: &Map<String, Value>,
    items_max: usize,
) -> Result<Option<Vec<Field>>, BadParameter> {
    let fields = match document.get("fields") {
        None | Some(Value::Null) => return Ok(None),
        Some(fields) => read_fields(items("fields", fields, items_max)?)?,
    };
    Ok(Some(fields).filter(|fields| !fields.is_empty()))
}

fn read_fields(items: &[Value]) -> Result<Vec<Field>, BadParameter> {
    let mut fields = Vec::with_capacity(items.len());
    let mut names: HashMap<Vec<String>, Vec<String>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let (path, name) = match item {
            Value::String(path) => (path.as_str(), None),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(path), Value::String(name)] => (path.as_str(), Some(name.clone())),
                _ => return Err(bad_field(at)),
            },
            _ => return Err(bad_field(at)),
        };
        let path = split_path(path);
        if let Some(last) = path.last().cloned() {
            let name = name.unwrap_or(last);
            let of_path = names.entry(path.clone()).or_default();
            if !of_path.contains(&name) {
                of_path.push(name.clone());
                fields.push(Field { path, name });
            }
            if NAMES_PER_PATH_MAX < of_path.len() {
                return Err(BadParameter::new(
                    &format!("fields[{at}]"),
                    &format!("more than {NAMES_PER_PATH_MAX} names for one field"),
                ));
            }
        }
    }
    Ok(fields)
}

fn bad_field(at: usize) -> BadParameter {
    BadParameter::new(
        &format!("fields[{at}]"),
        "expected a path, or [path, new name]",
    )
}

fn read_patterns(items: &[Value]) -> Result<Vec<Pattern>, BadParameter> {
    let bytes_max = REGEX_BYTES_MAX.min(REGEXES_BYTES_MAX / items.len().max(1));
    let read = |(at, item): (usize, &Value)| {
        let name = format!("regex[{at}]");
        let pair = item.as_array().map(Vec::as_slice);
        let Some([Value::String(path), Value::String(pattern)]) = pair else {
            return Err(BadParameter::new(&name, "expected [path, pattern]"));
        };
        let regex = RegexBuilder::new(pattern)
            .size_limit(bytes_max)
            .dfa_size_limit(bytes_max)
            .build()
            .map_err(|error| BadParameter::new(&name, &error))?;
        Ok(Pattern {
            path: split_path(path),
            regex,
        })
    };
    items.iter().enumerate().map(read).collect()
}

/// The names of a path.
pub(in crate::http::kismet) fn split_path(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
