//! Encoding of answers, shared by all interfaces.

pub(super) mod compress;
pub(super) mod etag;
pub(super) mod heavy;
mod held;
pub(super) mod json;
pub(super) mod pace;
pub(super) mod page;
pub(super) mod panic;
pub(super) mod pieces;
pub(super) mod stream;
pub(super) mod text;
pub(super) mod trace;
