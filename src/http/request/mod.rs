//! Parsing of requests, shared by all interfaces.

pub(super) mod accept;
pub(super) mod bad_parameter;
pub(super) mod body;
mod body_memory;
mod body_pace;
pub(super) mod fields;
pub(super) mod forwarded;
pub(super) mod hang_up;
pub(super) mod multipart;
pub(super) mod path;
pub(super) mod peer;
pub(super) mod proofs;
pub(super) mod query;
pub(super) mod sender;
pub(super) mod time;
pub(super) mod url;
