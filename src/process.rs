//! What the operating system tells about this process. Handlers use this instead of the environment and `/proc`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit, setrlimit};

/// The facts about this process. All but the memory in use are read once at the start. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    user: Arc<str>,
    open_files_max: usize,
    started_at_s: u64,
}

impl Process {
    /// Reads the facts about this process.
    pub(crate) fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let user = user_in(
            |name| std::env::var(name).ok(),
            &read(STATUS),
            || read("/etc/passwd"),
        );
        Self {
            user: user.into(),
            open_files_max: raised_open_files_max(),
            started_at_s: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }

    /// How many connections can be open besides the files of the server.
    pub(crate) fn connections_max(&self) -> usize {
        self.open_files_max.saturating_sub(OWN_FILES_MAX).max(1)
    }

    /// How many files may be open at one time, connections included.
    pub(crate) fn open_files_max(&self) -> u64 {
        self.open_files_max.try_into().unwrap_or(u64::MAX)
    }

    /// How many files are open; 0 where there is no `/proc`.
    #[expect(
        clippy::unused_self,
        reason = "callers need not know that this value is not stored"
    )]
    pub(crate) fn open_files(&self) -> u64 {
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        // One is open for this count.
        files.saturating_sub(1).try_into().unwrap_or(u64::MAX)
    }

    /// When the process started, in seconds since 1970.
    pub(crate) fn started_at_s(&self) -> u64 {
        self.started_at_s
    }

    /// The user that the process runs as.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The memory in use, in bytes; 0 where there is no `/proc`.
    #[expect(
        clippy::unused_self,
        reason = "callers need not know that this value is not stored"
    )]
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(STATUS).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        kilobytes.map_or(0, |kilobytes: u64| kilobytes.saturating_mul(1024))
    }
}

const STATUS: &str = "/proc/self/status";
/// Room for the files that the server opens itself: databases, snapshots, connections to webhooks.
const OWN_FILES_MAX: usize = 160;

/// Raises the limit of open files as far as the system lets this process, and returns it. The usual limit of 1024 is
/// kept low for programs that use `select`.
fn raised_open_files_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |files| files.try_into().unwrap_or(usize::MAX))
}

/// The user by the environment, which a service or a container may not have, else by its number.
fn user_in(
    variable: impl Fn(&str) -> Option<String>,
    status: &str,
    users: impl FnOnce() -> String,
) -> String {
    let named = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(variable);
    if let Some(name) = named
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
    {
        return name;
    }
    // Real, effective, and two more.
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let Some(number) = line.and_then(|line| line.split_whitespace().nth(1)) else {
        return "unknown".to_owned();
    };
    let users = users();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number && !name.is_empty()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_has_a_name_wherever_it_runs() {
        #[track_caller]
        fn check(environment: &[(&str, &str)], status: &str, expected: &str) {
            let variable = |name: &str| {
                let mut variables = environment.iter();
                let found = variables.find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let users = || {
                "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\nscan:x:100:101::/:/bin/false\n"
                    .to_owned()
            };
            assert_eq!(user_in(variable, status, users), expected);
        }
        let scan = "Name:\tscanpost\nUid:\t0\t100\t0\t0\nGid:\t5\t5\t5\t5\n";
        check(&[("USER", "ann")], scan, "ann");
        check(&[("LOGNAME", "ann"), ("USERNAME", "bob")], scan, "ann");
        check(&[("USERNAME", "bob")], "", "bob");
        check(&[("USER", ""), ("LOGNAME", " ")], scan, "scan");
        check(&[], "Uid:\t0\t0\t0\t0\n", "root");
        check(&[], "Uid:\t65532\t65532\t0\t0\n", "user 65532");
        check(&[], "Uid:\t7\t7\t7\t7\n", "user 7");
        check(&[], "Uid:\n", "unknown");
        check(&[], "", "unknown");
    }
}
