//! Alerts by webhook: real requests to a real receiver.

mod alerts;
mod deliveries;
mod faults;
mod kill;
mod receiver;
mod routes;
mod secure;
