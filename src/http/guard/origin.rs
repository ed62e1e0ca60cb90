//! Refuses requests that a browser sends for pages of other sites.
//!
//! A page of others reaches the server in two ways: under its own name, which it lets point here (so `Host` must be a
//! name of this server), or from its own origin (so `Origin`, where a browser sends one, must be ours). On a loopback
//! address the names are known, so `Host` is checked there in every mode: without credentials such a page could do what
//! this machine may, and with credentials it could guess passwords. Elsewhere `server.hosts` lists the names.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, REFERER, USER_AGENT, VARY,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::auth::{Access, Policy};
use crate::config;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::peer::is_here;
use crate::http::request::peer::{ForwardedHost, Scheme};
use crate::http::request::proofs::{checked_cookies, has_bearer};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("Content-Type, Content-Encoding, Authorization, Idempotency-Key");
/// Headers that pages of other origins may read besides the few that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Retry-After, X-Next-Cursor");
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// What pages of other origins may do with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum OtherPages {
    /// Have a link to it.
    Links,
    /// Not even that: following the link would change something.
    NoLinks,
    /// Have a link to it, and call this machine by any name: monitoring does, and it learns nothing that is secret.
    AnyName,
}

/// The pages that may use the server, and the names by which they may call it.
#[derive(Debug)]
pub(in crate::http) struct Origins {
    allowed: RwLock<Box<[String]>>,
    hosts: Hosts,
    access: Access,
}

/// The names by which clients may call this server.
#[derive(Debug)]
struct Hosts {
    /// From the configuration, in small letters.
    listed: Box<[String]>,
    /// Whether the server listens on a loopback address.
    is_local: bool,
    policy: Policy,
}

/// Where a request comes from, as far as its browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// From no page, or from one of our own.
    Own,
    /// From a page that was allowed.
    Allowed,
    Foreign,
    /// From a browser, which does not say for which page.
    Unproven,
}

impl Origins {
    pub(in crate::http) fn new(access: Access, is_local: bool, config: &config::Server) -> Self {
        Self {
            allowed: RwLock::new(lowercase(&config.cors_origins)),
            hosts: Hosts {
                listed: lowercase(&config.hosts),
                is_local,
                policy: access.policy(),
            },
            access,
        }
    }

    /// Replaces the list of pages that may use the server.
    pub(in crate::http) fn allow(&self, allowed: &[String]) {
        *self.allowed.write().unwrap_or_else(PoisonError::into_inner) = lowercase(allowed);
    }

    fn allowed(&self) -> RwLockReadGuard<'_, Box<[String]>> {
        self.allowed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, request: &Request, other_pages: OtherPages) -> Origin {
        let Some(origin) = request.headers().get(ORIGIN) else {
            return if is_part_of_foreign_page(request, other_pages) {
                Origin::Foreign
            } else if other_pages == OtherPages::NoLinks && request.method() == Method::GET {
                self.of_link(request)
            } else {
                Origin::Own
            };
        };
        let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else {
            return Origin::Foreign;
        };
        self.of_page(request, &origin)
    }

    /// Where a page is from by its origin, in small letters.
    fn of_page(&self, request: &Request, origin: &str) -> Origin {
        // A proxy may call this server by a name that no browser knows.
        let is_own = match forwarded_host(request) {
            Some(host) => is_at(origin, host),
            None => hosts(request).any(|host| is_at(origin, host)),
        };
        // Where it is known how the client came, its own page came the same way.
        let came_alike = match request.extensions().get() {
            Some(Scheme::Https) => origin.starts_with("https:"),
            Some(Scheme::Http) => origin.starts_with("http:"),
            None => true,
        };
        if is_own && came_alike {
            Origin::Own
        } else if self.allowed().iter().any(|allowed| allowed == origin) {
            Origin::Allowed
        } else {
            Origin::Foreign
        }
    }

    /// Where a command by GET comes from, for which browsers send no `Origin`, and over plain HTTP no `Sec-Fetch-Site`
    /// either. Any page can embed such an address, and a browser sends a password that it knows along.
    fn of_link(&self, request: &Request) -> Origin {
        let headers = request.headers();
        if let Some(referer) = headers.get(REFERER) {
            let referer = referer.to_str().map(str::to_ascii_lowercase);
            // The first two slashes belong to the scheme, and the third one begins the path.
            let origin = referer.ok().and_then(|referer| {
                let end = referer.match_indices('/').nth(2);
                let end = end.map_or(referer.len(), |(place, _)| place);
                referer.get(..end).map(str::to_owned)
            });
            return match origin.map(|origin| self.of_page(request, &origin)) {
                Some(Origin::Own | Origin::Allowed) => Origin::Own,
                _ => Origin::Foreign,
            };
        }
        let agent = headers.get(USER_AGENT);
        let is_browser = agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
        let is_proven = ["sec-fetch-site", "x-requested-with"]
            .iter()
            .any(|name| headers.contains_key(*name))
            || has_bearer(headers)
            || self.has_proving_cookie(request);
        if is_browser && !is_proven {
            Origin::Unproven
        } else {
            Origin::Own
        }
    }

    /// Whether a request has the cookie of a login. It counts over TLS only: over plain HTTP browsers do not say for
    /// which page they ask, and `SameSite` keeps out no page on another port of the same host.
    fn has_proving_cookie(&self, request: &Request) -> bool {
        let (now, instant) = (now().time().seconds().into(), Instant::now());
        let is_live = |token: String| self.access.bearer(&token, now, instant).is_some();
        Scheme::is_https(request.extensions()) && checked_cookies(request.headers()).any(is_live)
    }
}

