//! `[export]`: files for other programs.

use serde::{Deserialize, Serialize};

use super::count;

/// `[export]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Export {
    /// Largest file that is written to disk before it is sent, in bytes. It never takes more than half of the free disk.
    /// Default 4 GiB.
    pub file_bytes_max: usize,
    /// Most devices of a data package, which is made in memory. TAK programs become slow with more. Default 5 000.
    pub package_devices_max: usize,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            file_bytes_max: 4 << 30,
            package_devices_max: 5000,
        }
    }
}

impl Export {
    /// Checks each key alone. The error holds only the reason: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        count(self.file_bytes_max, 1 << 20..=1 << 40)?;
        count(self.package_devices_max, 1..=50_000)
    }
}
