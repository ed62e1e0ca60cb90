//! Every field of Kismet's records: its type in Kismet's words (`trackedelement.cc`), and its meaning here.
//!
//! The table is data in `fields.tsv`. `tests/it/fields.rs` compares it with what the server sends.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// One line a field: name, type and meaning, separated by tabs.
const TABLE: &str = include_str!("fields.tsv");

/// Records whose keys are data, not field names.
const FREE_NAMES: [&str; 2] = ["map[string, x]", "map[double,double]"];

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Key in the JSON object.
    pub name: &'static str,
    /// Type in Kismet's words.
    pub kind: &'static str,
    /// Meaning.
    pub meaning: &'static str,
}

static BY_NAME: LazyLock<HashMap<&'static str, Field>> =
    LazyLock::new(|| Field::all().map(|field| (field.name, field)).collect());

impl Field {
    /// All fields, grouped by record.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.lines().filter_map(|line| {
            let (name, rest) = line.split_once('\t')?;
            let (kind, meaning) = rest.split_once('\t')?;
            Some(Self {
                name,
                kind,
                meaning,
            })
        })
    }

    /// The field with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    /// Number of fields.
    pub fn count() -> usize {
        BY_NAME.len()
    }

    /// Whether the keys within the field's value are data.
    pub fn has_free_names(self) -> bool {
        FREE_NAMES.contains(&self.kind)
    }
}

/// An HTML page with a table of all fields.
pub fn page() -> String {
    let mut page = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Fields</title>\n<table>\n\
        <tr><th>Name</th><th>Type</th><th>Meaning</th></tr>\n"
        .to_owned();
    for field in Field::all() {
        let Field {
            name,
            kind,
            meaning,
        } = field;
        // Writing to memory cannot fail, and nothing in the table needs escaping.
        writeln!(
            page,
            "<tr><td>{name}</td><td>{kind}</td><td>{meaning}</td></tr>"
        )
        .ok();
    }
    page.push_str("</table>\n</html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_nothing_of_it_has_to_be_escaped() {
        assert_eq!(TABLE.lines().count(), Field::count());
        for field in Field::all() {
            for text in [field.name, field.kind, field.meaning] {
                assert!(!text.is_empty(), "{field:?}");
                let escaped = ['<', '>', '&', '"', '\\', '\t'];
                assert!(!text.contains(escaped), "{field:?}");
            }
        }
        assert!(
            FREE_NAMES
                .iter()
                .all(|kind| Field::all().any(|field| field.kind == *kind))
        );
    }
}
