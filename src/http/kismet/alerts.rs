//! Kismet's alerts: what was raised, what may be, and what is watched.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::Value;
use tokio::task::yield_now;

use super::command::Read;
use super::records::Records;
use crate::alerts::{Alert, AlertStore, Class, Definition, Limit, Severity, WatchList};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::sight::shows_alert;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::time::seconds;
use crate::http::response::json::Json;
use crate::http::response::text::line;
use crate::http::state::RequestLimits;
use crate::ingest::Ingest;
use crate::log::{AlertOrder, HandRaised, WatchOrder, What};
use crate::report::{MacAddr, MacMask, Phy, ReceivedAt};
use crate::tracker::Tracker;
use crate::views::kismet::{AlertList, AlertRecord, DefinitionRecord, alert_hash};

/// Bytes of a kind's name.
const NAME_BYTES_MAX: usize = 64;
/// Alerts that a search hashes before it yields to other tasks.
const HASHES_PER_STEP: usize = 256;

/// `/alerts/definitions`: the kinds of alerts.
pub(in crate::http) async fn definitions(State(alerts): State<AlertStore>, read: Read) -> Json {
    read.list(&DefinitionRecord::all(&alerts, now()))
}

/// `/alerts/all_alerts`: the latest alerts.
pub(in crate::http) async fn all(State(parts): State<Records>, read: Read) -> Json {
    read.list(&records(&latest(&parts, &read)))
}

/// `/alerts/alerts_view`: the latest alerts, searched, sorted and in pages.
pub(in crate::http) async fn view(
    State(parts): State<Records>,
    read: Read,
) -> Result<Json, ApiError> {
    read.table(&records(&latest(&parts, &read)))
}

/// `/alerts/last-time/{timestamp}/alerts`: those of the latest alerts that were raised after then.
pub(in crate::http) async fn since(
    State(parts): State<Records>,
    Argument(since): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let raised = raised_after((&parts, &read), &since, now())?;
    Ok(read.list(&records(&raised)))
}

/// `/alerts/wrapped/last-time/{timestamp}/alerts`: the same, with the time to ask with again.
pub(in crate::http) async fn wrapped_since(
    State(parts): State<Records>,
    Argument(since): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let now = now();
    let raised = raised_after((&parts, &read), &since, now)?;
    // An alert that is raised in this moment, but read after it, would be missed.
    let latest = parts.alerts.newest(None, 1, |_| true);
    let latest = latest.first().map(|alert| alert.raised.raised_at);
    Ok(read.one(&AlertList {
        alerts: &records(&raised),
        now: latest.map_or(now, |latest| latest.min(now)),
    }))
}

/// `/alerts/by-id/{hash}/alert`.
pub(in crate::http) async fn by_hash(
    State(parts): State<Records>,
    Argument(hash): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let found = match hash.parse() {
        Ok(hash) => with_hash(&parts.alerts, hash).await,
        Err(_) => None,
    };
    let found = found.filter(|alert| shows_alert(&read.sight, alert, &parts.tracker));
    let alert = found.ok_or(ApiError::NoSuchAlert(hash))?;
    Ok(read.one(&AlertRecord(&alert)))
}

/// Finds the newest alert with a hash among all that are stored. A page polls the alert that it shows, also when there
/// are many newer ones.
async fn with_hash(alerts: &AlertStore, hash: u32) -> Option<Arc<Alert>> {
    let mut before = None;
    loop {
        let newest = alerts.newest(before, HASHES_PER_STEP, |_| true);
        before = Some(newest.last()?.number);
        let mut newest = newest.into_iter();
        if let Some(found) = newest.find(|alert| alert_hash(&alert.raised) == hash) {
            return Some(found);
        }
        yield_now().await;
    }
}

