//! Alerts by webhook: real requests to a real receiver.

mod alerts;
mod deliveries;
mod faults;
mod kill;
pub(crate) mod receiver;
mod routes;
mod secure;
