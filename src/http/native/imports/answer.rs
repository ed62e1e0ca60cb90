//! The answers about imports, as JSON and as CSV.

use serde::Serialize;
use utoipa::ToSchema;

use crate::import::{FileAccount, Job};
use crate::report::UnixTime;
use crate::views::native::Utc;

/// Files that were sent together, and what became of their rows.
#[derive(Serialize, ToSchema)]
#[schema(as = Import)]
pub(in crate::http::native) struct Import<'j> {
    id: String,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`. Failed is an import of which nothing could be read.
    state: &'static str,
    /// When it was sent, in seconds since 1970.
    created: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    created_utc: Utc,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended: Option<u64>,
    /// The name of the source, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<&'j str>,
    /// The user or key that sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sender: Option<&'j str>,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The number of files. Each file in an archive counts.
    files_total: usize,
    /// The files that are done, and last the one that is being read.
    files: &'j [FileAccount],
    /// Why it failed, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'j str>,
}

impl<'j> Import<'j> {
    pub(super) fn of(job: &'j Job) -> Self {
        let created = u32::try_from(job.created).unwrap_or(u32::MAX);
        Self {
            id: job.id.to_string(),
            state: job.state.word(),
            created: job.created,
            created_utc: Utc(UnixTime::new(created)),
            ended: job.ended,
            source: job.options.source.as_deref(),
            sender: job.options.sender.as_deref(),
            dry_run: job.options.dry_run,
            files_total: job.files_total.max(job.files.len()),
            files: &job.files,
            error: job.error.as_deref(),
        }
    }
}

/// A page of the imports, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Imports)]
pub(in crate::http::native) struct ImportList<'j> {
    imports: Vec<Import<'j>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl<'j> ImportList<'j> {
    /// A page of at most `count` jobs. One more shows that there are more.
    pub(super) fn of(jobs: &'j [Job], count: usize) -> Self {
        let page = jobs.get(..count).unwrap_or(jobs);
        let last = page.last().filter(|_| page.len() < jobs.len());
        Self {
            next_cursor: last.map(|last| last.id.to_string()),
            imports: page.iter().map(Import::of).collect(),
        }
    }
}
