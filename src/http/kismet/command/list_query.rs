//! Lists that are searched, sorted and cut into pages, as Kismet's tables ask for them.

use std::cmp::Ordering;
use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::dictionary::{Command, Field, Pattern, split_path};
use crate::http::request::bad_parameter::BadParameter;
use crate::views::{Style, find};

/// How many rows a table of the kind that Kismet calls `datatable` gets at most.
const DATATABLE_ROWS_MAX: usize = 500;

/// How a list is wanted.
#[derive(Debug)]
pub(in crate::http::kismet) struct Arrangement {
    patterns: Vec<Pattern>,
    fields: Option<Vec<Field>>,
    /// In small letters.
    search: Option<String>,
    sort: Option<Sort>,
    cut: Cut,
}

#[derive(Debug)]
struct Sort {
    path: Vec<String>,
    is_descending: bool,
}

/// Which part of the rows is wanted, and in what it is wrapped.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    All,
    Page {
        page: usize,
        length: Option<usize>,
    },
    Table {
        draw: usize,
        start: usize,
        length: usize,
    },
}

/// The rows that were found.
#[derive(Debug)]
pub(in crate::http::kismet) struct Rows<T> {
    arrangement: Arrangement,
    found: Vec<(Key, T)>,
    total: usize,
}

/// What rows are sorted by: numbers before texts, and what is absent first.
#[derive(Debug, PartialEq, PartialOrd)]
enum Key {
    Absent,
    Number(f64),
    Text(String),
}

/// The rows of one page, and what stands around them.
#[derive(Debug)]
pub(in crate::http) struct Page<T> {
    pub(in crate::http) rows: Vec<T>,
    pub(in crate::http) before: Vec<u8>,
    pub(in crate::http) after: Vec<u8>,
}

impl Arrangement {
    pub(in crate::http) fn read(command: &Command) -> Result<Self, BadParameter> {
        let is_table = matches!(command.get("datatable"), Some(Value::Bool(true)));
        let length = match command.number("length")? {
            Some(length) => Some(length),
            None => command.number("size")?,
        };
        // As with Kismet, no rows at all are all rows.
        let length = length.filter(|length| 0 < *length);
        let (cut, sort, search) = if is_table {
            let cut = Cut::Table {
                draw: command.number("draw")?.unwrap_or_default(),
                start: command.number("start")?.unwrap_or_default(),
                length: length.unwrap_or(DATATABLE_ROWS_MAX).min(DATATABLE_ROWS_MAX),
            };
            let column = command.variable("order[0][column]");
            let path = column.and_then(|column| column_path(command, column));
            let sort = path.map(|path| (path, command.variable("order[0][dir]")));
            (cut, sort, command.variable("search[value]"))
        } else {
            let cut = match command.number("page")? {
                None => Cut::All,
                Some(page) => Cut::Page { page, length },
            };
            let path = command.variable("sort").map(split_path);
            let sort = path.map(|path| (path, command.variable("sort_dir")));
            (cut, sort, command.variable("search"))
        };
        Ok(Self {
            patterns: command.patterns.clone(),
            fields: command.fields.clone(),
            search: search.map(str::to_lowercase),
            sort: sort
                .filter(|(path, _)| !path.is_empty())
                .map(|(path, direction)| Sort {
                    path,
                    // Kismet's own page relies on the words being exchanged.
                    is_descending: direction == Some("asc"),
                }),
            cut,
        })
    }

    /// Whether rows can be given out as they come.
    pub(in crate::http::kismet) fn is_plain(&self) -> bool {
        self.cut == Cut::All && self.sort.is_none()
    }

    /// Whether a record is wanted.
    pub(in crate::http) fn wants(&self, record: &impl Serialize) -> bool {
        let is_matched = self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| {
                any_text(record, &pattern.path, &mut |text| {
                    pattern.regex.is_match(text)
                })
            });
        is_matched && self.is_found(record)
    }

    /// Whether what is searched for stands in one of the fields that are asked for.
    fn is_found(&self, record: &impl Serialize) -> bool {
        let (Some(search), Some(fields)) = (&self.search, &self.fields) else {
            return self.search.is_none();
        };
        fields.iter().any(|field| {
            any_text(record, &field.path, &mut |text| {
                text.to_lowercase().contains(search)
            })
        })
    }
}

