//! The content of a batch as octets, from which its identity is computed.
//!
//! Each value begins with its type and each text with its length, so that different content has different octets.
//! Identities are on disk, so the octets of a content never change.

use std::mem;

use super::json::Value;
use crate::report::{BatchIdentity, SourceId};

#[derive(Debug, Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn identity(&self, source: SourceId) -> BatchIdentity {
        BatchIdentity::of_content(source, &self.0)
    }

    /// Adds octets that have the same length in every content, or end at an octet that no value begins with.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn add_values<'v, 'a: 'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v Value<'a>>,
    ) {
        // Most fields are absent: they are added together.
        let mut absent = 0;
        for value in values {
            if matches!(value, Value::Absent) {
                absent += 1;
                continue;
            }
            self.add_absent(mem::take(&mut absent));
            self.add_value(value);
        }
        self.add_absent(absent);
    }

    fn add_absent(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, b'0');
    }

    fn add_value(&mut self, value: &Value<'_>) {
        match value {
            Value::Absent => self.0.push(b'0'),
            Value::Bool => self.0.push(b'b'),
            Value::Array => self.0.push(b'a'),
            Value::Object => self.0.push(b'o'),
            Value::Number(number) => {
                let [a, b, c, d, e, f, g, h] = number.to_bits().to_be_bytes();
                self.0.extend_from_slice(&[b'n', a, b, c, d, e, f, g, h]);
            }
            Value::Text(text) => {
                // In one step with the type: most values are numbers and texts, and each step checks for room.
                let [a, b, c, d, e, f, g, h] = text.len().to_be_bytes();
                self.0.extend_from_slice(&[b't', a, b, c, d, e, f, g, h]);
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.0.extend_from_slice(&text.len().to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}
