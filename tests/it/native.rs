//! The native interface: filtered and sorted lists of devices, and single devices.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, BLUETOOTH, SOURCE, TestServer, WIFI, batch};

const LIST: &str = "/api/v1/devices";
const FREQUENCIES_KHZ: [u32; 3] = [2_437_000, 5_180_000, 5_955_000];
const CAPABILITIES: [&str; 3] = ["[WPA2-PSK-CCMP][ESS]", "[ESS]", ""];

/// Forty access points, many of them equal in some field, and a headset.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let report = |n: u32| {
        let mut report = json!({
            "bssid": format!("02:00:00:00:{:02x}:{:02x}", n % 3, n), "ssid": format!("Net {}", n % 7),
            "timestamp": 1_700_000_000 + n % 5, "signal": -40 - i64::from(n % 6),
            "freqkhz": FREQUENCIES_KHZ[n as usize % 3],
            "capabilities": CAPABILITIES[n as usize % 3],
        });
        if n.is_multiple_of(4) {
            report["lat"] = json!(40.0 + f64::from(n) / 100.0);
            report["lon"] = json!(if n.is_multiple_of(8) { 179.5 } else { -179.5 });
        }
        report
    };
    // The oldest reports are sent last, so that the order of changes differs from the order of observations.
    server.report((0..40).rev().map(report).collect()).await;
    server
        .report(json!([report(1), report(1), report(2)]))
        .await;
    let mut body = batch(
        json!([{ "btaddr": "02:00:00:00:00:00", "name": "Headset", "timestamp": 1_700_000_050 }]),
    );
    body["source_uuid"] = json!(SOURCE.replace('4', "5"));
    body["source_name"] = json!("watch");
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    server
}

async fn devices(server: &TestServer, query: &str) -> Vec<Value> {
    let page = server.read(&format!("{LIST}?limit=1000&{query}")).await;
    assert_eq!(page["next_cursor"], Value::Null);
    page["devices"].as_array().unwrap().clone()
}

#[tokio::test]
async fn pages_of_every_order_join_to_the_whole() {
    let server = server().await;
    let all = devices(&server, "").await;
    assert_eq!(all.len(), 41);
    for (sort, field, default) in [
        ("last_seen", "last_seen", "desc"),
        ("signal", "signal_dbm", "desc"),
        ("name", "name", "asc"),
        ("reports", "reports", "desc"),
    ] {
        for order in ["asc", "desc"] {
            let whole = devices(&server, &format!("sort={sort}&order={order}")).await;
            assert_eq!(whole.len(), 41, "{sort} {order}");
            let key = |device: &Value| match &device[field] {
                Value::String(text) => (0, text.to_lowercase()),
                Value::Null => (-1000, String::new()),
                number => (number.as_i64().unwrap(), String::new()),
            };
            let is_ordered = if order == "asc" {
                whole.is_sorted_by_key(key)
            } else {
                whole.iter().rev().is_sorted_by_key(key)
            };
            assert!(is_ordered, "{sort} {order}");
            if order == default {
                assert_eq!(devices(&server, &format!("sort={sort}")).await, whole);
            }
            for limit in [1, 3, 40, 41] {
                let (mut joined, mut cursor) = (Vec::new(), String::new());
                loop {
                    let path =
                        format!("{LIST}?sort={sort}&order={order}&limit={limit}&cursor={cursor}");
                    let page = server.read(&path).await;
                    joined.extend(page["devices"].as_array().unwrap().clone());
                    match page["next_cursor"].as_str() {
                        Some(next) => next.clone_into(&mut cursor),
                        None => break,
                    }
                }
                assert_eq!(joined, whole, "{sort} {order} {limit}");
            }
        }
    }
    // The same after a start from a snapshot.
    let server = server.restart().await;
    assert_eq!(devices(&server, "").await, all);
}

