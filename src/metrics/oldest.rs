//! When the oldest report in the log was received.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::log::History;

/// How long a reader waits for the log. Then it gets what was read last.
const PATIENCE: Duration = Duration::from_millis(500);

/// Reads the log on a thread of its own: its disk may hang, and the other metrics are needed most then. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct OldestReport {
    /// `None` for a log in memory.
    history: Option<Arc<History>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    is_read: Condvar,
}

#[derive(Debug, Default)]
struct State {
    received_at_s: u64,
    is_being_read: bool,
}

impl OldestReport {
    pub(crate) fn new(history: Option<Arc<History>>) -> Self {
        Self {
            history,
            shared: Arc::default(),
        }
    }

    /// In seconds since 1970; 0 without reports.
    pub(super) fn received_at_s(&self) -> u64 {
        let Some(history) = &self.history else {
            return 0;
        };
        let mut state = self.shared.lock();
        if !state.is_being_read {
            let (history, shared) = (Arc::clone(history), Arc::clone(&self.shared));
            let started = thread::Builder::new()
                .name("oldest report".into())
                .spawn(move || shared.read(&history));
            state.is_being_read = started.is_ok();
        }
        let read = &self.shared.is_read;
        let waited = read.wait_timeout_while(state, PATIENCE, |state| state.is_being_read);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.received_at_s
    }
}

impl Shared {
    fn read(&self, history: &History) {
        let oldest = history.oldest_received_at();
        let mut state = self.lock();
        // What was read last is more likely than nothing.
        if let Ok(oldest) = oldest {
            state.received_at_s = oldest.map_or(0, |at| at.time().seconds().into());
        }
        state.is_being_read = false;
        self.is_read.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
