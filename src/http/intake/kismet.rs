//! Reports in the forms of Kismet's scanning mode.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::Intake;
use crate::auth::RequiredRole;
use crate::http::error::ApiError;
use crate::http::openapi::{Answer, Body};
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::http::routes::{Extension, Route, Tag};
use crate::report::Phy;

pub(in crate::http) fn routes() -> Vec<Route> {
    let report = |route: Route, schema| {
        route
            .extension(Extension::InPath)
            .tag(Tag::Reports)
            .needs(RequiredRole::Scanreport)
            .takes(Body::Json(schema))
            .answers(Answer::Json("Receipt"))
            .fails(&[400, 408, 413, 415, 422, 429, 500, 503, 507])
    };
    vec![
        report(
            Route::post(
                "/phy/phy80211/scan/{file}",
                wifi_scan_report,
                "Reports Wi-Fi access points",
            )
            .shown_as("/phy/phy80211/scan/scan_report.cmd"),
            "WifiScanReport",
        ),
        report(
            Route::post(
                "/phy/phybluetooth/scan/{file}",
                bluetooth_scan_report,
                "Reports Bluetooth devices",
            )
            .shown_as("/phy/phybluetooth/scan/scan_report.cmd"),
            "BluetoothScanReport",
        ),
    ]
}

/// `POST /phy/phy80211/scan/scan_report.cmd`: what a Wi-Fi scanner saw.
async fn wifi_scan_report(
    State(intake): State<Arc<Intake>>,
    Argument(file): Argument,
    request: Request,
) -> Result<Json, ApiError> {
    scan_report(&intake, &file, Phy::Wifi, request).await
}

/// `POST /phy/phybluetooth/scan/scan_report.cmd`: what a Bluetooth scanner saw.
async fn bluetooth_scan_report(
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
