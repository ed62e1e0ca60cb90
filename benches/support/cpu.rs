//! Processor time, where the system tells it; in nanoseconds, because ticks are too coarse for seconds.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// What all threads of a process have used.
pub(crate) fn of_process(id: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    Some(
        threads
            .flatten()
            .filter_map(|thread| used(&thread.path()))
            .sum(),
    )
}

/// What the calling thread has used.
pub(crate) fn of_this_thread() -> Option<Duration> {
    used(Path::new("/proc/thread-self"))
}

fn used(thread: &Path) -> Option<Duration> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
