//! The server's messages. Keeps the latest, and limits their rate.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::report::UnixTime;

/// Number of messages kept, as in Kismet.
pub const MESSAGES_KEPT: usize = 50;
/// Messages of one severity per second, as in Kismet.
const SAYINGS_PER_SECOND: usize = 25;
/// Longest message in bytes. A longer one is cut.
const TEXT_BYTES_MAX: usize = 1024;

/// Severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Normal operation.
    Info,
    /// Something was refused or failed.
    Error,
    /// An alert was raised.
    Alert,
}

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text, for a person.
    pub text: Box<str>,
    /// How much it matters.
    pub severity: Severity,
    /// When it was said.
    pub time: UnixTime,
}

impl Message {
    /// A message, cut to its longest length.
    pub fn new(severity: Severity, time: UnixTime, mut text: String) -> Self {
        let mut bytes = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(bytes) {
            bytes -= 1;
        }
        text.truncate(bytes);
        Self {
            text: text.into(),
            severity,
            time,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    latest: VecDeque<Arc<Message>>,
    info: Counted,
    error: Counted,
    alert: Counted,
}

/// Number of messages in the present second.
#[derive(Debug, Default)]
struct Counted {
    second: Option<UnixTime>,
    said: usize,
}

impl Messages {
    /// Number of messages of a severity that the present second still takes.
    pub(super) fn left(&mut self, severity: Severity, time: UnixTime) -> usize {
        SAYINGS_PER_SECOND.saturating_sub(self.counted(severity, time).said)
    }

    pub(super) fn say(
        &mut self,
        severity: Severity,
        time: UnixTime,
        text: impl FnOnce() -> String,
    ) -> Option<Arc<Message>> {
        let counted = self.counted(severity, time);
        if SAYINGS_PER_SECOND <= counted.said {
            return None;
        }
        counted.said += 1;
        let message = Arc::new(Message::new(severity, time, text()));
        if MESSAGES_KEPT <= self.latest.len() {
            self.latest.pop_front();
        }
        self.latest.push_back(Arc::clone(&message));
        Some(message)
    }

    fn counted(&mut self, severity: Severity, time: UnixTime) -> &mut Counted {
        let counted = match severity {
            Severity::Info => &mut self.info,
            Severity::Error => &mut self.error,
            Severity::Alert => &mut self.alert,
        };
        // If the clock is set back, messages still pass.
        if counted.second != Some(time) {
            *counted = Counted {
                second: Some(time),
                said: 0,
            };
        }
        counted
    }

    pub(super) fn latest(&self) -> Vec<Arc<Message>> {
        self.latest.iter().cloned().collect()
    }
}
