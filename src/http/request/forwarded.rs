//! The client behind a proxy.
//!
//! Anybody can send these headers, so they count from configured proxies only, and of what these pass on only what they
//! themselves have added: the last value.
//!
//! A header never widens rights. If a proxy forwarded a request and does not tell for whom in a form that can be read,
//! the client is [`Client::Unknown`], and never this machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::extract::Request;
use axum::http::header::{FORWARDED, VIA};
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use tracing::warn;

use super::peer::{Client, ForwardedHost, Scheme};
use crate::config;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// A request with one of these went through a proxy, even if none tells the client's address.
const TRACES: [HeaderName; 5] = [FORWARDED, FORWARDED_PROTO, FORWARDED_HOST, REAL_IP, VIA];

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub(in crate::http) struct Proxies {
    networks: Arc<[IpNet]>,
    /// Whether those that come by a Unix domain socket are.
    has_sockets: bool,
}

impl Proxies {
    pub(in crate::http) fn new(proxies: &[String]) -> Self {
        let networks = proxies.iter().map(|text| config::proxy(text));
        Self {
            // The configuration has been checked: all others are networks.
            networks: networks.filter_map(Result::ok).collect(),
            has_sockets: proxies.iter().any(|text| text == config::SOCKET_PROXY),
        }
    }

    fn contain(&self, address: IpAddr) -> bool {
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(&address))
    }

    /// Whether the other end of a connection is a proxy.
    pub(in crate::http) fn are_at(&self, peer: Client) -> bool {
        match peer {
            Client::At(address) => self.contain(address.to_canonical()),
            Client::Socket => self.has_sockets,
            Client::Unknown => false,
        }
    }

    /// Adds what its proxy says about the client to the extensions of a request.
    pub(in crate::http) fn see_through<B>(&self, mut request: Request<B>) -> Request<B> {
        let Some(&peer) = request.extensions().get::<Client>() else {
            return request;
        };
        if !self.are_at(peer) {
            warn_of_unknown_proxy(peer, request.headers());
            return request;
        }
        let headers = request.headers();
        let elements = elements(headers);
        let client = self.client(peer, headers, &elements);
        let of_last = |name| elements.last().and_then(|element| parameter(element, name));
        let scheme = last(headers, &FORWARDED_PROTO).or_else(|| of_last("proto"));
        let scheme = match scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => Some(Scheme::Https),
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => Some(Scheme::Http),
            _ => None,
        };
        let host = last(headers, &FORWARDED_HOST).or_else(|| of_last("host"));
        let host = host.map(str::to_owned);
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

    /// The client by `X-Forwarded-For`, by `Forwarded`, or by both if they agree. A proxy that adds one of them may pass
    /// on the other one as its client made it up, so neither is believed if they differ.
    fn client(&self, peer: Client, headers: &HeaderMap, elements: &[&str]) -> Client {
        let address = match peer {
            Client::At(address) => Some(address.to_canonical()),
            Client::Socket | Client::Unknown => None,
        };
        let is_listed = headers.contains_key(FORWARDED_FOR);
        let listed = || self.walk(address, values(headers, &FORWARDED_FOR).rev());
        let told = elements.iter().rev();
        let told = || {
            self.walk(
                address,
                told.map(|element| parameter(element, "for").unwrap_or("")),
            )
        };
        match (is_listed, !elements.is_empty()) {
            (true, true) => {
                let (listed, told) = (listed(), told());
                if listed == told {
                    listed
                } else {
                    Client::Unknown
                }
            }
            (true, false) => listed(),
            (false, true) => told(),
            // A client on the proxy's own machine that did not use the proxy has none of these headers.
            (false, false) if TRACES.iter().any(|name| headers.contains_key(name)) => {
                Client::Unknown
            }
            (false, false) => address.map_or(peer, Client::At),
        }
    }

    /// The last address that is not a proxy's, from the newest to the oldest. Proxies added all that follow it; the client
    /// may have made up all before. `peer` is absent for a Unix domain socket.
    fn walk<'h>(
        &self,
        peer: Option<IpAddr>,
        newest_first: impl Iterator<Item = &'h str>,
    ) -> Client {
        let mut client = peer;
        // The newest hop outside of this machine. A loopback address that it tells is its own, and not that of this
        // machine.
        let mut outside = peer.filter(|peer| !peer.is_loopback());
        for text in newest_first {
            let Some(address) = address(text) else {
                return Client::Unknown;
            };
            client = Some(address);
            if !address.is_loopback() {
                outside = Some(address);
            }
            if !self.contain(address) {
                break;
            }
        }
        match (client, outside) {
            (Some(client), Some(outside)) if client.is_loopback() => Client::At(outside),
            // Who comes by a Unix domain socket does not become this machine by a header.
            (Some(client), None) if client.is_loopback() && peer.is_none() => Client::Unknown,
            (Some(client), _) => Client::At(client),
            (None, _) => Client::Unknown,
        }
    }
}

