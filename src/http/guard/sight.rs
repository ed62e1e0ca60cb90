//! What a client sees: administrators see everything, and the configuration says what others see.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;

use crate::alerts::{Addresses, Alert};
use crate::auth::{Role, Standing};
use crate::privacy::Sight;
use crate::tracker::Tracker;

/// What everybody sees who is no administrator.
#[derive(Clone, Debug)]
pub(in crate::http) struct CommonSight(pub(in crate::http) Sight);

impl CommonSight {
    /// What the sender of a request sees.
    pub(in crate::http) fn of(&self, extensions: &Extensions) -> Sight {
        if is_admin(extensions) {
            Sight::EVERYTHING
        } else {
            self.0.clone()
        }
    }
}

impl<S> FromRequestParts<S> for Sight
where
    CommonSight: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(CommonSight::from_ref(state).of(&parts.extensions))
    }
}

/// Whether a client sees an alert: it is about no device and no place that the client does not see, and neither it nor a
/// comment on it names what the client does not see.
pub(in crate::http) fn shows_alert(sight: &Sight, alert: &Alert, tracker: &Tracker) -> bool {
    if sight.is_of_everything() {
        return true;
    }
    let raised = &alert.raised;
    let Addresses {
        transmitter,
        source,
        dest,
        other,
    } = raised.addresses;
    let mut addresses = [transmitter, source, dest, other].into_iter();
    let mut comments = alert.handling.comments.iter();
    raised.location.is_none_or(|place| sight.shows_place(place))
        && raised
            .device
            .is_none_or(|device| sight.shows_address(device.addr, tracker))
        && addresses.all(|addr| !sight.hides_address(addr, tracker))
        && sight.shows_text(&raised.text, tracker)
        && comments.all(|comment| sight.shows_text(&comment.text, tracker))
}

/// Whether the client is an administrator. Where no credentials are required, everybody is.
pub(in crate::http) fn is_admin(extensions: &Extensions) -> bool {
    let standing = extensions.get::<Standing>();
    standing.is_none_or(|standing| standing.identity.role == Role::Admin)
}
