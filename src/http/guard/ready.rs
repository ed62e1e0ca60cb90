//! Whether the log is read already.

use crate::http::error::ApiError;
use crate::http::state::App;
use crate::ingest::IngestError;

/// Until the log is read, views would show half of it: better to say so.
pub(in crate::http) fn expect_ready(app: &App) -> Result<(), ApiError> {
    if app.ingest.is_ready() {
        return Ok(());
    }
    Err(IngestError::Starting.into())
}
