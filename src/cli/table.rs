//! Lists of users and keys on standard output.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, UNIX_EPOCH};

use scanpost::auth::shown_name;

use super::CommandError;

/// A line of the list.
pub(super) struct Row<'r> {
    pub(super) name: &'r str,
    pub(super) role: &'r str,
    pub(super) rest: Vec<String>,
}

/// Prints the rows with aligned names and roles.
pub(super) fn print(rows: &[Row<'_>]) -> Result<(), CommandError> {
    match print_all(rows) {
        // The reader closed the pipe because it needs no more output.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn print_all(rows: &[Row<'_>]) -> io::Result<()> {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (shown_name(row.name), shown_name(row.role), &row.rest))
        .collect();
    let names = width(&mut rows.iter().map(|(name, ..)| name.chars().count()));
    let roles = width(&mut rows.iter().map(|(_, role, _)| role.chars().count()));
    let mut out = io::stdout().lock();
    for (name, role, rest) in rows {
        writeln!(out, "{name:names$}  {role:roles$}  {}", rest.join("  "))?;
    }
    Ok(())
}

/// When something was used last. A running server writes these times once a minute.
pub(super) fn last_used(seconds: Option<u64>) -> String {
    match seconds {
        None => "never used".to_owned(),
        Some(seconds) => format!("used {}", shown(seconds)),
    }
}

/// Formats a time. Times after the year 9999, which have no calendar form, are shown as "never".
pub(super) fn shown(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    match seconds {
        ..=YEAR_9999 => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => "never".to_owned(),
    }
}
