//! Authentication and authorisation: a request passes if it proves a role that is enough for its route.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::challenge;
use super::ready::expect_ready;
use crate::auth::{
    Access, Granted, Identity, Login, PasswordRefused, Policy, Principal, RequiredRole, Secret,
    Standing,
};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::body::Bodies;
use crate::http::request::peer::{Scheme, client, is_here};
use crate::http::request::proofs::{KeyParameter, TOKEN, login, named_key, tokens};
use crate::ingest::Ingest;

/// The handles for checking credentials.
#[derive(Clone, Debug)]
pub(in crate::http) struct Guard {
    pub(in crate::http) access: Access,
    pub(in crate::http) session_timeout: Duration,
    pub(in crate::http) bodies: Bodies,
}

/// The check before a route. A method that the route does not have still gets a 405.
pub(in crate::http) struct Gate {
    guard: Guard,
    ingest: Ingest,
    admission: Admission,
    before_ready: bool,
    key_parameter: Option<KeyParameter>,
}

/// Whom a route lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Admission {
    /// Everybody.
    Anybody,
    /// Who proves the role, where credentials are required.
    Role(RequiredRole),
    /// The same, and a request with credentials has to prove the role even where none are required: its answer says
    /// whether they are right.
    Shown(RequiredRole),
}

impl Gate {
    /// Lets in whom `admission` says. Requires also that the log has been read, unless the route answers before that.
    pub(in crate::http) fn new(
        guard: Guard,
        ingest: Ingest,
        admission: Admission,
        before_ready: bool,
        key_parameter: Option<KeyParameter>,
    ) -> Arc<Self> {
        Arc::new(Self {
            guard,
            ingest,
            admission,
            before_ready,
            key_parameter,
        })
    }
}

pub(in crate::http) async fn check(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    let guard = &gate.guard;
    if !gate.before_ready
        && let Err(starting) = expect_ready(&gate.ingest)
    {
        return starting.into_response();
    }
    let (mut parts, body) = request.into_parts();
    if let Some(key_parameter) = gate.key_parameter {
        parts.extensions.insert(key_parameter);
    }
    let is_https = Scheme::is_https(&parts.extensions);
    match admit(guard, &parts, gate.admission).await {
        Ok(pass) => {
            let standing = pass.standing();
            let is_private = standing.is_some();
            if let Some(standing) = standing {
                parts.extensions.insert(standing);
            }
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if is_private {
                make_private(response.headers_mut());
            }
            let Pass::LoggedIn(Granted { token, .. }) = &pass else {
                return response;
            };
            if response.extensions().get::<LoggedOut>().is_some() {
                guard.access.log_out(token.reveal());
            } else {
                set_cookie(
                    guard.session_timeout,
                    response.headers_mut(),
                    token,
                    is_https,
                );
            }
            response
        }
        Err(refused) => {
            let mut refusal = refused.into_response();
            challenge::fit(&parts.headers, refusal.headers_mut());
            refusal
        }
    }
}

async fn admit(guard: &Guard, parts: &Parts, admission: Admission) -> Result<Pass, ApiError> {
    match admission {
        Admission::Anybody => Ok(welcome(guard, parts).await),
        Admission::Shown(role) if shows_credentials(parts) && has_login(guard) => {
            prove(guard, parts, role).await
        }
        Admission::Role(role) | Admission::Shown(role) => authorise(guard, parts, role).await,
    }
}

fn has_login(guard: &Guard) -> bool {
    guard.access.credentials().has_users()
}

/// Whether a request has credentials. Empty ones come from a form that nobody filled in, and do not count.
fn shows_credentials(parts: &Parts) -> bool {
    let is_filled = |login: Login| !login.user.is_empty() && !login.password.is_empty();
    tokens(parts).iter().any(|token| !token.is_empty()) || login(parts).is_some_and(is_filled)
}

/// Lets everybody in. A right password gets a token here too, because some of Kismet's clients log in like this. A wrong
/// one changes nothing but counts as a guess.
async fn welcome(guard: &Guard, parts: &Parts) -> Pass {
    let Some(login) = login(parts).filter(|_| has_login(guard)) else {
        return Pass::Open;
    };
    if let Shown::Enough(standing) = shown(guard, parts, RequiredRole::Login) {
        return Pass::Known(standing);
    }
    let granted = guard.access.login(client(&parts.extensions), login).await;
    granted.map_or(Pass::Open, Pass::LoggedIn)
}

/// Why a request passes.
pub(in crate::http) enum Pass {
    /// No credentials are required.
    Open,
    /// The client sent a valid token.
    Known(Standing),
    /// The client sent a valid password and gets a token.
    LoggedIn(Granted),
}

