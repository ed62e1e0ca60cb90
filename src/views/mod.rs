//! Shapes of tracked state and of logged reports. Knows no HTTP and reads no clock.

pub mod export;
mod find;
mod json;
pub mod kismet;
pub mod list;
pub mod mvt;
pub mod native;
mod observation;
mod pretty;
mod track;

pub use find::find;
pub use json::{Style, to_json, to_json_as};
pub use observation::{OBSERVATION_COLUMNS, ObservationRecord};
pub use pretty::Spreader;
pub use track::{GEO_JSON, TrackFeature};
