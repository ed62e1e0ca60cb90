//! Reports in the forms of Kismet's scanning mode.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::Intake;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::report::Phy;

/// `POST /phy/phy80211/scan/scan_report.cmd`: what a Wi-Fi scanner saw.
pub(in crate::http) async fn wifi_scan_report(
    State(intake): State<Arc<Intake>>,
    Argument(file): Argument,
    request: Request,
) -> Result<Json, ApiError> {
    scan_report(&intake, &file, Phy::Wifi, request).await
}

/// `POST /phy/phybluetooth/scan/scan_report.cmd`: what a Bluetooth scanner saw.
pub(in crate::http) async fn bluetooth_scan_report(
    State(intake): State<Arc<Intake>>,
    Argument(file): Argument,
    request: Request,
) -> Result<Json, ApiError> {
    scan_report(&intake, &file, Phy::Bluetooth, request).await
}

async fn scan_report(
    intake: &Intake,
    file: &str,
    phy: Phy,
    request: Request,
) -> Result<Json, ApiError> {
    if is_scan_report(file) {
        super::scan_report(intake, phy, request).await
    } else {
        Err(ApiError::NoSuchPath)
    }
}

/// Kismet takes any extension of letters and digits, and clients use `.cmd` and `.json`.
fn is_scan_report(file: &str) -> bool {
    file.strip_prefix("scan_report.").is_some_and(|extension| {
        !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
