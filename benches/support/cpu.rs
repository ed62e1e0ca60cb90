//! Processor time in nanoseconds, if the system provides it. Ticks are too coarse for runs of seconds.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Time of all threads of a process.
pub(crate) fn of_process(id: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    Some(
        threads
            .flatten()
            .filter_map(|thread| used(&thread.path()))
            .sum(),
    )
}

/// Time of the calling thread.
pub(crate) fn of_this_thread() -> Option<Duration> {
    used(Path::new("/proc/thread-self"))
}

fn used(thread: &Path) -> Option<Duration> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