#[tokio::test]
async fn filters_choose_devices() {
    let server = server().await;
    let all = devices(&server, "").await;
    let check = async |query: &str, wanted: &dyn Fn(&Value) -> bool| {
        let found = devices(&server, query).await;
        let expected: Vec<_> = all
            .iter()
            .filter(|device| wanted(device))
            .cloned()
            .collect();
        assert!(!expected.is_empty(), "{query} matches nothing");
        assert_eq!(found, expected, "{query}");
    };
    check("phy=wifi", &|device| device["phy"] == "IEEE802.11").await;
    check("phy=Bluetooth", &|device| device["phy"] == "Bluetooth").await;
    check("ssid=Net%203", &|device| device["name"] == "Net 3").await;
    check("ssid_contains=NET+3", &|device| device["name"] == "Net 3").await;
    check("address_prefix=02:00:00:00:01", &|device| {
        device["address"]
            .as_str()
            .unwrap()
            .starts_with("02:00:00:00:01")
    })
    .await;
    check("address_prefix=020000000", &|device| {
        device["address"]
            .as_str()
            .unwrap()
            .starts_with("02:00:00:00:0")
    })
    .await;
    check("source=watch", &|device| device["phy"] == "Bluetooth").await;
    check(&format!("source={SOURCE}"), &|device| {
        device["phy"] != "Bluetooth"
    })
    .await;
    check("security=wpa2-personal", &|device| {
        device["security"] == "wpa2-personal"
    })
    .await;
    check("security=open", &|device| device["security"] == "open").await;
    check("channel=36", &|device| device["channel"] == "36").await;
    check("band=2.4&phy=wifi", &|device| {
        device["frequency_khz"] == 2_437_000
    })
    .await;
    check("band=6", &|device| device["frequency_khz"] == 5_955_000).await;
    check("signal_min_dbm=-42", &|device| {
        device["signal_dbm"]
            .as_i64()
            .is_some_and(|signal| -42 <= signal)
    })
    .await;
    check("since=1700000003", &|device| {
        1_700_000_003 <= device["last_seen"].as_i64().unwrap()
    })
    .await;
    check("until=2023-11-14T22:13:22Z", &|device| {
        device["last_seen"].as_i64().unwrap() <= 1_700_000_002
    })
    .await;
    check("bbox=40,179,40.2,-179", &|device| {
        device["lat"].as_f64().is_some_and(|lat| lat <= 40.2)
    })
    .await;
    check("bbox=40,-180,41,0", &|device| {
        device["lon"].as_f64().is_some_and(|lon| lon < 0.0)
    })
    .await;
    check("security=open,wpa2-personal", &|device| {
        device["security"] == "open" || device["security"] == "wpa2-personal"
    })
    .await;
    check("phy=bluetooth,wifi", &|_| true).await;
    check("channel=36,6&phy=wifi", &|device| {
        device["channel"] == "36" || device["channel"] == "6"
    })
    .await;
    check("band=2.4,6&phy=wifi", &|device| {
        device["frequency_khz"] == 2_437_000 || device["frequency_khz"] == 5_955_000
    })
    .await;
    check(&format!("source=watch,%20{SOURCE}"), &|_| true).await;
    check("near=40,179.5,1000", &|device| {
        device["address"] == "02:00:00:00:00:00" && device["phy"] == "IEEE802.11"
    })
    .await;
    // Over the date line: a degree of longitude has 85 km here.
    check("near=40,179.9,55000", &|device| {
        let (lat, lon) = (device["lat"].as_f64(), device["lon"].as_f64());
        lat.is_some_and(|lat| lat < 40.15) || lon == Some(179.5)
    })
    .await;
    check("near=0,0,20100000", &|device| device["lat"].is_number()).await;
    check("band=5&signal_min_dbm=-44&security=open", &|device| {
        device["frequency_khz"] == 5_180_000 && -44 <= device["signal_dbm"].as_i64().unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_name_with_a_comma_can_be_asked_for() {
    let server = TestServer::start().await;
    for (number, name, bssid) in [
        (1, "attic, east", "00:00:0C:00:00:01"),
        (2, "attic", "00:00:5E:00:00:02"),
        (3, "east", "02:00:00:00:00:03"),
    ] {
        let mut body = batch(json!([{ "bssid": bssid }]));
        body["source_uuid"] = json!(format!("55555555-0000-0000-0000-00000000000{number}"));
        body["source_name"] = json!(name);
        server.post_json(WIFI, &body).await.expect_status(200);
    }
    let found = async |query: &str| {
        let devices = devices(&server, &format!("sort=address&{query}")).await;
        let addresses = devices.iter().map(|device| device["address"].clone());
        addresses.collect::<Vec<_>>()
    };
    let (cisco, icann, random) = (
        "00:00:0C:00:00:01",
        "00:00:5E:00:00:02",
        "02:00:00:00:00:03",
    );
    assert_eq!(found("source=attic,%20east").await, [cisco]);
    assert_eq!(found("source=east,attic").await, [icann, random]);
    assert_eq!(
        found("source=55555555-0000-0000-0000-000000000001,east").await,
        [cisco, random]
    );
    // The listing has "Cisco Systems, Inc", and other names with "Inc".
    assert_eq!(found("manufacturer=systems,%20INC").await, [cisco]);
    assert_eq!(found("manufacturer=icann,cisco").await, [cisco, icann]);
    assert_eq!(found("manufacturer=nobody,nowhere").await, [""; 0]);
}

#[tokio::test]
async fn filters_leave_out_names_and_choose_by_position() {
    let server = server().await;
    let all = devices(&server, "").await;
    let check = async |query: &str, wanted: &dyn Fn(&Value) -> bool| {
        let found = devices(&server, query).await;
        let expected = all.iter().filter(|device| wanted(device)).cloned();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{query}");
        assert!(!found.is_empty(), "{query}");
    };
    check("with_position=true", &|device| device["lat"].is_number()).await;
    check("with_position=false", &|device| device["lat"].is_null()).await;
    check("name_not=Net%203", &|device| device["name"] != "Net 3").await;
    check("name_not=Net+3&phy=wifi&name_not=Net+4", &|device| {
        device["phy"] == "IEEE802.11" && device["name"] != "Net 3" && device["name"] != "Net 4"
    })
    .await;
    check("name_not=Headset", &|device| device["phy"] != "Bluetooth").await;
    // Names are compared whole, and empty ones leave nothing out.
    check("name_not=Net&name_not=net+3&name_not=", &|_| true).await;
}

/// A device may have several names, and each of them may have commas or be no text.
#[tokio::test]
async fn a_device_is_left_out_by_each_of_its_names() {
    let server = TestServer::start().await;
    let home = "00:11:22:00:00:01";
    server
        .report(json!([
            { "bssid": home, "ssid": "home, sweet" },
            { "bssid": home, "ssid": "guests" },
            { "bssid": "00:11:22:00:00:02", "ssid": "other" },
            { "bssid": "00:11:22:00:00:03" },
        ]))
        .await;
    let name = format!("/devices/by-key/{}/set_name.cmd", key(&server, home).await);
    let given = json!({ "username": "attic" });
    server.post_json(&name, &given).await.expect_status(200);
    for name in ["home,+sweet", "guests", "attic"] {
        for path in [
            "/api/v1/devices?limit=100",
            "/api/v1/summary?",
            "/api/v1/ssids?",
            "/api/v1/export/csv?",
        ] {
            let whole = server.get(path).await.expect_status(200).text;
            let path = format!("{path}&name_not={name}");
            let rest = server.get(&path).await.expect_status(200).text;
            assert_ne!(whole, rest, "{path}");
        }
        let rest = devices(&server, &format!("sort=address&name_not={name}")).await;
        let addresses: Vec<_> = rest.iter().map(|device| &device["address"]).collect();
        assert_eq!(addresses, ["00:11:22:00:00:02", "00:11:22:00:00:03"]);
    }
    assert_eq!(
        devices(&server, "name_not=home&name_not=sweet").await.len(),
        3
    );
}

/// The key of a device.
async fn key(server: &TestServer, address: &str) -> String {
    let whole = server.read(&format!("{LIST}/{address}")).await;
    whole["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_invalid_filter_is_named() {
    let server = server().await;
    let refused = async |query: &str, reason: &str| {
        server
            .get(&format!("{LIST}?{query}"))
            .await
            .expect_error(400, reason);
    };
    refused("phy=radio", "phy: expected wifi or bluetooth").await;
    refused(
        "address_prefix=xy",
        "address_prefix: expected the first hex digits",
    )
    .await;
    refused("address_prefix=02:00:00:00:00:00:0", "address_prefix:").await;
    refused("source=nobody", "source: no source has this UUID or name").await;
    refused("security=wpa9", "security: expected one of unknown, open").await;
    refused("band=3", "band: expected 2.4, 5, 6 or 60").await;
    refused(
        "signal_min_dbm=x",
        "signal_min_dbm: expected a number of dBm",
    )
    .await;
    refused("bbox=1,2,3", "bbox: expected lat_min").await;
    refused("bbox=91,0,92,0", "bbox: expected lat_min").await;
    refused("bbox=2,0,1,0", "bbox: lat_min is greater").await;
    refused(
        "security=open,wpa9",
        "security: `wpa9`: expected one of unknown, open",
    )
    .await;
    refused("phy=wifi,,bluetooth", "phy: a value is empty").await;
    refused("channel=1,x", "channel: `x`: ").await;
    refused("source=phone,nobody", "source: `nobody`: no source has").await;
    refused("manufacturer=zz,", "manufacturer: a value is empty").await;
    let too_many = ["6"; 33].join(",");
    refused(
        &format!("channel={too_many}"),
        "channel: expected at most 32 values",
    )
    .await;
    let document = server.read("/api/openapi.json").await;
    let parameters = &document["paths"][LIST]["get"]["parameters"];
    let mut parameters = parameters.as_array().unwrap().iter();
    let channel = parameters.find(|one| one["name"] == "channel").unwrap();
    assert_eq!(channel["schema"]["maxItems"], 32);
    assert_eq!(channel["explode"], false);
    let name_not = document["paths"][LIST]["get"]["parameters"].as_array();
    let mut name_not = name_not.unwrap().iter();
    let name_not = name_not.find(|one| one["name"] == "name_not").unwrap();
    assert_eq!(name_not["schema"]["maxItems"], 32);
    assert_eq!(name_not["explode"], true);
    let names = |count| vec!["name_not=x"; count].join("&");
    assert_eq!(devices(&server, &names(32)).await.len(), 41);
    refused(&names(33), "name_not: given more than 32 times").await;
    refused("with_position=yes", "with_position: expected true or false").await;
    refused(
        "with_position=true&with_position=true",
        "with_position: given more than once",
    )
    .await;
    for near in ["1,2", "1,2,3,4", "1,2,x", ""] {
        let reason = "near: expected lat,lon,radius_m";
        refused(&format!("near={near},"), reason).await;
    }
    refused("near=90.1,0,1", "near: lat is out of range").await;
    refused("near=nan,0,1", "near: lat is out of range").await;
    refused("near=0,-180.1,1", "near: lon is out of range").await;
    refused("near=0,0,-1", "near: radius_m is out of range").await;
    refused(
        "near=0,0,20100001",
        "near: radius_m is out of range; expected 0 to 20100000 metres",
    )
    .await;
    refused("near=0,0,inf", "near: radius_m is out of range").await;
    refused("sort=colour", "sort: expected last_seen").await;
    refused("order=up", "order: expected asc or desc").await;
    refused("cursor=x", "cursor: not one").await;
    refused("limit=0", "limit: expected a number from 1 to 1000").await;
    refused("limit=1001", "limit: expected a number from 1 to 1000").await;
    refused("colour=red", "colour: there is no such parameter").await;
    let page = server.read(&format!("{LIST}?limit=1&sort=name")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    refused(
        &format!("sort=reports&cursor={cursor}"),
        "cursor: of a page in another order",
    )
    .await;
    refused(
        &format!("sort=name&order=desc&cursor={cursor}"),
        "cursor: of a page in another order",
    )
    .await;
}

#[tokio::test]
async fn one_device_is_shown_whole() {
    let server = server().await;
    let whole = server.read(&format!("{LIST}/02:00:00:00:01:01")).await;
    assert_eq!(whole["name"], "Net 1");
    assert_eq!(whole["reports"], 3);
    assert_eq!(whole["ssids"][0]["security"]["class"], "open");
    assert_eq!(whole["seen_by"][0]["source"], SOURCE);
    assert_eq!(
        whole["frequencies"][0],
        json!({ "frequency_khz": 5_180_000, "reports": 3 })
    );
    let secured = server.read(&format!("{LIST}/02:00:00:00:00:03")).await;
    let security = &secured["ssids"][0]["security"];
    assert_eq!(security["label"], "WPA2 Personal");
    assert_eq!(
        (&security["akms"], &security["pairwise"]),
        (&json!(["PSK"]), &json!(["CCMP"]))
    );
    // The same address in two radio technologies.
    let both = server.read(&format!("{LIST}/02:00:00:00:00:00")).await;
    assert_eq!(both["phy"], "IEEE802.11");
    assert_eq!(both["others"][0]["bluetooth"]["name"], "Headset");
    server
        .get(&format!("{LIST}/02:00:00:00:09:09"))
        .await
        .expect_error(404, "02:00:00:00:09:09");
    server
        .get(&format!("{LIST}/zz"))
        .await
        .expect_error(400, "mac: not a hardware address");
    server
        .get(&format!("{LIST}/02:00:00:00:01:01?x=1"))
        .await
        .expect_error(400, "x: there is no such parameter");
}

#[tokio::test]
async fn a_device_is_shown_alike_in_whatever_order_its_reports_came() {
    let address = "02:00:5E:10:00:01";
    let report = |ssid: &str, freqkhz: u32, timestamp: u32| json!({ "bssid": address, "ssid": ssid, "freqkhz": freqkhz, "timestamp": timestamp });
    let batches = [
        (
            "44444444-0000-0000-0000-000000000003",
            report("b", 5_180_000, 1_700_000_001),
        ),
        (
            "44444444-0000-0000-0000-000000000001",
            report("c", 2_437_000, 1_700_000_003),
        ),
        (
            "44444444-0000-0000-0000-000000000002",
            report("a", 5_500_000, 1_700_000_001),
        ),
        (
            "44444444-0000-0000-0000-000000000001",
            report("d", 2_412_000, 1_700_000_000),
        ),
    ];
    let shown = async |order: [usize; 4]| {
        let server = TestServer::start().await;
        for (source, report) in order.map(|index| &batches[index]) {
            let batch =
                json!({ "source_uuid": source, "source_name": source, "reports": [report] });
            server.post_json(WIFI, &batch).await.expect_status(200);
        }
        let mut whole = server.read(&format!("{LIST}/{address}")).await;
        // The time of the change is the server's, not the reports'.
        let fields = whole.as_object_mut().unwrap();
        fields.retain(|name, _| !name.starts_with("changed"));
        whole
    };
    let whole = shown([0, 1, 2, 3]).await;
    assert_eq!(shown([3, 2, 1, 0]).await, whole);
    assert_eq!(shown([2, 0, 3, 1]).await, whole);
    let values = |list: &str, name: &str| {
        let list = whole[list].as_array().unwrap().iter();
        list.map(|one| one[name].to_string().replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(values("ssids", "ssid"), ["c", "a", "b", "d"]);
    assert_eq!(
        values("frequencies", "frequency_khz"),
        ["2412000", "2437000", "5180000", "5500000"]
    );
    let sources = [1, 2, 3].map(|number| format!("44444444-0000-0000-0000-{number:012}"));
    assert_eq!(values("seen_by", "source"), sources);
}

#[tokio::test]
async fn the_ciphers_of_each_protocol_are_shown() {
    let server = TestServer::start().await;
    let report = |address: &str, capabilities: &str| json!({ "bssid": address, "ssid": "a", "capabilities": capabilities });
    let mixed = report(
        "02:00:5E:10:00:01",
        "[WPA-PSK-TKIP][WPA2-PSK+SAE-CCMP][ESS]",
    );
    let open = report("02:00:5E:10:00:02", "[ESS]");
    server.report(json!([mixed, open])).await;
    let by_protocol = async |address: &str| {
        let whole = server.read(&format!("{LIST}/{address}")).await;
        whole["ssids"][0]["security"]["by_protocol"].clone()
    };
    assert_eq!(
        by_protocol("02:00:5E:10:00:01").await,
        json!([
            { "protocol": "WPA", "akms": ["PSK"], "pairwise": ["TKIP"] },
            { "protocol": "RSN", "akms": ["PSK", "SAE"], "pairwise": ["CCMP"] },
        ])
    );
    assert_eq!(by_protocol("02:00:5E:10:00:02").await, json!([]));
}

#[tokio::test]
async fn lists_are_available_as_csv_and_single_objects_are_not() {
    let server = TestServer::start().await;
    let address = "02:00:5E:10:00:01";
    let report = |capabilities: &str, timestamp: u32| {
        json!({
            "bssid": address, "ssid": "=a", "capabilities": capabilities, "timestamp": timestamp, "lat": 1.5, "lon": -2.5,
            "tags": { "=x": "=y" }
        })
    };
    let other = json!({ "bssid": "02:00:5E:10:00:02", "ssid": "=a", "capabilities": "[WPA2-PSK-CCMP][ESS]", "timestamp": 1_700_000_000 });
    server
        .report(json!([report("[ESS]", 1_700_000_000), other]))
        .await;
    server.report(json!([report("[ESS]", 1_700_000_001)])).await;
    let csv = async |path: &str| {
        let request = server
            .request(Method::GET, path)
            .header("accept", "text/csv");
        Answer::of(request).await.expect_status(200)
    };

    let observations = format!("{LIST}/{address}/observations");
    let first = csv(&format!("{observations}?limit=1")).await;
    assert_eq!(first.headers["content-type"], "text/csv; charset=utf-8");
    let (head, row) = first.text.split_once("\r\n").unwrap();
    assert!(head.starts_with("position,source,source_name,"), "{head}");
    assert!(
        row.contains(",1700000001,2023-11-14T22:13:21Z,IEEE802.11,02:00:5E:10:00:01,'=a,[ESS],"),
        "{row}"
    );
    assert!(
        row.ends_with(",1.5,-2.5,,,,\"{\"\"=x\"\":\"\"=y\"\"}\"\r\n"),
        "{row}"
    );
    let cursor = first.headers["x-next-cursor"].to_str().unwrap();
    let last = csv(&format!("{observations}?texts=raw&cursor={cursor}")).await;
    assert_eq!(last.headers.get("x-next-cursor"), None);
    assert_eq!(last.text.lines().count(), 2);
    assert!(last.text.contains(",=a,"), "{}", last.text);

    let networks = csv("/api/v1/ssids").await;
    assert_eq!(
        networks.text,
        "ssid,access_points,reports,first_seen,last_seen,security\r\n'=a,2,3,1700000000,1700000001,open wpa2-personal\r\n"
    );
    let sources = csv("/api/v1/sources").await;
    let (head, row) = sources.text.split_once("\r\n").unwrap();
    assert_eq!(
        head,
        "source,name,sent_name,phy,reports,devices,first_contact,first_contact_utc,last_contact,last_contact_utc,clock_offset_s,values_ignored,expected_interval_s,silent_since,silent_since_utc,paused,reports_last_hour,late_share,requests_refused,reports_refused,last_refused,last_refused_utc,last_refused_code,last_refused_error,user_agent,lat,lon,alt_m"
    );
    assert!(
        row.starts_with(&format!("{SOURCE},"))
            && row.ends_with("Z,,0,,,,false,0,1.0,0,0,,,,,,1.5,-2.5,\r\n"),
        "{row}"
    );

    for path in [&format!("{LIST}/{address}"), "/api/v1/status"] {
        assert_eq!(csv(path).await.headers["content-type"], "application/json");
    }
    for path in [&observations, "/api/v1/ssids", "/api/v1/sources"] {
        let refused = server.get(&format!("{path}?texts=raw")).await;
        refused.expect_error(400, "texts: only CSV has it");
    }
}

#[tokio::test]
async fn a_list_is_written_as_csv() {
    let server = server().await;
    server.report(json!([{ "bssid": "02:00:00:00:0f:0f", "ssid": "a,\"b\"\nc", "timestamp": 1_700_000_060 }])).await;
    let request = server
        .request(Method::GET, &format!("{LIST}?limit=1"))
        .header("accept", "text/csv");
    let answer = Answer::of(request).await.expect_status(200);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let (head, rest) = answer.text.split_once("\r\n").unwrap();
    assert!(head.starts_with("phy,address,key,name,security,"), "{head}");
    assert!(
        rest.starts_with(
            "IEEE802.11,02:00:00:00:0F:0F,4202770D00000000_F0F00000002,\"a,\"\"b\"\"\nc\",,,"
        ),
        "{rest}"
    );
    let cursor = answer.headers["x-next-cursor"].to_str().unwrap();
    let next = server
        .read(&format!("{LIST}?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(next["devices"][0]["name"], "Headset");
}

#[tokio::test]
async fn names_are_not_formulas_in_csv_unless_raw_texts_are_requested() {
    let server = TestServer::start().await;
    let formula = "=HYPERLINK(\"//evil.example\")";
    let report = json!({ "bssid": "02:00:00:00:00:01", "ssid": formula, "signal": -60 });
    server.report(json!([report])).await;
    let row = async |query: &str| {
        let request = server.request(Method::GET, &format!("{LIST}{query}"));
        let answer = Answer::of(request.header("accept", "text/csv")).await;
        let text = answer.expect_status(200).text;
        text.lines().nth(1).unwrap().to_owned()
    };
    let raw = "\"=HYPERLINK(\"\"//evil.example\"\")\"";
    for (query, cell) in [
        ("", raw.replacen('=', "'=", 1)),
        ("?texts=guarded", raw.replacen('=', "'=", 1)),
        ("?texts=raw", raw.to_owned()),
    ] {
        let row = row(query).await;
        assert!(row.contains(&format!(",{cell},")), "{row}");
        assert!(row.contains(",-60,-60,-60,"), "{row}");
    }
    let json = server.read(LIST).await;
    assert_eq!(json["devices"][0]["name"], formula);
    server
        .get(&format!("{LIST}?texts=raw"))
        .await
        .expect_error(400, "texts: only CSV has it");
    let request = server.request(Method::GET, &format!("{LIST}?texts=x"));
    Answer::of(request.header("accept", "text/csv"))
        .await
        .expect_error(400, "texts: expected guarded or raw");
}

#[tokio::test]
async fn sources_networks_and_the_status_are_shown() {
    let server = server().await;
    let sources = server.read("/api/v1/sources").await;
    let sources = sources["sources"].as_array().unwrap();
    assert_eq!(
        (
            &sources[0]["source"],
            &sources[0]["devices"],
            &sources[0]["reports"]
        ),
        (&json!(SOURCE), &json!(40), &json!(43))
    );
    assert_eq!(sources[1]["name"], "watch");

    let ssids = server.read("/api/v1/ssids").await;
    let ssids = ssids["ssids"].as_array().unwrap().clone();
    assert_eq!(ssids.len(), 7);
    assert_eq!(
        (&ssids[0]["ssid"], &ssids[0]["access_points"]),
        (&json!("Net 0"), &json!(6))
    );
    let (mut joined, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server
            .read(&format!("/api/v1/ssids?limit=2&cursor={cursor}"))
            .await;
        joined.extend(page["ssids"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(joined, ssids);

    let status = server.read("/api/v1/status").await;
    assert_eq!(status["devices"], json!({ "wifi": 40, "bluetooth": 1 }));
    assert_eq!(status["reports"], json!({ "wifi": 43, "bluetooth": 1 }));
    let commits = status["commits"].as_u64().unwrap();
    server
        .report(json!([{ "bssid": "02:00:00:00:00:01", "signal": -50 }]))
        .await;
    let status = server.read("/api/v1/status").await;
    assert_eq!(status["commits"], json!(commits + 1));
}

/// A page that is too large for an `ETag` is generated while it is sent. It has the same rows as smaller pages, which
/// are sent whole.
#[tokio::test]
async fn a_large_page_is_streamed_and_says_what_small_pages_say() {
    const DEVICES: u32 = 8_000;
    const SMALL: u32 = 1_000;
    let server =
        TestServer::start_with(|config| config.limits.page_items_max = DEVICES as usize).await;
    for first in (0..DEVICES).step_by(SMALL as usize) {
        let report = |n: u32| {
            let [_, _, high, low] = n.to_be_bytes();
            json!({
                "bssid": format!("02:00:00:01:{high:02x}:{low:02x}"), "ssid": format!("Net {n}"), "signal": -60,
                "timestamp": 1_700_000_000 + n, "freqkhz": 2_437_000, "capabilities": "[WPA2-PSK-CCMP][ESS]",
            })
        };
        server
            .report((first..first + SMALL).map(report).collect())
            .await;
    }
    for (accept, sort) in [
        ("text/csv", "last_seen"),
        ("application/json", "last_seen"),
        ("text/csv", "name"),
    ] {
        let ask = async |limit: u32, cursor: &str| {
            let path = format!("{LIST}?sort={sort}&limit={limit}&cursor={cursor}");
            Answer::of(server.request(Method::GET, &path).header("accept", accept))
                .await
                .expect_status(200)
        };
        let large = ask(DEVICES, "").await;
        assert_eq!(large.headers.get("content-length"), None);
        assert_eq!(large.headers["transfer-encoding"], "chunked");
        assert_eq!(large.headers.get("etag"), None);

        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let small = ask(SMALL, &cursor).await;
            assert!(small.headers.contains_key("content-length"));
            assert!(small.headers.contains_key("etag"));
            rows.extend(rows_of(&small));
            let Some(next) = cursor_of(&small) else { break };
            cursor = next;
        }
        assert_eq!(rows.len(), DEVICES as usize);
        assert_eq!(rows_of(&large), rows);
        assert_eq!(cursor_of(&large), None);
    }
}

/// Rows of a page as raw JSON.
fn rows_of(page: &Answer) -> Vec<String> {
    if page.headers["content-type"] == "application/json" {
        let devices = page.json()["devices"].take();
        let devices: Vec<Value> = serde_json::from_value(devices).unwrap();
        return devices.iter().map(Value::to_string).collect();
    }
    page.text
        .split_terminator("\r\n")
        .skip(1)
        .map(str::to_owned)
        .collect()
}

fn cursor_of(page: &Answer) -> Option<String> {
    if page.headers["content-type"] == "application/json" {
        return page.json()["next_cursor"].as_str().map(str::to_owned);
    }
    let cursor = page.headers.get("x-next-cursor")?;
    Some(cursor.to_str().unwrap().to_owned())
}
