//! Advertising data of Bluetooth devices in the views.

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, TestServer, batch, timeless};
use crate::snapshot::expect_snapshot;

/// Flags 0x06, the service 0x180d and more, `HR Strap`, a heart rate belt, 4 dBm (see `report/advertising/tests.rs`).
const STRAP: &str = "02010603020d180909485220537472617003194103020a04";

async fn report(server: &TestServer, reports: Value) {
    let count = reports.as_array().unwrap().len();
    let answer = server.post_json(BLUETOOTH, &batch(reports)).await;
    assert_eq!(answer.expect_status(200).json()["accepted"], count);
}

#[tokio::test]
async fn advertising_data_is_in_both_views() {
    let server = TestServer::start().await;
    // Adds service data of Eddystone, manufacturer data of Apple (0x004c), a solicited service, and a truncated
    // structure.
    let scan_data = format!("{STRAP}0516aafe1000 06ff4c00100501 03140f18 1fff").replace(' ', "");
    let address = "C0:FF:EE:00:00:01";
    report(
        &server,
        json!([{
            "btaddr": address, "timestamp": 1_700_000_000, "scan_data": scan_data,
            "service_data": { "0000180f-0000-1000-8000-00805f9b34fb": "64", "odd": "01" },
        }]),
    )
    .await;

    let device = server.device(address).await;
    assert_eq!(device["kismet.device.base.name"], "HR Strap");
    assert_eq!(device["kismet.device.base.commonname"], "HR Strap");
    expect_snapshot("kismet_bluetooth", device["bluetooth.device"].clone());
    let view = server
        .read("/devices/views/phy-Bluetooth/devices.json")
        .await;
    assert_eq!(timeless(view), timeless(json!([device])));

    let native = server.read(&format!("/api/v1/devices/{address}")).await;
    assert_eq!(native["name"], "HR Strap");
    expect_snapshot("native_bluetooth", native["bluetooth"].clone());
}

#[tokio::test]
async fn the_better_name_is_shown_whichever_came_first() {
    // A shortened name, a complete name, no name; and a name from the scanner.
    let part =
        |n| json!({ "btaddr": "c0:ff:ee:00:00:02", "timestamp": n, "scan_data": "06085374726170" });
    let whole = |n| json!({ "btaddr": "c0:ff:ee:00:00:02", "timestamp": n, "scan_data": STRAP });
    let none = |n| json!({ "btaddr": "c0:ff:ee:00:00:02", "timestamp": n, "scan_data": "020106" });
    let given = |n| json!({ "btaddr": "c0:ff:ee:00:00:02", "timestamp": n, "name": "Chest" });
    for (reports, name) in [
        (vec![none(1)], Value::Null),
        (vec![part(1), none(2)], json!("Strap")),
        (vec![whole(1), part(2), none(3)], json!("HR Strap")),
        (vec![part(2), whole(1)], json!("HR Strap")),
        (vec![given(1), whole(2), none(3)], json!("Chest")),
        (vec![whole(2), given(1)], json!("Chest")),
    ] {
        let server = TestServer::start().await;
        for report_of_one in &reports {
            report(&server, json!([report_of_one])).await;
        }
        let shown = async |server: &TestServer| {
            let native = server.read("/api/v1/devices/c0:ff:ee:00:00:02").await;
            let kismet = server.device("c0:ff:ee:00:00:02").await;
            let text = name.as_str().unwrap_or_default();
            assert_eq!(kismet["kismet.device.base.name"], text, "{reports:?}");
            assert_eq!(native["name"], name, "{reports:?}");
            assert_eq!(native["bluetooth"]["name"], name, "{reports:?}");
        };
        shown(&server).await;
        // Both the snapshot and the log restore the name.
        let server = server.restart().await;
        shown(&server).await;
        shown(&server.restart_without_snapshots().await).await;
    }
}

#[tokio::test]
async fn the_kind_of_device_has_kismets_number() {
    let server = TestServer::start().await;
    for (last, (kind, fields)) in [
        (0, json!({})),
        (0, json!({ "devicetype": "BR/EDR", "scan_data": "020106" })),
        (1, json!({ "devicetype": "ble" })),
        (2, json!({ "devicetype": "BT", "scan_data": "020106" })),
        (1, json!({ "devicetype": "Phone", "scan_data": "020106" })),
        (2, json!({ "scan_data": "02011a" })),
        (1, json!({ "scan_data": "020a04" })),
    ]
    .into_iter()
    .enumerate()
    {
        let mut sighting =
            json!({ "btaddr": format!("c0:ff:ee:00:01:{last:02x}"), "timestamp": 1_700_000_000 });
        let sighting_fields = sighting.as_object_mut().unwrap();
        sighting_fields.extend(fields.as_object().unwrap().clone());
        report(&server, json!([sighting])).await;
        let device = server.device(sighting["btaddr"].as_str().unwrap()).await;
        assert_eq!(
            device["bluetooth.device"]["bluetooth.device.type"], kind,
            "{sighting}"
        );
    }
}
