//! Kismet's `/session` and `/auth`: who am I, first password, API keys.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::command::Read;
use crate::auth::{
    Access, Credentials, CredentialsError, Policy, Principal, Replaced, RequiredRole, Role,
};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::gate::{Guard, authorise, clear_cookie};
use crate::http::request::body::Bodies;
use crate::http::request::peer::{Scheme, is_here};
use crate::http::request::proofs::tokens;
use crate::http::response::json::Json;

/// A line of plain text, as Kismet answers here.
fn text(status: StatusCode, text: impl Into<String>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, content_type, text.into()).into_response()
}

/// `GET /session/check_setup_ok`: whether there is a login. Clients expect the 500.
pub(super) async fn check_setup_ok(State(access): State<Access>) -> Response {
    if access.credentials().has_users() {
        text(StatusCode::OK, "Login configured in user config\n")
    } else {
        text(StatusCode::INTERNAL_SERVER_ERROR, "Login not configured\n")
    }
}

/// `GET /session/check_session`: whether the client is known.
pub(super) async fn check_session() -> Response {
    text(StatusCode::OK, "Session valid\n")
}

/// `GET /session/check_login`: whether the client is the administrator.
pub(super) async fn check_login() -> Response {
    text(StatusCode::OK, "Login valid\n")
}

/// `POST /session/set_password`: the first password from this machine, later ones from the administrator.
pub(super) async fn set_password(
    State(guard): State<Guard>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let is_first = guard.access.policy() == Policy::OpenHere
        && is_here(&parts.extensions)
        && !guard.access.credentials().has_users();
    let replaced = if is_first {
        Replaced::Nobody
    } else {
        let pass = match authorise(&guard, &parts, RequiredRole::Credentials).await {
            Ok(pass) => pass,
            Err(refused) => {
                return Err(match refused {
                    ApiError::Unauthorised(_) | ApiError::Forbidden(_)
                        if guard.access.credentials().has_users() =>
                    {
                        ApiError::NotTheAdministrator
                    }
                    ApiError::Unauthorised(_) | ApiError::Forbidden(_) => ApiError::NoFirstLogin,
                    refused => refused,
                });
            }
        };
        match pass.identity().map(|identity| identity.principal.clone()) {
            Some(Principal::User(name)) => Replaced::User(Some(name)),
            Some(Principal::Key(_)) | None => Replaced::User(None),
        }
    };
    let received = guard
        .bodies
        .receive_command(Request::from_parts(parts, body))
        .await?;
    let (user, password) = (
        received.variable("username")?,
        received.variable("password")?,
    );
    change(&guard.access, move |credentials| {
        credentials.replace_password(&user, &password, &replaced)
    })
    .await?;
    Ok(text(StatusCode::OK, "Login configured\n"))
}

/// `POST /session/logout`: ends the logins whose tokens the request has, and takes the cookie back. Keys stay valid.
pub(super) async fn logout(State(access): State<Access>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    for token in tokens(&parts) {
        access.log_out(&token);
    }
    let mut answer = text(StatusCode::OK, "Logged out\n");
    clear_cookie(&mut answer, Scheme::is_https(&parts.extensions));
    answer
}

/// What `generate.cmd` takes.
#[derive(Deserialize)]
struct NewKey {
    name: String,
    role: String,
    /// Seconds; 0 is for ever.
    duration: Value,
}

/// `POST /auth/apikey/generate.cmd`: makes a key, which is shown here and never again.
pub(super) async fn generate_key(
    State(access): State<Access>,
    State(bodies): State<Bodies>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = bodies.receive_command(request).await?;
    let NewKey {
        name,
        role,
        duration,
    } = received.json(ApiError::BadCommand)?;
    let role: Role = role.parse()?;
    let lifetime = match &duration {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let lifetime = lifetime.ok_or(ApiError::BadDuration)?;
    let lifetime = (0 < lifetime).then_some(lifetime);
    let now = now().time().seconds().into();
    let key = change(&access, move |credentials| {
        credentials.create_key(&name, role, lifetime, now)
    });
    let mut answer = text(StatusCode::OK, key.await?.reveal());
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(answer)
}

/// `POST /auth/apikey/revoke.cmd`: makes a key worthless.
pub(super) async fn revoke_key(
    State(access): State<Access>,
    State(bodies): State<Bodies>,
    request: Request,
) -> Result<Response, ApiError> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let received = bodies.receive_command(request).await?;
    let Named { name } = received.json(ApiError::BadCommand)?;
    change(&access, move |credentials| credentials.revoke_key(&name)).await?;
    Ok(text(StatusCode::OK, "revoked\n"))
}

/// `/auth/apikey/list`: the keys, without what opens anything.
pub(super) async fn list_keys(State(access): State<Access>, read: Read) -> Json {
    let records = access.credentials().keys().into_iter().map(|key| {
        json!({
            "kismet.httpd.auth.name": key.name,
            "kismet.httpd.auth.role": key.role,
            "kismet.httpd.auth.created": key.created,
            "kismet.httpd.auth.expiration": key.expires.unwrap_or_default(),
        })
    });
    read.list(&records.collect::<Vec<_>>())
}

/// Hashing takes long, and so may the disk. What was begun is finished, whether or not the client waits.
async fn change<T: Send + 'static>(
    access: &Access,
    change: impl FnOnce(&Credentials) -> Result<T, CredentialsError> + Send + 'static,
) -> Result<T, ApiError> {
    let access = access.clone();
    let changed = spawn_blocking(move || change(access.credentials()));
    Ok(changed.await.map_err(|_| ApiError::Panicked)??)
}
