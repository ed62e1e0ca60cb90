//! `[limits]`: the bounds of everything that comes from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, count, time};
use crate::setting_text::duration_text;

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one request body, as sent and after inflating. Default 8 MiB.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies in memory together; at least twice `body_bytes_max`. Default 256 MiB.
    pub bodies_bytes_max: usize,
    /// Reports in one request. Default 10 000.
    pub reports_per_batch_max: usize,
    /// How deep JSON objects and arrays may nest. Default 32.
    pub json_depth_max: usize,
    /// Connections open at one time. Default 1 024.
    pub connections_max: usize,
    /// How long a client may take to send a request's head. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub body_timeout: Duration,
    /// How long a connection may stay open with nothing moving on it. Default 60 seconds.
    #[serde(with = "duration_text")]
    pub idle_timeout: Duration,
    /// Accepted requests that may wait for the writer. Default 1 024.
    pub queue_batches_max: usize,
    /// Reports a second from one sender, on average over ten seconds. Default 0, without a bound.
    pub reports_per_second_max: u32,
    /// Devices tracked; past it the least recently seen makes room. Default 20 000 000.
    pub devices_max: usize,
    /// Sources tracked. Default 10 000.
    pub sources_max: usize,
    /// SSIDs kept a device. Default 32.
    pub ssids_per_device_max: usize,
    /// Sources kept a device. Default 64.
    pub sources_per_device_max: usize,
    /// Frequencies counted a device. Default 64.
    pub frequencies_per_device_max: usize,
    /// Tags kept a device. Default 32.
    pub tags_per_device_max: usize,
    /// Items in one page of a list. Default 1 000.
    pub page_items_max: usize,
    /// Fields, patterns or addresses in one command. Default 1 000.
    pub command_items_max: usize,
    /// Requests that look at many devices at one time; others wait. Default 2, which leaves the writer its share.
    pub device_walks_max: usize,
    /// Requests that read the log at one time; others wait. Default 2, which leaves the writer its share.
    pub log_reads_max: usize,
    /// WebSockets open at one time. Default 64.
    pub subscribers_max: usize,
    /// Subscriptions of one WebSocket. Default 64.
    pub subscriptions_max: usize,
    /// Events that a subscriber may be behind, rounded up to a power of two. Default 16 384.
    pub events_queue_max: usize,
    /// Bytes of a message that a subscriber sends. Default 64 KiB.
    pub subscriber_message_bytes_max: usize,
    /// How long a subscriber may take to take what it is sent. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub subscriber_timeout: Duration,
    /// How often a subscriber has to show that it is there. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub ping_interval: Duration,
    /// Bytes of a source's name. Default 256.
    pub source_name_bytes_max: usize,
    /// Bytes of a capabilities text. Default 1 024.
    pub capabilities_bytes_max: usize,
    /// Bytes of a tag's name, and of its value. Default 256.
    pub tag_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 << 20,
            bodies_bytes_max: 256 << 20,
            reports_per_batch_max: 10_000,
            json_depth_max: 32,
            connections_max: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            queue_batches_max: 1024,
            reports_per_second_max: 0,
            devices_max: 20_000_000,
            sources_max: 10_000,
            ssids_per_device_max: 32,
            sources_per_device_max: 64,
            frequencies_per_device_max: 64,
            tags_per_device_max: 32,
            page_items_max: 1000,
            command_items_max: 1000,
            device_walks_max: 2,
            log_reads_max: 2,
            subscribers_max: 64,
            subscriptions_max: 64,
            events_queue_max: 16_384,
            subscriber_message_bytes_max: 64 << 10,
            subscriber_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            source_name_bytes_max: 256,
            capabilities_bytes_max: 1024,
            tag_bytes_max: 256,
        }
    }
}

impl Limits {
    pub(super) fn check_each(&self) -> Result<(), String> {
        count(self.body_bytes_max, 1..=1 << 30)?;
        count(self.bodies_bytes_max, 2..=usize::MAX)?;
        count(self.reports_per_batch_max, 1..=1_000_000)?;
        count(self.json_depth_max, 4..=100)?; // A report is 4 deep; `serde_json` itself stops at 128.
        count(self.connections_max, 1..=1_000_000)?;
        for timeout in [
            self.header_timeout,
            self.body_timeout,
            self.idle_timeout,
            self.subscriber_timeout,
            self.ping_interval,
        ] {
            time(timeout, Duration::from_millis(1)..=DAY)?;
        }
        count(self.queue_batches_max, 1..=1_000_000)?;
        if 1_000_000_000 < self.reports_per_second_max {
            return Err("must be 0 to 1000000000".to_owned());
        }
        count(self.devices_max, 1..=1_000_000_000)?;
        count(self.sources_max, 1..=1_000_000)?;
        count(self.page_items_max, 1..=1_000_000)?;
        count(self.command_items_max, 1..=1_000_000)?;
        count(self.device_walks_max, 1..=1000)?;
        count(self.log_reads_max, 1..=1000)?;
        count(self.subscribers_max, 1..=1_000_000)?;
        count(self.subscriptions_max, 1..=10_000)?;
        count(self.events_queue_max, 1..=1_000_000)?;
        count(self.subscriber_message_bytes_max, 64..=1 << 24)?;
        for entries in [
            self.ssids_per_device_max,
            self.sources_per_device_max,
            self.frequencies_per_device_max,
            self.tags_per_device_max,
        ] {
            count(entries, 1..=10_000)?;
        }
        for bytes in [
            self.source_name_bytes_max,
            self.capabilities_bytes_max,
            self.tag_bytes_max,
        ] {
            count(bytes, 1..=65_535)?;
        }
        Ok(())
    }
}
