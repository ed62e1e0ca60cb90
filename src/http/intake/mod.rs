//! What all reports go through on their way in: rates, limits, keys against resending, receipts.

pub(super) mod kismet;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::events::{Events, Severity};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::rate::{Rates, Sender};
use crate::http::guard::turns::Turns;
use crate::http::request::body::{Bodies, Received};
use crate::http::response::json::Json;
use crate::ingest::{self, Ingest};
use crate::log::What;
use crate::report::{Batch, BatchIdentity, Phy, ReceivedAt, Rejected};

/// What reports pass on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) ingest: Ingest,
    pub(super) rates: Rates,
    pub(super) bodies: Bodies,
    pub(super) events: Events,
    pub(super) limits: ingest::kismet::Limits,
    /// Bounds how many large bodies are decoded at one time: more at once would take no less time, and evict each
    /// other's reports from the caches of the processors.
    pub(super) heavy_decodes: Turns,
}

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
async fn scan_report(intake: &Intake, phy: Phy, request: Request) -> Result<Json, ApiError> {
    let sender = Sender::of(request.extensions());
    if let Err(refused) = intake.rates.admit(&sender) {
        intake.bodies.discard(request.into_body()).await;
        return Err(refused);
    }
    let key = idempotency_key(request.headers())?;
    let received = intake.bodies.receive(request).await;
    let received_at = now();
    let decoded = match received {
        Ok(received) => decode(intake, phy, received, received_at).await,
        Err(refused) => Err(refused.into()),
    };
    say_refused(intake, phy, received_at, &decoded);
    let sent = decoded
        .as_ref()
        .map_or(0, |batch| batch.reports.len() + batch.rejected.len());
    intake.rates.count(sender, sent);
    let mut batch = decoded?;
    if let Some(key) = key {
        batch.identity = Some(BatchIdentity::of_key(batch.source, &key));
    }
    let receipt = intake
        .ingest
        .submit(received_at, What::Reports(batch))
        .await?;
    Ok(Json::kismet(&ScanReportAnswer {
        accepted: receipt.stored.accepted,
        duplicate: receipt.duplicate,
        rejected: &receipt.stored.rejected,
        status: "Scan report accepted",
        success: true,
    }))
}

/// What is refused shows on the message bus too, as with Kismet, whose clients look for it there.
fn say_refused(
    intake: &Intake,
    phy: Phy,
    received_at: ReceivedAt,
    decoded: &Result<Batch, ApiError>,
) {
    let radio = match phy {
        Phy::Wifi => "Phy80211/Wi-Fi",
        Phy::Bluetooth => "Bluetooth",
    };
    match decoded {
        Ok(batch) => {
            if let Some(first) = batch.rejected.first() {
                intake.events.say(Severity::Error, received_at, || {
                    let (refused, source) = (batch.rejected.len(), batch.source);
                    format!(
                        "{radio} scan report of {source}: {refused} reports refused, the first for {}",
                        first.reason
                    )
                });
            }
        }
        Err(error) => intake.events.say(Severity::Error, received_at, || {
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
    intake: &Intake,
    phy: Phy,
    received: Received,
    received_at: ReceivedAt,
) -> Result<Batch, ApiError> {
    let limits = intake.limits;
    let heavy = received.is_heavy();
    let decode =
        move || received.json(|json| Ok(ingest::kismet::decode(phy, json, received_at, &limits)?));
    if !heavy {
        return decode();
    }
    let turn = intake.heavy_decodes.take().await;
    spawn_blocking(move || {
        let decoded = decode();
        drop(turn);
        decoded
    })
    .await
    .map_err(|_| ApiError::Panicked)?
}
