//! What may leave the server: which devices and observations, and in which form.
//!
//! `Policy` decides what leaves. Everything that gives places to others asks it: exports, tiles, and, if the
//! configuration says so, the views, by the `Sight` of each client. The module knows no files but that of its key, and no HTTP.

mod deny;
mod key;
mod key_file;
mod opt_out;
mod policy;
mod redact;
mod sight;
#[cfg(test)]
mod tests;
mod zone;

pub use self::deny::{AddressRange, BadAddressRange, BadPattern, Pattern};
pub(crate) use self::key_file::open_key;
pub(crate) use self::policy::{OptedOut, Policy, Rules};
pub(crate) use self::redact::{BadRedaction, Redactor};
pub(crate) use self::sight::Sight;
pub use self::zone::{BadZone, Zone};
