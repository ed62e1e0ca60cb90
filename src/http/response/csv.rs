//! Lists as CSV (RFC 4180), for whoever asks with `Accept: text/csv`.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;

/// Where a page of CSV tells what a page of JSON has as `next_cursor`.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// What a spreadsheet takes for the beginning of a formula, also in full width (OWASP, CSV Injection); and the guard
/// itself, so that to take one off always gives back the text.
const GUARDED: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', GUARD,
];
/// What makes a spreadsheet take a cell for text.
const GUARD: char = '\'';

/// How texts are written: strangers choose the names of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Texts {
    /// Those that a spreadsheet would take for a formula have a `'` in front.
    Guarded,
    /// As they are, for programs.
    Raw,
}

impl Texts {
    /// `None` where no CSV is asked for.
    pub(in crate::http) fn take(
        query: &mut Query,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, BadParameter> {
        let is_wanted = is_wanted(headers);
        let texts = query.take_with("texts", |text| match text {
            _ if !is_wanted => Err("only CSV has it, for Accept: text/csv"),
            "guarded" => Ok(Self::Guarded),
            "raw" => Ok(Self::Raw),
            _ => Err("expected guarded or raw"),
        })?;
        Ok(is_wanted.then_some(texts.unwrap_or(Self::Guarded)))
    }

    fn written(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Guarded if text.starts_with(GUARDED) => format!("{GUARD}{text}").into(),
            Self::Guarded | Self::Raw => text.into(),
        }
    }
}

fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| {
        let mut kinds = accept
            .split(',')
            .map(|kind| kind.split(';').next().unwrap_or_default());
        kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
    })
}

/// A page of rows, each a record with some of the `columns`.
pub(in crate::http) fn page(
    columns: &[&str],
    rows: impl Iterator<Item = impl Serialize>,
    texts: Texts,
    next_cursor: Option<String>,
) -> Result<Response, ApiError> {
    let text = table(columns, rows, texts).map_err(|_| ApiError::Panicked)?;
    let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response();
    if let Some(cursor) = next_cursor.and_then(|cursor| cursor.parse().ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

fn table(
    columns: &[&str],
    rows: impl Iterator<Item = impl Serialize>,
    texts: Texts,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        let row = serde_json::to_value(row)?;
        for &column in columns {
            let cell = match row.get(column) {
                None | Some(Value::Null) => "".into(),
                Some(Value::String(text)) => texts.written(text),
                Some(Value::Array(words)) => Cow::Owned(words_in_one(words)),
                Some(value) => Cow::Owned(value.to_string()),
            };
            writer.write_field(&*cell)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(writer.into_inner()?)
}

/// Words of the server's own, such as classes of security, with blanks between.
fn words_in_one(words: &[Value]) -> String {
    let words = words.iter().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_guarded_and_numbers_are_numbers() {
        let rows = [serde_json::json!({ "name": "=1+1", "signal_dbm": -60 })];
        let written = |texts| {
            let table = table(&["name", "signal_dbm", "lat"], rows.iter(), texts).unwrap();
            String::from_utf8(table).unwrap()
        };
        let head = "name,signal_dbm,lat\r\n";
        assert_eq!(written(Texts::Guarded), format!("{head}'=1+1,-60,\r\n"));
        assert_eq!(written(Texts::Raw), format!("{head}=1+1,-60,\r\n"));
    }

    proptest! {
        #[test]
        fn no_guarded_text_begins_a_formula_and_each_can_be_had_back(text in "[-=+@'\t\r\n＝＋－＠a ]{0,4}") {
            let guarded = Texts::Guarded.written(&text);
            prop_assert!(!guarded.starts_with(&GUARDED[..GUARDED.len() - 1]));
            let text = text.as_str();
            prop_assert_eq!(guarded.strip_prefix(GUARD).unwrap_or(&guarded), text);
        }
    }
}
