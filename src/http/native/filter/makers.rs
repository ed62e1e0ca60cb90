//! Which makers of devices are wanted.

use std::collections::HashSet;
use std::fmt;

use super::values::split;
use crate::report::{MacAddr, Manufacturer};

/// Found once instead of at every device.
#[derive(Clone, PartialEq)]
pub(super) struct Makers {
    /// What was asked for, in small letters. It has exactly one set.
    text: String,
    wanted: HashSet<Manufacturer>,
}

impl Makers {
    /// Those with the text in their name, or else with one of its values.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.to_lowercase();
        let values = split(&text)?;
        // Names may have commas.
        let whole = like(&[text.trim()]);
        let wanted = if whole.is_empty() {
            like(&values)
        } else {
            whole
        };
        Ok(Self { text, wanted })
    }

    /// Whether one of them made the device with an address.
    pub(super) fn made(&self, addr: MacAddr) -> bool {
        Manufacturer::of(addr).is_some_and(|maker| self.wanted.contains(&maker))
    }
}

impl fmt::Debug for Makers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The set may have thousands.
        f.debug_tuple("Makers").field(&self.text).finish()
    }
}

fn like(parts: &[&str]) -> HashSet<Manufacturer> {
    Manufacturer::all()
        .filter(|maker| {
            let name = maker.name().to_lowercase();
            parts.iter().any(|part| name.contains(part))
        })
        .collect()
}
