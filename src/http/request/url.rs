//! Normalisation of request paths.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Normalises a path, so that the router needs one spelling only.
///
/// Runs of `/` count as one, as with Kismet: clients join a base address that ends in one with paths that start with
/// one. And letters, digits and `-._~` are the same encoded or not (RFC 3986, section 6.2.2.2); what else is encoded,
/// `%2F` above all, stays so until its part of the path is read.
pub(in crate::http) fn normalise_path<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    if !path.contains("//") && !path.contains('%') {
        return request;
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        let (character, width) = match unreserved(rest) {
            Some(decoded) => (decoded, "%41".len()),
            None => (character, character.len_utf8()),
        };
        if character != '/' || !normal.ends_with('/') {
            normal.push(character);
        }
        rest = rest.split_at(width).1;
    }
    if let Some(query) = request.uri().query() {
        normal.push('?');
        normal.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path) = PathAndQuery::try_from(normal) {
        parts.path_and_query = Some(path);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The character that stands encoded at the start of a text, if it need not be.
fn unreserved(text: &str) -> Option<char> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let byte = crate::hex::byte(digits.as_bytes())?;
    let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    is_unreserved.then(|| char::from(byte))
}

/// Takes `prefix` off a path that starts with it.
pub(in crate::http) fn without_prefix<'p>(path: &'p str, prefix: &str) -> &'p str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The same address with another path.
pub(in crate::http) fn with_path(uri: &Uri, path: &str) -> Uri {
    let text = match uri.query() {
        None => path.to_owned(),
        Some(query) => format!("{path}?{query}"),
    };
    let mut parts = uri.clone().into_parts();
    // What was cut out of a valid path is one.
    parts.path_and_query = PathAndQuery::try_from(text).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[track_caller]
    fn check_normal(uri: &str, expected: &str) {
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        assert_eq!(normalise_path(request).uri().to_string(), expected, "{uri}");
    }

    #[test]
    fn runs_of_slashes_count_as_one() {
        check_normal("//phy///all_phys.json?a=//b", "/phy/all_phys.json?a=//b");
        check_normal("/plain?x", "/plain?x");
    }

    #[test]
    fn what_need_not_be_encoded_is_decoded_once() {
        check_normal("/phy/all%5Fphys%2ejson?a=%41", "/phy/all_phys.json?a=%41");
        check_normal("/%70/%2F/%2541/%3F", "/p/%2F/%2541/%3F");
        check_normal("/a%4/b%", "/a%4/b%");
        check_normal("/%+5/%zz/%7", "/%+5/%zz/%7");
    }
}
