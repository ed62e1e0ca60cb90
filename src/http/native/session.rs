//! Login by a form of a page: who one is, login, logout. The browser's own window never opens.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Login, PasswordRefused, Principal, RequiredRole, Standing};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::gate::{Guard, clear_cookie, is_open, set_cookie};
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::body::Received;
use crate::http::request::fields::fill;
use crate::http::request::peer::{Scheme, client};
use crate::http::request::proofs::tokens;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::report::UnixTime;
use crate::views::native::Utc;

/// A name and a password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewSession)]
pub(super) struct NewSession {
    /// Name of a user.
    #[schema(required = true, value_type = String, min_length = 1)]
    username: Option<String>,
    /// The user's password.
    #[schema(required = true, value_type = String, min_length = 1)]
    password: Option<String>,
}

/// The login or key of the client.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct Session {
    /// Name of the user or key. `null` if the client shows neither.
    name: Option<String>,
    /// Whose name it is: `user` or `key`.
    kind: Option<&'static str>,
    /// Role of the user or key. `null` if the client shows neither.
    role: Option<String>,
    /// When the login or key ends, in seconds since 1970. `null` if it does not.
    expires: Option<u64>,
    /// The same, in ISO 8601.
    #[schema(value_type = Option<String>)]
    expires_utc: Option<Utc>,
    /// Whether this client needs a login or key to read.
    login_required: bool,
    /// Whether the server has a user, so that a login is possible.
    login_possible: bool,
}

/// `GET /api/v1/session`: who the client is. Everybody gets an answer.
pub(in crate::http) async fn show(
    State(guard): State<Guard>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let (parts, _) = request.into_parts();
    let standing = standing(&guard, &parts);
    answer(&guard, &parts, standing.as_ref())
}

/// `POST /api/v1/session`: checks a name and a password, and sets the cookie of a login.
pub(in crate::http) async fn log_in(
    State(guard): State<Guard>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let (parts, body) = request.into_parts();
    let received = guard
        .bodies
        .receive_command(Request::from_parts(parts.clone(), body))
        .await?;
    let login = login_of(received)?;
    if guard.access.is_closed(Instant::now()) {
        return Err(ApiError::NoCredentials);
    }
    let granted = guard.access.login(client(&parts.extensions), login).await;
    let granted = granted.map_err(|refused| match refused {
        PasswordRefused::Wrong => ApiError::WrongPassword,
        PasswordRefused::TooManyFailures { retry_after } => {
            ApiError::TooManyFailures { retry_after }
        }
        PasswordRefused::Busy => ApiError::TooManyLogins,
        PasswordRefused::Failed => ApiError::Panicked,
    })?;
    let mut answer = answer(&guard, &parts, Some(&granted.standing()))?;
    let is_https = Scheme::is_https(&parts.extensions);
    set_cookie(
        guard.session_timeout,
        answer.headers_mut(),
        &granted.token,
        is_https,
    );
    Ok(answer)
}

/// `DELETE /api/v1/session`: ends the logins whose tokens the request has, and takes the cookie back. Keys stay valid.
pub(in crate::http) async fn log_out(
    State(guard): State<Guard>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let (parts, _) = request.into_parts();
    for token in tokens(&parts) {
        guard.access.log_out(&token);
    }
    let mut answer = answer(&guard, &parts, None)?;
    clear_cookie(&mut answer, Scheme::is_https(&parts.extensions));
    Ok(answer)
}

/// Whose credentials a request has. The gate has checked a name and password, if there are some.
fn standing(guard: &Guard, parts: &Parts) -> Option<Standing> {
    let (now, instant) = (now().time().seconds().into(), Instant::now());
    let mut tokens = tokens(parts).into_iter();
    let of_token = tokens.find_map(|token| guard.access.bearer(&token, now, instant));
    of_token.or_else(|| parts.extensions.get::<Standing>().cloned())
}

fn answer(guard: &Guard, parts: &Parts, standing: Option<&Standing>) -> Result<Response, ApiError> {
    let now = now().time().seconds().into();
    let expires = standing.and_then(|standing| {
        let expires = guard.access.expires(standing, now, Instant::now());
        expires.map(|expires| UnixTime::new(u32::try_from(expires).unwrap_or(u32::MAX)))
    });
    let (kind, name) = match standing.map(|standing| &standing.identity.principal) {
        Some(Principal::User(name)) => (Some("user"), Some(name.to_string())),
        Some(Principal::Key(name)) => (Some("key"), Some(name.to_string())),
        None => (None, None),
    };
    let session = Session {
        name,
        kind,
        role: standing.map(|standing| standing.identity.role.to_string()),
        expires: expires.map(|expires| expires.seconds().into()),
        expires_utc: expires.map(Utc),
        login_required: !is_open(guard, parts, RequiredRole::Readonly),
        login_possible: guard.access.credentials().has_users(),
    };
    let mut answer = Json::compact(&session)?.into_response();
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(answer)
}

/// The name and password of a body, which is JSON or a form.
fn login_of(received: Received) -> Result<Login, ApiError> {
    let (mut session, variables) = received.command::<NewSession>()?;
    let NewSession { username, password } = &mut session;
    fill(
        &mut [("username", username), ("password", password)],
        variables,
    )?;
    let given = |name, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| BadParameter::new(name, "missing, or empty"))
    };
    Ok(Login {
        user: given("username", session.username)?,
        password: given("password", session.password)?,
    })
}
