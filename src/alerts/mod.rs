//! What is worth a warning: rules over what changes, and the alerts that they raised.
//!
//! - `engine`: from reports, and the devices as they were before them, to alerts. Pure: its clock is the log's.
//! - `settings`, `rules`, `setting`, `kind`: what can be set, and what kinds of alerts there are.
//! - `file`: the alerts on disk. A file of its own, because alerts are no truth: they follow from the log, are
//!   forgotten by another measure than it, and a fault in them must not stop it.
//! - `store`: the same in memory, for those who read.
//! - `keeper`: all of them together, as the fold uses them.
//!
//! # Once, over restarts
//!
//! What an alert follows from is in the log before the alert is raised, and a snapshot is kept only when the alerts
//! of all that it contains are kept too. So what a crash leaves without its alerts is replayed at the next start, and
//! raised then. The file holds the last position up to which alerts were raised, written with them in one
//! transaction; and each alert has an identity that follows from the log, so that none is kept twice.

mod alert;
mod engine;
mod file;
mod keeper;
mod kind;
mod rules;
mod setting;
pub(crate) mod settings;
mod store;

pub use self::alert::{Addresses, Alert, Raised};
pub use self::file::{AlertFileError, WatchList};
pub use self::keeper::{AlertKeeper, KeeperError, Refused};
pub use self::kind::{Class, Definition, Rule, Severity};
pub use self::rules::{Rules, Watched};
pub use self::setting::{Limit, Rate, Unit};
pub use self::settings::Settings;
pub use self::store::AlertStore;

#[cfg(test)]
mod tests;
