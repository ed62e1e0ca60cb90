//! `/eventbus/events.ws`: what happens, by topic.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::socket::{End, Socket};
use super::{Feed, notice, request};
use crate::events::Event;
use crate::http::clock::now;
use crate::http::guard::sight::shows_alert;
use crate::http::kismet::command::Shape;
use crate::http::kismet::system;
use crate::privacy::Sight;
use crate::report::{DeviceId, SourceId};
use crate::views::kismet::{
    AlertRecord, BatteryRecord, DeviceRecord, MessageRecord, PacketStats, ServerLocation,
    TimestampRecord,
};

const EVERY_TOPIC: &str = "*";
const TIMESTAMP: &str = "TIMESTAMP";
const BATTERY: &str = "BATTERY";
const STATISTICS: &str = "STATISTICS";
const PACKETCHAIN_STATS: &str = "PACKETCHAIN_STATS";
const GPS_LOCATION: &str = "GPS_LOCATION";
const ALERT: &str = "ALERT";
const MESSAGE: &str = "MESSAGE";
const NEW_DEVICE: &str = "NEW_DEVICE";
const NEW_DATASOURCE: &str = "NEW_DATASOURCE";
const SOURCE_PAUSED: &str = "DATASOURCE_PAUSED";
const SOURCE_RESUMED: &str = "DATASOURCE_RESUMED";

/// What comes each second.
const BY_THE_SECOND: [&str; 5] = [
    TIMESTAMP,
    BATTERY,
    STATISTICS,
    PACKETCHAIN_STATS,
    GPS_LOCATION,
];
/// What comes when it happens.
const BY_EVENT: [&str; 6] = [
    ALERT,
    MESSAGE,
    NEW_DEVICE,
    NEW_DATASOURCE,
    SOURCE_PAUSED,
    SOURCE_RESUMED,
];
/// What Kismet tells too, and never happens here.
const NEVER: [&str; 10] = [
    "DATASOURCE_CLOSED",
    "DATASOURCE_ERROR",
    "DATASOURCE_OPENED",
    "DOT11_ADVERTISED_SSID",
    "DOT11_PROBED_SSID",
    "DOT11_RESPONSE_SSID",
    "DOT11_WPA_HANDSHAKE",
    "KISMETDB_LOG_OPEN",
    "NEW_PHY",
    "RADIATION",
];

/// Tells what the client subscribed to, until the socket ends.
pub(in crate::http) async fn serve(feed: &Feed, sight: Sight, socket: &mut Socket) -> End {
    match tell(feed, sight, socket).await {
        Ok(()) => End::Shutdown,
        Err(end) => end,
    }
}

async fn tell(feed: &Feed, sight: Sight, socket: &mut Socket) -> Result<(), End> {
    const SECOND: Duration = Duration::from_secs(1);
    let mut happens = feed.events.listen();
    let mut subscriptions = Subscriptions::new(feed, sight);
    let mut second = interval_at(Instant::now() + SECOND, SECOND);
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let frames = tokio::select! {
            heard = socket.hear() => match subscriptions.change(&heard?) {
                Ok(()) => Vec::new(),
                Err(reason) => vec![notice(&reason)],
            },
            event = happens.recv() => match event {
                Ok(event) => subscriptions.frame_of(feed, &event).into_iter().collect(),
                Err(RecvError::Lagged(missed)) if subscriptions.want_any(&BY_EVENT) => {
                    vec![notice(&format!("reading too slowly: {missed} events were skipped"))]
                }
                Err(RecvError::Lagged(_)) => Vec::new(),
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = second.tick(), if subscriptions.want_any(&BY_THE_SECOND) => {
                subscriptions.frames_of_second(feed)
            }
        };
        if !frames.is_empty() {
            socket.send(frames).await?;
        }
    }
}

/// What one client wants to be told.
struct Subscriptions {
    topics: Vec<(&'static str, Shape)>,
    max: usize,
    fields_max: usize,
    /// What the client sees.
    sight: Sight,
}

impl Subscriptions {
    fn new(feed: &Feed, sight: Sight) -> Self {
        Self {
            topics: Vec::new(),
            max: feed.live.subscriptions_max,
            fields_max: feed.limits.command_items_max,
            sight,
        }
    }

    /// Does what a message of the client asks for. The error is for the client.
    fn change(&mut self, message: &str) -> Result<(), String> {
        let request = request(message)?;
        let (ended, begun) = (request.get("UNSUBSCRIBE"), request.get("SUBSCRIBE"));
        if ended.is_none() && begun.is_none() {
            return Err("expected SUBSCRIBE or UNSUBSCRIBE".to_owned());
        }
        if let Some(topic) = ended {
            let topic = topic_of("UNSUBSCRIBE", topic)?;
            self.topics.retain(|&(known, _)| known != topic);
        }
        if let Some(topic) = begun {
            self.subscribe(topic_of("SUBSCRIBE", topic)?, &request)?;
        }
        Ok(())
    }

    /// Subscribing again replaces the earlier subscription.
    fn subscribe(
        &mut self,
        topic: &'static str,
        request: &Map<String, Value>,
    ) -> Result<(), String> {
        let shape = Shape::of(request, self.fields_max).map_err(|error| error.to_string())?;
        if let Some((_, known)) = self.topics.iter_mut().find(|(known, _)| *known == topic) {
            *known = shape;
        } else if self.max <= self.topics.len() {
            return Err(format!(
                "SUBSCRIBE: there are {} subscriptions already, as many as there may be",
                self.max
            ));
        } else {
            self.topics.push((topic, shape));
        }
        Ok(())
    }