/// Warns once of a proxy on this machine that is not configured. Its clients count as this machine, and by a Unix domain
/// socket as one.
fn warn_of_unknown_proxy(peer: Client, headers: &HeaderMap) {
    static WARNED: Once = Once::new();
    static WARNED_OF_SOCKET: Once = Once::new();
    let names = [FORWARDED_FOR, FORWARDED];
    if !names.iter().any(|name| headers.contains_key(name)) {
        return;
    }
    match peer {
        Client::At(address) if address.to_canonical().is_loopback() => WARNED.call_once(|| {
            warn!(
                proxy.address = %address,
                "a proxy that is not in server.proxies forwards requests: all of its clients count as this machine"
            );
        }),
        Client::Socket => WARNED_OF_SOCKET.call_once(|| {
            warn!(
                "a proxy forwards requests by a Unix domain socket, and server.proxies does not list \"unix:\": all of its clients count as one"
            );
        }),
        Client::At(_) | Client::Unknown => {}
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

/// The elements of `Forwarded` (RFC 7239), one for each proxy, in the order in which they were added.
fn elements(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(FORWARDED).into_iter();
    let texts = lines.map(|line| line.to_str().unwrap_or_default());
    // In a line whose quotes are not closed, nobody can tell what the proxy added and what the client made up.
    let texts = texts.map(|text| if has_closed_quotes(text) { text } else { "" });
    texts.flat_map(|text| split_unquoted(text, ',')).collect()
}

/// The value of a parameter of an element, without its quotes. `None` if it is absent, or there more than once.
fn parameter<'h>(element: &'h str, name: &str) -> Option<&'h str> {
    let pairs = split_unquoted(element, ';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let value = value.trim();
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    // Addresses and names have nothing to escape.
    let value = quoted.unwrap_or(value);
    (!value.is_empty() && !value.contains(['"', '\\'])).then_some(value)
}

/// Splits at a separator that is not within quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    text.split(move |letter| quotes.pass(letter) && letter == separator)
}

fn has_closed_quotes(text: &str) -> bool {
    let mut quotes = Quotes::default();
    text.chars().for_each(|letter| {
        quotes.pass(letter);
    });
    !quotes.is_quoted
}

/// Quoted strings (RFC 9110, section 5.6.4), letter by letter.
#[derive(Default)]
struct Quotes {
    is_quoted: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Whether the letter stands outside of quotes.
    fn pass(&mut self, letter: char) -> bool {
        if self.is_escaped {
            self.is_escaped = false;
            return false;
        }
        match letter {
            '"' => self.is_quoted = !self.is_quoted,
            '\\' if self.is_quoted => self.is_escaped = true,
            _ => {}
        }
        !self.is_quoted
    }
}

/// An address, with or without brackets, zone and port. The unspecified address is nobody's.
fn address(text: &str) -> Option<IpAddr> {
    let text = &without_zone(text)?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address
        .map(|address| address.to_canonical())
        .filter(|address| !address.is_unspecified())
}

