//! One live stream.

use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::LivePage;
use super::pulse::{Counters, SourceChange};
use crate::alerts::Alert;
use crate::events::{EndedImport, Event};
use crate::http::clock::now;
use crate::http::guard::sight::shows_alert;
use crate::http::guard::subscribers::Right;
use crate::privacy::Sight;
use crate::report::{DeviceId, SourceId};
use crate::views::native::{DeviceRow, HandledAlert};

const SECOND: Duration = Duration::from_secs(1);
/// Alerts, changes of sources, and imports, of one second. Others count as lost.
const OTHERS_MAX: usize = 100;
/// How long a browser waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 3000;

/// A client and what it has to be told.
pub(super) struct Client {
    page: LivePage,
    sight: Sight,
    right: Option<Right>,
    pieces: mpsc::Sender<Bytes>,
    happens: broadcast::Receiver<Event>,
    gathered: Gathered,
    told: Option<Counters>,
    /// How many changes of sources have been told. Unknown before the first piece.
    changes_told: Option<u64>,
    /// When to give the next sign of life, and to check the right.
    heartbeat_at: Instant,
}

/// What happened since the last piece.
#[derive(Default)]
struct Gathered {
    devices: Vec<DeviceId>,
    devices_left_out: u64,
    alerts: Vec<std::sync::Arc<Alert>>,
    sources: Vec<(SourceId, &'static str)>,
    imports: Vec<std::sync::Arc<EndedImport>>,
    lagged: u64,
}

/// The client may not read any more.
struct NoRight;

impl Client {
    pub(super) fn new(
        page: LivePage,
        sight: Sight,
        right: Option<Right>,
        pieces: mpsc::Sender<Bytes>,
    ) -> Self {
        Self {
            happens: page.0.parts.events.listen(),
            heartbeat_at: Instant::now() + page.0.limits.ping_interval,
            page,
            sight,
            right,
            pieces,
            gathered: Gathered::default(),
            told: None,
            changes_told: None,
        }
    }

