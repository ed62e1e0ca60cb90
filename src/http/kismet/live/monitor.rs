//! `/devices/monitor.ws`: the devices that changed, again and again.
//!
//! Nothing is queued for a reader: each round it gets the devices that changed since the last one, as they are
//! when they are sent. One that reads slowly gets fewer rounds.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};

use super::socket::{End, Socket};
use super::{Feed, notice, request};
use crate::http::kismet::command::Shape;
use crate::privacy::Sight;
use crate::report::{DeviceId, DeviceKey, MacMask, Phy};
use crate::tracker::{ChangeNumber, Device, Follow, Tracker, Walk};
use crate::views::kismet::{DeviceRecord, DeviceView};

/// How many devices are shown before the client is listened to again.
const DEVICES_PER_STEP: usize = 16;
/// How many changes of one part of the devices a round looks at: less than a millisecond, some 250 000 in all.
const LOOKS_MAX: usize = 4096;
/// The bounds of a rate, in seconds.
const RATE_LEAST_S: f64 = 0.1;
const RATE_MOST_S: f64 = 86_400.0;

const EXPECTED: &str = "monitor: expected a device's key or address, an address with a mask, or *";

/// Shows what the client monitors of a view, until the socket ends.
pub(in crate::http) async fn serve(feed: &Feed, shown: Watchable, socket: &mut Socket) -> End {
    let mut monitors = Monitors {
        shown,
        list: Vec::new(),
        max: feed.live.subscriptions_max,
    };
    loop {
        match turn(feed, &mut monitors, socket).await {
            Ok(()) => {}
            Err(end) => return end,
        }
    }
}

async fn turn(feed: &Feed, monitors: &mut Monitors, socket: &mut Socket) -> Result<(), End> {
    let due = monitors.list.iter().map(|monitor| monitor.due).min();
    let frames = tokio::select! {
        heard = socket.hear() => match monitors.change(feed, &heard?) {
            Ok(()) => Vec::new(),
            Err(reason) => vec![notice(&reason)],
        },
        () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
            let mut turn = feed.live.pace.of_one_answer();
            turn.wait().await;
            let start = Instant::now();
            let frames = monitors.step(feed);
            turn.count(start.elapsed());
            frames
        }
    };
    if frames.is_empty() {
        return Ok(());
    }
    socket.send(frames).await
}

/// The devices that a client may monitor.
pub(in crate::http) struct Watchable {
    pub(super) view: DeviceView,
    pub(super) sight: Sight,
}

impl Watchable {
    fn has(&self, device: &Device) -> bool {
        self.view.lists(device) && self.sight.shows(device)
    }
}

/// What one client monitors.
struct Monitors {
    shown: Watchable,
    list: Vec<Monitor>,
    max: usize,
}

struct Monitor {
    /// By what the client names it.
    request: i64,
    watched: Watched,
    rate: Duration,
    shape: Shape,
    /// When it goes on.
    due: Instant,
    /// When the round began that is not finished yet.
    began: Option<Instant>,
}

enum Watched {
    /// These, and the last change of each that was shown.
    Devices(Vec<(DeviceId, ChangeNumber)>),
    Group(Box<Group>),
}

/// The devices whose address fits a mask, or all.
struct Group {
    mask: Option<MacMask>,
    /// Walks over the devices that were known at the start, until all were shown.
    first: Option<Walk>,
    follow: Follow,
    pending: VecDeque<DeviceId>,
}

impl Monitors {
    /// Does what a message of the client asks for. The error is for the client.
    fn change(&mut self, feed: &Feed, message: &str) -> Result<(), String> {
        let request = request(message)?;
        let (ended, begun) = (request.get("cancel"), request.get("monitor"));
        if ended.is_none() && begun.is_none() {
            return Err("expected monitor or cancel".to_owned());
        }
        if let Some(number) = ended {
            let number = number_of("cancel", Some(number))?;
            self.list.retain(|monitor| monitor.request != number);
        }
        if let Some(what) = begun {
            let monitor = Monitor::of(feed, what, &request)?;
            self.begin(monitor)?;
        }
        Ok(())
    }

    /// Monitoring under the same number replaces what was monitored under it.
    fn begin(&mut self, monitor: Monitor) -> Result<(), String> {
        let is_another_of_all =
            |known: &Monitor| known.request != monitor.request && known.watched.is_all();
        if monitor.watched.is_all() && self.list.iter().any(is_another_of_all) {
            return Err(
                "monitor: this WebSocket has a monitor of * already, cancel it first".to_owned(),
            );
        }
        let same = |known: &&mut Monitor| known.request == monitor.request;
        if let Some(known) = self.list.iter_mut().find(same) {
            *known = monitor;
        } else if self.max <= self.list.len() {
            return Err(format!(
                "monitor: {} are under way already, as many as there may be",
                self.max
            ));
        } else {
            self.list.push(monitor);
        }
        Ok(())
    }

    /// Goes on with the monitor that waits longest.
    fn step(&mut self, feed: &Feed) -> Vec<Vec<u8>> {
        let shown = &self.shown;
        let next = self.list.iter_mut().min_by_key(|monitor| monitor.due);
        next.map(|monitor| monitor.step(feed, shown))
            .unwrap_or_default()
    }
}

