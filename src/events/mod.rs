//! Live events for listeners, and the server's own messages.
//!
//! Emitting never waits for a listener: the queue has a bound, and a listener that falls behind by more than its length
//! learns how much it missed. When nobody listens, emitting costs next to nothing. Events are small; whoever shows one
//! reads the rest from the tracker.

mod messages;
mod seen;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use self::messages::Messages;
pub use self::messages::{MESSAGES_KEPT, Message, Severity};
pub(crate) use self::seen::{SeenDevice, SeenDevices};
use crate::alerts::Alert;
use crate::log::Import;
use crate::report::{DeviceId, Phy, ReceivedAt, SourceId};
use crate::tracker::Change;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An unknown source reported.
    NewSource(SourceId),
    /// A device was seen that was not tracked.
    NewDevice(DeviceId),
    /// An alert was raised.
    Alert(Arc<Alert>),
    /// A source was paused.
    SourcePaused(SourceId),
    /// A source was resumed.
    SourceResumed(SourceId),
    /// A source has another name.
    SourceRenamed(SourceId),
    /// An import ended.
    Import(Arc<EndedImport>),
    /// The server emitted a message.
    Message(Arc<Message>),
}

/// An import that has ended, however it did. Its devices are not announced one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedImport {
    /// Its number.
    pub id: u64,
    /// How it ended: `done`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Whether it was a trial, which changed nothing.
    pub is_trial: bool,
    /// How many files it had.
    pub files: usize,
    /// How many rows became reports.
    pub taken: u64,
}

/// Emits events, and lets others listen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    listeners: broadcast::Sender<Event>,
    messages: Arc<Mutex<Messages>>,
    seen: Arc<SeenDevices>,
}

impl Events {
    /// A queue of `queue_max` events, rounded up to a power of two.
    pub fn new(queue_max: usize) -> Self {
        Self {
            listeners: broadcast::Sender::new(queue_max),
            messages: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Subscribes to events from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.listeners.subscribe()
    }

    /// The devices that scanners report, for one reader.
    pub(crate) fn seen_devices(&self) -> &Arc<SeenDevices> {
        &self.seen
    }

    /// Emits a message of the server, unless the second has too many of its severity.
    pub fn say(&self, severity: Severity, now: ReceivedAt, text: impl FnOnce() -> String) {
        let message = self.messages().say(severity, now.time(), text);
        if let Some(message) = message {
            self.emit(Event::Message(message));
        }
    }

    /// An alert was raised.
    pub fn alert(&self, alert: &Arc<Alert>) {
        self.emit(Event::Alert(Arc::clone(alert)));
        let raised = &alert.raised;
        self.say(Severity::Alert, raised.raised_at, || {
            format!("{} {}", raised.header, raised.text)
        });
    }

    /// A file was imported. This is the only message about it: its devices are not announced one by one.
    pub fn import(&self, import: &Import, at: ReceivedAt) {
        self.say(Severity::Info, at, || {
            let Import {
                file,
                format,
                reports,
            } = import;
            format!("Imported {reports} reports of the file '{file}' ({format})")
        });
    }

    /// The latest messages, oldest first.
    pub fn latest_messages(&self) -> Vec<Arc<Message>> {
        self.messages().latest()
    }

    /// Collects the events of a batch, to be emitted when the batch is in the tracker.
    pub fn collect(&self, received_at: ReceivedAt) -> BatchEvents<'_> {
        BatchEvents {
            events: self,
            received_at,
            is_heard: 0 < self.listeners.receiver_count(),
            messages_left: None,
            pending: Vec::new(),
            seen: self.seen.is_watched().then(Vec::new),
        }
    }

    /// Emits an event now.
    pub fn emit(&self, event: Event) {
        // Nobody may be listening.
        self.listeners.send(event).ok();
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of one batch, held back while devices are locked.
#[derive(Debug)]
pub struct BatchEvents<'e> {
    events: &'e Events,
    received_at: ReceivedAt,
    is_heard: bool,
    /// How many more messages this second has room for. Not read before the first message.
    messages_left: Option<usize>,
    pending: Vec<Pending>,
    /// Reported devices, if somebody wants them.
    seen: Option<Vec<SeenDevice>>,
}

#[derive(Debug)]
enum Pending {
    Event(Event),
    Message(String),
}

impl BatchEvents<'_> {
    /// Adds the event of a change, and its message.
    pub fn add(&mut self, change: Change<'_>) {
        match change {
            Change::NewSource(id) => {
                self.event(Event::NewSource(id));
                self.message(|| format!("New source of scan reports: {id}"));
            }
            Change::NewDevice(id) => {
                self.event(Event::NewDevice(id));
                // Kismet's texts, which scripts look for.
                self.message(|| match id.phy {
                    Phy::Wifi => format!("Detected new 802.11 Wi-Fi access point {}", id.addr),
                    Phy::Bluetooth => format!("Detected new Bluetooth device {}", id.addr),
                });
            }
            Change::SourceForgotten { id, name } => {
                self.message(|| format!("Forgot source '{name}' ({id})"));
            }
            Change::SourceRenamed {
                id, before, name, ..
            } => {
                self.event(Event::SourceRenamed(id));
                self.message(|| format!("Source '{before}' ({id}) is called '{name}' now"));
            }
            Change::SourcePaused {
                id,
                name,
                is_paused,
            } => {
                let (event, done) = if is_paused {
                    (Event::SourcePaused(id), "Pausing")
                } else {
                    (Event::SourceResumed(id), "Resuming")
                };
                self.event(event);
                self.message(|| format!("{done} source '{name}' ({id})"));
            }
            Change::NewSsid(_, ssid) if ssid.is_hidden() => {}
            Change::NewSsid(id, ssid) => {
                let addr = id.addr;
                self.message(|| format!("802.11 Wi-Fi device {addr} advertising SSID '{ssid}'"));
            }
        }
    }

    /// Notes the device of a report, and who reported it.
    pub fn saw(&mut self, device: DeviceId, source: SourceId) {
        if let Some(seen) = &mut self.seen {
            seen.push(SeenDevice { device, source });
        }
    }

    /// Emits all of them.
    pub fn emit(self) {
        if let Some(seen) = self.seen {
            self.events.seen.add(&seen);
        }
        for pending in self.pending {
            match pending {
                Pending::Event(event) => self.events.emit(event),
                Pending::Message(text) => {
                    self.events.say(Severity::Info, self.received_at, || text);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        if self.is_heard {
            self.pending.push(Pending::Event(event));
        }
    }

    fn message(&mut self, text: impl FnOnce() -> String) {
        let (events, time) = (self.events, self.received_at.time());
        let left = self
            .messages_left
            .get_or_insert_with(|| events.messages().left(Severity::Info, time));
        if 0 < *left {
            *left -= 1;
            self.pending.push(Pending::Message(text()));
        }
    }
}

#[cfg(test)]
mod tests;
