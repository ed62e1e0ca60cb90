//! WebSockets: Kismet's eventbus and device monitors.
//!
//! What is sent is read from the tracker when it is sent, a bounded piece at a time. A client that does not take it
//! waits for nobody and nobody waits for it: it is told that it missed something, or dropped.

mod eventbus;
mod handshake;
mod monitor;
mod socket;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use serde_json::{Map, Value};
use tracing::debug;

use self::monitor::Watchable;
use self::socket::{End, Socket, SocketLimits};
use super::command::Shape;
use super::device_view::Viewed;
use super::records::Records;
use crate::auth::{Access, Standing};
use crate::config::Limits;
use crate::events::{Events, Message, Severity};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::sight::CommonSight;
use crate::http::guard::subscribers::{Places, Right, ping_interval};
use crate::http::request::sender::Sender;
use crate::http::response::pace::Pace;
use crate::http::server::lease::Lease;
use crate::http::state::{RequestLimits, ServerFacts};
use crate::privacy::Sight;
use crate::views::kismet::{DeviceView, MessageRecord};

/// What all WebSockets share.
#[derive(Clone, Debug)]
pub(in crate::http) struct Live {
    places: Places,
    socket: SocketLimits,
    subscriptions_max: usize,
    /// Monitors take turns with other reads, and give way to reports.
    pace: Pace,
}

impl Live {
    pub(in crate::http) fn new(limits: &Limits, pace: &Pace, places: Places) -> Self {
        Self {
            places,
            pace: pace.clone(),
            socket: SocketLimits {
                message_bytes_max: limits.subscriber_message_bytes_max,
                timeout: limits.subscriber_timeout,
                bytes_per_second_max: limits.subscriber_bytes_per_second_max,
                ping_interval: ping_interval(limits),
            },
            subscriptions_max: limits.subscriptions_max,
        }
    }
}

/// What WebSockets show, and how many of it.
#[derive(Clone, Debug)]
pub(in crate::http) struct Feed {
    pub(in crate::http) live: Live,
    pub(in crate::http) events: Events,
    pub(in crate::http) records: Records,
    pub(in crate::http) server: Arc<ServerFacts>,
    pub(in crate::http) limits: RequestLimits,
    pub(in crate::http) access: Access,
    pub(in crate::http) sight: CommonSight,
}

/// What a WebSocket is for.
#[derive(Clone, Copy, Debug)]
enum Service {
    Eventbus,
    Monitor(DeviceView),
}

/// `/eventbus/events.ws`: what happens.
pub(in crate::http) async fn eventbus(
    State(feed): State<Feed>,
    request: Request,
) -> Result<Response, ApiError> {
    accept(feed, request, Service::Eventbus)
}

/// `/devices/monitor.ws`, `/devices/views/{view}/monitor.ws`: devices that change.
pub(in crate::http) async fn monitor(
    State(feed): State<Feed>,
    Viewed(view): Viewed,
    request: Request,
) -> Result<Response, ApiError> {
    accept(feed, request, Service::Monitor(view))
}

fn accept(feed: Feed, mut request: Request, service: Service) -> Result<Response, ApiError> {
    let answer = handshake::answer(&request)?;
    let lease = request.extensions_mut().remove::<Lease>();
    let lease = lease.ok_or(ApiError::NotAWebSocket)?;
    let place = feed.live.places.take(Sender::of(request.extensions()))?;
    let sight = feed.sight.of(request.extensions());
    let standing = request.extensions_mut().remove::<Standing>();
    let right = standing.map(|standing| Right {
        access: feed.access.clone(),
        standing,
    });
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        tokio::select! {
            () = serve((feed, sight), upgrade, service, right, &lease) => {}
            () = lease.cut() => {}
        }
        drop((place, lease));
    });
    Ok(answer)
}

async fn serve(
    (feed, sight): (Feed, Sight),
    upgrade: OnUpgrade,
    service: Service,
    right: Option<Right>,
    lease: &Lease,
) {
    // A subscriber that hears nothing for long is no idle connection.
    let _busy = lease.busy();
    let _counted = lease.open_websocket();
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let mut socket = Socket::new(upgraded, feed.live.socket, right, lease.shutdown()).await;
    let end = match service {
        Service::Eventbus => eventbus::serve(&feed, sight, &mut socket).await,
        Service::Monitor(view) => {
            monitor::serve(&feed, Watchable { view, sight }, &mut socket).await
        }
    };
    match end {
        End::Slow | End::Silent => debug!(?end, "a subscriber is dropped"),
        End::NoRight => debug!("a subscriber's login or key is no longer valid"),
        End::Gone | End::Unfit(_) | End::Shutdown => {}
    }
    socket.finish(end).await;
}

/// What concerns the socket itself comes as a message of the server.
fn notice(text: &str) -> Vec<u8> {
    let message = Message::new(Severity::Error, now().time(), text.to_owned());
    eventbus::frame("MESSAGE", &Shape::default(), &MessageRecord(&message))
}

/// What a client sent, as the object that it has to be.
fn request(message: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(message).map_err(|error| format!("expected a JSON object: {error}"))
}
