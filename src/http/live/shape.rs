//! In which shape a subscriber wants records: a choice of fields, and how names are written.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::views::to_json;

/// Fields of one subscription.
const FIELDS_MAX: usize = 1024;

/// The shape of records.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    fields: Option<Vec<Field>>,
    underscores: bool,
}

#[derive(Clone, Debug)]
struct Field {
    path: Vec<String>,
    name: String,
}

impl Shape {
    /// Reads the keys `fields` and `format` of a request. The error is for its sender.
    pub(super) fn of(request: &Map<String, Value>) -> Result<Self, String> {
        let fields = match request.get("fields") {
            None | Some(Value::Null) => None,
            Some(Value::Array(fields)) if FIELDS_MAX < fields.len() => {
                return Err(format!("fields: more than {FIELDS_MAX}"));
            }
            Some(Value::Array(fields)) => Some(
                fields
                    .iter()
                    .filter(|field| field.as_str() != Some(""))
                    .map(|field| Field::of(field).ok_or_else(bad_field))
                    .collect::<Result<_, _>>()?,
            ),
            Some(_) => return Err(bad_field()),
        };
        let underscores = match request.get("format").map(Value::as_str) {
            None | Some(Some("json" | "itjson" | "cmd" | "jcmd")) => false,
            Some(Some("ekjson" | "tjson")) => true,
            Some(_) => return Err("format: expected json, ekjson, itjson or tjson".to_owned()),
        };
        Ok(Self {
            fields,
            underscores,
        })
    }

    /// Appends `record` to `out` in this shape.
    pub(super) fn write(&self, out: &mut Vec<u8>, record: &impl Serialize) {
        if self.fields.is_none() && !self.underscores {
            return to_json(out, record);
        }
        // Records have text for keys and finite numbers or null, which JSON can hold.
        let mut value = serde_json::to_value(record).unwrap_or_default();
        if let Some(fields) = &self.fields {
            value = project(&value, fields);
        }
        if self.underscores {
            value = with_underscores(value);
        }
        to_json(out, &value);
    }
}

impl Field {
    fn of(field: &Value) -> Option<Self> {
        let (path, name) = match field {
            Value::String(path) => (path, None),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(path), Value::String(name)] => (path, Some(name)),
                _ => return None,
            },
            _ => return None,
        };
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let name = name.or(path.last())?.clone();
        Some(Self { path, name })
    }
}

fn bad_field() -> String {
    "fields: expected a list of field, or [field, name]".to_owned()
}

/// The chosen fields of an object, flat; 0 where there is no such field.
fn project(record: &Value, fields: &[Field]) -> Value {
    if !record.is_object() {
        return record.clone();
    }
    let chosen = fields.iter().map(|Field { path, name }| {
        let mut found = Some(record);
        for step in path {
            found = found.and_then(|value| value.get(step));
        }
        (name.clone(), found.cloned().unwrap_or(Value::from(0)))
    });
    Value::Object(chosen.collect())
}

/// The same with `_` for `.` in the names of fields.
fn with_underscores(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let renamed =
                |(name, value): (String, Value)| (name.replace('.', "_"), with_underscores(value));
            Value::Object(fields.into_iter().map(renamed).collect())
        }
        Value::Array(items) => items.into_iter().map(with_underscores).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(request: &Value, expected: &str) {
        let record = json!({ "a.b": { "c.d": [{ "e.f": 1 }], "g": 0.5 }, "h": "text" });
        let mut out = Vec::new();
        let shape = Shape::of(request.as_object().unwrap()).unwrap();
        shape.write(&mut out, &record);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn fields_are_chosen_by_path_and_named_by_its_end_or_anew() {
        check(&json!({ "fields": ["h"] }), r#"{"h": "text"}"#);
        check(&json!({ "fields": ["a.b/g", ""] }), r#"{"g": 0.500000}"#);
        check(
            &json!({ "fields": [["a.b/g", "x"], "a.b/g"] }),
            r#"{"g": 0.500000,"x": 0.500000}"#,
        );
        check(&json!({ "fields": ["none/at.all"] }), r#"{"at.all": 0}"#);
        check(
            &json!({ "fields": ["a.b/c.d"], "format": "ekjson" }),
            r#"{"c_d": [{"e_f": 1}]}"#,
        );
        check(
            &json!({ "format": "itjson" }),
            r#"{"a.b": {"c.d": [{"e.f": 1}],"g": 0.500000},"h": "text"}"#,
        );
    }

    #[test]
    fn what_is_no_choice_is_refused() {
        for request in [
            json!({ "fields": "h" }),
            json!({ "fields": [1] }),
            json!({ "fields": [["h"]] }),
            json!({ "fields": [["h", "x", "y"]] }),
            json!({ "fields": vec!["h"; 1025] }),
            json!({ "format": "pcap" }),
            json!({ "format": 1 }),
        ] {
            assert!(
                Shape::of(request.as_object().unwrap()).is_err(),
                "{request}"
            );
        }
    }
}
