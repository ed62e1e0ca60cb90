//! Takes texts out of small files that name what is erased.

use std::io;

use serde_json::Value;

use super::EraseError;
use crate::data_dir::{self, DataDir};
use crate::forward;
use crate::import;
use crate::log::EraseOrder;
use crate::report::SourceId;

/// What accounts have of the places and times of a file's rows. If a row is erased, nobody knows what they were without it.
const EXTENTS: [&str; 3] = ["bbox", "first_seen", "last_seen"];
/// What whoever sent a file may have called its source.
const SOURCE: &str = "source";

/// Takes texts out of the accounts of imports, and out of the owners of sources. Removes the parts that are being
/// forwarded, which are made again.
pub(super) fn small_files(files: &DataDir, order: &EraseOrder) -> Result<(), EraseError> {
    for name in data_dir::SMALL_FILES {
        // A crash may have left one that should have replaced the file.
        let unfinished = format!("{name}.new");
        files
            .remove_file(&unfinished)
            .map_err(EraseError::of(name))?;
    }
    let accounts = import::rewrite_accounts(files, &|text| scrubbed(text, order));
    accounts.map_err(EraseError::of(data_dir::IMPORTS))?;
    owners(files, order).map_err(EraseError::of(data_dir::SOURCE_OWNERS))?;
    forward::erase_parts(files).map_err(EraseError::of(data_dir::FORWARD_PARTS))
}

fn owners(files: &DataDir, order: &EraseOrder) -> io::Result<()> {
    let Some(content) = files.read(data_dir::SOURCE_OWNERS)? else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&content);
    match scrubbed(&text, order) {
        Some(changed) => files
            .replace(data_dir::SOURCE_OWNERS, changed.as_bytes())
            .map(drop),
        None => Ok(()),
    }
}

/// A text without what names the erased, and without extents: entries of JSON, or lines of other texts. `None` if that
/// changes nothing.
fn scrubbed(text: &str, order: &EraseOrder) -> Option<String> {
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        return scrubbed_json(&json, order).map(|json| json.to_string());
    }
    // Accounts have a line of JSON for each file, and tables a line for each row.
    let mut is_changed = false;
    let mut kept = String::new();
    for line in text.lines() {
        let json = serde_json::from_str::<Value>(line).ok();
        match json.map(|json| scrubbed_json(&json, order)) {
            Some(Some(changed)) => {
                is_changed = true;
                kept.push_str(&changed.to_string());
            }
            None if order.is_named_in(line) => {
                is_changed = true;
                continue;
            }
            Some(None) | None => kept.push_str(line),
        }
        kept.push('\n');
    }
    is_changed.then_some(kept)
}

fn scrubbed_json(json: &Value, order: &EraseOrder) -> Option<Value> {
    let mut changed = json.clone();
    if order.is_named_in(&json.to_string()) {
        scrub(&mut changed, order);
    }
    forget(&mut changed, order);
    (changed != *json).then_some(changed)
}

/// Removes extents, and the name from which the source follows.
fn forget(json: &mut Value, order: &EraseOrder) {
    let is_source = |value: &Value| {
        let name = value.as_str().filter(|_| order.is_of_source());
        name.is_some_and(|name| order.source == Some(SourceId::of_name(name)))
    };
    match json {
        Value::Array(entries) => entries.iter_mut().for_each(|entry| forget(entry, order)),
        Value::Object(fields) => {
            fields.retain(|name, value| {
                !(EXTENTS.contains(&name.as_str()) || (name == SOURCE && is_source(value)))
            });
            fields.values_mut().for_each(|value| forget(value, order));
        }
        _ => {}
    }
}

/// Removes entries of lists and maps that name it, as small as they are, and empties texts.
fn scrub(json: &mut Value, order: &EraseOrder) {
    let is_named = |value: &Value| order.is_named_in(&value.to_string());
    match json {
        Value::String(text) if order.is_named_in(text) => text.clear(),
        Value::Array(entries) => {
            for entry in entries
                .iter_mut()
                .filter(|entry| entry.is_object() && is_large(entry))
            {
                scrub(entry, order);
            }
            entries.retain(|entry| !is_named(entry));
        }
        Value::Object(fields) => {
            fields.retain(|name, _| !order.is_named_in(name));
            fields.values_mut().for_each(|value| scrub(value, order));
        }
        _ => {}
    }
}

/// Whether an entry has lists of its own, such as the account of a file: then only what names it is removed from these.
fn is_large(entry: &Value) -> bool {
    let fields = entry.as_object();
    fields.is_some_and(|fields| fields.values().any(Value::is_array))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> EraseOrder {
        EraseOrder {
            address: Some("02:00:00:00:00:01".parse().unwrap()),
            ..EraseOrder::default()
        }
    }

    #[test]
    fn what_names_the_address_goes_and_the_rest_stays() {
        for (text, kept) in [
            (r#"{"a":"x"}"#, None),
            (
                r#"{"files":[{"name":"f","refusals":[{"row":1,"reason":"02-00-00-00-00-01"},{"row":2,"reason":"x"}]}]}"#,
                Some(r#"{"files":[{"name":"f","refusals":[{"reason":"x","row":2}]}]}"#),
            ),
            (
                r#"{"note":"see 020000000001","n":1}"#,
                Some(r#"{"n":1,"note":""}"#),
            ),
            (r#"{"02:00:00:00:00:01":1,"b":2}"#, Some(r#"{"b":2}"#)),
            (
                "row,address\n1,02:00:00:00:00:01\n2,x\n",
                Some("row,address\n2,x\n"),
            ),
            ("row,address\n2,x\n", None),
            (
                r#"{"files":[{"name":"f","bbox":[1.5,2.5,1.5,2.5],"first_seen":5,"last_seen":6,"rows":1}]}"#,
                Some(r#"{"files":[{"name":"f","rows":1}]}"#),
            ),
            (
                "[0,{\"bbox\":[1,2,1,2],\"rows\":1}]\n[1,{\"rows\":2}]\n",
                Some("[0,{\"rows\":1}]\n[1,{\"rows\":2}]\n"),
            ),
        ] {
            let scrubbed = scrubbed(text, &order());
            let json = |text: &str| serde_json::from_str::<Value>(text).ok();
            match (scrubbed, kept) {
                (Some(found), Some(kept)) if json(kept).is_some() => {
                    assert_eq!(json(&found), json(kept), "{text}");
                }
                (found, kept) => assert_eq!(found.as_deref(), kept, "{text}"),
            }
        }
    }

    #[test]
    fn the_name_of_a_source_goes_with_the_source() {
        let text = r#"{"options":{"source":"phone of Alice","tz":null}}"#;
        let of = |name: &str| EraseOrder {
            source: Some(SourceId::of_name(name)),
            ..EraseOrder::default()
        };
        let scrubbed = |name: &str| super::scrubbed(text, &of(name));
        assert_eq!(
            scrubbed("phone of Alice").as_deref(),
            Some(r#"{"options":{"tz":null}}"#)
        );
        assert_eq!(scrubbed("phone of Bob"), None);
    }
}
