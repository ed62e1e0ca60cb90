//! Indented JSON for people, with a description before each field.

use std::mem::take;

use super::kismet::Field;

/// Formats compact JSON with one field or item a line, as Kismet does: CRLF, an empty line first, and the type and
/// meaning of each known field before it. Takes its input in pieces.
#[derive(Debug, Default)]
pub struct Spreader {
    has_begun: bool,
    /// Open objects and arrays, innermost last.
    open: Vec<Inside>,
    /// Whether the innermost was opened just now.
    is_opened: bool,
    reading: Reading,
    /// The key being read, with its quotes.
    key: Vec<u8>,
    /// The field whose value comes next.
    field: Option<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    List,
    Fields,
    /// An object whose keys are data, not field names.
    FreeNames,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Value,
    BeforeKey,
    Key {
        is_escaped: bool,
    },
    Text {
        is_escaped: bool,
    },
}

impl Spreader {
    /// Formats the next piece.
    pub fn spread(&mut self, compact: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * compact.len());
        if !std::mem::replace(&mut self.has_begun, true) {
            out.extend_from_slice(b"\r\n");
        }
        for &byte in compact {
            match self.reading {
                Reading::Key { is_escaped } => self.key_byte(&mut out, byte, is_escaped),
                Reading::Text { is_escaped } => {
                    out.push(byte);
                    self.reading = match byte {
                        b'"' if !is_escaped => Reading::Value,
                        _ => Reading::Text {
                            is_escaped: !is_escaped && byte == b'\\',
                        },
                    };
                }
                Reading::Value | Reading::BeforeKey => self.mark(&mut out, byte),
            }
        }
        out
    }

    /// Handles a byte outside of strings.
    fn mark(&mut self, out: &mut Vec<u8>, byte: u8) {
        let is_close = matches!(byte, b'}' | b']');
        if is_close {
            self.open.pop();
        }
        // An empty object or array stays on its line.
        if take(&mut self.is_opened) != is_close {
            self.line(out);
        }
        if byte == b'"' && self.reading == Reading::BeforeKey {
            self.key.push(byte);
            self.reading = Reading::Key { is_escaped: false };
            return;
        }
        out.push(byte);
        match byte {
            b'{' | b'[' => {
                let is_free = take(&mut self.field).is_some_and(Field::has_free_names);
                let inside = match (byte, is_free) {
                    (b'[', _) => Inside::List,
                    (_, false) => Inside::Fields,
                    (_, true) => Inside::FreeNames,
                };
                self.open.push(inside);
                self.is_opened = true;
                self.expect_item();
            }
            b',' => {
                self.line(out);
                self.expect_item();
            }
            b'"' => self.reading = Reading::Text { is_escaped: false },
            _ => self.reading = Reading::Value,
        }
    }

    fn key_byte(&mut self, out: &mut Vec<u8>, byte: u8, is_escaped: bool) {
        self.key.push(byte);
        if byte != b'"' || is_escaped {
            let is_escaped = !is_escaped && byte == b'\\';
            self.reading = Reading::Key { is_escaped };
            return;
        }
        self.reading = Reading::Value;
        let key = take(&mut self.key);
        let name = std::str::from_utf8(&key).unwrap_or_default();
        self.field = match self.open.last() {
            Some(Inside::Fields) => Field::by_name(name.trim_matches('"')),
            _ => None,
        };
        if let Some(field) = self.field {
            let Field {
                name,
                kind,
                meaning,
            } = field;
            let described = format!("\"description.{name}\": \"{kind}, {meaning}\",");
            out.extend_from_slice(described.as_bytes());
            self.line(out);
        }
        out.extend_from_slice(&key);
    }

    fn expect_item(&mut self) {
        self.reading = match self.open.last() {
            Some(Inside::List) | None => Reading::Value,
            Some(Inside::Fields | Inside::FreeNames) => Reading::BeforeKey,
        };
    }

    fn line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        out.resize(out.len() + 2 * self.open.len(), b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the input is cut into pieces.
    #[track_caller]
    fn check(compact: &str, expected: &[&str]) {
        for cut in 0..compact.len() {
            let (first, second) = compact.as_bytes().split_at(cut);
            let mut spreader = Spreader::default();
            let spread = [spreader.spread(first), spreader.spread(second)].concat();
            let expected = format!("\r\n{}", expected.join("\r\n"));
            assert_eq!(String::from_utf8(spread).unwrap(), expected, "{cut}");
        }
    }

    #[test]
    fn spread_over_lines_it_is_the_same() {
        let value =
            serde_json::json!({ "a": [], "b": {}, "c": ["x,{[\"\\", 1], "d": { "e\"": null } });
        check(
            &value.to_string(),
            &[
                "{",
                "  \"a\":[],",
                "  \"b\":{},",
                "  \"c\":[",
                "    \"x,{[\\\"\\\\\",",
                "    1",
                "  ],",
                "  \"d\":{",
                "    \"e\\\"\":null",
                "  }",
                "}",
            ],
        );
    }

    #[test]
    fn fields_are_described_and_names_of_others_are_not() {
        let [mac, tags] = ["macaddr", "tags"].map(|name| format!("kismet.device.base.{name}"));
        let compact = format!("[{{\"{tags}\": {{\"{mac}\": \"{mac}\"}},\"{mac}\": \"x\"}}]");
        let described = |name: &str| {
            let Field { kind, meaning, .. } = Field::by_name(name).unwrap();
            format!("    \"description.{name}\": \"{kind}, {meaning}\",")
        };
        check(
            &compact,
            &[
                "[",
                "  {",
                &described(&tags),
                &format!("    \"{tags}\": {{"),
                &format!("      \"{mac}\": \"{mac}\""),
                "    },",
                &described(&mac),
                &format!("    \"{mac}\": \"x\""),
                "  }",
                "]",
            ],
        );
    }
}