impl Pass {
    pub(in crate::http) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Open => None,
            Self::Known(standing) => Some(&standing.identity),
            Self::LoggedIn(granted) => Some(&granted.identity),
        }
    }

    fn standing(&self) -> Option<Standing> {
        match self {
            Self::Open => None,
            Self::Known(standing) => Some(standing.clone()),
            Self::LoggedIn(granted) => Some(granted.standing()),
        }
    }
}

/// Checks a request against a role. If it has several proofs, one that is enough suffices.
pub(in crate::http) async fn authorise(
    guard: &Guard,
    parts: &Parts,
    demand: RequiredRole,
) -> Result<Pass, ApiError> {
    if is_open(guard, parts, demand) {
        return Ok(Pass::Open);
    }
    prove(guard, parts, demand).await
}

/// What the tokens of a request prove.
enum Shown {
    /// One is enough for the role.
    Enough(Standing),
    /// Some are valid, but their roles are not enough for the route.
    TooLittle,
    Nothing,
}

fn shown(guard: &Guard, parts: &Parts, demand: RequiredRole) -> Shown {
    let (now, instant) = (now().time().seconds().into(), Instant::now());
    let tokens = tokens(parts);
    let tokens = tokens.iter();
    let standings = tokens.filter_map(|token| guard.access.bearer(token, now, instant));
    let mut shown = Shown::Nothing;
    for standing in standings.chain(holder_of_named_key(guard, parts)) {
        if standing.identity.role.meets(demand) {
            return Shown::Enough(standing);
        }
        shown = Shown::TooLittle;
    }
    shown
}

/// The holder of a key that comes with its name. Both have to be right.
fn holder_of_named_key(guard: &Guard, parts: &Parts) -> Option<Standing> {
    let named = named_key(parts)?;
    let now = now().time().seconds().into();
    let standing = guard.access.bearer(&named.password, now, Instant::now())?;
    let is_right = match &standing.identity.principal {
        Principal::Key(name) => **name == *named.user,
        Principal::User(_) => false,
    };
    is_right.then_some(standing)
}

async fn prove(guard: &Guard, parts: &Parts, demand: RequiredRole) -> Result<Pass, ApiError> {
    let shown = shown(guard, parts, demand);
    if let Shown::Enough(standing) = shown {
        return Ok(Pass::Known(standing));
    }
    if shows_credentials(parts) && guard.access.is_closed(Instant::now()) {
        return Err(ApiError::NoCredentials);
    }
    // A right name and key are no password, and are not tried as one.
    let login = login(parts).filter(|_| holder_of_named_key(guard, parts).is_none());
    let Some(login) = login else {
        return Err(match shown {
            Shown::Nothing => ApiError::Unauthorised(demand),
            _ => ApiError::Forbidden(demand),
        });
    };
    let granted = match guard.access.login(client(&parts.extensions), login).await {
        Ok(granted) => granted,
        Err(PasswordRefused::Wrong) => return Err(ApiError::Unauthorised(demand)),
        Err(PasswordRefused::TooManyFailures { retry_after }) => {
            return Err(ApiError::TooManyFailures { retry_after });
        }
        Err(PasswordRefused::Busy) => return Err(ApiError::TooManyLogins),
        Err(PasswordRefused::Failed) => return Err(ApiError::Panicked),
    };
    if !granted.identity.role.meets(demand) {
        return Err(ApiError::Forbidden(demand));
    }
    Ok(Pass::LoggedIn(granted))
}

/// Whether no credentials are required. Credentials themselves are managed with the rights of an administrator only: a key
/// that somebody on this machine made before there was one would stay valid.
pub(in crate::http) fn is_open(guard: &Guard, parts: &Parts, demand: RequiredRole) -> bool {
    match (guard.access.policy(), demand) {
        (Policy::Required, _) | (_, RequiredRole::Credentials) => false,
        // A proxy on this machine forwards requests from elsewhere.
        (Policy::OpenHere, _) => is_here(&parts.extensions),
        (Policy::Open, _) => true,
    }
}

/// Keeps caches that several people use from storing what a credential opened.
fn make_private(headers: &mut HeaderMap) {
    let stays = headers.get(CACHE_CONTROL).is_some_and(|value| {
        let text = value.to_str().unwrap_or_default();
        text.contains("no-store") || text.contains("private")
    });
    if !stays {
        // Whoever keeps the answer asks again before showing it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
}

/// Sets the session cookie. Scripts cannot read it, and browsers do not send it for pages of other sites.
pub(in crate::http) fn set_cookie(
    session_timeout: Duration,
    headers: &mut HeaderMap,
    token: &Secret,
    is_https: bool,
) {
    let seconds = session_timeout.as_secs();
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

/// Marks the answer to a logout: a password that came with the request gets no new login.
#[derive(Clone, Copy)]
struct LoggedOut;

/// Takes the session cookie back, in the answer to a logout.
pub(in crate::http) fn clear_cookie(answer: &mut Response, is_https: bool) {
    answer.extensions_mut().insert(LoggedOut);
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{TOKEN}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
}
