//! The client behind a proxy.
//!
//! Anybody can send `X-Forwarded-*`, so they count from configured proxies only, and of what these pass on only
//! what they themselves have added: the last value.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::peer::{Client, ForwardedHost, Scheme};
use crate::config;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub(in crate::http) struct Proxies(Arc<[IpNet]>);

impl Proxies {
    pub(in crate::http) fn new(proxies: &[String]) -> Self {
        let networks = proxies.iter().map(|text| config::network(text));
        // The configuration has been checked: all of them are.
        Self(networks.filter_map(Result::ok).collect())
    }

    pub(in crate::http) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Adds what its proxy says about the client to the extensions of a request.
    pub(in crate::http) fn see_through<B>(&self, mut request: Request<B>) -> Request<B> {
        let Some(&Client(peer)) = request.extensions().get() else {
            return request;
        };
        let peer = peer.to_canonical();
        if !self.contain(peer) {
            return request;
        }
        let client = Client(self.client(peer, request.headers()));
        let scheme = match last(request.headers(), &FORWARDED_PROTO) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => Some(Scheme::Https),
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => Some(Scheme::Http),
            _ => None,
        };
        let host = last(request.headers(), &FORWARDED_HOST).map(str::to_owned);
        let extensions = request.extensions_mut();
        extensions.insert(client);
        if let Some(scheme) = scheme {
            extensions.insert(scheme);
        }
        if let Some(host) = host {
            extensions.insert(ForwardedHost(host));
        }
        request
    }

    /// The last address that is not a proxy's. Proxies added all that follow it; the client may have made up all before.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for text in values(headers, &FORWARDED_FOR).rev() {
            // What cannot be read was no proxy of ours, so the search ends with who passed it on.
            let Some(address) = address(text) else {
                break;
            };
            client = address;
            if !self.contain(client) {
                break;
            }
        }
        client
    }
}

/// The values of a header that is a list, in the order in which they were added. What is no text is empty.
fn values<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    let texts = lines.map(|line| line.to_str().unwrap_or_default());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    values(headers, name)
        .next_back()
        .filter(|value| !value.is_empty())
}

/// An address, with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(proxies: &[&str], peer: &str, headers: &[(&str, &str)]) -> Request<()> {
        let proxies: Vec<_> = proxies.iter().map(|&proxy| proxy.to_owned()).collect();
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let peer = Client(peer.parse().unwrap());
        request.extensions_mut().insert(peer);
        Proxies::new(&proxies).see_through(request)
    }

    fn client(proxies: &[&str], peer: &str, forwarded_for: &[&str]) -> String {
        let headers: Vec<_> = forwarded_for
            .iter()
            .map(|&value| ("x-forwarded-for", value))
            .collect();
        let request = seen(proxies, peer, &headers);
        let Client(client) = request.extensions().get().unwrap();
        client.to_string()
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy() {
        let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"];
        let client = |peer, forwarded_for: &[&str]| client(&proxies, peer, forwarded_for);
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("::ffff:127.0.0.1", &["1.2.3.4:567"]), "1.2.3.4");
        assert_eq!(client("fd00::1", &["[2001:db8::1]:567"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]"]), "2001:db8::1");
        // What the client made up stands before what the proxies added.
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(
            client("127.0.0.1", &["6.6.6.6", "1.2.3.4,10.1.1.1"]),
            "1.2.3.4"
        );
        assert_eq!(client("127.0.0.1", &["10.2.2.2", "10.1.1.1"]), "10.2.2.2");
        assert_eq!(
            client("127.0.0.1", &["6.6.6.6, unknown, 10.1.1.1"]),
            "10.1.1.1"
        );
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "\u{e4}"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &[""]), "127.0.0.1");
    }

    #[test]
    fn others_are_not_believed() {
        let headers = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "localhost"),
        ];
        for (proxies, peer) in [(&[][..], "127.0.0.1"), (&["10.0.0.0/8"], "11.0.0.1")] {
            let request = seen(proxies, peer, &headers);
            let Client(client) = request.extensions().get().unwrap();
            assert_eq!(client.to_string(), peer);
            assert!(!Scheme::is_https(request.extensions()));
            assert_eq!(request.extensions().get::<ForwardedHost>(), None);
        }
    }

    #[test]
    fn the_last_host_and_scheme_count() {
        let headers = [
            ("x-forwarded-proto", "http, HTTPS"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-host", "scan.example:8443"),
        ];
        let request = seen(&["10.0.0.1"], "10.0.0.1", &headers);
        assert!(Scheme::is_https(request.extensions()));
        let host = ForwardedHost("scan.example:8443".to_owned());
        assert_eq!(request.extensions().get(), Some(&host));
    }
}