    /// In which shape a topic is wanted. What is said of the topic itself goes before what is said of all.
    fn shape_of(&self, topic: &str) -> Option<&Shape> {
        let find = |topic: &str| self.topics.iter().find(|(known, _)| *known == topic);
        let (_, shape) = find(topic).or_else(|| find(EVERY_TOPIC))?;
        Some(shape)
    }

    fn want_any(&self, topics: &[&str]) -> bool {
        topics.iter().any(|topic| self.shape_of(topic).is_some())
    }

    fn frame(&self, topic: &str, record: &impl Serialize) -> Option<Vec<u8>> {
        Some(frame(topic, self.shape_of(topic)?, record))
    }

    /// What of an event is shown is how things are now; a device that is gone again is not shown.
    fn frame_of(&self, feed: &Feed, event: &Event) -> Option<Vec<u8>> {
        match event {
            Event::NewSource(id) => {
                self.shape_of(NEW_DATASOURCE)?;
                let source = feed.records.tracker.source(*id)?;
                self.frame(NEW_DATASOURCE, &feed.records.source(&source))
            }
            Event::SourcePaused(id) => self.frame_of_source(SOURCE_PAUSED, *id),
            Event::SourceResumed(id) => self.frame_of_source(SOURCE_RESUMED, *id),
            Event::NewDevice(id) => self.frame_of_device(feed, *id),
            Event::Alert(alert) => {
                self.shape_of(ALERT)?;
                let is_shown = shows_alert(&self.sight, alert, &feed.records.tracker);
                self.frame(ALERT, &AlertRecord(alert)).filter(|_| is_shown)
            }
            Event::Message(message) => {
                self.shape_of(MESSAGE)?;
                let is_shown = self.sight.shows_text(&message.text, &feed.records.tracker);
                self.frame(MESSAGE, &MessageRecord(message))
                    .filter(|_| is_shown)
            }
            // Kismet has no topics for them. Messages tell of them.
            Event::Import(_) | Event::SourceRenamed(_) => None,
        }
    }

    /// Of a source that somebody did something to, only the UUID is told.
    fn frame_of_source(&self, topic: &str, id: SourceId) -> Option<Vec<u8>> {
        self.shape_of(topic)?;
        Some(frame(topic, &Shape::default(), &format_args!("{id}")))
    }

    fn frame_of_device(&self, feed: &Feed, id: DeviceId) -> Option<Vec<u8>> {
        let shape = self.shape_of(NEW_DEVICE)?;
        let device = feed.records.tracker.device(id);
        let device = device.and_then(|device| self.sight.shown(device))?;
        let context = feed.records.context();
        let mut sources = feed.records.sources(shape.format.style());
        sources.add(
            std::slice::from_ref(&device),
            &feed.records.tracker,
            context,
        );
        let record = DeviceRecord {
            device: &device,
            sources: &sources,
            context,
        };
        Some(frame(NEW_DEVICE, shape, &record))
    }

    fn frames_of_second(&self, feed: &Feed) -> Vec<Vec<u8>> {
        let now = now();
        // What has to be gathered is so only for who wants it.
        let wanted = |topic| self.shape_of(topic).map(|shape| (topic, shape));
        let statistics = wanted(STATISTICS)
            .map(|(topic, shape)| frame(topic, shape, &system::statistics(&feed.server.metrics)));
        let packets = wanted(PACKETCHAIN_STATS).map(|(topic, shape)| {
            frame(
                topic,
                shape,
                &PacketStats::of(
                    &feed.records.tracker,
                    feed.server.samples.reports(),
                    now.time(),
                ),
            )
        });
        let location = wanted(GPS_LOCATION).map(|(topic, shape)| {
            let is_shown = |place| self.sight.shows_place(place);
            let location = ServerLocation::of(&feed.records.tracker, is_shown);
            frame(topic, shape, &location)
        });
        let frames = [
            self.frame(TIMESTAMP, &TimestampRecord(now)),
            self.frame(BATTERY, &BatteryRecord),
            statistics,
            packets,
            location,
        ];
        frames.into_iter().flatten().collect()
    }
}

/// An event as it goes over the wire.
pub(in crate::http) fn frame(topic: &str, shape: &Shape, record: &impl Serialize) -> Vec<u8> {
    // Topics are plain words.
    let mut frame = format!("{{\"{topic}\": ").into_bytes();
    shape.write(&mut frame, record);
    frame.push(b'}');
    frame
}

/// The topic with a name; one that nobody knows is most likely misspelt.
fn topic_of(key: &str, name: &Value) -> Result<&'static str, String> {
    let name = name
        .as_str()
        .ok_or_else(|| format!("{key}: expected a text"))?;
    let mut topics = BY_THE_SECOND
        .into_iter()
        .chain(BY_EVENT)
        .chain(NEVER)
        .chain([EVERY_TOPIC]);
    topics
        .find(|topic| *topic == name)
        .ok_or_else(|| format!("{key}: there is no such topic"))
}
