//! Tracked state and logged reports in somebody's words. Knows no HTTP, reads no clock.

mod hex;
mod json;
pub mod kismet;
mod observation;

pub use json::to_json;
pub use observation::ObservationRecord;
