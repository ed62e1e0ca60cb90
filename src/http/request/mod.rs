//! What is read from a request, whatever it asks for.

pub(in crate::http) mod body;
pub(in crate::http) mod forwarded;
pub(in crate::http) mod path;
pub(in crate::http) mod query;
