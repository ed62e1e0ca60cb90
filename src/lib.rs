//! scanpost takes Wi-Fi and Bluetooth scan reports over HTTP and merges them into one picture of the
//! devices around, speaking the scanning-mode REST interface of the Kismet wireless server.

pub mod ingest;
pub mod log;
pub mod report;
pub mod tracker;
pub mod views;
