//! Who asks, and may they? Each group of routes names what it demands; this is where it is asked for.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, EXPECT, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64Unpadded, Encoding};

use crate::auth::{Demand, Granted, Identity, Login, PasswordRefused, Policy, Secret};
use crate::http::App;
use crate::http::error::ApiError;
use crate::http::ops::health::expect_ready;
use crate::http::request::forwarded::Scheme;

/// Kismet's name for the cookie and for the query variable.
const TOKEN: &str = "KISMET";
/// Query variables that say who asks; they mean nothing else to any route.
pub(in crate::http) const PROOFS: [&str; 3] = [TOKEN, "user", "password"];
/// How many tokens of one request are looked at. A browser may send a cookie of each path.
const TOKENS_MAX: usize = 4;

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Client(pub(in crate::http) IpAddr);

/// What stands before a group of routes.
#[derive(Clone)]
struct Gate {
    app: App,
    demand: Demand,
    is_of_log: bool,
}

/// All of `routes` demand this. A path or a method that does not exist is still a 404 or 405.
pub(in crate::http) fn demanding(demand: Demand, routes: Router<App>, app: &App) -> Router<App> {
    gated(routes, app, demand, false)
}

/// The same for routes that work on what the log says, and have to wait until it is read.
pub(in crate::http) fn demanding_of_log(
    demand: Demand,
    routes: Router<App>,
    app: &App,
) -> Router<App> {
    gated(routes, app, demand, true)
}

fn gated(routes: Router<App>, app: &App, demand: Demand, is_of_log: bool) -> Router<App> {
    let gate = Gate {
        app: app.clone(),
        demand,
        is_of_log,
    };
    routes.route_layer(middleware::from_fn_with_state(gate, check))
}

async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Gate {
        app,
        demand,
        is_of_log,
    } = gate;
    if is_of_log && let Err(starting) = expect_ready(&app) {
        return starting.into_response();
    }
    let (mut parts, body) = request.into_parts();
    let is_https = Scheme::is_https(&parts.extensions);
    match authorise(&app, &parts, demand).await {
        Ok(pass) => {
            if let Some(identity) = pass.identity() {
                parts.extensions.insert(identity.clone());
            }
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if let Pass::LoggedIn(Granted { token, .. }) = &pass {
                set_cookie(&app, response.headers_mut(), token, is_https);
            }
            response
        }
        Err(refused) => {
            // Most clients look for an answer only when they have sent everything.
            if !parts.headers.contains_key(EXPECT) {
                app.bodies.discard(body).await;
            }
            refused.into_response()
        }
    }
}

/// Why a request may pass.
pub(in crate::http) enum Pass {
    /// Nobody is asked.
    Open,
    /// Who asks has shown a token.
    Known(Identity),
    /// Who asks has given a password, and shall have a token.
    LoggedIn(Granted),
}

impl Pass {
    pub(in crate::http) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Open => None,
            Self::Known(identity) => Some(identity),
            Self::LoggedIn(granted) => Some(&granted.identity),
        }
    }
}

/// Whether a request meets a demand. Of several proofs, one that does is enough.
pub(in crate::http) async fn authorise(
    app: &App,
    parts: &Parts,
    demand: Demand,
) -> Result<Pass, ApiError> {
    if is_open(app, parts, demand) {
        return Ok(Pass::Open);
    }
    let (now, instant) = (App::now().time().seconds().into(), Instant::now());
    let known = tokens(parts)
        .into_iter()
        .take(TOKENS_MAX)
        .filter_map(|token| app.access.bearer(&token, now, instant))
        .find(|identity| identity.role.meets(demand));
    if let Some(identity) = known {
        return Ok(Pass::Known(identity));
    }
    let Some(login) = login(parts) else {
        return Err(ApiError::Unauthorised(demand));
    };
    let granted = match app.access.login(client(&parts.extensions), login).await {
        Ok(granted) => granted,
        Err(PasswordRefused::Wrong) => return Err(ApiError::Unauthorised(demand)),
        Err(PasswordRefused::TooManyFailures { retry_after }) => {
            return Err(ApiError::TooManyFailures { retry_after });
        }
        Err(PasswordRefused::Failed) => return Err(ApiError::Panicked),
    };
    if !granted.identity.role.meets(demand) {
        return Err(ApiError::Unauthorised(demand));
    }
    Ok(Pass::LoggedIn(granted))
}

/// Whether nobody is asked. Who may do what is open only until there is an administrator, and then only to
/// this machine.
fn is_open(app: &App, parts: &Parts, demand: Demand) -> bool {
    match (app.access.policy(), demand) {
        (Policy::Required, _) | (Policy::Open, Demand::Credentials) => false,
        // A proxy on this machine lets in who is elsewhere.
        (Policy::OpenHere, _) if !is_here(&parts.extensions) => false,
        (Policy::OpenHere, Demand::Credentials) => !app.access.credentials().has_users(),
        (Policy::OpenHere | Policy::Open, _) => true,
    }
}

/// The address that a request came from, as far as is known.
pub(in crate::http) fn client(extensions: &Extensions) -> IpAddr {
    let client = extensions.get::<Client>();
    client.map_or(Ipv4Addr::UNSPECIFIED.into(), |client| client.0)
}

/// Whether a request comes from this machine, as far as is known.
pub(in crate::http) fn is_here(extensions: &Extensions) -> bool {
    let client = extensions.get::<Client>();
    client.is_some_and(|client| client.0.to_canonical().is_loopback())
}

/// The tokens of a request: in the cookie, as a bearer, in the query.
fn tokens(parts: &Parts) -> Vec<String> {
    let cookies = parts.headers.get_all(COOKIE).into_iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let cookies = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == TOKEN).then(|| value.trim_matches('"').to_owned())
        });
    let bearer = scheme(&parts.headers, "bearer").map(str::to_owned);
    let query = query(parts, TOKEN);
    cookies.chain(bearer).chain(query).collect()
}

/// The name and password of a request: Basic, else in the query.
fn login(parts: &Parts) -> Option<Login> {
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
        user: query(parts, "user")?,
        password: query(parts, "password")?,
    })
}

fn scheme<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let values = headers.get_all(AUTHORIZATION).into_iter();
    let mut values = values.filter_map(|value| value.to_str().ok()?.trim().split_once(' '));
    values
        .find(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted))
        .map(|(_, proof)| proof.trim())
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

/// Scripts of a page cannot read it, and pages of others cannot use it.
fn set_cookie(app: &App, headers: &mut HeaderMap, token: &Secret, is_https: bool) {
    let seconds = app.session_timeout.as_secs();
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!(
        "{TOKEN}={}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}",
        token.reveal()
    );
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        headers.append(SET_COOKIE, cookie);
    }
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
            ["one", "two", "three", "query"]
        );
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
