//! A page of a list in the form that the client accepts.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json::Json;
use super::pace::Pace;
use super::stream::{InMemory, ListStream, Supply};
use crate::http::error::ApiError;
use crate::http::request::accept::preferred;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;
use crate::views::export::Form;
use crate::views::list::{CsvList, ListWriter, Rows, Texts};

/// Where a page that is not JSON has what a page of JSON has as `next_cursor`.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// How texts are written in CSV. `None` if the client does not prefer CSV.
pub(in crate::http) fn take_texts(
    query: &mut Query,
    headers: &HeaderMap,
) -> Result<Option<Texts>, BadParameter> {
    let is_csv = form_of(headers) != Form::Json;
    let texts = query.take_with("texts", |text| match text {
        _ if !is_csv => Err("only CSV has it, for Accept: text/csv"),
        "guarded" => Ok(Texts::Guarded),
        "raw" => Ok(Texts::Raw),
        _ => Err("expected guarded or raw"),
    })?;
    Ok(is_csv.then_some(texts.unwrap_or(Texts::Guarded)))
}

/// A part of a short list. Without parameters it is the whole list.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Slice {
    start: usize,
    limit: Option<usize>,
}

impl Slice {
    pub(in crate::http) fn take(query: &mut Query, max: usize) -> Result<Self, BadParameter> {
        let limit = query.take_limit_if_given(max)?;
        let start = query.take_with("cursor", |text| {
            text.parse()
                .map_err(|_| "not one that an earlier page returned")
        })?;
        Ok(Self {
            start: start.unwrap_or_default(),
            limit,
        })
    }

    /// The items of the page, and the cursor of the next one. Items keep their places, so a place is a cursor.
    pub(in crate::http) fn cut<T>(self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let count = items.len();
        let limit = self.limit.unwrap_or(count);
        let end = self.start.saturating_add(limit);
        let page = items.into_iter().skip(self.start).take(limit).collect();
        (page, (end < count).then(|| end.to_string()))
    }
}

/// The form of a list of devices.
pub(in crate::http) fn take_form(
    query: &mut Query,
    headers: &HeaderMap,
) -> Result<Form, BadParameter> {
    if let Some(texts) = take_texts(query, headers)? {
        return Ok(Form::Csv(texts));
    }
    Ok(form_of(headers))
}

/// The form that the client prefers. A client that accepts none gets JSON.
fn form_of(headers: &HeaderMap) -> Form {
    let preferred = preferred(headers, &Form::ALL.map(Form::content_type));
    let form = preferred.and_then(|index| Form::ALL.get(index).copied());
    form.unwrap_or(Form::Json)
}

/// A page in JSON that is made whole.
pub(in crate::http) fn json(page: &impl Serialize) -> Result<Response, ApiError> {
    Ok(varied(Json::compact(page)?.into_response()))
}

/// Tells caches that the form depends on `Accept`.
fn varied(mut response: Response) -> Response {
    let accept = HeaderValue::from_static("Accept");
    response.headers_mut().append(header::VARY, accept);
    response
}

/// A page of items that are in memory, as CSV.
pub(in crate::http) async fn csv<T>(
    items: Vec<T>,
    texts: Texts,
    next_cursor: Option<String>,
    pace: &Pace,
) -> Response
where
    T: Rows + Unpin + Send + 'static,
{
    let supply = InMemory(items.into_iter());
    let (writer, content_type) = (CsvList::new(texts), CsvList::CONTENT_TYPE);
    answer(supply, writer, content_type, next_cursor, pace).await
}

/// A page; `next_cursor` is for forms that have no place for it.
pub(in crate::http) async fn answer<S, W>(
    supply: S,
    writer: W,
    content_type: &'static str,
    next_cursor: Option<String>,
    pace: &Pace,
) -> Response
where
    S: Supply + Unpin + Send + 'static,
    W: ListWriter<S::Item> + Unpin + Send + 'static,
{
    let list = ListStream::new(supply, writer, content_type, pace.of_one_answer());
    let mut response = varied(list.whole_if_small().await);
    if let Some(cursor) = next_cursor.and_then(|cursor| cursor.parse().ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    response
}
