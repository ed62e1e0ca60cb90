//! The interface of wardriver.org.

use serde_json::json;
use uuid::Uuid;

use super::{Added, UploadBounds, UploadWriter};
use crate::export::facts::{Kind, small};
use crate::export::security::{self, Generation};
use crate::export::text::shown;
use crate::export::{PlaceOf, Row};
use crate::views::native::Utc;

const SCHEMA: &str = "wardriver.observations.v1";
const END: &str = "]}";

pub(super) struct Wardriver {
    bounds: UploadBounds,
    server: Uuid,
    rows: u64,
    /// The observations, with commas between them.
    out: Vec<u8>,
}

impl Wardriver {
    pub(super) const fn new(bounds: UploadBounds, server: Uuid) -> Self {
        Self {
            bounds,
            server,
            rows: 0,
            out: Vec::new(),
        }
    }

    /// What stands before the observations. A body is a transfer of its own.
    fn head(&self, id: Uuid) -> Vec<u8> {
        let head = json!({
            "schema": SCHEMA,
            "source": format!("scanpost-{}", self.server),
            "client": concat!("scanpost/", env!("CARGO_PKG_VERSION")),
            "transfer": { "id": id, "chunk": 0, "chunks": 1, "final": true },
        });
        let mut head = head.to_string().into_bytes();
        head.pop();
        head.extend_from_slice(b",\"observations\":[");
        head
    }

    fn observation(&self, row: &Row<'_>) -> Option<String> {
        let Row::Observation(observed) = row else {
            return None;
        };
        let place = PlaceOf::default().of(row)?;
        let degrees = |e7: i64| i32::try_from(e7).ok().map(|e7| f64::from(e7) / 1e7);
        let kind = row.kind();
        let security = match kind {
            Kind::Wifi => Generation::of(security::of_row(row)).wigle(),
            Kind::Bluetooth | Kind::LowEnergy => "",
        };
        let (position, index) = (observed.entry.position.get(), observed.index);
        let observation = json!({
            "id": format!("{}-{position}-{index}", self.server),
            "kind": match kind {
                Kind::Wifi => "wifi",
                Kind::Bluetooth | Kind::LowEnergy => "bluetooth",
            },
            "name": shown(row.name(), |_| false).text,
            "bssid": small(row.id().addr),
            "security": security,
            "channel": row.channel_number(),
            "latitude": degrees(place.lat_e7),
            "longitude": degrees(place.lon_e7),
            "seen_at": Utc(observed.report.time).to_string(),
        });
        Some(observation.to_string())
    }
}

impl UploadWriter for Wardriver {
    fn add(&mut self, row: &Row<'_>) -> Added {
        let Some(observation) = self.observation(row) else {
            return Added::Unfit;
        };
        let around = self.head(Uuid::nil()).len() + END.len();
        let bytes = around + self.out.len() + 1 + observation.len();
        let is_full = self.bounds.rows_max <= self.rows || self.bounds.bytes_max < bytes;
        if is_full && 0 < self.rows {
            return Added::Full;
        }
        if 0 < self.rows {
            self.out.push(b',');
        }
        self.out.extend_from_slice(observation.as_bytes());
        self.rows += 1;
        Added::Taken
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(self: Box<Self>, id: Uuid) -> Vec<u8> {
        let mut body = self.head(id);
        body.extend_from_slice(&self.out);
        body.extend_from_slice(END.as_bytes());
        body
    }
}
