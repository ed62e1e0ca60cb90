//! Guards: credentials, origins, rates, and turns for long work.

pub(super) mod challenge;
pub(super) mod gate;
pub(super) mod origin;
pub(super) mod rate;
pub(super) mod ready;
pub(super) mod sight;
pub(super) mod subscribers;
