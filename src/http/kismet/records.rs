//! What it takes to write devices and sources as Kismet's records.

use std::sync::Arc;

use uuid::Uuid;

use crate::alerts::AlertStore;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::response::pace::Pace;
use crate::privacy::Sight;
use crate::report::DeviceKey;
use crate::tracker::{Device, Source, Tracker};
use crate::views::Style;
use crate::views::kismet::{Context, SourceRecord, Sources};

/// The handles behind Kismet's records.
#[derive(Clone, Debug)]
pub(in crate::http) struct Records {
    pub(in crate::http) tracker: Arc<Tracker>,
    pub(in crate::http) alerts: AlertStore,
    pub(in crate::http) server_uuid: Uuid,
    pub(in crate::http) pace: Pace,
}

impl Records {
    /// What records need besides what they are about, at this moment.
    pub(in crate::http) fn context(&self) -> Context {
        Context {
            server: self.server_uuid,
            now: now().time(),
        }
    }

    /// A device as the client sees it, if it does.
    pub(super) fn device(&self, key: DeviceKey, sight: &Sight) -> Result<Device, ApiError> {
        let device = self.tracker.device(key.device());
        let shown = device.and_then(|device| sight.shown(device));
        shown.ok_or(ApiError::NoSuchDevice(key))
    }

    /// What devices show of the sources that saw them, and of alerts.
    pub(super) fn sources(&self, style: Style) -> Sources {
        Sources::new(style, self.tracker.paused(), self.alerts.clone())
    }

    /// A source as it is now.
    pub(super) fn source<'s>(&self, source: &'s Source) -> SourceRecord<'s> {
        SourceRecord {
            source,
            context: self.context(),
            is_paused: self.tracker.paused().contains(&source.id),
        }
    }
}
