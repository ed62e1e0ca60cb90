//! Reports in the forms of Kismet's scanning mode.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::Intake;
use crate::auth::RequiredRole;
use crate::http::error::ApiError;
use crate::http::openapi::sent;
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::http::route::{Answer, Body, Described, Extension, Route, Tag};
use crate::ingest::format::Format;
use crate::ingest::kismet::{BluetoothScanReport, WifiScanReport};

pub(in crate::http) fn routes() -> Vec<Route> {
    let report = |route: Route, schema| {
        route
            .extension(Extension::InPath)
            .tag(Tag::Reports)
            .needs(RequiredRole::Scanreport)
            .takes(Body::Json(schema))
            .answers(Answer::Json(Described::of::<sent::Receipt>()))
            .fails(&[400, 408, 413, 415, 422, 429, 500, 503, 507])
    };
    vec![
        report(
            Route::post(
                "/phy/phy80211/scan/{file}",
                scan_report::<WifiScanReport>,
                "Reports Wi-Fi access points",
            )
            .shown_as("/phy/phy80211/scan/scan_report.cmd"),
            Described::of::<sent::WifiScanReport>(),
        ),
        report(
            Route::post(
                "/phy/phybluetooth/scan/{file}",
                scan_report::<BluetoothScanReport>,
                "Reports Bluetooth devices",
            )
            .shown_as("/phy/phybluetooth/scan/scan_report.cmd"),
            Described::of::<sent::BluetoothScanReport>(),
        ),
    ]
}

/// `POST /phy/phy80211/scan/scan_report.cmd`: what a Wi-Fi scanner saw, and the same of Bluetooth.
async fn scan_report<F: Format>(
    intake: State<Arc<Intake>>,
    Argument(file): Argument,
    request: Request,
) -> Result<Json, ApiError> {
    if is_scan_report(&file) {
        super::upload::<F>(intake, request).await
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
