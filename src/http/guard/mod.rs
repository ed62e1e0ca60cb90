//! Who may ask: credentials, origins and rates.

pub(super) mod gate;
pub(super) mod origin;
pub(super) mod rate;
pub(super) mod ready;
pub(super) mod turns;
