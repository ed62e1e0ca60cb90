//! `[limits]`: limits for everything that comes from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, count, time};
use crate::setting_text::duration_text;

/// Answers that wait hold their connections.
const REFUSAL_DELAY_MAX: Duration = Duration::from_secs(2);

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body in bytes, as sent and after decompression. Default 8 MiB.
    pub body_bytes_max: usize,
    /// Largest sum of all request bodies in memory, in bytes. At least twice `body_bytes_max`. Default 256 MiB.
    pub bodies_bytes_max: usize,
    /// Largest sum of the bodies over 64 KiB of one sender in memory, in bytes. 0 means an eighth of `bodies_bytes_max`.
    /// Default 0.
    pub bodies_bytes_per_sender_max: usize,
    /// Largest command or form in bytes, as sent and after decompression. Default 256 KiB.
    pub command_bytes_max: usize,
    /// Largest number of reports in one request. Default 10 000.
    pub reports_per_batch_max: usize,
    /// Largest nesting depth of JSON objects and arrays. Default 32.
    pub json_depth_max: usize,
    /// Largest number of open connections. Default 1 024.
    pub connections_max: usize,
    /// Connections from one network of clients, a /24 of IPv4 or a /64 of IPv6. 0 means a quarter of all. Default 0.
    pub connections_per_network_max: usize,
    /// Longest head of a request in bytes. Default 64 KiB.
    pub head_bytes_max: usize,
    /// Longest time a client may take to send a request's head. Default 1 minute: a microcontroller with a bad connection
    /// takes half of it.
    #[serde(with = "duration_text")]
    pub header_timeout: Duration,
    /// Longest time a client may take to send a body of up to 4 KiB, and longest time in which a larger one may be slower
    /// than `body_bytes_per_second_min`. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub body_timeout: Duration,
    /// Slowest that a body may arrive, in bytes a second on average. 0 means no limit. Default 1 000.
    pub body_bytes_per_second_min: u32,
    /// How long a body may be slower than that. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub body_rate_after: Duration,
    /// Longest time to wait for more of the body of a refused request, which is read so that its client sees the answer. In
    /// all that takes at most `body_timeout`. Default 2 seconds.
    #[serde(with = "duration_text")]
    pub refused_body_timeout: Duration,
    /// Longest time a connection may stay open without traffic. Default 60 seconds.
    #[serde(with = "duration_text")]
    pub idle_timeout: Duration,
    /// Largest number of batches that wait for the writer. Default 1 024.
    pub queue_batches_max: usize,
    /// Reports a second from one sender, on average over ten seconds. 0 means no limit. Default 0.
    pub reports_per_second_max: u32,
    /// Bytes a second from one sender, decompressed, on average over ten seconds. 0 means no limit. Default 0.
    pub bytes_per_second_max: u32,
    /// Tracked devices. Past it, the least recently seen one is removed. Default 20 000 000.
    pub devices_max: usize,
    /// Tracked sources. Past it, a new one replaces the one without devices that is silent longest. Default 10 000.
    pub sources_max: usize,
    /// New sources that one sender registers, on average over an hour. 0 means no limit. Default 1 000.
    pub new_sources_per_hour_max: u32,
    /// Bytes of memory for devices, their tags and sources. Past it, the least recently seen devices are removed. 0 means
    /// no limit, else at least 1 MiB. Default 0.
    pub memory_bytes_max: u64,
    /// SSIDs kept for each device. Default 32.
    pub ssids_per_device_max: usize,
    /// Sources kept for each device. Default 64.
    pub sources_per_device_max: usize,
    /// Frequencies counted for each device. Default 64.
    pub frequencies_per_device_max: usize,
    /// Tags kept for each device. Default 32.
    pub tags_per_device_max: usize,
    /// Bytes of the names and values of a device's tags. Default 4 KiB.
    pub tags_bytes_per_device_max: usize,
    /// Bytes of the advertising data of a device, and bytes of its service data. Default 4 KiB.
    pub advertising_bytes_per_device_max: usize,
    /// Items in one page of a list. Default 1 000.
    pub page_items_max: usize,
    /// Fields, patterns or addresses in one command. Default 1 000.
    pub command_items_max: usize,
    /// Buckets in the chart of a device's history. Default 10 000.
    pub history_buckets_max: usize,
    /// Sources, places and channels in all buckets of such a chart together. Default 100 000.
    pub history_entries_max: usize,
    /// Newest observations that the index of histories keeps in memory before it writes them to a file. 0 means no
    /// index: each history then reads the whole log. Default 65 536.
    pub history_memory_rows: usize,
    /// Requests that search or sort all devices at one time. Further ones wait. Default 2, which leaves the writer its
    /// share.
    pub device_walks_max: usize,
    /// Requests that read the log at one time. Further ones wait. Default 2, which leaves the writer its share.
    pub log_reads_max: usize,
    /// Requests that wait for one of the places of `device_walks_max`, and as many for one of `log_reads_max`. Further
    /// ones are refused. Default 32.
    pub reads_waiting_max: usize,
    /// Reads of each of the two kinds that work or wait for one client: a key or a login, else an address. 0 means a
    /// quarter of all that may. Default 0.
    pub reads_per_client_max: usize,
    /// How long an answer waits that refuses too much: 413 and 429. Whoever repeats such requests without a pause takes
    /// less of the processor then. Zero sends them at once. Default 250 milliseconds.
    #[serde(with = "duration_text")]
    pub refusal_delay: Duration,
    /// Open WebSockets and live streams. Default 64.
    pub subscribers_max: usize,
    /// Open WebSockets and live streams of one client: a key or a login, else a network. Default 16.
    pub subscribers_per_client_max: usize,
    /// Bytes a second that one WebSocket is sent. 0 means no limit. Default 2 MiB.
    pub subscriber_bytes_per_second_max: u32,
    /// New devices a second that one live stream tells. The others are only counted. Default 10.
    pub live_devices_per_second_max: usize,
    /// Subscriptions of one WebSocket. Default 64.
    pub subscriptions_max: usize,
    /// Events that a WebSocket may fall behind, rounded up to a power of two. Default 16 384.
    pub events_queue_max: usize,
    /// Longest message from a WebSocket in bytes. Default 64 KiB.
    pub subscriber_message_bytes_max: usize,
    /// Longest time a WebSocket may take to read what it is sent. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub subscriber_timeout: Duration,
    /// Time between two pings of a WebSocket. Default 30 seconds.
    #[serde(with = "duration_text")]
    pub ping_interval: Duration,
    /// Values that one answer names because they were left out of their reports. Default 100.
    pub ignored_max: usize,
    /// Places in one track of a source. Default 10 000.
    pub track_points_max: usize,
    /// Observations of all sources that are read for a track without `since`. Default 2 000 000.
    pub track_observations_max: usize,
    /// Comments on one alert. Default 20.
    pub alert_comments_max: usize,
    /// Longest name of a source in bytes. Default 256.
    pub source_name_bytes_max: usize,
    /// Longest capabilities text in bytes. Default 1 024.
    pub capabilities_bytes_max: usize,
    /// Longest name and longest value of a tag, each in bytes. Default 256.
    pub tag_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 << 20,
            bodies_bytes_max: 256 << 20,
            bodies_bytes_per_sender_max: 0,
            command_bytes_max: 256 << 10,
            reports_per_batch_max: 10_000,
            json_depth_max: 32,
            connections_max: 1024,
            connections_per_network_max: 0,
            head_bytes_max: 64 << 10,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            body_bytes_per_second_min: 1000,
            body_rate_after: Duration::from_secs(5),
            refused_body_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(60),
            queue_batches_max: 1024,
            reports_per_second_max: 0,
            bytes_per_second_max: 0,
            devices_max: 20_000_000,
            sources_max: 10_000,
            new_sources_per_hour_max: 1000,
            memory_bytes_max: 0,
            ssids_per_device_max: 32,
            sources_per_device_max: 64,
            frequencies_per_device_max: 64,
            tags_per_device_max: 32,
            tags_bytes_per_device_max: 4096,
            advertising_bytes_per_device_max: 4096,
            page_items_max: 1000,
            command_items_max: 1000,
            history_buckets_max: 10_000,
            history_entries_max: 100_000,
            history_memory_rows: 65_536,
            device_walks_max: 2,
            log_reads_max: 2,
            reads_waiting_max: 32,
            reads_per_client_max: 0,
            refusal_delay: Duration::from_millis(250),
            subscribers_max: 64,
            subscribers_per_client_max: 16,
            subscriber_bytes_per_second_max: 2 << 20,
            live_devices_per_second_max: 10,
            subscriptions_max: 64,
            events_queue_max: 16_384,
            subscriber_message_bytes_max: 64 << 10,
            subscriber_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            ignored_max: 100,
            track_points_max: 10_000,
            track_observations_max: 2_000_000,
            alert_comments_max: 20,
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
        count(self.bodies_bytes_per_sender_max, 0..=usize::MAX)?;
        count(self.command_bytes_max, 1024..=1 << 30)?;
        for rate in [
            self.body_bytes_per_second_min,
            self.subscriber_bytes_per_second_max,
        ] {
            if 1_000_000_000 < rate {
                return Err("must be 0 to 1000000000".to_owned());
            }
        }
        count(self.reports_per_batch_max, 1..=1_000_000)?;
        count(self.json_depth_max, 4..=100)?; // A report nests 4 deep; `serde_json` stops at 128.
        count(self.connections_max, 1..=1_000_000)?;
        count(self.connections_per_network_max, 0..=1_000_000)?;
        count(self.head_bytes_max, 8192..=1 << 20)?; // hyper takes no less.
        for timeout in [
            self.header_timeout,
            self.body_timeout,
            self.refused_body_timeout,
            self.body_rate_after,
            self.idle_timeout,
            self.subscriber_timeout,
            self.ping_interval,
        ] {
            time(timeout, Duration::from_millis(1)..=DAY)?;
        }
        count(self.queue_batches_max, 1..=1_000_000)?;
        for per_second_max in [self.reports_per_second_max, self.bytes_per_second_max] {
            if 1_000_000_000 < per_second_max {
                return Err("must be 0 to 1000000000".to_owned());
            }
        }
        count(self.devices_max, 1..=1_000_000_000)?;
        count(self.sources_max, 1..=1_000_000)?;
        if 1_000_000 < self.new_sources_per_hour_max {
            return Err("must be 0 to 1000000".to_owned());
        }
        if (1..1 << 20).contains(&self.memory_bytes_max) {
            return Err("must be 0 or at least 1048576".to_owned());
        }
        count(self.page_items_max, 1..=1_000_000)?;
        count(self.command_items_max, 1..=1_000_000)?;
        count(self.history_buckets_max, 1..=1_000_000)?;
        count(self.history_entries_max, 1..=10_000_000)?;
        if self.history_memory_rows != 0 {
            count(self.history_memory_rows, 16..=65_536)
                .map_err(|_| "must be 0 or 16 to 65536".to_owned())?;
        }
        count(self.device_walks_max, 1..=1000)?;
        count(self.log_reads_max, 1..=1000)?;
        count(self.reads_waiting_max, 0..=100_000)?;
        count(self.reads_per_client_max, 0..=100_000)?;
        time(self.refusal_delay, Duration::ZERO..=REFUSAL_DELAY_MAX)?;
        count(self.subscribers_max, 1..=1_000_000)?;
        count(self.subscribers_per_client_max, 1..=1_000_000)?;
        count(self.live_devices_per_second_max, 0..=1000)?;
        count(self.subscriptions_max, 1..=10_000)?;
        count(self.events_queue_max, 1..=1_000_000)?;
        count(self.subscriber_message_bytes_max, 64..=1 << 24)?;
        count(self.ignored_max, 0..=100_000)?;
        count(self.alert_comments_max, 0..=1000)?;
        count(self.track_points_max, 2..=10_000)?;
        count(self.track_observations_max, 1..=1_000_000_000)?;
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
            self.tags_bytes_per_device_max,
            self.advertising_bytes_per_device_max,
        ] {
            count(bytes, 1..=65_535)?;
        }
        Ok(())
    }
}
