//! Checks that a log contains what was written: SQLite's own checks, then the rules that no schema can express.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::chain;
use super::expire::expired_to;
use super::reader::LogReader;
use super::{damaged, number, position, unsigned};
use crate::log::{LogError, LogPosition};
use crate::report::Report;

/// How many problems are listed. One broken page can cause any number of them.
const LISTED_MAX: usize = 20;

/// The size of a log, and its problems. Expired records are not counted. A number that could not be counted is `None`.
#[derive(Debug, Default)]
pub struct Verification {
    /// How many batches it has.
    pub batches: Option<u64>,
    /// How many observations it has.
    pub observations: Option<u64>,
    /// The position of the oldest batch, if there is one.
    pub first: Option<LogPosition>,
    /// The position of the newest batch, if there is one.
    pub last: Option<LogPosition>,
    /// The newest batch whose observations are expired.
    pub expired_to: Option<LogPosition>,
    /// How many devices were seen.
    pub devices: Option<usize>,
    /// How many sources have reported.
    pub sources: Option<usize>,
    /// The size of the file, including the pages that are not checkpointed yet.
    pub size_bytes: u64,
    /// Its problems.
    pub findings: Findings,
}

/// The problems of a log; empty if it is sound.
#[derive(Debug, Default)]
pub struct Findings {
    listed: Vec<Finding>,
    unlisted: u64,
}

/// A problem of a log.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// SQLite reports damage.
    #[error("SQLite reports: {0}")]
    File(Box<str>),
    /// A row refers to one that does not exist.
    #[error("row {row} of {table} refers to a row of {parent} that does not exist")]
    Reference {
        /// The table of the row.
        table: Box<str>,
        /// The row number.
        row: i64,
        /// The table that the row refers to.
        parent: Box<str>,
    },
    /// Batches are missing.
    #[error("the positions from {from} to {to} are missing")]
    Missing {
        /// The first position that is missing.
        from: i64,
        /// The last position that is missing.
        to: i64,
    },
    /// An observation is stored after those of a later batch.
    #[error("observation {observation} of batch {batch} is stored after one of batch {before}")]
    Order {
        /// The row number of the observation.
        observation: i64,
        /// Its batch.
        batch: i64,
        /// The batch of the observation before it.
        before: i64,
    },
    /// A batch has too few or too many observations.
    #[error("batch {batch} has {found} observations, not the {accepted} that were accepted")]
    Count {
        /// The position of the batch.
        batch: i64,
        /// How many it should have.
        accepted: i64,
        /// How many it has.
        found: i64,
    },
    /// Records do not match their chain.
    #[error(
        "the records from {} to {} do not match their chain: one of them was changed, moved or lost",
        from.get(),
        to.get()
    )]
    Chain {
        /// The first record that may be wrong.
        from: LogPosition,
        /// The last record that may be wrong.
        to: LogPosition,
    },
    /// A server could not start with this log.
    #[error("a server cannot read past position {}: {cause}", after.get())]
    Unreadable {
        /// The last batch that could be read.
        after: LogPosition,
        /// Why the next one could not be read.
        cause: LogError,
    },
    /// A check could not be run.
    #[error("{what} cannot be checked: {cause}")]
    Unchecked {
        /// What was to be checked.
        what: &'static str,
        /// Why it could not be checked.
        cause: LogError,
    },
}

impl From<chain::BrokenRange> for Finding {
    fn from(broken: chain::BrokenRange) -> Self {
        Self::Chain {
            from: broken.from,
            to: broken.to,
        }
    }
}

impl Findings {
    /// Whether there are no problems.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The first problems, up to a bound.
    pub fn listed(&self) -> &[Finding] {
        &self.listed
    }

    /// How many more problems there are.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    fn add(&mut self, finding: Finding) {
        if self.listed.len() < LISTED_MAX {
            self.listed.push(finding);
        } else {
            self.unlisted += 1;
        }
    }

    /// A check that fails to run is a problem too, and the other checks still run.
    fn add_result(&mut self, what: &'static str, result: Result<(), LogError>) {
        if let Err(cause) = result {
            self.add(Finding::Unchecked { what, cause });
        }
    }
}

pub(super) fn check(log: &LogReader) -> Verification {
    let db = log.db();
    let mut checked = Verification::default();
    let result = check_meta(log, &mut checked);
    let expired_to = checked.expired_to.unwrap_or_default();
    let findings = &mut checked.findings;
    findings.add_result("the metadata of the log", result);
    let result = check_file(db, findings);
    findings.add_result("the file", result);
    let result = check_references(db, findings);
    findings.add_result("the references between rows", result);
    let result = check_order(db, expired_to, findings);
    let is_ordered = *result.as_ref().unwrap_or(&false);
    findings.add_result("the order of observations", result.map(drop));
    let result = check_batches(db, expired_to, is_ordered, findings);
    findings.add_result("the positions of batches", result);
    let result = count(db, expired_to, &mut checked);
    checked.findings.add_result("the number of rows", result);
    replay(log, &mut checked);
    checked
}

fn check_file(db: &Connection, findings: &mut Findings) -> Result<(), LogError> {
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let is_said = |line: &&str| *line != "ok" && !line.starts_with("***");
        for line in text.lines().filter(is_said) {
            findings.add(Finding::File(line.into()));
        }
    }
    Ok(())
}

fn check_references(db: &Connection, findings: &mut Findings) -> Result<(), LogError> {
    let mut check = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        findings.add(Finding::Reference {
            table: row.get::<_, String>(0)?.into(),
            row: row.get(1)?,
            parent: row.get::<_, String>(2)?.into(),
        });
    }
    Ok(())
}

