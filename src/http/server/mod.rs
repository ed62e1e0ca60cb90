//! Connections: accepted, encrypted, bounded in number and time, and closed in order at the end.

mod connection;
mod idle;
pub(crate) mod lease;
pub(crate) mod listener;
pub(crate) mod places;
mod reasons;
pub(crate) mod sockets;
mod stream;
pub(crate) mod tls;
