//! Tracked state in somebody's words. Knows no HTTP, reads no clock.

mod json;
pub mod kismet;

pub use json::to_json;
