//! Records other than reports: their kind as a word, and their content as JSON.
//!
//! A new kind needs a new version of the file, see `migrate.rs`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::damaged;
use crate::log::{ImportedReports, LogError, What};
use crate::report::{Batch, Rejected};

const ANNOTATION: &str = "annotation";
const ALERT_ORDER: &str = "alert_order";
const SOURCE_PAUSE: &str = "source_pause";
const SOURCE_FORGET: &str = "source_forget";
const SOURCE_NAME: &str = "source_name";
const IMPORT: &str = "import";
const SETTINGS: &str = "settings";
const TICK: &str = "tick";
const ERASURE: &str = "erasure";
pub(super) const IMPORTED_REPORTS: &str = "imported_reports";

/// The content of reports out of a file. The batch has rows of its own.
#[derive(Serialize, Deserialize)]
struct ImportedContent<'f> {
    file: std::borrow::Cow<'f, str>,
}

/// The kind and the content of a record. `None` for reports that a scanner sent, which have rows of their own.
pub(super) fn text_of(what: &What) -> Result<Option<(&'static str, String)>, LogError> {
    let (kind, content) = match what {
        What::Reports(_) => return Ok(None),
        What::Annotation(annotation) => (ANNOTATION, to_json(annotation)?),
        What::AlertOrder(order) => (ALERT_ORDER, to_json(order)?),
        What::SourcePause(pause) => (SOURCE_PAUSE, to_json(pause)?),
        What::SourceForget(forget) => (SOURCE_FORGET, to_json(forget)?),
        What::SourceName(name) => (SOURCE_NAME, to_json(name)?),
        What::Import(import) => (IMPORT, to_json(import)?),
        What::Settings(settings) => (SETTINGS, to_json(settings)?),
        What::Tick => (TICK, to_json(&())?),
        What::Erasure(erasure) => (ERASURE, to_json(erasure)?),
        What::ImportedReports(imported) => {
            let file = imported.file.as_ref().into();
            (IMPORTED_REPORTS, to_json(&ImportedContent { file })?)
        }
    };
    Ok(Some((kind, content)))
}

/// The refused reports of a batch as JSON. `None` if there are none.
pub(super) fn rejected_text(rejected: &[Rejected]) -> Result<Option<String>, LogError> {
    if rejected.is_empty() {
        return Ok(None);
    }
    to_json(rejected).map(Some)
}

/// Reads what [`text_of`] wrote.
pub(super) fn read(kind: &str, content: &str) -> Result<What, LogError> {
    Ok(match kind {
        ANNOTATION => What::Annotation(from_json(kind, content)?),
        ALERT_ORDER => What::AlertOrder(from_json(kind, content)?),
        SOURCE_PAUSE => What::SourcePause(from_json(kind, content)?),
        SOURCE_FORGET => What::SourceForget(from_json(kind, content)?),
        SOURCE_NAME => What::SourceName(from_json(kind, content)?),
        IMPORT => What::Import(from_json(kind, content)?),
        SETTINGS => What::Settings(from_json(kind, content)?),
        TICK => What::Tick,
        ERASURE => What::Erasure(from_json(kind, content)?),
        unknown => {
            let text = format!("records: the kind `{unknown}` is unknown");
            return Err(LogError::Damaged(text.into()));
        }
    })
}

/// Reads what [`text_of`] wrote of reports out of a file.
pub(super) fn read_imported(content: &str, batch: Batch) -> Result<What, LogError> {
    let content: ImportedContent<'_> = from_json(IMPORTED_REPORTS, content)?;
    let file = content.file.into();
    Ok(What::ImportedReports(ImportedReports { file, batch }))
}

fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String, LogError> {
    serde_json::to_string(value).map_err(|error| LogError::Failed(error.to_string().into()))
}

fn from_json<T: DeserializeOwned>(kind: &str, content: &str) -> Result<T, LogError> {
    serde_json::from_str(content).map_err(|error| {
        damaged(&format!(
            "records: the content of kind {kind} cannot be read: {error}"
        ))
    })
}
