//! What the operating system tells about this process. Handlers use this instead of the environment and `/proc`.

use std::sync::Arc;

/// The facts about this process. All but the memory in use are read once at the start. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    user: Arc<str>,
}

impl Process {
    /// Reads the facts about this process.
    pub(crate) fn this() -> Self {
        Self {
            user: std::env::var("USER").unwrap_or_default().into(),
        }
    }

    /// The user that the process runs as; empty if the environment does not name one.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The memory in use, in bytes; 0 where there is no `/proc`.
    #[expect(
        clippy::unused_self,
        reason = "callers need not know that this value is not stored"
    )]
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        kilobytes.map_or(0, |kilobytes: u64| kilobytes.saturating_mul(1024))
    }
}
