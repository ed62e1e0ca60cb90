//! A minimal parser of HTTP responses, for the server's own responses.

use std::ops::Range;

use super::Result;

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

/// Parses the response at the start of `received`. `None` if it is incomplete.
pub(crate) fn parse(received: &[u8]) -> Result<Option<Response>> {
    const END: &[u8] = b"\r\n\r\n";
    let end = received.windows(END.len()).position(|bytes| bytes == END);
    let Some(head) = end.and_then(|end| received.get(..end)) else {
        return Ok(None);
    };
    let head = str::from_utf8(head)?;
    let status = head.get("HTTP/1.1 ".len()..).and_then(|rest| rest.get(..3));
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then_some(value)
    });
    let start = head.len() + END.len();
    let body = start
        ..start
            + length
                .ok_or("a response without a length")?
                .parse::<usize>()?;
    if received.len() < body.end {
        return Ok(None);
    }
    Ok(Some(Response {
        status: status.ok_or("a response without a status")?.parse()?,
        body,
    }))
}
