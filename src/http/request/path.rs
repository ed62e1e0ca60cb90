//! Arguments in paths.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::http::error::ApiError;

/// The one argument of a route's path, decoded.
pub(in crate::http) struct Argument(pub(in crate::http) String);

impl<S: Send + Sync> FromRequestParts<S> for Argument {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(argument)) => Ok(Self(argument)),
            Err(_) => Err(ApiError::BadPath),
        }
    }
}
