//! The interface of Kismet's scanning mode.

pub(in crate::http) mod absent;
pub(in crate::http) mod alerts;
pub(in crate::http) mod annotations;
pub(in crate::http) mod command;
pub(in crate::http) mod device_list;
pub(in crate::http) mod device_view;
pub(in crate::http) mod devices;
pub(in crate::http) mod live;
pub(in crate::http) mod messages;
pub(in crate::http) mod networks;
pub(in crate::http) mod session;
pub(in crate::http) mod sources;
pub(in crate::http) mod system;