fn check_meta(log: &LogReader, checked: &mut Verification) -> Result<(), LogError> {
    checked.size_bytes = pragma(log.db(), "page_count")? * pragma(log.db(), "page_size")?;
    checked.expired_to = Some(expired_to(log.db())?).filter(|to| *to != LogPosition::START);
    let query = "SELECT value FROM meta WHERE key = 'server_uuid'";
    let uuid: Option<String> = log.db().query_row(query, [], |row| row.get(0)).optional()?;
    // A log without one gets one at the next start.
    match uuid.map(|text| text.parse::<Uuid>()) {
        Some(Err(_)) => Err(damaged("meta: the value of server_uuid is not a UUID")),
        None | Some(Ok(_)) => Ok(()),
    }
}

fn count(
    db: &Connection,
    expired_to: LogPosition,
    checked: &mut Verification,
) -> Result<(), LogError> {
    let (batches, first, last): (i64, Option<i64>, Option<i64>) = db.query_row(
        "SELECT count(*), min(position), max(position) FROM records WHERE position > ?1",
        [number(expired_to)],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    checked.batches = Some(unsigned(batches)?);
    checked.first = first.map(position).transpose()?;
    checked.last = last.map(position).transpose()?;
    let query = "SELECT count(*) FROM observations WHERE record > ?1";
    let observations = db.query_row(query, [number(expired_to)], |row| row.get(0))?;
    checked.observations = Some(unsigned(observations)?);
    Ok(())
}

/// Leaves out observations of no batch, because the check of references reports them.
const OBSERVATIONS: &str =
    "SELECT o.id, o.record FROM observations o CROSS JOIN records r ON r.position = o.record
     WHERE o.record > ?1 ORDER BY";

/// Checks that the observations are in the order of their batches. Returns whether they are.
fn check_order(
    db: &Connection,
    expired_to: LogPosition,
    findings: &mut Findings,
) -> Result<bool, LogError> {
    let mut observations = db.prepare(&format!("{OBSERVATIONS} o.id"))?;
    let mut rows = observations.query([number(expired_to)])?;
    let (mut before, mut is_kept) = (0, true);
    while let Some(row) = rows.next()? {
        let batch = row.get(1)?;
        if batch < before {
            findings.add(Finding::Order {
                observation: row.get(0)?,
                batch,
                before,
            });
            is_kept = false;
        }
        before = batch;
    }
    Ok(is_kept)
}

fn check_batches(
    db: &Connection,
    expired_to: LogPosition,
    is_ordered: bool,
    findings: &mut Findings,
) -> Result<(), LogError> {
    // Sorting needs memory that a sound log does not cost.
    let order = if is_ordered { "o.id" } else { "o.record" };
    let mut observations = db.prepare(&format!("{OBSERVATIONS} {order}"))?;
    let mut rows = observations.query([number(expired_to)])?;
    let mut batch_of_next = || match rows.next()? {
        None => Ok::<_, LogError>(None),
        Some(row) => Ok(Some(row.get::<_, i64>(1)?)),
    };
    let mut next = batch_of_next()?;
    let mut batches =
        db.prepare("SELECT position, accepted FROM records WHERE position > ?1 ORDER BY position")?;
    let mut rows = batches.query([number(expired_to)])?;
    let mut before = number(expired_to);
    while let Some(row) = rows.next()? {
        let (batch, accepted): (i64, i64) = (row.get(0)?, row.get(1)?);
        if before + 1 < batch {
            findings.add(Finding::Missing {
                from: before + 1,
                to: batch - 1,
            });
        }
        before = batch;
        let mut found = 0;
        while next == Some(batch) {
            found += 1;
            next = batch_of_next()?;
        }
        // Below zero if they have expired.
        if found != accepted.max(0) {
            findings.add(Finding::Count {
                batch,
                accepted: accepted.max(0),
                found,
            });
        }
    }
    Ok(())
}

/// Reads everything that a server would read when it starts.
fn replay(log: &LogReader, checked: &mut Verification) {
    let (mut devices, mut sources) = (HashSet::new(), HashSet::new());
    let mut after = checked.expired_to.unwrap_or_default();
    let mut chain = match log
        .has_chain()
        .then(|| chain::Check::new(log.db()))
        .transpose()
    {
        Ok(chain) => chain,
        Err(cause) => {
            let what = "the chain";
            checked.findings.add(Finding::Unchecked { what, cause });
            None
        }
    };
    let result = log.replay(after, |entry| {
        devices.extend(entry.reports().iter().map(Report::device));
        sources.extend(entry.record.batch().map(|batch| batch.source));
        after = entry.position;
        if let Some(chain) = &mut chain
            && let Some(broken) = chain.add(&entry)?
        {
            checked.findings.add(broken.into());
        }
        Ok::<_, LogError>(())
    });
    match result {
        Ok(()) => {
            checked.devices = Some(devices.len());
            checked.sources = Some(sources.len());
            let unchained = chain.and_then(|chain| chain.end(after));
            if let Some(unchained) = unchained {
                checked.findings.add(unchained.into());
            }
        }
        Err(cause) => checked.findings.add(Finding::Unreadable { after, cause }),
    }
}

fn pragma(db: &Connection, name: &str) -> Result<u64, LogError> {
    unsigned(db.pragma_query_value(None, name, |row| row.get(0))?)
}
