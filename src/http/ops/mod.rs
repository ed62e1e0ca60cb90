//! For operators.

pub(in crate::http) mod health;
