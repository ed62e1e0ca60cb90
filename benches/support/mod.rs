//! Shared parts of the benches: traffic, a client that is faster than the server, and the server in a separate process.

pub(crate) mod access;
pub(crate) mod access_point;
pub(crate) mod capabilities;
pub(crate) mod child;
pub(crate) mod compare;
pub(crate) mod cpu;
pub(crate) mod fill;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod parts;
pub(crate) mod random;
pub(crate) mod requests;
pub(crate) mod response;
pub(crate) mod server;
pub(crate) mod set_up;
pub(crate) mod socket;
pub(crate) mod stats;
pub(crate) mod traffic;

pub(crate) use set_up::{Result, data_directory, decode_limits};
