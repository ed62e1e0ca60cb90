//! What the system says about this process. Handlers get it from here and read neither the environment nor `/proc`.

use std::sync::Arc;

/// Read once at the start, but for the memory in use, which changes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    user: Arc<str>,
}

impl Process {
    /// This process, as it is now.
    pub(crate) fn this() -> Self {
        Self {
            user: std::env::var("USER").unwrap_or_default().into(),
        }
    }

    /// The user that it runs as, or nothing where the environment does not name one.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The memory in use, in bytes; 0 where there is no `/proc`.
    #[expect(clippy::unused_self, reason = "it is asked of this process")]
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        kilobytes.map_or(0, |kilobytes: u64| kilobytes.saturating_mul(1024))
    }
}
