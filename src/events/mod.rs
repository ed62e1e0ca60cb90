//! What happened, told to those who listen, and the server's own messages.
//!
//! Nobody who tells ever waits for somebody who listens: the queue has a bound, and a listener that is more
//! than its length behind is told how much it missed. When nobody listens, telling costs next to nothing.
//! Events are small; whoever shows one reads the rest from the tracker.

mod messages;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use self::messages::Messages;
pub use self::messages::{MESSAGES_KEPT, Message, Severity};
use crate::alerts::Alert;
use crate::report::{DeviceId, Phy, ReceivedAt, SourceId};
use crate::tracker::News;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A source reports that was not known.
    NewSource(SourceId),
    /// A device was seen that was not tracked.
    NewDevice(DeviceId),
    /// An alert was raised.
    Alert(Arc<Alert>),
    /// A source was paused.
    SourcePaused(SourceId),
    /// A source was resumed.
    SourceResumed(SourceId),
    /// The server said something.
    Message(Arc<Message>),
}

/// Tells events, and lets others listen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    listeners: broadcast::Sender<Event>,
    messages: Arc<Mutex<Messages>>,
}

impl Events {
    /// A queue of `queue_max` events, rounded up to a power of two.
    pub fn new(queue_max: usize) -> Self {
        Self {
            listeners: broadcast::Sender::new(queue_max),
            messages: Arc::default(),
        }
    }

    /// Listens to what happens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.listeners.subscribe()
    }

    /// The server says something, unless it says too much of the kind in this second.
    pub fn say(&self, severity: Severity, now: ReceivedAt, text: impl FnOnce() -> String) {
        let message = self.messages().say(severity, now.time(), text);
        if let Some(message) = message {
            self.tell(Event::Message(message));
        }
    }

    /// An alert was raised.
    pub fn alert(&self, alert: &Arc<Alert>) {
        self.tell(Event::Alert(Arc::clone(alert)));
        let raised = &alert.raised;
        self.say(Severity::Alert, raised.raised_at, || {
            format!("{} {}", raised.header, raised.text)
        });
    }

    /// The latest messages, the oldest first.
    pub fn latest_messages(&self) -> Vec<Arc<Message>> {
        self.messages().latest()
    }

    /// Collects what a batch tells, to be told when the batch is in the tracker.
    pub fn collect(&self, received_at: ReceivedAt) -> Collected<'_> {
        Collected {
            events: self,
            received_at,
            is_heard: 0 < self.listeners.receiver_count(),
            sayings_left: None,
            told: Vec::new(),
        }
    }

    /// Tells an event that is not of a batch.
    pub fn tell(&self, event: Event) {
        // Nobody may be listening.
        self.listeners.send(event).ok();
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a batch tells, held back while devices are locked.
#[derive(Debug)]
pub struct Collected<'e> {
    events: &'e Events,
    received_at: ReceivedAt,
    is_heard: bool,
    /// How many more messages would be said; not asked before there is one.
    sayings_left: Option<usize>,
    told: Vec<Told>,
}

#[derive(Debug)]
enum Told {
    Event(Event),
    Saying(String),
}

impl Collected<'_> {
    /// Takes note of something new.
    pub fn add(&mut self, news: News<'_>) {
        match news {
            News::Source(id) => {
                self.event(Event::NewSource(id));
                self.saying(|| format!("New source of scan reports: {id}"));
            }
            News::Device(id) => {
                self.event(Event::NewDevice(id));
                // Kismet's texts, which scripts look for.
                self.saying(|| match id.phy {
                    Phy::Wifi => format!("Detected new 802.11 Wi-Fi access point {}", id.addr),
                    Phy::Bluetooth => format!("Detected new Bluetooth device {}", id.addr),
                });
            }
            News::Ssid(_, ssid) if ssid.is_hidden() => {}
            News::Ssid(id, ssid) => {
                let addr = id.addr;
                self.saying(|| format!("802.11 Wi-Fi device {addr} advertising SSID '{ssid}'"));
            }
        }
    }

    /// Tells it all.
    pub fn tell(self) {
        for told in self.told {
            match told {
                Told::Event(event) => self.events.tell(event),
                Told::Saying(text) => {
                    self.events.say(Severity::Info, self.received_at, || text);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        if self.is_heard {
            self.told.push(Told::Event(event));
        }
    }

    fn saying(&mut self, text: impl FnOnce() -> String) {
        let (events, time) = (self.events, self.received_at.time());
        let left = self
            .sayings_left
            .get_or_insert_with(|| events.messages().left(Severity::Info, time));
        if 0 < *left {
            *left -= 1;
            self.told.push(Told::Saying(text()));
        }
    }
}

#[cfg(test)]
mod tests;
