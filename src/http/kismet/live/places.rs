//! The places of WebSockets: bounded in all, and for each client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::error::ApiError;
use crate::http::request::sender::Sender;

/// Hands out places. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Places {
    max: usize,
    per_client_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by_client: HashMap<Sender, usize>,
}

/// The place of one WebSocket. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    client: Sender,
}

impl Places {
    pub(super) fn new(max: usize, per_client_max: usize) -> Self {
        Self {
            max,
            per_client_max,
            taken: Arc::default(),
        }
    }

    pub(super) fn take(&self, client: Sender) -> Result<Place, ApiError> {
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
