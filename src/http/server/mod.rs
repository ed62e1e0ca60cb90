//! Connections: accepted, encrypted, bounded in number and time, and closed in order at the end.

pub(crate) mod connection;
pub(crate) mod tls;