/// `POST /alerts/definitions/define_alert`: a new kind of alerts. Unlike with Kismet it stays.
pub(in crate::http) async fn define(
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let limit = Limit {
        rate: value(&read, "throttle", rate)?.unwrap_or(Limit::DEFAULT.rate),
        burst: value(&read, "burst", rate)?.unwrap_or(Limit::DEFAULT.burst),
    };
    let definition = Definition {
        header: kind(&read)?,
        // What Kismet's own client leaves out.
        class: value(&read, "class", |text| {
            Class::read(text)
                .ok_or_else(|| "expected DENIAL, EXPLOIT, OTHER, PROBE, SPOOF or SYSTEM".to_owned())
        })?
        .unwrap_or(Class::Other),
        severity: value(&read, "severity", |text| {
            Severity::read(text).ok_or_else(|| {
                "expected info, low, medium, high or critical, or 0, 5, 10, 15 or 20".to_owned()
            })
        })?
        .unwrap_or(Severity::Medium),
        description: text(limits, &read, "description")?,
        phy: value(&read, "phyname", phy)?.flatten(),
        limit,
    };
    let order = AlertOrder::Define(definition.into());
    ingest.submit(now(), What::AlertOrder(order)).await?;
    Ok(line("Alert defined\n"))
}

/// `POST /alerts/raise_alerts`: raises an alert.
pub(in crate::http) async fn raise(
    State(ingest): State<Ingest>,
    State(tracker): State<Arc<Tracker>>,
    State(limits): State<RequestLimits>,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let addr = |name| {
        let parse = |text: &str| text.parse::<MacAddr>().map_err(|error| error.to_string());
        value(&read, name, parse).map(|addr| addr.unwrap_or(MacAddr::ZERO))
    };
    let (network, source, other) = (addr("bssid")?, addr("source")?, addr("other")?);
    let addresses = [network, source, addr("dest")?, other];
    let channel = value(&read, "channel", |text| match text.len() {
        0..=NAME_BYTES_MAX => Ok(text.into()),
        _ => Err(format!("longer than {NAME_BYTES_MAX} bytes")),
    })?;
    let mut devices = [network, source].into_iter();
    let device = devices.find_map(|addr| tracker.devices_by_addr(addr).into_iter().next());
    let raised = HandRaised {
        id: uuid::Uuid::new_v4().to_string().into(),
        header: kind(&read)?,
        text: text(limits, &read, "text")?,
        seen: None,
        device: device.map(|device| device.id),
        scanner: None,
        addresses,
        channel,
    };
    let order = AlertOrder::Raise(Box::new(raised));
    ingest.submit(now(), What::AlertOrder(order)).await?;
    Ok(line("Alert raised\n"))
}

/// `/devices/alerts/mac/{kind}/macs`: the watched addresses.
pub(in crate::http) async fn watched(
    State(parts): State<Records>,
    Argument(kind): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let is_hidden = |mask: &&MacMask| {
        let addr = mask.single();
        addr.is_some_and(|addr| read.sight.hides_address(addr, &parts.tracker))
    };
    let mut macs: Vec<String> = Vec::new();
    for list in lists(&kind)? {
        let watched = parts.alerts.watched(list);
        let shown = watched.all().iter().filter(|mask| !is_hidden(mask));
        macs.extend(shown.map(ToString::to_string));
    }
    macs.sort_unstable();
    macs.dedup();
    Ok(read.list(&macs))
}

/// `POST /devices/alerts/mac/{kind}/add`: watches addresses. Unlike with Kismet they stay.
pub(in crate::http) async fn watch(
    State(ingest): State<Ingest>,
    Argument(kind): Argument,
    read: Read,
) -> Result<(), ApiError> {
    change_watched(&ingest, &kind, &read, true).await
}

/// `POST /devices/alerts/mac/{kind}/remove`.
pub(in crate::http) async fn unwatch(
    State(ingest): State<Ingest>,
    Argument(kind): Argument,
    read: Read,
) -> Result<(), ApiError> {
    change_watched(&ingest, &kind, &read, false).await
}

