//! Areas that a file leaves out, because whoever takes it asked for that.

use std::fmt;
use std::sync::Arc;

use super::number::degrees;
use super::place::{Place, of_report};
use super::{PlaceOf, Row};
use crate::report::Position;

/// Whether a place, as latitude and longitude in degrees, is to be left out.
type IsHidden = dyn Fn((f64, f64)) -> bool + Send + Sync;

/// Areas that are left out.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Option<Arc<IsHidden>>);

impl Hidden {
    pub(crate) fn new(is_hidden: impl Fn((f64, f64)) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_hidden)))
    }

    /// The same, and more.
    pub(crate) fn or(self, is_hidden: impl Fn((f64, f64)) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |place| {
            self.0.as_ref().is_some_and(|hides| hides(place)) || is_hidden(place)
        })
    }

    /// Whether anything is left out.
    pub(super) const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a row is left out. A device has several places, any of which a form may show.
    pub(super) fn has(&self, row: &Row<'_>) -> bool {
        let Some(is_hidden) = &self.0 else {
            return false;
        };
        let has = |place: Place| is_hidden((degrees(place.lat_e7), degrees(place.lon_e7)));
        match row {
            Row::Observation(observed) => of_report(observed.report).is_some_and(has),
            Row::Device(device) => PlaceOf::ALL
                .into_iter()
                .filter_map(|place| place.of_device(device))
                .any(has),
        }
    }

    pub(super) fn has_position(&self, position: Position) -> bool {
        let place = (
            degrees(position.lat_e7().into()),
            degrees(position.lon_e7().into()),
        );
        self.0.as_ref().is_some_and(|is_hidden| is_hidden(place))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.0.is_some() { "some" } else { "none" };
        write!(f, "Hidden({what})")
    }
}