/// The field behind the number of a column.
fn column_path(command: &Command, column: &str) -> Option<Vec<String>> {
    let path = match command.get("colmap")?.get(column)? {
        Value::String(path) => split_path(path),
        // The fields that the column shows, each as a path or as a path and a new name: the first counts.
        Value::Array(fields) => match fields.first()? {
            Value::String(path) => split_path(path),
            Value::Array(field) => split_path(field.first()?.as_str()?),
            _ => return None,
        },
        _ => return None,
    };
    Some(path)
}

impl<T> Rows<T> {
    pub(in crate::http) fn new(arrangement: Arrangement) -> Self {
        Self {
            arrangement,
            found: Vec::new(),
            total: 0,
        }
    }

    /// Looks at a record, and remembers it by `row` if it is wanted.
    pub(in crate::http::kismet) fn look_at(&mut self, record: &impl Serialize, row: T) {
        self.total += 1;
        if self.arrangement.wants(record) {
            let sort = self.arrangement.sort.as_ref();
            let key = sort.map_or(Key::Absent, |sort| key(record, &sort.path));
            self.found.push((key, row));
        }
    }

    /// Sorts and cuts.
    pub(in crate::http) fn page(mut self) -> Page<T> {
        if let Some(sort) = &self.arrangement.sort {
            self.found.sort_by(|(one, _), (other, _)| {
                let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
                if sort.is_descending {
                    order.reverse()
                } else {
                    order
                }
            });
        }
        let (found, total) = (self.found.len(), self.total);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        // Writing to memory does not fail.
        let (start, length) = match self.arrangement.cut {
            Cut::All => (0, found),
            Cut::Page { page, length } => {
                let length = length.unwrap_or(found).max(1);
                let pages = found.div_ceil(length).max(1);
                let page = if page < pages { page } else { 0 };
                write!(before, "{{\"data\": ").ok();
                write!(
                    after,
                    ",\"last_page\": {pages},\"last_row\": {found},\"total_row\": {total}}}"
                )
                .ok();
                (page * length, length)
            }
            Cut::Table {
                draw,
                start,
                length,
            } => {
                write!(before, "{{\"draw\": {draw},\"data\": ").ok();
                write!(
                    after,
                    ",\"recordsTotal\": {total},\"recordsFiltered\": {found}}}"
                )
                .ok();
                (start, length)
            }
        };
        let rows = self.found.into_iter().skip(start).take(length);
        Page {
            rows: rows.map(|(_, row)| row).collect(),
            before,
            after,
        }
    }
}

fn value_at(record: &impl Serialize, path: &[String]) -> Option<Value> {
    let mut json = Vec::new();
    if find(&mut json, record, path, Style::default()) {
        serde_json::from_slice(&json).ok()
    } else {
        None
    }
}

fn key(record: &impl Serialize, path: &[String]) -> Key {
    match value_at(record, path) {
        Some(Value::Number(number)) => Key::Number(number.as_f64().unwrap_or_default()),
        Some(Value::String(text)) => Key::Text(text.to_lowercase()),
        // Lists and maps have no order.
        _ => Key::Absent,
    }
}

/// Whether any text at `path` is wanted; the path leads through all items of lists and maps.
fn any_text(
    record: &impl Serialize,
    path: &[String],
    wanted: &mut dyn FnMut(&str) -> bool,
) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    value_at(record, std::slice::from_ref(first))
        .is_some_and(|value| any_text_in(&value, rest, wanted))
}

fn any_text_in(value: &Value, path: &[String], wanted: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any_text_in(item, path, wanted)),
        // What ends at a map names none of the texts in it.
        Value::Object(_) if path.is_empty() => false,
        Value::Object(fields) => match path.split_first() {
            Some((name, rest)) if fields.contains_key(name) => fields
                .get(name)
                .is_some_and(|field| any_text_in(field, rest, wanted)),
            _ => fields
                .values()
                .any(|field| any_text_in(field, path, wanted)),
        },
        Value::String(text) if path.is_empty() => wanted(text),
        _ => false,
    }
}
