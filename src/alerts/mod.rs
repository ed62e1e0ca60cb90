//! Alerts: rules about changes, and the alerts that they raised.
//!
//! - `engine`: applies the rules to reports and to the devices as they were before. Pure: its clock is the log's.
//! - `settings`, `rules`, `setting`, `kind`: the settings, and the kinds of alerts.
//! - `file`: alerts on disk, in a file of their own. Alerts follow from the log, have limits of their own, and a fault
//!   in their file must not stop the log.
//! - `store`: alerts in memory, for readers.
//! - `keeper`: all of these together, for the fold.
//!
//! # Exactly once, across restarts
//!
//! An alert is raised after the log has its cause. A snapshot is kept only if the alerts of all its batches are stored.
//! The next start therefore replays all batches whose alerts a crash lost, and raises them then. The file holds the
//! position up to which alerts were raised, in the same transaction as the alerts. Each alert has an id that follows
//! from the log, so none is stored twice.

mod alert;
mod engine;
mod file;
mod keeper;
mod kind;
mod rules;
mod setting;
pub(crate) mod settings;
mod store;

pub use self::alert::{Addresses, Alert, Comment, Handling, Raised, Signature};
pub use self::engine::rule::Rule;
pub use self::file::{AlertFileError, WatchList};
pub(crate) use self::file::{check as check_file, copy as copy_file, count_erased, erase};
pub use self::keeper::{AlertKeeper, AlertOrderError, KeeperError};
pub use self::kind::{Class, Definition, Severity};
pub use self::rules::{RuleState, Rules, Watched};
pub use self::setting::{Limit, Rate, Unit};
pub use self::settings::Settings;
pub use self::store::AlertStore;

#[cfg(test)]
mod tests;
