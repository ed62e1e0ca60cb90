//! The end of a file: its columns, its row groups, and where its places are.

use super::leaf::{Kind, Leaf};
use super::thrift::{self, Elements, Fields};
use super::{BBOX, BOUNDS, GEOMETRY};
use crate::export::Choices;
use crate::views::native::Utc;

// Numbers of the format.
const VERSION: u64 = 1;
const REQUIRED: u64 = 0;
const OPTIONAL: u64 = 1;
const UTF8: u64 = 0;
const TIMESTAMP_MILLIS: u64 = 9;

/// A row group that is written.
pub(super) struct Group<'g> {
    /// What was said of its columns.
    pub(super) columns: &'g [u8],
    pub(super) column_count: usize,
    pub(super) rows: u64,
    pub(super) offset: u64,
    pub(super) packed_bytes: u64,
    pub(super) unpacked_bytes: u64,
}

/// A file whose rows are written.
pub(super) struct File<'f> {
    pub(super) choices: &'f Choices,
    pub(super) leaves: &'f [Leaf],
    pub(super) rows: u64,
    /// What was said of its row groups.
    pub(super) groups: &'f [u8],
    pub(super) group_count: usize,
}

pub(super) fn add_group(groups: &mut Vec<u8>, group: &Group<'_>) {
    thrift::structure(groups, |fields| {
        fields.list(1, Elements::Structs, group.column_count, |out| {
            out.extend_from_slice(group.columns);
        });
        fields.i64(2, group.unpacked_bytes);
        fields.i64(3, group.rows);
        fields.i64(5, group.offset);
        fields.i64(6, group.packed_bytes);
    });
}

pub(super) fn write(out: &mut Vec<u8>, file: &File<'_>) {
    thrift::structure(out, |fields| {
        fields.i32(1, VERSION);
        write_schema(fields, file.leaves);
        fields.i64(3, file.rows);
        fields.list(4, Elements::Structs, file.group_count, |out| {
            out.extend_from_slice(file.groups);
        });
        let about = [
            ("geo", geo()),
            ("scanpost.exported", Utc(file.choices.exported).to_string()),
            ("scanpost.position", file.choices.position.get().to_string()),
        ];
        fields.list(5, Elements::Structs, about.len(), |out| {
            for (key, value) in &about {
                thrift::structure(out, |pair| {
                    pair.bytes(1, key.as_bytes());
                    pair.bytes(2, value.as_bytes());
                });
            }
        });
        let version = env!("CARGO_PKG_VERSION");
        let program = format!("scanpost version {version} (build {version})");
        fields.bytes(6, program.as_bytes());
        // Values are in the order of their types, so that readers may use the ranges of columns.
        fields.list(7, Elements::Structs, file.leaves.len(), |out| {
            for _ in file.leaves {
                thrift::structure(out, |order| order.structure(1, |_| {}));
            }
        });
    });
}

/// The columns as a tree: a group stands before its columns.
fn write_schema(fields: &mut Fields<'_>, leaves: &[Leaf]) {
    let alone = leaves.iter().filter(|leaf| leaf.group.is_none());
    let grouped = leaves.iter().filter(|leaf| leaf.group.is_some());
    let group = |out: &mut Vec<u8>, name: &str, children: usize, is_root: bool| {
        thrift::structure(out, |element| {
            if !is_root {
                element.i32(3, OPTIONAL);
            }
            element.bytes(4, name.as_bytes());
            element.i32(5, u64::try_from(children).unwrap_or(u64::MAX));
        });
    };
    let count = 2 + leaves.len();
    fields.list(2, Elements::Structs, count, |out| {
        group(out, "scanpost", 1 + alone.clone().count(), true);
        alone.for_each(|leaf| write_leaf(out, leaf));
        group(out, BBOX, grouped.clone().count(), false);
        grouped.for_each(|leaf| write_leaf(out, leaf));
    });
}

fn write_leaf(out: &mut Vec<u8>, leaf: &Leaf) {
    thrift::structure(out, |element| {
        element.i32(1, leaf.kind.physical());
        element.i32(3, if leaf.is_optional { OPTIONAL } else { REQUIRED });
        element.bytes(4, leaf.name.as_bytes());
        match leaf.kind {
            Kind::Text => {
                element.i32(6, UTF8);
                element.structure(10, |logical| logical.structure(1, |_| {}));
            }
            Kind::Time => {
                element.i32(6, TIMESTAMP_MILLIS);
                element.structure(10, |logical| {
                    logical.structure(8, |time| {
                        // In UTC, and in milliseconds.
                        time.bool(1, true);
                        time.structure(2, |unit| unit.structure(1, |_| {}));
                    });
                });
            }
            _ => {}
        }
    });
}

/// Where the places are, for `GeoParquet`. Without a word about the coordinates they are WGS 84, longitude first.
fn geo() -> String {
    let bound = |name: &str| format!(r#""{name}":["{BBOX}","{name}"]"#);
    let covering = BOUNDS.map(bound).join(",");
    let geometry = GEOMETRY.name;
    format!(
        r#"{{"version":"1.1.0","primary_column":"{geometry}","columns":{{"{geometry}":{{"encoding":"WKB","geometry_types":["Point"],"covering":{{"bbox":{{{covering}}}}}}}}}}}"#
    )
}
