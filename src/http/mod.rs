//! Routes, limits, and errors to statuses. Handlers are thin: who may ask, what they sent, what we do, what we answer.

mod clock;
mod error;
mod guard;
mod intake;
mod kismet;
mod native;
mod openapi;
mod ops;
mod page;
mod request;
mod response;
mod route;
mod routes;
pub(crate) mod server;
mod state;

pub use self::kismet::files::PageError;
pub(crate) use self::kismet::files::PageFiles;
pub(crate) use self::routes::service;
pub(crate) use self::state::{App, Parts};
