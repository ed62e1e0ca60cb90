//! What all reports go through on their way in: rates, limits, keys against resending, receipts.

pub(super) mod kismet;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::events::Severity;
use crate::http::error::ApiError;
use crate::http::guard::rate::Sender;
use crate::http::request::body::Received;
use crate::http::response::json::Json;
use crate::http::state::App;
use crate::ingest;
use crate::log::What;
use crate::report::{Batch, BatchIdentity, Phy, ReceivedAt, Rejected};

/// What the sender is told.
#[derive(Serialize)]
struct ScanReportAnswer<'r> {
    accepted: usize,
    duplicate: bool,
    rejected: &'r [Rejected],
    status: &'static str,
    success: bool,
}

/// The reply means logged and visible: the sender may now forget what it sent.
async fn scan_report(app: App, phy: Phy, request: Request) -> Result<Json, ApiError> {
    let sender = Sender::of(request.extensions());
    if let Err(refused) = app.rates.admit(&sender) {
        app.bodies.discard(request.into_body()).await;
        return Err(refused);
    }
    let key = idempotency_key(request.headers())?;
    let received = app.bodies.receive(request).await;
    let received_at = App::now();
    let decoded = match received {
        Ok(received) => decode(&app, phy, received, received_at).await,
        Err(refused) => Err(refused.into()),
    };
    say_refused(&app, phy, received_at, &decoded);
    let sent = decoded
        .as_ref()
        .map_or(0, |batch| batch.reports.len() + batch.rejected.len());
    app.rates.count(sender, sent);
    let mut batch = decoded?;
    if let Some(key) = key {
        batch.identity = Some(BatchIdentity::of_key(batch.source, &key));
    }
    let receipt = app.ingest.submit(received_at, What::Reports(batch)).await?;
    Ok(Json::kismet(&ScanReportAnswer {
        accepted: receipt.answered.accepted,
        duplicate: receipt.duplicate,
        rejected: &receipt.answered.rejected,
        status: "Scan report accepted",
        success: true,
    }))
}

/// What is refused shows on the message bus too, as with Kismet, whose clients look for it there.
fn say_refused(app: &App, phy: Phy, received_at: ReceivedAt, decoded: &Result<Batch, ApiError>) {
    let radio = match phy {
        Phy::Wifi => "Phy80211/Wi-Fi",
        Phy::Bluetooth => "Bluetooth",
    };
    match decoded {
        Ok(batch) => {
            if let Some(first) = batch.rejected.first() {
                app.events.say(Severity::Error, received_at, || {
                    let (refused, source) = (batch.rejected.len(), batch.source);
                    format!(
                        "{radio} scan report of {source}: {refused} reports refused, the first for {}",
                        first.reason
                    )
                });
            }
        }
        Err(error) => app.events.say(Severity::Error, received_at, || {
            format!("{radio} scan report refused: {error}")
        }),
    }
}

/// The name that a client gives its batch, so that it may send it again.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, ApiError> {
    const BYTES_MAX: usize = 255;
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next().map(HeaderValue::as_bytes);
    if keys.next().is_some() {
        return Err(ApiError::TwoIdempotencyKeys);
    }
    match key {
        None | Some([]) => Ok(None),
        Some(key) if BYTES_MAX < key.len() => Err(ApiError::BadIdempotencyKey {
            bytes_max: BYTES_MAX,
        }),
        Some(key) => Ok(Some(key.to_vec())),
    }
}

async fn decode(
    app: &App,
    phy: Phy,
    received: Received,
    received_at: ReceivedAt,
) -> Result<Batch, ApiError> {
    let limits = app.kismet_limits;
    let heavy = received.is_heavy();
    let decode =
        move || received.json(|json| Ok(ingest::kismet::decode(phy, json, received_at, &limits)?));
    if !heavy {
        return decode();
    }
    let turn = Arc::clone(&app.heavy_decodes).acquire_owned().await;
    spawn_blocking(move || {
        let decoded = decode();
        drop(turn);
        decoded
    })
    .await
    .map_err(|_| ApiError::Panicked)?
}