async fn change_watched(
    ingest: &Ingest,
    kind: &str,
    read: &Read,
    is_watched: bool,
) -> Result<(), ApiError> {
    let lists = lists(kind)?;
    let texts = match read.command.text("mac") {
        Some(mac) => vec![mac],
        None => read.command.texts("macs")?,
    };
    let masks: Result<Vec<MacMask>, _> = texts.into_iter().map(str::parse).collect();
    let masks = masks?;
    let order = AlertOrder::Watch(WatchOrder {
        found: lists.contains(&WatchList::Found),
        lost: lists.contains(&WatchList::Lost),
        masks,
        is_watched,
    });
    ingest.submit(now(), What::AlertOrder(order)).await?;
    Ok(())
}

fn lists(kind: &str) -> Result<Vec<WatchList>, BadParameter> {
    match kind {
        "found" => Ok(vec![WatchList::Found]),
        "lost" => Ok(vec![WatchList::Lost]),
        "both" => Ok(vec![WatchList::Found, WatchList::Lost]),
        _ => Err(BadParameter::new("kind", "expected found, lost or both")),
    }
}

fn records(alerts: &[Arc<Alert>]) -> Vec<AlertRecord<'_>> {
    alerts.iter().map(|alert| AlertRecord(alert)).collect()
}

/// The latest alerts that the client sees.
fn latest(parts: &Records, read: &Read) -> Vec<Arc<Alert>> {
    let mut alerts = parts.alerts.backlog();
    alerts.retain(|alert| shows_alert(&read.sight, alert, &parts.tracker));
    alerts
}

fn raised_after(
    (parts, read): (&Records, &Read),
    since: &str,
    now: ReceivedAt,
) -> Result<Vec<Arc<Alert>>, ApiError> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds have 53 bits until 2255"
    )]
    let now_s = now.micros() as f64 / 1e6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float casts saturating"
    )]
    let since = ReceivedAt::from_micros((seconds(since, now_s)? * 1e6).round() as u64);
    let mut raised = latest(parts, read);
    raised.retain(|alert| since < alert.raised.raised_at);
    Ok(raised)
}

/// The kind that a command names, in capitals.
fn kind(read: &Read) -> Result<Box<str>, BadParameter> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match read.command.text("name") {
        Some(name) if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_letter) => {
            Ok(name.to_ascii_uppercase().into())
        }
        Some(_) => {
            let reason = format!("expected 1 to {NAME_BYTES_MAX} letters, digits, `_` and `-`");
            Err(BadParameter::new("name", &reason))
        }
        None => Err(BadParameter::new("name", "missing, or no text")),
    }
}

fn text(limits: RequestLimits, read: &Read, name: &str) -> Result<Box<str>, BadParameter> {
    let bytes_max = limits.alert_text_bytes_max;
    match read.command.text(name) {
        None => Err(BadParameter::new(name, "missing, or no text")),
        Some(text) if bytes_max < text.len() => {
            let reason = format!("longer than {bytes_max} bytes");
            Err(BadParameter::new(name, &reason))
        }
        Some(text) => Ok(text.into()),
    }
}

/// A value that may be left out; numbers are as good as texts.
fn value<T>(
    read: &Read,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, BadParameter> {
    let number = match read.command.get(name) {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::String(_)) | None => None,
        Some(_) => return Err(BadParameter::new(name, "expected a text")),
    };
    let text = number.as_deref().or_else(|| read.command.text(name));
    let given = text.filter(|text| !text.is_empty());
    given
        .map(|text| parse(text).map_err(|reason| BadParameter::new(name, &reason)))
        .transpose()
}

fn rate(text: &str) -> Result<crate::alerts::Rate, String> {
    text.parse()
}

fn phy(text: &str) -> Result<Option<Phy>, String> {
    match Phy::ALL.into_iter().find(|phy| phy.name() == text) {
        Some(phy) => Ok(Some(phy)),
        None if text == "ANY" => Ok(None),
        None => Err("expected IEEE802.11, Bluetooth or ANY".to_owned()),
    }
}
