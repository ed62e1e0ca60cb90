//! Names that people gave scanners.

use std::fs;

use serde_json::{Value, json};

use crate::server::{TestServer, copy_of_fixture};

/// The first version that has them. The snapshot has the names of before, and the log after it changes two of them.
#[tokio::test]
async fn names_that_scanners_were_given_in_version_6_are_there() {
    let by_snapshot = copy_of_fixture("v6");
    let by_log = copy_of_fixture("v6");
    fs::remove_dir_all(by_log.path().join("snapshots")).unwrap();
    for data in [by_snapshot, by_log] {
        let server = TestServer::start_on(data, scanpost::config::Config::default()).await;
        let list = server.read("/api/v1/sources").await;
        let names = list["sources"].as_array().unwrap().iter();
        let names: Vec<_> = names
            .map(|source: &Value| [&source["name"], &source["sent_name"]])
            .collect();
        let expected = json!([
            ["on the roof", "phone 2"],
            ["in the cellar", "board"],
            ["laptop", null],
        ]);
        assert_eq!(json!(names), expected);
    }
}
