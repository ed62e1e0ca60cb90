//! The identity by which a batch is recognised when it is resent.
//!
//! It is computed from the content as sent, before the reports are judged. Only whether a batch has an identity depends
//! on the server's clock, not which one it has.

use super::wire::{Fields, Item};
use crate::ingest::content::Content;
use crate::report::{BatchIdentity, Phy, SourceId};

/// The identity of a batch. `None` unless every report has its own time, and one that can be right: without times, two
/// equal batches may be two sightings. A clock that stands still sends the same time all day.
pub(super) fn of(
    source: SourceId,
    phy: Phy,
    items: &[Item<'_>],
    has_own_time: impl Fn(&Fields<'_>) -> bool,
) -> Option<BatchIdentity> {
    let mut content = Content::with_capacity(items.len() * 128);
    content.add_bytes(phy.name().as_bytes());
    for item in items {
        match item {
            Item::Report(fields) if has_own_time(fields) => add_report(&mut content, fields),
            Item::Report(_) => return None,
            Item::NotAnObject(kind) => content.add_text(kind),
        }
    }
    (!items.is_empty()).then(|| content.identity(source))
}

fn add_report(content: &mut Content, fields: &Fields<'_>) {
    content.add_values(fields.plain());
    for entries in [&fields.tags, &fields.service_data] {
        // Clients that keep objects in hash maps may send the same entries in another order.
        let mut sorted: Vec<_> = entries.as_slice().iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, value) in sorted {
            content.add_bytes(b"e");
            content.add_text(name);
            content.add_values([value]);
        }
        content.add_bytes(b".");
    }
}
