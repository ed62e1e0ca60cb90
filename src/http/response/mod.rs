//! How answers are written, whatever is in them.

pub(in crate::http) mod compress;
pub(in crate::http) mod csv;
pub(in crate::http) mod json;
pub(in crate::http) mod pace;
pub(in crate::http) mod trace;
