//! Files that people have already: recognised by content, read row by row, and taken as reports, each row once.
//!
//! The module knows no HTTP and has no `async`. An import is history: it raises no alerts, and does not count as a
//! contact of its source.

mod clock;
pub(crate) mod form;
mod lines;
pub(crate) mod rows;
mod values;
pub(crate) mod zone;
