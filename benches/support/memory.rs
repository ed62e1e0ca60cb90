//! Memory of a process, if the system provides it.

use std::fs;

/// Current memory, in bytes.
pub(crate) fn of_process(id: u32) -> Option<u64> {
    field(id, "VmRSS:")
}

/// Peak of memory, in bytes.
pub(crate) fn peak_of_process(id: u32) -> Option<u64> {
    field(id, "VmHWM:")
}

/// The peak counts from now on.
pub(crate) fn forget_peak(id: u32) {
    // Without it the peak is that since the start.
    fs::write(format!("/proc/{id}/clear_refs"), "5").ok();
}

/// Peak of the children of a process together, in bytes.
pub(crate) fn of_children(id: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let peak = |child: &str| child.parse().ok().and_then(peak_of_process);
    lists
        .flat_map(|list| list.split_whitespace().filter_map(peak).collect::<Vec<_>>())
        .sum()
}

fn field(id: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
