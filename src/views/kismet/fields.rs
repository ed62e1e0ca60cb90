//! Every field that records have: its type in Kismet's words (`trackedelement.cc`), and what it means here.
//!
//! They are data, in `fields.tsv`, which `tests/it/fields.rs` holds equal to what the reads send.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// A line each: name, type and meaning, with tabs between.
const TABLE: &str = include_str!("fields.tsv");

/// Records whose names are somebody's data, not fields.
const FREE_NAMES: [&str; 2] = ["map[string, x]", "map[double,double]"];

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What stands before the colon.
    pub name: &'static str,
    /// The type, as Kismet calls it.
    pub kind: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

static BY_NAME: LazyLock<HashMap<&'static str, Field>> =
    LazyLock::new(|| Field::all().map(|field| (field.name, field)).collect());

impl Field {
    /// All of them, those of one record together.
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

    /// The one with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    /// How many there are.
    pub fn count() -> usize {
        BY_NAME.len()
    }

    /// Whether the names within it are somebody's data.
    pub fn has_free_names(self) -> bool {
        FREE_NAMES.contains(&self.kind)
    }
}

/// A page with all of them in a table.
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
        // Writing to memory does not fail, and nothing of this has to be escaped.
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
