//! Erasure: an administrator orders what is to be forgotten.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::erase::{self, EraseArea, EraseError, EraseOrder, Erased, Eraser};
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::body::Bodies;
use crate::http::request::query::Query;
use crate::http::request::time::read_time;
use crate::http::response::json::Json;
use crate::http::state::HistoryReads;
use crate::report::UnixTime;

/// What to erase. All of it has to hold, and something has to be given.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Erase)]
pub(super) struct NewErasure {
    /// Everything of the device with this address, of any radio technology.
    #[schema(nullable = false, pattern = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")]
    address: Option<String>,
    /// What scanners saw in a circle.
    #[schema(nullable = false)]
    area: Option<Circle>,
    /// What the scanner with this UUID reported.
    #[schema(
        nullable = false,
        pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
    )]
    source: Option<String>,
    /// What was seen then or later, in ISO 8601.
    #[schema(nullable = false, pattern = "^20[0-9]{2}-01-01T00:00:00Z$")]
    since: Option<String>,
    /// What was seen then or earlier, in ISO 8601.
    #[schema(nullable = false, pattern = "^20[0-9]{2}-01-01T00:00:00Z$")]
    until: Option<String>,
    /// Whether to count only. `false` erases.
    #[schema(required = true, value_type = bool)]
    dry_run: Option<bool>,
}

/// A circle on the earth.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EraseArea)]
pub(super) struct Circle {
    /// Latitude of its middle, in degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude of its middle, in degrees.
    #[schema(minimum = -180, maximum = 180)]
    lon: f64,
    /// Its radius in metres.
    #[schema(minimum = 1, maximum = 20_000_000)]
    radius_m: f64,
}

/// What is erased, or would be.
#[derive(Serialize, ToSchema)]
pub(super) struct Erasure {
    /// Whether nothing was ordered.
    dry_run: bool,
    /// Observations.
    observations: u64,
    /// Devices that have any of them.
    devices: u64,
    /// Other records, such as names that people gave.
    records: u64,
    /// Alerts, and watched addresses.
    alerts: u64,
    /// Orders that wait, with this one.
    waiting: usize,
}

/// `POST /api/v1/erase`: counts what would be erased, or orders that it is erased.
pub(in crate::http) async fn erase(
    State(eraser): State<Eraser>,
    State(bodies): State<Bodies>,
    reads: HistoryReads,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let received = bodies.receive_command(request).await?;
    let (wanted, _) = received.command::<NewErasure>()?;
    let is_trial = wanted.dry_run;
    let is_trial =
        is_trial.ok_or_else(|| BadParameter::new("dry_run", "missing: true or false"))?;
    let order = order(wanted)?;
    let counted = count(&eraser, reads, &order).await?;
    let waiting = {
        let eraser = eraser.clone();
        let order = (!is_trial).then_some(order);
        let noted = spawn_blocking(move || match order {
            Some(order) => eraser.note(&order),
            None => eraser.waiting(),
        });
        noted
            .await
            .map_err(|_| ApiError::Panicked)?
            .map_err(ApiError::Erase)?
    };
    let status = if is_trial {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let answer = Json::compact(&Erasure {
        dry_run: is_trial,
        observations: counted.observations,
        devices: counted.devices,
        records: counted.records,
        alerts: counted.alerts,
        waiting,
    })?;
    Ok((status, answer).into_response())
}

async fn count(
    eraser: &Eraser,
    reads: HistoryReads,
    order: &EraseOrder,
) -> Result<Erased, ApiError> {
    let of_log = order.clone();
    let counted = reads
        .scan(move |history, interest| {
            let interest = interest.clone();
            history.count_erased(&of_log, move || interest.is_lost())
        })
        .await?;
    let counted = counted.ok_or(ApiError::Impossible(
        "this server keeps its log in memory, so it has nothing to erase",
    ))?;
    let counted = counted.map_err(ApiError::History)?;
    let (eraser, order) = (eraser.clone(), order.clone());
    let alerts = spawn_blocking(move || eraser.count_alerts(&order)).await;
    let alerts = alerts
        .map_err(|_| ApiError::Panicked)?
        .map_err(ApiError::Erase)?;
    Ok(Erased { alerts, ..counted })
}

fn order(wanted: NewErasure) -> Result<EraseOrder, ApiError> {
    let bad = |field: &str, reason: &str| ApiError::from(BadParameter::new(field, reason));
    let address = wanted.address.map(|text| text.parse()).transpose();
    let source = wanted.source.map(|text| text.parse()).transpose();
    let order = EraseOrder {
        address: address.map_err(|error| bad("address", &ToString::to_string(&error)))?,
        source: source.map_err(|error| bad("source", &ToString::to_string(&error)))?,
        area: wanted.area.map(area).transpose()?,
        since: time("since", wanted.since)?,
        until: time("until", wanted.until)?,
    };
    erase::check(&order).map_err(|error| match error {
        EraseError::NoDevice(_) => bad("address", "no device has this address"),
        EraseError::NoTime => bad("since", "later than until"),
        other => ApiError::Erase(other),
    })?;
    Ok(order)
}

fn area(circle: Circle) -> Result<EraseArea, BadParameter> {
    let Circle { lat, lon, radius_m } = circle;
    for (name, is_allowed, range) in [
        ("area.lat", lat.abs() <= 90.0, "-90 to 90 degrees"),
        ("area.lon", lon.abs() <= 180.0, "-180 to 180 degrees"),
        (
            "area.radius_m",
            (1.0..=f64::from(EraseArea::RADIUS_MAX_M)).contains(&radius_m),
            "1 to 20000000 metres",
        ),
    ] {
        if !is_allowed {
            return Err(BadParameter::new(
                name,
                &format!("out of range; expected {range}"),
            ));
        }
    }
    Ok(EraseArea::new(lat, lon, radius_m))
}

fn time(name: &str, text: Option<String>) -> Result<Option<UnixTime>, BadParameter> {
    let read = |text: String| {
        read_time(&text).ok_or_else(|| {
            BadParameter::new(
                name,
                "expected seconds since 1970, or a time in UTC such as 2026-01-31T12:00:00Z",
            )
        })
    };
    text.map(read).transpose()
}
