//! Takes texts out of small files that name what is erased.

use std::io;

use serde_json::Value;

use super::EraseError;
use crate::data_dir::{self, DataDir};
use crate::forward;
use crate::import;
use crate::log::EraseOrder;

/// Takes texts out of the accounts of imports, and out of the owners of sources. Removes the parts that are being
/// forwarded, which are made again.
pub(super) fn small_files(files: &DataDir, order: &EraseOrder) -> Result<(), EraseError> {
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

/// A text without what names the erased, if it does: entries of JSON, or lines of other texts.
fn scrubbed(text: &str, order: &EraseOrder) -> Option<String> {
    if !order.is_named_in(text) {
        return None;
    }
    if let Ok(mut json) = serde_json::from_str::<Value>(text) {
        scrub(&mut json, order);
        return Some(json.to_string());
    }
    // Accounts have a line of JSON for each file, and tables a line for each row.
    let lines = text.lines().filter_map(|line| {
        if !order.is_named_in(line) {
            return Some(line.to_owned());
        }
        let mut json = serde_json::from_str::<Value>(line).ok()?;
        scrub(&mut json, order);
        Some(json.to_string())
    });
    let mut kept = String::new();
    for line in lines {
        kept.push_str(&line);
        kept.push('\n');
    }
    Some(kept)
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
}
