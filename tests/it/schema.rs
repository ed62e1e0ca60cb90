//! Checks answers against the schemas of the `OpenAPI` document. A member that is not described is an error too. It
//! supports the parts of JSON Schema that the document uses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::server::Answer;

const KNOWN: [&str; 13] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "minimum",
    "properties",
    "propertyNames",
    "required",
    "type",
];

/// Checks values, and collects the members that it has seen.
pub(crate) struct Checker<'d> {
    document: &'d Value,
    shown: BTreeSet<String>,
}

/// Members of an object's schema: name of the schema, schema of the member, and whether it is required.
type Members<'d> = BTreeMap<&'d str, (String, &'d Value, bool)>;

impl<'d> Checker<'d> {
    pub(crate) fn new(document: &'d Value) -> Self {
        Self {
            document,
            shown: BTreeSet::new(),
        }
    }

    /// Checks an answer against the schema of its status, and returns its value.
    #[track_caller]
    pub(crate) fn check(&mut self, method: &str, path: &str, answer: &Answer) -> Value {
        let status = answer.status.as_str();
        let response = &self.document["paths"][path][method]["responses"][status];
        let what = format!("{method} {path}: {status}");
        assert!(response.is_object(), "{what} is not described");
        let response = self.resolve(response).1;
        let content_type = answer.headers["content-type"].to_str().unwrap();
        let schema = &response["content"][content_type]["schema"];
        assert!(schema.is_object(), "{what} {content_type} is not described");
        let value = answer.json();
        self.value(schema, &value, &what);
        value
    }

    /// Members that answers of these paths may have and no answer had.
    pub(crate) fn never_shown(&self, paths: &[&str]) -> Vec<String> {
        let mut expected = BTreeSet::new();
        for path in paths {
            let response = &self.document["paths"][*path]["get"]["responses"]["200"];
            self.expect(
                &response["content"]["application/json"]["schema"],
                &mut expected,
            );
        }
        expected.difference(&self.shown).cloned().collect()
    }

    fn expect(&self, schema: &'d Value, expected: &mut BTreeSet<String>) {
        for (name, (owner, schema, _)) in self.members(schema) {
            assert!(
                self.resolve(schema).1["description"].is_string(),
                "{owner}.{name}: no description"
            );
            if expected.insert(format!("{owner}.{name}")) {
                self.expect(schema, expected);
            }
        }
        let items = &self.resolve(schema).1["items"];
        if items.is_object() {
            self.expect(items, expected);
        }
    }

    /// The schema that a reference points to, and its name.
    fn resolve(&self, schema: &'d Value) -> (String, &'d Value) {
        let Some(reference) = schema["$ref"].as_str() else {
            return (String::new(), schema);
        };
        let pointer = reference.strip_prefix('#').unwrap();
        let name = pointer.rsplit('/').next().unwrap();
        (
            name.to_owned(),
            self.document
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{reference} does not exist")),
        )
    }

    fn members(&self, schema: &'d Value) -> Members<'d> {
        let (name, schema) = self.resolve(schema);
        let mut members = Members::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            for (member, (owner, schema, required)) in self.members(part) {
                let owner = if owner.is_empty() {
                    name.clone()
                } else {
                    owner
                };
                members.insert(member, (owner, schema, required));
            }
        }
        let required: Vec<_> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.iter().any(|name| **name == **member);
            members.insert(member, (name.clone(), schema, is_required));
        }
        members
    }

    #[track_caller]
    fn value(&mut self, schema: &'d Value, value: &Value, at: &str) {
        let whole = schema;
        let schema = self.resolve(schema).1;
        for keyword in schema.as_object().unwrap().keys() {
            assert!(
                KNOWN.contains(&keyword.as_str()),
                "{at}: the check does not know `{keyword}`"
            );
        }
        if let Some(types) = schema.get("type") {
            let is_one = match types {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            };
            assert!(is_one, "{at}: {value} is not of type {types}");
        }
        // A value that may be absent is null then.
        if let (Some(minimum), false) = (schema["minimum"].as_f64(), value.is_null()) {
            assert!(minimum <= value.as_f64().unwrap(), "{at}: {value}");
        }
        if let Some(values) = schema["enum"].as_array() {
            assert!(values.contains(value), "{at}: {value}");
        }
        match value {
            Value::Object(object) => {
                let members = self.members(whole);
                for (name, (_, _, required)) in &members {
                    assert!(
                        !required || object.contains_key(*name),
                        "{at}: no {name} in {value}"
                    );
                }
                let others = schema.get("additionalProperties");
                for (name, value) in object {
                    let at = format!("{at}.{name}");
                    match (members.get(name.as_str()), others) {
                        (Some((owner, schema, _)), _) => {
                            self.shown.insert(format!("{owner}.{name}"));
                            self.value(schema, value, &at);
                        }
                        (None, Some(schema)) => self.value(schema, value, &at),
                        (None, None) => panic!("{at} is not described"),
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.value(&schema["items"], item, at);
                }
            }
            _ => {}
        }
    }
}

fn is_of(one: &Value, value: &Value) -> bool {
    match one.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the check does not know the type {other}"),
    }
}
