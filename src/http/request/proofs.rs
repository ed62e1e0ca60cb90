//! The credentials in a request: tokens, and a name with a password.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use base64ct::{Base64Unpadded, Encoding};

use crate::auth::Login;

/// Kismet's name for the cookie and for the query variable.
pub(in crate::http) const TOKEN: &str = "KISMET";
/// Query variables that carry credentials. No route has parameters of these names.
pub(super) const PROOFS: [&str; 3] = [TOKEN, "user", "password"];

/// Most cookies of one request that are checked. A browser may send one for each path.
const COOKIES_MAX: usize = 4;

/// Marks a request to a route whose clients send their API key in this variable of the query.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct KeyParameter(pub(in crate::http) &'static str);

/// The tokens of a request: as a bearer, in the query, in cookies. Cookies come last, because a browser sends old ones
/// along unasked.
pub(in crate::http) fn tokens(parts: &Parts) -> Vec<String> {
    let bearer = scheme(&parts.headers, "bearer").map(str::to_owned);
    let token = query(&parts.uri, TOKEN);
    let parameter = parts.extensions.get::<KeyParameter>();
    let key = parameter.and_then(|KeyParameter(name)| query(&parts.uri, name));
    let cookies = checked_cookies(&parts.headers);
    let proofs = bearer.into_iter().chain(token).chain(key);
    proofs.chain(uploader_key(parts)).chain(cookies).collect()
}

/// The key of a program that uploads files to `WDGWars`, which has it in a header of its own.
fn uploader_key(parts: &Parts) -> Option<String> {
    let is_uploader = matches!(parts.uri.path(), "/api/upload-csv" | "/api/me");
    let key = parts.headers.get("x-api-key").filter(|_| is_uploader)?;
    Some(key.to_str().ok()?.trim().to_owned())
}

/// The name of a key, and the key, of a program that uploads files to `WiGLE`: it sends them as those of Basic.
pub(in crate::http) fn named_key(parts: &Parts) -> Option<Login> {
    match parts.uri.path() {
        "/api/v2/file/upload" | "/api/v2/file/transactions" => login(parts),
        _ => None,
    }
}

/// The values of the session cookies that are checked.
pub(in crate::http) fn checked_cookies(headers: &HeaderMap) -> impl Iterator<Item = String> {
    cookies(headers).take(COOKIES_MAX)
}

/// The values of the session cookies, whether or not they are valid.
pub(in crate::http) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let cookies = headers.get_all(COOKIE).into_iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == TOKEN).then(|| value.trim_matches('"').to_owned())
        })
}

/// Whether a request has a bearer, which a page of others cannot make a browser send. A query is a part of the address,
/// which any page can write.
pub(in crate::http) fn has_bearer(headers: &HeaderMap) -> bool {
    scheme(headers, "bearer").is_some()
}

/// The name and password of a request: Basic, else in the query.
pub(in crate::http) fn login(parts: &Parts) -> Option<Login> {
    if let Some(basic) = scheme(&parts.headers, "basic") {
        let decoded = Base64Unpadded::decode_vec(basic.trim_end_matches('=')).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        return Some(Login {
            user: user.to_owned(),
            password: password.to_owned(),
        });
    }
    Some(Login {
        user: query(&parts.uri, "user")?,
        password: query(&parts.uri, "password")?,
    })
}

fn scheme<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let values = headers.get_all(AUTHORIZATION).into_iter();
    let mut values = values.filter_map(|value| value.to_str().ok()?.trim().split_once(' '));
    values
        .find(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted))
        .map(|(_, proof)| proof.trim())
}

/// The first value of a variable of the query.
pub(in crate::http) fn query(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn tokens_are_found_wherever_they_may_be() {
        let found = |uri, headers: &[_]| tokens(&parts(uri, headers));
        assert_eq!(
            found("/?a=b", &[("cookie", "KISMETS=x; kismet=y")]),
            [""; 0]
        );
        assert_eq!(
            found(
                "/?x=1&KISMET=q%75ery",
                &[
                    ("cookie", "a=b; KISMET=one;KISMET=\"two\""),
                    ("authorization", "bearer  three"),
                ]
            ),
            ["three", "query", "one", "two"]
        );
    }

    #[test]
    fn a_key_in_the_query_counts_only_where_the_route_takes_one() {
        let mut parts = parts("/v2/geosubmit?key=a%2Bb&KISMET=c", &[]);
        assert_eq!(tokens(&parts), ["c"]);
        parts.extensions.insert(KeyParameter("key"));
        assert_eq!(tokens(&parts), ["c", "a+b"]);
    }

    #[test]
    fn a_login_is_basic_or_in_the_query() {
        let found = |uri, headers: &[_]| {
            login(&parts(uri, headers)).map(|login| (login.user, login.password))
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let basic = |value| found("/?user=q&password=q", &[("authorization", value)]);
        assert_eq!(basic("Basic YTpiOmM="), pair("a", "b:c"));
        assert_eq!(basic("basic  YTpiOmM"), pair("a", "b:c"));
        assert_eq!(basic("Basic Og=="), pair("", ""));
        assert_eq!(basic("Basic *"), None);
        assert_eq!(basic("Basic YQ=="), None);
        assert_eq!(basic("Bearer x"), pair("q", "q"));
        assert_eq!(found("/?user=a&password=b%26c", &[]), pair("a", "b&c"));
        assert_eq!(found("/?user=a", &[]), None);
        assert_eq!(found("/", &[]), None);
    }
}