    /// Tells what happens, until the client leaves, its key ends, or the server stops.
    pub(super) async fn serve(&mut self, shutdown: &CancellationToken) {
        let period = SECOND.min(self.page.0.limits.ping_interval);
        let mut beats = interval(period);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut piece = Piece::default();
        piece.0.extend(format!("retry: {RETRY_MS}\n\n").bytes());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.pieces.closed() => return,
                event = self.happens.recv() => match event {
                    Ok(event) => self.gather(event),
                    Err(RecvError::Lagged(missed)) => self.gathered.lagged += missed,
                    Err(RecvError::Closed) => return,
                },
                _ = beats.tick() => {
                    let ends = self.beat(&mut piece).await.is_err();
                    let sent = self.send(std::mem::take(&mut piece), shutdown).await;
                    if ends || !sent {
                        return;
                    }
                }
            }
        }
    }

    fn gather(&mut self, event: Event) {
        let devices_max = self.page.0.limits.devices_per_second_max;
        let gathered = &mut self.gathered;
        match event {
            Event::NewDevice(id) if gathered.devices.len() < devices_max => {
                gathered.devices.push(id);
            }
            Event::NewDevice(_) => gathered.devices_left_out += 1,
            Event::Alert(alert) if gathered.alerts.len() < OTHERS_MAX => {
                gathered.alerts.push(alert);
            }
            Event::NewSource(id) => gathered.source(id, "new"),
            Event::SourcePaused(id) => gathered.source(id, "paused"),
            Event::SourceResumed(id) => gathered.source(id, "resumed"),
            Event::SourceRenamed(id) => gathered.source(id, "renamed"),
            Event::Import(import) if gathered.imports.len() < OTHERS_MAX => {
                gathered.imports.push(import);
            }
            Event::Alert(_) | Event::Import(_) => gathered.lagged += 1,
            Event::Message(_) => {}
        }
    }

    /// Writes what there is to tell. Gives way to reports before it reads what they need too.
    async fn beat(&mut self, piece: &mut Piece) -> Result<(), NoRight> {
        let now_at = Instant::now();
        if self.heartbeat_at <= now_at {
            self.heartbeat_at = now_at + self.page.0.limits.ping_interval;
            if self.right.as_ref().is_some_and(|right| !right.holds()) {
                debug!("the login or key of a live stream is no longer valid");
                piece.event(
                    "end",
                    &json!({ "reason": "the login or key is no longer valid" }),
                );
                return Err(NoRight);
            }
            piece.event("heartbeat", &json!({ "time": now().time().seconds() }));
        }
        let mut turns = self.page.0.parts.pace.of_one_answer();
        turns.wait().await;
        let started = Instant::now();
        self.write(piece);
        turns.count(started.elapsed());
        Ok(())
    }

    fn write(&mut self, piece: &mut Piece) {
        let shared = &self.page.0;
        let (counters, changes) = shared.pulse.read(&shared.parts);
        let told = self.changes_told.replace(changes).unwrap_or(changes);
        let (changes, lost) = shared.pulse.changes_after(told);
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.lagged += lost;
        for SourceChange { source, is_silent } in changes {
            gathered.source(source, if is_silent { "silent" } else { "up" });
        }
        if self.told != Some(counters) {
            piece.event("counters", &counters);
            self.told = Some(counters);
        }
        let tracker = &shared.parts.tracker;
        // Devices that are gone again are left out.
        let devices = gathered.devices.iter();
        let devices = devices.filter_map(|id| tracker.device(*id));
        for device in devices.filter(|device| self.sight.shows(device)) {
            piece.event("device", &DeviceRow::of(&device));
        }
        if 0 < gathered.devices_left_out {
            let left_out = gathered.devices_left_out;
            piece.event("devices", &json!({ "left_out": left_out }));
        }
        let alerts = gathered.alerts.iter();
        for alert in alerts.filter(|alert| shows_alert(&self.sight, alert, tracker)) {
            piece.event("alert", &HandledAlert::of(alert));
        }
        for import in &gathered.imports {
            let told = json!({
                "id": import.id.to_string(),
                "state": import.state,
                "dry_run": import.is_trial,
                "files": import.files,
                "taken": import.taken,
            });
            piece.event("import", &told);
        }
        for (id, state) in gathered.sources {
            let Some(source) = tracker.source(id) else {
                continue;
            };
            let told = json!({
                "source": id.to_string(),
                "name": source.name,
                "state": state,
                "last_contact": source.last_contact.time().seconds(),
            });
            piece.event("source", &told);
        }
        if 0 < gathered.lagged {
            piece.event("lagged", &json!({ "events": gathered.lagged }));
        }
    }

    /// `false` if the client is gone, or does not read.
    async fn send(&self, piece: Piece, shutdown: &CancellationToken) -> bool {
        if piece.0.is_empty() {
            return true;
        }
        tokio::select! {
            () = shutdown.cancelled() => false,
            sent = timeout(self.page.0.limits.timeout, self.pieces.send(piece.0.into())) => {
                if sent.is_err() {
                    debug!("a live stream is dropped: its client does not read");
                }
                sent.is_ok_and(|sent| sent.is_ok())
            }
        }
    }
}

impl Gathered {
    fn source(&mut self, id: SourceId, state: &'static str) {
        if self.sources.len() < OTHERS_MAX {
            self.sources.push((id, state));
        } else {
            self.lagged += 1;
        }
    }
}

/// Events that are sent together.
#[derive(Default)]
struct Piece(Vec<u8>);

impl Piece {
    fn event(&mut self, name: &str, data: &impl Serialize) {
        // Texts and numbers only. Line ends in texts are escaped.
        let Ok(data) = serde_json::to_string(data) else {
            return;
        };
        self.0
            .extend(format!("event: {name}\ndata: {data}\n\n").bytes());
    }
}
