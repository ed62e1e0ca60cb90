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

fn field(id: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
