//! Tests of the server from outside: real sockets, real files, real processes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod alerts;
mod annotations;
mod auth;
mod auth_matrix;
mod auth_program;
mod backup;
mod basemaps;
mod bluetooth;
mod captures;
mod channels;
mod compression;
mod crash;
mod data_dir;
mod defects;
mod defects_security;
mod docs;
mod durability;
mod erase;
mod errors;
mod examples;
mod exports;
mod faults;
mod field;
mod fields;
mod fill;
mod filters;
mod forms;
mod forwards;
mod fuzz;
mod geosubmit;
mod histories;
mod history;
mod history_index;
mod imports;
mod ingest;
mod kismet_page;
mod limits;
mod listeners;
mod live;
mod log_command;
mod manufacturers;
mod metrics;
mod migration;
mod mvt;
mod native;
mod nonsense;
mod openapi;
mod origin;
mod outbox;
#[cfg(unix)]
mod packaging;
mod page;
mod paging;
mod private_views;
mod program;
mod proxy;
mod python;
mod readers;
mod reads;
mod related;
mod reload;
mod replay;
mod retention;
mod revocation;
mod rights;
mod scanners;
mod schema;
mod security;
mod server;
mod sessions;
mod skip;
mod snapshot;
mod source_bounds;
mod source_names;
mod sources;
mod stored;
mod streams;
mod summary;
mod tak;
mod tidy;
mod tiles;
mod tls;
#[cfg(unix)]
mod turns;
mod views;
mod webhooks;