/// Cuts the zone of an IPv6 address, as in `fe80::1%eth0` or `[fe80::1%eth0]:80`. `None` if it is at another address.
fn without_zone(text: &str) -> Option<String> {
    let Some((before, behind)) = text.split_once('%') else {
        return Some(text.to_owned());
    };
    let rest = behind.find(']').and_then(|end| behind.get(end..));
    let is_v6 = before.contains(':') && !before.contains('.');
    is_v6.then(|| format!("{before}{}", rest.unwrap_or_default()))
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
        let peer = match peer {
            "unix" => Client::Socket,
            peer => Client::At(peer.parse().unwrap()),
        };
        request.extensions_mut().insert(peer);
        Proxies::new(&proxies).see_through(request)
    }

    fn client_of(proxies: &[&str], peer: &str, headers: &[(&str, &str)]) -> String {
        let request = seen(proxies, peer, headers);
        request.extensions().get::<Client>().unwrap().to_string()
    }

    fn client(proxies: &[&str], peer: &str, forwarded_for: &[&str]) -> String {
        let headers: Vec<_> = forwarded_for
            .iter()
            .map(|&value| ("x-forwarded-for", value))
            .collect();
        client_of(proxies, peer, &headers)
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
        assert_eq!(client("127.0.0.1", &["fe80::1%eth0"]), "fe80::1");
        assert_eq!(client("127.0.0.1", &["[fe80::1%25eth0]:80"]), "fe80::1");
        // The proxy on another machine means itself.
        assert_eq!(client("10.0.0.1", &["127.0.0.1"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, ::1"]), "10.0.0.1");
        assert_eq!(
            client("10.0.0.1", &["1.2.3.4, 127.0.0.1"]),
            "1.2.3.4",
            "two proxies on one machine"
        );
        assert_eq!(client("127.0.0.1", &["127.0.0.1, 10.0.0.5"]), "10.0.0.5");
    }

    #[test]
    fn a_client_that_cannot_be_read_is_unknown() {
        let proxies = ["127.0.0.1", "10.0.0.0/8"];
        for text in [
            "",
            ",",
            "127.0.0.1,",
            "unknown",
            "unix:",
            "_hidden",
            "localhost",
            "127.0.0.1%lo",
            "::ffff:127.0.0.1%lo",
            "0.0.0.0",
            "::",
            "[::1",
            "127.0.0.1:x",
            "6.6.6.6, unknown, 10.1.1.1",
            "\u{e4}",
        ] {
            assert_eq!(
                client(&proxies, "127.0.0.1", &[text]),
                "unknown",
                "{text:?}"
            );
            let forwarded = format!("for=\"{text}\"");
            let forwarded = client_of(&proxies, "127.0.0.1", &[("forwarded", &forwarded)]);
            assert_eq!(forwarded, "unknown", "{text:?}");
        }
        assert_eq!(client(&proxies, "127.0.0.1", &["1.2.3.4", ""]), "unknown");
        for name in ["x-forwarded-proto", "x-forwarded-host", "x-real-ip", "via"] {
            let client = client_of(&proxies, "127.0.0.1", &[(name, "http")]);
            assert_eq!(client, "unknown", "{name}");
        }
    }

    #[test]
    fn forwarded_is_read_as_the_other_headers_are() {
        let proxies = ["127.0.0.1", "10.0.0.0/8"];
        for (text, expected) in [
            ("for=1.2.3.4", "1.2.3.4"),
            ("For=1.2.3.4;proto=https;by=127.0.0.1", "1.2.3.4"),
            ("for=\"1.2.3.4:567\"", "1.2.3.4"),
            ("for=\"[2001:db8::1]:567\"", "2001:db8::1"),
            ("for=127.0.0.1, for=1.2.3.4;host=\"a,b\"", "1.2.3.4"),
            ("for=1.2.3.4, for=10.1.1.1", "1.2.3.4"),
            ("proto=https", "unknown"),
            ("for=127.0.0.1;for=127.0.0.1", "unknown"),
            ("for=127.0.0.1,", "unknown"),
            ("for=\"127.0.0.1", "unknown"),
            ("for=\"127.0.0.1\\\"\"", "unknown"),
            ("for", "unknown"),
        ] {
            let client = client_of(&proxies, "127.0.0.1", &[("forwarded", text)]);
            assert_eq!(client, expected, "{text}");
        }
        // The proxy adds one of the two, and the client made up the other one.
        for (listed, told, expected) in [
            ("1.2.3.4", "for=1.2.3.4", "1.2.3.4"),
            ("1.2.3.4", "for=127.0.0.1", "unknown"),
            ("127.0.0.1", "for=1.2.3.4", "unknown"),
        ] {
            let headers = [("x-forwarded-for", listed), ("forwarded", told)];
            let client = client_of(&proxies, "127.0.0.1", &headers);
            assert_eq!(client, expected, "{listed} {told}");
        }
        let headers = [(
            "forwarded",
            "for=1.2.3.4;proto=https;host=\"scan.example:8443\"",
        )];
        let request = seen(&["10.0.0.1"], "10.0.0.1", &headers);
        assert!(Scheme::is_https(request.extensions()));
        let host = ForwardedHost("scan.example:8443".to_owned());
        assert_eq!(request.extensions().get(), Some(&host));
    }

    #[test]
    fn a_header_makes_nobody_this_machine_who_comes_by_a_socket() {
        let from = |proxies: &[&str], headers: &[(&str, &str)]| client_of(proxies, "unix", headers);
        let told = |text| [("x-forwarded-for", text)];
        // A proxy only if that is configured.
        for proxies in [&[][..], &["127.0.0.1"], &["0.0.0.0/1", "::/1"]] {
            assert_eq!(from(proxies, &told("1.2.3.4")), "unix socket");
            assert_eq!(from(proxies, &told("127.0.0.1")), "unix socket");
        }
        let proxies = ["unix:", "10.0.0.0/8"];
        for (text, expected) in [
            ("1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("1.2.3.4, 10.1.1.1", "1.2.3.4"),
            ("127.0.0.1", "unknown"),
            ("::1", "unknown"),
            ("127.0.0.1, 10.1.1.1", "10.1.1.1"),
            ("unix:", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(from(&proxies, &told(text)), expected, "{text:?}");
            let forwarded = format!("for=\"{text}\"");
            if !text.contains(',') {
                let client = from(&proxies, &[("forwarded", &forwarded)]);
                let expected = if text == "::1" { "unknown" } else { expected };
                assert_eq!(client, expected, "{forwarded}");
            }
        }
        assert_eq!(from(&proxies, &[("x-forwarded-proto", "https")]), "unknown");
        assert_eq!(from(&proxies, &[]), "unix socket");
        let request = seen(&proxies, "unix", &[("x-forwarded-proto", "https")]);
        assert!(Scheme::is_https(request.extensions()));
        let request = seen(&[], "unix", &[("x-forwarded-proto", "https")]);
        assert!(!Scheme::is_https(request.extensions()));
    }

    #[test]
    fn others_are_not_believed() {
        let headers = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "localhost"),
            ("forwarded", "for=127.0.0.1"),
        ];
        for (proxies, peer) in [(&[][..], "127.0.0.1"), (&["10.0.0.0/8"], "11.0.0.1")] {
            let request = seen(proxies, peer, &headers);
            let client: &Client = request.extensions().get().unwrap();
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

    #[test]
    fn odd_quotes_hide_nothing_that_a_proxy_added() {
        for forged in [
            r#"for=127.0.0.1;x="\"", for=203.0.113.5"#,
            r#"for=127.0.0.1;x=", for=203.0.113.5;proto=http"#,
            r#"for=127.0.0.1;x=", for="203.0.113.5""#,
            r#"for=127.0.0.1;x="\, for="203.0.113.5""#,
            r#"for=127.0.0.1;x="\", for="203.0.113.5""#,
        ] {
            let request = seen(&["127.0.0.1"], "127.0.0.1", &[("forwarded", forged)]);
            let client = request.extensions().get::<Client>().unwrap();
            let is_here = matches!(client, Client::At(address) if address.is_loopback());
            assert!(!is_here, "{forged}: {client:?}");
        }
        let quoted = r#"for=127.0.0.1;x="a\",b;c", for="203.0.113.5:80""#;
        let request = seen(&["127.0.0.1"], "127.0.0.1", &[("forwarded", quoted)]);
        let client = request.extensions().get::<Client>().unwrap();
        assert!(matches!(client, Client::At(address) if address.to_string() == "203.0.113.5"));
    }
}
