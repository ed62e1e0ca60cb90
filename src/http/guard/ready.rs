//! Whether the log is read already.

use crate::http::error::ApiError;
use crate::ingest::{Ingest, IngestError};

/// Until the log is read, views would show half of it: better to say so.
pub(in crate::http) fn expect_ready(ingest: &Ingest) -> Result<(), ApiError> {
    if ingest.is_ready() {
        return Ok(());
    }
    Err(IngestError::Starting.into())
}