impl Hosts {
    /// Whether the client calls this server by a name that it has.
    fn allow(&self, request: &Request) -> bool {
        let is_checked = !self.listed.is_empty()
            || self.is_local
                // Clients on other machines come through a proxy, which has another name. They have to log in. But where
                // nobody has to, a page could call itself such a client.
                && (is_here(request.extensions()) || self.policy == Policy::Open);
        let mut names = hosts(request).chain(forwarded_host(request));
        !is_checked || names.all(|name| self.has(name))
    }

    fn has(&self, host: &str) -> bool {
        let name = without_port(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let name = bare.unwrap_or(name);
        // No page of others can have an address for its name, but one that is unspecified leads to this machine.
        let is_address = |name: &str| {
            let address = name.parse::<IpAddr>();
            address.is_ok_and(|address| !address.to_canonical().is_unspecified())
        };
        is_this_machine(host)
            || self
                .listed
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
            || !self.is_local && is_address(name)
    }
}

/// Whether a browser fetches it for a page of others, which without an `Origin` it does for images and scripts. Who follows
/// a link to a page here comes from others too, but not to have a command done.
fn is_part_of_foreign_page(request: &Request, other_pages: OtherPages) -> bool {
    let is = |name: &str, value: &str| {
        let header = request.headers().get(name);
        header.is_some_and(|header| header.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    let is_foreign = is("sec-fetch-site", "cross-site") || is("sec-fetch-site", "same-site");
    let is_followed_link = is("sec-fetch-mode", "navigate") && other_pages != OtherPages::NoLinks;
    is_foreign && !is_followed_link
}

fn lowercase(list: &[String]) -> Box<[String]> {
    list.iter().map(|text| text.to_ascii_lowercase()).collect()
}

/// Refuses requests of foreign pages, answers preflight requests, and marks answers that an allowed page may read.
pub(in crate::http) async fn check<F: Future<Output = Response>>(
    origins: &Origins,
    other_pages: OtherPages,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    if other_pages != OtherPages::AnyName && !origins.hosts.allow(&request) {
        return ApiError::ForeignHost.into_response();
    }
    let from = match origins.of(&request, other_pages) {
        Origin::Foreign => return ApiError::ForeignOrigin.into_response(),
        Origin::Unproven => return ApiError::UnprovenCommand.into_response(),
        Origin::Own => None,
        Origin::Allowed => request.headers().get(ORIGIN).cloned(),
    };
    let asks_beforehand = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &from {
        Some(_) if asks_beforehand => {
            let answer = [
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ];
            (StatusCode::OK, answer).into_response()
        }
        _ => answer(request).await,
    };
    mark(response.headers_mut(), origins, from);
    response
}

fn mark(headers: &mut HeaderMap, origins: &Origins, from: Option<HeaderValue>) {
    if !origins.allowed().is_empty() {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = from {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}

/// The names by which the client calls this server. Programs may send none; browsers always send one.
fn hosts(request: &Request) -> impl Iterator<Item = &str> {
    let headers = request.headers().get_all(HOST).into_iter();
    // A name that is no text is foreign.
    let headers = headers.map(|value| value.to_str().unwrap_or_default());
    headers.chain(request.uri().authority().map(Authority::as_str))
}

fn forwarded_host(request: &Request) -> Option<&str> {
    let host = request.extensions().get::<ForwardedHost>();
    host.map(|ForwardedHost(host)| host.as_str())
}

/// Whether a name, with or without a port, is one that only this machine has.
fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match address.unwrap_or(name).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether an origin, in small letters, is that of a page that this host served.
fn is_at(origin: &str, host: &str) -> bool {
    let (authority, port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, ":80"),
        Some(("https", authority)) => (authority, ":443"),
        _ => return false,
    };
    // The port of the scheme goes without saying, on either side.
    let bare = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        authority
            .strip_suffix(port)
            .unwrap_or(&authority)
            .to_owned()
    };
    !host.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for host in [
            "localhost",
            "LocalHost:2501",
            "localhost.:1",
            "127.0.0.1:2501",
            "127.8.9.1",
            "[::1]:2501",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            ":2501",
            "x",
            "evil.example:2501",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.localhost",
            "10.0.0.1:2501",
            "0.0.0.0:2501",
            "[::]:1",
            "[::1",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_ours_when_its_page_came_from_here() {
        for (origin, host) in [
            ("http://127.0.0.1:2501", "127.0.0.1:2501"),
            ("http://scan.example", "Scan.example:80"),
            ("https://scan.example", "scan.example"),
            ("https://scan.example:443", "scan.example"),
            ("http://[::1]:2501", "[::1]:2501"),
        ] {
            assert!(is_at(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "null"),
            ("http://127.0.0.1:3000", "127.0.0.1:2501"),
            ("http://localhost:2501", "127.0.0.1:2501"),
            ("https://scan.example", "scan.example:80"),
            ("file://scan.example", "scan.example"),
            ("http://", ""),
            ("http://evil.example", "scan.example"),
        ] {
            assert!(!is_at(origin, host), "{origin} {host}");
        }
    }
}
