//! Requests wait until the log has been read.

use crate::http::error::ApiError;
use crate::ingest::{Ingest, IngestError};

/// Refuses requests while the log is being read: views would show only a part of it.
pub(in crate::http) fn expect_ready(ingest: &Ingest) -> Result<(), ApiError> {
    if ingest.is_ready() {
        return Ok(());
    }
    Err(IngestError::Starting.into())
}