impl Monitor {
    fn of(feed: &Feed, what: &Value, request: &Map<String, Value>) -> Result<Self, String> {
        let devices = |ids: &[DeviceId]| {
            let unseen = |&id| (id, ChangeNumber::default());
            Watched::Devices(ids.iter().map(unseen).collect())
        };
        let group = |mask: Option<MacMask>| {
            Watched::Group(Box::new(Group {
                mask,
                // `*` starts with changes: there may be too many devices, and the lists have them.
                first: mask.map(|_| Walk::over_all()),
                follow: feed.records.tracker.follow(),
                pending: VecDeque::new(),
            }))
        };
        let watched = match what.as_str() {
            Some("*") => group(None),
            Some(name) => match (name.parse::<DeviceKey>(), name.parse::<MacMask>()) {
                (Ok(key), _) => devices(&[key.device()]),
                (_, Ok(mask)) => match mask.single() {
                    Some(addr) => devices(&Phy::ALL.map(|phy| DeviceId { phy, addr })),
                    None => group(Some(mask)),
                },
                _ => return Err(EXPECTED.to_owned()),
            },
            None => return Err("monitor: expected a text".to_owned()),
        };
        Ok(Self {
            request: number_of("request", request.get("request"))?,
            watched,
            rate: rate_of(request.get("rate"))?,
            shape: Shape::of(request, feed.limits.command_items_max)
                .map_err(|error| error.to_string())?,
            due: Instant::now(),
            began: None,
        })
    }

    fn step(&mut self, feed: &Feed, shown: &Watchable) -> Vec<Vec<u8>> {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let (mut devices, skipped, is_done) = self.watched.next(feed, shown);
        for device in &mut devices {
            shown.sight.cover(device);
        }
        if is_done {
            self.began = None;
            self.due = now.max(began + self.rate);
        } else {
            self.due = now;
        }
        let context = feed.records.context();
        let mut sources = feed.records.sources(self.shape.format.style());
        sources.add(&devices, &feed.records.tracker, context);
        let told = skipped.then(|| {
            notice("too much changes: of this round the devices that changed first are skipped")
        });
        let shown = devices.iter().map(|device| {
            let mut frame = Vec::new();
            let record = DeviceRecord {
                device,
                sources: &sources,
                context,
            };
            self.shape.write(&mut frame, &record);
            frame
        });
        told.into_iter().chain(shown).collect()
    }
}

impl Watched {
    /// Whether these are all devices.
    fn is_all(&self) -> bool {
        matches!(self, Self::Group(group) if group.mask.is_none())
    }

    /// The next devices to show, whether some had to be skipped, and whether these were the last of the round.
    fn next(&mut self, feed: &Feed, shown: &Watchable) -> (Vec<Device>, bool, bool) {
        match self {
            Self::Devices(ids) => {
                let mut devices = Vec::new();
                for (id, mark) in ids {
                    if let Some((device, at)) =
                        feed.records.tracker.device_changed_after(*id, *mark)
                    {
                        *mark = at;
                        devices.extend(shown.has(&device).then_some(device));
                    }
                }
                (devices, false, true)
            }
            Self::Group(group) => group.next(&feed.records.tracker, shown),
        }
    }
}

impl Group {
    fn next(&mut self, tracker: &Tracker, shown: &Watchable) -> (Vec<Device>, bool, bool) {
        let mask = self.mask;
        let wanted = |device: &Device| {
            mask.is_none_or(|mask| mask.fits(device.id.addr)) && shown.has(device)
        };
        if let Some(walk) = &mut self.first {
            match tracker.next_devices(walk, DEVICES_PER_STEP, wanted) {
                Some(devices) => return (devices, false, false),
                None => self.first = None,
            }
        }
        let mut skipped = false;
        while self.pending.is_empty() {
            let Some(changed) = tracker.next_changed(&mut self.follow, LOOKS_MAX, wanted) else {
                return (Vec::new(), skipped, true);
            };
            skipped |= changed.skipped;
            self.pending.extend(changed.devices);
        }
        let count = self.pending.len().min(DEVICES_PER_STEP);
        let devices = self.pending.drain(..count);
        // What is known of them may have changed since.
        let devices = devices.filter_map(|id| tracker.device(id));
        let devices = devices.filter(|device| shown.has(device)).collect();
        (devices, skipped, false)
    }
}

fn number_of(key: &str, value: Option<&Value>) -> Result<i64, String> {
    value
        .and_then(Value::as_i64)
        .ok_or_else(|| format!("{key}: expected a whole number"))
}

/// Seconds between rounds.
fn rate_of(value: Option<&Value>) -> Result<Duration, String> {
    let seconds = match value {
        None | Some(Value::Null) => Some(1.0),
        Some(value) => value.as_f64(),
    };
    seconds
        .filter(|seconds| (RATE_LEAST_S..=RATE_MOST_S).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("rate: expected {RATE_LEAST_S} to {RATE_MOST_S} seconds"))
}
