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

/// The rows that were found. Only those that the page may have are kept, each as its sort key and what finds it again.
#[derive(Debug)]
pub(in crate::http::kismet) struct Rows<T> {
    arrangement: Arrangement,
    /// At most twice as many as are wanted.
    kept: Vec<Found<T>>,
    found: usize,
    total: usize,
}

#[derive(Debug)]
struct Found<T> {
    key: Key,
    /// Rows with the same key stay in the order in which they came.
    number: usize,
    row: T,
}

/// What rows are sorted by: numbers before texts, and what is absent first.
#[derive(Debug, PartialEq, PartialOrd)]
enum Key {
    Absent,
    Number(f64),
    Text(Box<str>),
}

/// Largest number of rows that a list keeps beside others without a place for whole lists.
const FEW_ROWS: usize = 1000;

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

    /// Whether the list may keep many rows until it is sent.
    pub(in crate::http::kismet) fn is_large(&self) -> bool {
        self.rows_in_page().is_none_or(|rows| FEW_ROWS < rows)
    }

    /// How many rows the page has at most; `None` if all are wanted.
    fn rows_in_page(&self) -> Option<usize> {
        match self.cut {
            Cut::All => None,
            Cut::Page { length, .. } => length,
            Cut::Table { length, .. } => Some(length),
        }
    }

    /// How many of the first rows lead to the end of the page; `None` if all are needed. A page past the last one is
    /// answered with the first, which is among them too.
    fn rows_to_keep(&self) -> Option<usize> {
        let length = self.rows_in_page()?;
        let start = match self.cut {
            Cut::All => 0,
            Cut::Page { page, .. } => page.saturating_mul(length),
            Cut::Table { start, .. } => start,
        };
        Some(start.saturating_add(length))
    }

    /// The order of rows.
    fn compare<T>(&self, one: &Found<T>, other: &Found<T>) -> Ordering {
        let keys = one.key.partial_cmp(&other.key);
        let keys = keys.unwrap_or(Ordering::Equal);
        let is_descending = self.sort.as_ref().is_some_and(|sort| sort.is_descending);
        let keys = if is_descending { keys.reverse() } else { keys };
        keys.then(one.number.cmp(&other.number))
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
            kept: Vec::new(),
            found: 0,
            total: 0,
        }
    }

    /// Looks at a record, and remembers it by `row` if it is wanted.
    pub(in crate::http::kismet) fn look_at(&mut self, record: &impl Serialize, row: T) {
        self.total += 1;
        if self.arrangement.wants(record) {
            let sort = self.arrangement.sort.as_ref();
            let key = sort.map_or(Key::Absent, |sort| key(record, &sort.path));
            self.found += 1;
            self.keep(Found {
                key,
                number: self.found,
                row,
            });
        }
    }

    fn keep(&mut self, found: Found<T>) {
        self.kept.push(found);
        if let Some(wanted) = self.arrangement.rows_to_keep()
            && wanted.saturating_mul(2) <= self.kept.len()
        {
            self.keep_first(wanted);
        }
    }

    /// Drops all but the first rows.
    fn keep_first(&mut self, count: usize) {
        let Self {
            arrangement, kept, ..
        } = self;
        if count < kept.len() {
            kept.select_nth_unstable_by(count, |one, other| arrangement.compare(one, other));
            kept.truncate(count);
        }
    }

    /// Sorts and cuts.
    pub(in crate::http) fn page(mut self) -> Page<T> {
        let Self {
            arrangement, kept, ..
        } = &mut self;
        kept.sort_unstable_by(|one, other| arrangement.compare(one, other));
        let (found, total) = (self.found, self.total);
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
                (page.saturating_mul(length), length)
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
        let rows = self.kept.into_iter().skip(start).take(length);
        Page {
            rows: rows.map(|found| found.row).collect(),
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
        Some(Value::String(text)) => Key::Text(text.to_lowercase().into()),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const COMMAND_ITEMS_MAX: usize = 10;

    fn arrangement(query: &[(&str, String)], command: &Value) -> Arrangement {
        let document = serde_json::from_value(command.clone()).unwrap();
        let variables = query.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let command = Command::read(document, variables.collect(), COMMAND_ITEMS_MAX).unwrap();
        Arrangement::read(&command).unwrap()
    }

    fn page(arrangement: Arrangement, keys: &[Option<u8>]) -> (Vec<usize>, String, usize) {
        let mut rows = Rows::new(arrangement);
        let (mut most, bound) = (0, rows.arrangement.rows_to_keep());
        for (number, key) in keys.iter().enumerate() {
            rows.look_at(&json!({ "key": key }), number);
            most = most.max(rows.kept.len());
        }
        if let Some(bound) = bound {
            assert!(most <= (2 * bound).max(1), "{most} of {bound}");
        }
        let page = rows.page();
        let frame = [page.before, page.after].concat();
        (page.rows, String::from_utf8(frame).unwrap(), most)
    }

    proptest! {
        #[test]
        fn a_page_is_a_part_of_the_whole_list_and_no_more_is_kept(
            keys in prop::collection::vec(prop::option::of(0..9_u8), 0..60),
            direction in prop::sample::select(vec!["asc", "desc"]),
            is_sorted in any::<bool>(),
            (number, length) in (0..6_usize, 1..20_usize),
        ) {
            let mut whole: Vec<_> = (0..keys.len()).collect();
            let mut sort = Vec::new();
            if is_sorted {
                whole.sort_by_key(|&row| keys[row]);
                if direction == "asc" {
                    whole.sort_by_key(|&row| std::cmp::Reverse(keys[row]));
                }
                sort = vec![("sort", "key".to_owned()), ("sort_dir", direction.to_owned())];
            }
            let paged = [("page", number.to_string()), ("length", length.to_string())];
            let (rows, frame, _) = page(arrangement(&[&sort[..], &paged].concat(), &json!({})), &keys);
            let pages = keys.len().div_ceil(length).max(1);
            let number = if number < pages { number } else { 0 };
            let expected: Vec<_> = whole.iter().copied().skip(number * length).take(length).collect();
            prop_assert_eq!(rows, expected);
            let found = keys.len();
            let end = format!("\"last_page\": {pages},\"last_row\": {found},\"total_row\": {found}}}");
            prop_assert!(frame.ends_with(&end), "{}", frame);
        }
    }

    #[test]
    fn a_list_is_large_when_it_has_no_page_or_a_long_one() {
        let check = |query: &[(&str, &str)], command: Value, expected| {
            let query: Vec<_> = query
                .iter()
                .map(|&(name, text)| (name, text.to_owned()))
                .collect();
            assert_eq!(
                arrangement(&query, &command).is_large(),
                expected,
                "{query:?}"
            );
        };
        check(&[("sort", "key")], json!({}), true);
        check(&[("page", "0")], json!({}), true);
        check(&[("page", "0"), ("length", "1001")], json!({}), true);
        check(&[("page", "9"), ("length", "1000")], json!({}), false);
        check(&[("start", "5000")], json!({ "datatable": true }), false);
    }
}
