//! For operators.

pub(super) mod health;
