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

/// The two arguments of a route's path, decoded.
pub(super) struct Arguments(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Arguments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path((first, second))) => Ok(Self(first, second)),
            Err(_) => Err(ApiError::BadPath),
        }
    }
}
