//! Reports out of files, and what is known of them.

use crate::imports::{account, check_counts, mac, wigle};
use crate::server::TestServer;

/// The first version that has them. The file had the rows 0 to 4, and one that was refused.
#[tokio::test]
async fn reports_out_of_files_of_version_5_are_there_and_their_rows_known() {
    let server = TestServer::start_on_fixture("v5").await;
    let device = server.read(&format!("/api/v1/devices/{}", mac(4))).await;
    assert_eq!(device["name"], "net 4", "{device}");
    let imports = server.read("/api/v1/imports").await;
    let file = &imports["imports"][0]["files"][0];
    check_counts(file, [5, 0, 0, 1]);
    let grown = account(&server, wigle(0..8)).await;
    check_counts(&grown, [3, 5, 0, 0]);
    // Reports of the versions before are there too.
    let home = server.device("02:00:5E:10:00:01").await;
    assert_eq!(home["kismet.device.base.name"], "Home");
}
