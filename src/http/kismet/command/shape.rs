//! In which shape records are wanted: a choice of fields, and how names are written.

use serde::Serialize;
use serde_json::{Map, Value};

use super::dictionary::{Field, fields_of};
use super::format::Format;
use crate::http::request::bad_parameter::BadParameter;
use crate::views::{find, to_json_as};

/// Which fields of a record are written, and how.
#[derive(Clone, Debug, Default)]
pub(in crate::http::kismet) struct Shape {
    pub(in crate::http) format: Format,
    /// All of them, if none are named.
    pub(in crate::http) fields: Option<Vec<Field>>,
}

impl Shape {
    /// Reads the keys `fields` and `format` of what a subscriber asks for.
    pub(in crate::http) fn of(
        request: &Map<String, Value>,
        fields_max: usize,
    ) -> Result<Self, BadParameter> {
        let format = match request.get("format") {
            None => Some(Format::default()),
            // A frame is one line.
            Some(format) => format
                .as_str()
                .and_then(Format::of_extension)
                .filter(|format| *format != Format::Pretty),
        };
        let expected = "expected json, ekjson, itjson or tjson";
        Ok(Self {
            format: format.ok_or_else(|| BadParameter::new("format", expected))?,
            fields: fields_of(request, fields_max)?,
        })
    }

    /// Appends a record: all of it, or a flat object of the fields that are wanted. One that it lacks is 0.
    pub(in crate::http) fn write(&self, out: &mut Vec<u8>, record: &impl Serialize) {
        let style = self.format.style();
        let Some(fields) = &self.fields else {
            return to_json_as(out, record, style);
        };
        out.push(b'{');
        for (at, field) in fields.iter().enumerate() {
            if 0 < at {
                out.push(b',');
            }
            let name = if style.underscores {
                field.name.replace('.', "_")
            } else {
                field.name.clone()
            };
            to_json_as(out, &name, style);
            out.extend_from_slice(b": ");
            if !find(out, record, &field.path, style) {
                out.push(b'0');
            }
        }
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS_MAX: usize = 3;

    #[track_caller]
    fn check(request: &Value, expected: &str) {
        let record = json!({ "a.b": { "c.d": [{ "e.f": 1 }], "g": 0.5 }, "h": "text" });
        let mut out = Vec::new();
        let shape = Shape::of(request.as_object().unwrap(), FIELDS_MAX).unwrap();
        shape.write(&mut out, &record);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn fields_are_chosen_by_path_and_named_by_its_end_or_anew() {
        check(&json!({ "fields": ["h"] }), r#"{"h": "text"}"#);
        check(&json!({ "fields": ["a.b/g", ""] }), r#"{"g": 0.500000}"#);
        check(
            &json!({ "fields": [["a.b/g", "x"], "a.b/g", "h"] }),
            r#"{"x": 0.500000,"g": 0.500000,"h": "text"}"#,
        );
        check(&json!({ "fields": ["none/at.all"] }), r#"{"at.all": 0}"#);
        check(
            &json!({ "fields": ["a.b/c.d"], "format": "ekjson" }),
            r#"{"c_d": [{"e_f": 1}]}"#,
        );
        check(
            &json!({ "fields": [], "format": "itjson" }),
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
            json!({ "fields": vec!["h"; FIELDS_MAX + 1] }),
            json!({ "format": "pcap" }),
            json!({ "format": "prettyjson" }),
            json!({ "format": 1 }),
        ] {
            assert!(
                Shape::of(request.as_object().unwrap(), FIELDS_MAX).is_err(),
                "{request}"
            );
        }
    }
}
