//! What handlers take out of a request.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::error::ApiError;

/// The one argument of a route's path, decoded.
pub(super) struct Argument(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Argument {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(argument)) => Ok(Self(argument)),
            Err(_) => Err(ApiError::BadPath),
        }
    }
}
