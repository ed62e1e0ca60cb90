//! The server's messages: the latest are kept, and a flood of them is cut.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::report::UnixTime;

/// How many messages are kept, as with Kismet.
pub const MESSAGES_KEPT: usize = 50;
/// How many messages of one severity a second has room for, as with Kismet.
const SAYINGS_PER_SECOND: usize = 25;
/// Bytes of a message; what is past it is cut.
const TEXT_BYTES_MAX: usize = 1024;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Things go as they should.
    Info,
    /// Something was refused or failed.
    Error,
    /// An alert was raised.
    Alert,
}

/// What the server said.
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
    /// A message whose text is cut at its bound.
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

/// How many were said in a second.
#[derive(Debug, Default)]
struct Counted {
    second: Option<UnixTime>,
    said: usize,
}

impl Messages {
    /// How many messages of a severity the second has still room for.
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
        // A clock that is set back does not silence anybody.
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
