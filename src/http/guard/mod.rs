//! Who may ask: credentials, origins and rates.

pub(in crate::http) mod gate;
pub(in crate::http) mod origin;
pub(in crate::http) mod rate;
