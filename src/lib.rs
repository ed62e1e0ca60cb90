//! scanpost takes Wi-Fi and Bluetooth scan reports over HTTP and merges them into one picture of the
//! devices around, speaking the scanning-mode REST interface of the Kismet wireless server.
//!
//! # The path of a report
//!
//! ```text
//! HTTP ─ auth ─ decode ──▶ Batch ──▶ judge ──▶ log.append ──▶ fold.apply ──▶ answer 200
//!                                                                 │
//!                                                                 ├──▶ tracker ──▶ views, snapshots
//!                                                                 ├──▶ alerts
//!                                                                 └──▶ events
//! ```
//!
//! There is only this path. A report that was answered with `200` is in the log and in the views.
//!
//! # The parts
//!
//! | module | owns | must not know |
//! |---|---|---|
//! | [`report`] | the typed domain: addresses, times, signals, positions, a [`report::Batch`] | anything else here |
//! | [`ingest`] | decoders (bytes to batch), the queue, the writer thread, housekeeping | HTTP |
//! | [`log`] | the ordered record of accepted batches | who reads it |
//! | [`fold`] | applying a record: judge, tracker, alerts, events | threads, queues, HTTP |
//! | [`tracker`] | the state that the fold derives from the log: devices, sources | clocks, files, JSON |
//! | [`alerts`] | rules about changes, and the alerts that they raised | who receives them, HTTP |
//! | [`events`] | notifications of changes; the server's messages | who listens, HTTP |
//! | [`snapshot`] | the tracker on disk, so that a start need not read the whole log | what devices mean |
//! | [`views`] | tracked state and logged reports in the formats of clients | HTTP |
//! | [`outbox`] | deliveries to others: durable cursors, queues, retries, the client | what is sent |
//! | [`webhook`] | alerts as signed requests for the outbox | who raises them, HTTP routes |
//! | [`forward`] | observations as uploads to services: parts, cursors over the log | HTTP routes |
//! | [`tak`] | reported devices as live events for TAK programs: queues, connections | HTTP routes |
//! | [`auth`] | users, keys, logins, roles | HTTP |
//! | `http` | routes and the roles they require, limits, errors to statuses | how anything is stored |
//! | [`backup`] | consistent copies of a data directory, and their check | how anything is stored |
//! | `data_dir` | the names, modes and locks of all files in the data directory | what is in them |
//! | [`metrics`] | the list of all counters and gauges | who reads them |
//! | `page` | the files of the web page | HTTP |
//! | `import` | files that people have already: forms, readers, jobs, identities of rows | HTTP |
//! | `export` | files for other programs: forms, and the rows that they show | HTTP, who reads them |
//! | [`erase`] | removing what is to be forgotten from all files, across crashes | HTTP |
//! | [`privacy`] | what may leave: zones, lists, owners who opted out | files and HTTP, apart from its key |
//! | `maps` | base maps: archives of tiles, and styles for them | HTTP |
//! | `described` | types as the `OpenAPI` document describes them | routes |
//! | [`config`] | file, environment and flags to one checked value | what it is for |
//!
//! Dependencies point one way:
//! `http → {auth, ingest, views, webhook, forward, tak} → {fold, snapshot} → events → alerts → tracker → log → report`.
//!
//! # What holds everywhere
//!
//! 1. Devices change only through [`fold::Fold::apply`], in the order of the log, on one thread, after the record is on
//!    disk.
//! 2. Work that must finish does not run in a request's future: a client that disconnects drops it.
//! 3. `report`, the decoders, `tracker`, the rules of `alerts` and `views` hold no `async`, read no clock and open no file.
//! 4. No lock is held across an await, or while an answer is written: readers copy a bounded part.
//! 5. Everything from outside has a bound, and the bound is in the config.

pub mod alerts;
// `missing_docs` is on for the modules whose items the program itself uses from outside the library.
#[warn(missing_docs)]
pub mod auth;
#[warn(missing_docs)]
pub mod backup;
mod bounded;
#[warn(missing_docs)]
pub mod config;
mod data_dir;
mod described;
#[warn(missing_docs)]
pub mod erase;
pub mod events;
mod export;
pub mod fold;
pub mod forward;
#[doc(hidden)]
pub mod fuzzing;
mod hex;
mod histogram;
mod http;
mod import;
pub mod ingest;
#[warn(missing_docs)]
pub mod log;
mod maps;
pub mod metrics;
mod notify;
pub mod outbox;
mod page;
#[warn(missing_docs)]
pub mod privacy;
mod process;
pub mod report;
mod serve;
mod setting_text;
pub mod snapshot;
pub mod tak;
pub mod tracker;
pub mod views;
pub mod webhook;

/// Many small values are allocated on one thread and freed on another. The C library's allocator waits for locks then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use import::{read_database, use_program};
pub use serve::{
    BindError, Listeners, PageError, Reload, ServeError, StartOptions, TlsError, erase_from,
    ip_addresses, serve, serve_log, serve_with,
};
