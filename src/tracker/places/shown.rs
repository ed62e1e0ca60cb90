//! Which devices tiles show at all.

use std::fmt;

use super::entry::Entry;
use crate::tracker::Device;

type Choice = Box<dyn Fn(&Device) -> bool + Send + Sync>;

/// A choice of devices. By default, all of them are shown.
///
/// The index has no entry for a device that is not shown. So no sum counts it, and no tile has to look at it.
#[derive(Default)]
pub(in crate::tracker) struct Shown(Option<Choice>);

impl Shown {
    pub(in crate::tracker) fn only(
        is_shown: impl Fn(&Device) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Box::new(is_shown)))
    }

    /// What the index knows of a device.
    pub(super) fn entry_of(&self, device: &Device) -> Entry {
        // Few devices have no place, and asking for one is quicker.
        if device.place.is_some() && self.0.as_ref().is_none_or(|is_shown| is_shown(device)) {
            Entry::of(device)
        } else {
            Entry::NONE
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some" } else { "All" })
    }
}
