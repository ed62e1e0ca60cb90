//! The identity by which a batch is recognised when it is resent.
//!
//! It is computed from the content as sent, before the reports are judged. Only whether a batch has an identity depends
//! on the server's clock, not which one it has.

use std::mem;

use super::wire::{Fields, Item, Value};
use crate::report::{BatchIdentity, Phy, SourceId};

/// The identity of a batch. `None` unless every report has its own time, and one that can be right: without times, two
/// equal batches may be two sightings. A clock that stands still sends the same time all day.
pub(super) fn of(
    source: SourceId,
    phy: Phy,
    items: &[Item<'_>],
    has_own_time: impl Fn(&Fields<'_>) -> bool,
) -> Option<BatchIdentity> {
    let mut content = Content(Vec::with_capacity(items.len() * 128));
    content.0.extend_from_slice(phy.name().as_bytes());
    for item in items {
        match item {
            Item::Report(fields) if has_own_time(fields) => content.add_report(fields),
            Item::Report(_) => return None,
            Item::NotAnObject(kind) => content.add_text(kind),
        }
    }
    (!items.is_empty()).then(|| BatchIdentity::of_content(source, &content.0))
}

/// The content of a batch as bytes. Each value begins with its type and each text with its length, so that different
/// content has different bytes.
struct Content(Vec<u8>);

impl Content {
    fn add_report(&mut self, fields: &Fields<'_>) {
        // Most fields are absent: they are added together.
        let mut absent = 0;
        for value in fields.plain() {
            if matches!(value, Value::Absent) {
                absent += 1;
                continue;
            }
            self.add_absent(mem::take(&mut absent));
            self.add_value(value);
        }
        self.add_absent(absent);
        for entries in [&fields.tags, &fields.service_data] {
            // Clients that keep objects in hash maps may send the same entries in another order.
            let mut sorted: Vec<_> = entries.as_slice().iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (name, value) in sorted {
                self.0.push(b'e');
                self.add_text(name);
                self.add_value(value);
            }
            self.0.push(b'.');
        }
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

    fn add_text(&mut self, text: &str) {
        self.0.extend_from_slice(&text.len().to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}
