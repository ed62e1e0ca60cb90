//! The interface of Kismet's scanning mode.

pub(super) mod absent;
pub(super) mod alerts;
pub(super) mod annotations;
pub(super) mod command;
pub(super) mod device_field;
pub(super) mod device_list;
pub(super) mod device_view;
pub(super) mod devices;
pub(crate) mod files;
pub(super) mod live;
pub(super) mod messages;
pub(super) mod networks;
pub(super) mod page;
pub(super) mod records;
mod routes;
pub(super) mod samples;
pub(super) mod session;
pub(super) mod sources;
pub(super) mod system;

pub(super) use self::routes::routes;
