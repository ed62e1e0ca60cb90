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

/// The arguments of a route's path with several, decoded.
pub(in crate::http) struct Arguments<const N: usize>(pub(in crate::http) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Arguments<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(Path(arguments)) = Path::<Vec<String>>::from_request_parts(parts, state).await
        else {
            return Err(ApiError::BadPath);
        };
        let arguments = arguments.try_into();
        arguments.map(Self).map_err(|_| ApiError::BadPath)
    }
}

/// A number in a path. Only its usual text is one, so that each thing has one address.
pub(in crate::http) fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
