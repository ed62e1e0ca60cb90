//! Subscribers, which stay: their places, bounded in all and for each client, and what they are allowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::auth::{Access, Standing};
use crate::config::Limits;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::sender::Sender;

/// Hands out places. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct Places {
    max: usize,
    per_client_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by_client: HashMap<Sender, usize>,
}

/// The place of one subscriber. It is free again when this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Place {
    places: Places,
    client: Sender,
}

impl Places {
    pub(in crate::http) fn new(max: usize, per_client_max: usize) -> Self {
        Self {
            max,
            per_client_max,
            taken: Arc::default(),
        }
    }

    pub(in crate::http) fn take(&self, client: Sender) -> Result<Place, ApiError> {
        let mut taken = self.taken();
        if self.max <= taken.in_all {
            return Err(ApiError::TooManySubscribers);
        }
        let of_client = taken.by_client.get(&client).copied().unwrap_or_default();
        if self.per_client_max <= of_client {
            return Err(ApiError::TooManySubscribersOfClient);
        }
        taken.in_all += 1;
        taken.by_client.insert(client.clone(), of_client + 1);
        drop(taken);
        Ok(Place {
            places: self.clone(),
            client,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What opened a subscription. Without credentials nothing can end.
pub(in crate::http) struct Right {
    pub(in crate::http) access: Access,
    pub(in crate::http) standing: Standing,
}

impl Right {
    /// Whether the login or key is still valid, with the same role.
    pub(in crate::http) fn holds(&self) -> bool {
        let now = now().time().seconds().into();
        self.access.still_holds(&self.standing, now, Instant::now())
    }
}

/// Time between two signs of life. A connection on which nothing moves is closed, so something has to move in time.
pub(in crate::http) fn ping_interval(limits: &Limits) -> Duration {
    let in_time = limits.ping_interval.min(limits.idle_timeout / 2);
    in_time.max(Duration::from_millis(1))
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.in_all -= 1;
        if let Some(of_client) = taken.by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}
