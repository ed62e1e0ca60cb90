//! Answers that are errors: all in one envelope, described once.

use super::sent;
use crate::http::route::Described;
use utoipa::openapi::{ComponentsBuilder, Content, Ref, RefOr, Response, ResponseBuilder};

/// What every error is told in.
pub(super) const ENVELOPE: Described = Described::of::<sent::Error>();

/// Stands for every status that is not named.
pub(super) const ANY: u16 = 0;

const MEANINGS: [(u16, &str); 16] = [
    (ANY, "Any other error"),
    (400, "Something sent is not understood; the text names it"),
    (401, "Credentials are required, and these do not open it"),
    (
        403,
        "The login or key has not the role, only the administrator may do this, or a page of others sent it",
    ),
    (404, "There is no such thing"),
    (408, "The body took too long"),
    (
        409,
        "The name is taken, there are as many as there may be (such as sources), or the source is paused or resumed already",
    ),
    (
        413,
        "The body, or the number of items in it, is over the bound",
    ),
    (
        415,
        "Another `Content-Type` or `Content-Encoding` than the known ones",
    ),
    (422, "Not one report is valid"),
    (426, "This path speaks WebSocket, and nothing else"),
    (
        429,
        "Too much of it, such as wrong passwords, reports or alerts: come back after `Retry-After` seconds",
    ),
    (
        500,
        "Writing the log failed, and whether the reports are in it is not known",
    ),
    (
        501,
        "A server without radios and receivers cannot do this; the text says why",
    ),
    (
        503,
        "Busy, still reading the log, or the credentials cannot be read: come back after `Retry-After` seconds",
    ),
    (
        507,
        "The disk or the memory is full: come back after `Retry-After` seconds",
    ),
];

/// All of them.
pub(super) fn all(components: ComponentsBuilder) -> ComponentsBuilder {
    let error = |description| {
        let content = Content::new(Some(Ref::from_schema_name("Error")));
        ResponseBuilder::new()
            .description(description)
            .content("application/json", content)
            .build()
    };
    MEANINGS
        .into_iter()
        .fold(components, |components, (status, meaning)| {
            components.response(name(status), error(meaning))
        })
}

pub(super) fn reference(status: u16) -> RefOr<Response> {
    Ref::from_response_name(name(status)).into()
}

fn name(status: u16) -> String {
    match status {
        ANY => "Error".to_owned(),
        status => format!("Error{status}"),
    }
}
