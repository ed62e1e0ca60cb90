//! Rate of imports by HTTP, from the upload to the last durable row, and memory meanwhile: `WiGLE` CSV, and the databases
//! of the `WiGLE` app and of Kismet. A database is read in a process of its own, whose memory does not count here.
//!
//! ```text
//! cargo bench --bench import -- [ROWS]
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::{Connection, params};
use serde::Deserialize;
use support::server::{ServerProcess, Variant};
use support::{Result, child, data_directory, memory};

const MIB: f64 = 1_048_576.0;
/// How often to ask for the state of an import.
const ASK_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Parser)]
struct Arguments {
    /// Rows of the file.
    #[arg(default_value_t = 1_000_000)]
    rows: u32,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What the server says of an import.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    state: String,
}

fn main() -> Result<()> {
    if let Some(variant) = Variant::of_arguments() {
        scanpost::use_program(env!("CARGO_BIN_EXE_scanpost").into());
        return child::serve(variant?);
    }
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let directory = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    let rows = arguments.rows;
    println!("import                        rows/s      MiB/s   peak MiB   grown MiB");
    let file = wigle(rows, 0)?;
    measure("new rows", &server, file.as_bytes(), rows)?;
    measure("the same file", &server, file.as_bytes(), rows)?;
    let grown = wigle(rows, rows / 10)?;
    let more = rows + rows / 10;
    measure("a tenth more rows", &server, grown.as_bytes(), more)?;
    measure("wiglewifi.sqlite", &server, &wigle_database(rows)?, rows)?;
    measure("kismetdb", &server, &kismet_database(rows)?, rows)
}

/// A database in which `fill` has made tables and rows.
fn database(fill: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("db");
    let mut connection = Connection::open(&file)?;
    let transaction = connection.transaction()?;
    fill(&transaction)?;
    transaction.commit()?;
    drop(connection);
    Ok(std::fs::read(&file)?)
}

/// A backup of the `WiGLE` app: sightings of networks, ten of each.
fn wigle_database(rows: u32) -> Result<Vec<u8>> {
    database(|db| {
        db.execute_batch(
            "CREATE TABLE network (bssid text primary key not null, ssid text not null, frequency int not null, capabilities text not null, lasttime long not null, lastlat double not null, lastlon double not null, type text not null default 'W', bestlevel integer not null default 0);
             CREATE TABLE location (_id integer primary key autoincrement, bssid text not null, level integer not null, lat double not null, lon double not null, altitude double not null, accuracy float not null, time long not null, external integer not null default 0);",
        )?;
        let mut network = db.prepare(
            "INSERT INTO network VALUES (?1, ?2, 2437, '[WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS]', 0, 0, 0, 'W', 0)",
        )?;
        for number in 0..rows.div_ceil(10) {
            network.execute(params![address(number), format!("network {number}")])?;
        }
        let mut location =
            db.prepare("INSERT INTO location VALUES (NULL, ?1, ?2, ?3, ?4, 34.2, 3.79, ?5, 0)")?;
        for row in 0..rows {
            let (lat, lon, signal) = place(row);
            let time_ms = 1_754_040_000_000 + i64::from(row) * 1000;
            location.execute(params![address(row / 10), signal, lat, lon, time_ms])?;
        }
        Ok(())
    })
}

/// A log of Kismet: a frame of an access point a row, each in a second of its own.
fn kismet_database(rows: u32) -> Result<Vec<u8>> {
    database(|db| {
        db.execute_batch(
            "CREATE TABLE KISMET (kismet_version TEXT, db_version INT, db_module TEXT);
             INSERT INTO KISMET VALUES ('2025.09.0', 9, 'kismetlog');
             CREATE TABLE devices (first_time INT, last_time INT, devkey TEXT, phyname TEXT, devmac TEXT, strongest_signal INT, min_lat REAL, min_lon REAL, max_lat REAL, max_lon REAL, avg_lat REAL, avg_lon REAL, bytes_data INT, type TEXT, device BLOB);
             CREATE TABLE packets (ts_sec INT, ts_usec INT, phyname TEXT, sourcemac TEXT, destmac TEXT, transmac TEXT, frequency REAL, devkey TEXT, lat REAL, lon REAL, alt REAL, speed REAL, heading REAL, packet_len INT, signal INT, datasource TEXT, dlt INT, packet BLOB, error INT, tags TEXT, datarate REAL, hash INT, packetid INT, packet_full_len INT);",
        )?;
        let mut device = db.prepare(
            "INSERT INTO devices VALUES (0, 0, '', 'IEEE802.11', ?1, 0, 0, 0, 0, 0, 0, 0, 0, 'Wi-Fi AP', ?2)",
        )?;
        for number in 0..rows.div_ceil(10) {
            let json = format!(
                r#"{{"dot11.device":{{"dot11.device.last_beaconed_ssid_record":{{"dot11.advertisedssid.ssid":"network {number}","dot11.advertisedssid.crypt_string":"WPA2 WPA2-PSK AES-CCMP"}}}}}}"#
            );
            device.execute(params![address(number), json.into_bytes()])?;
        }
        let mut packet = db.prepare(
            "INSERT INTO packets VALUES (?1, 0, 'IEEE802.11', ?2, 'FF:FF:FF:FF:FF:FF', ?2, 2437000, '0', ?3, ?4, 34.2, 0, 0, 200, ?5, '5FE308BD-0000-0000-0000-00C0CA000001', 127, zeroblob(200), 0, '', 0, 0, 0, 200)",
        )?;
        for row in 0..rows {
            let (lat, lon, signal) = place(row);
            let second = 1_754_040_000 + row;
            packet.execute(params![second, address(row / 10), lat, lon, signal])?;
        }
        Ok(())
    })
}

fn address(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("02:00:01:{a:02x}:{b:02x}:{c:02x}")
}

/// Latitude, longitude and signal of a row.
fn place(row: u32) -> (f64, f64, i32) {
    let thousandths = f64::from(row % 1000) / 1000.0;
    let signal = i32::try_from(row % 50).unwrap_or_default();
    (52.5 + thousandths, 13.4 + thousandths, -40 - signal)
}

/// A file of the `WiGLE` app: sightings of networks, ten of each.
fn wigle(rows: u32, more: u32) -> Result<String> {
    let mut text = String::from(
        "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=a,board=b,brand=google,star=Sol,body=3,subBody=0\n\
         MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type\n",
    );
    for row in 0..rows + more {
        let network = row / 10;
        let [_, a, b, c] = network.to_be_bytes();
        let (day, hour) = (row / 86_400 % 28 + 1, row / 3600 % 24);
        let (minute, second) = (row / 60 % 60, row % 60);
        let (signal, metres) = (40 + row % 50, row % 1000);
        writeln!(
            text,
            "02:00:00:{a:02x}:{b:02x}:{c:02x},network {network},[WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS],2026-01-{day:02} {hour:02}:{minute:02}:{second:02},6,2437,-{signal},52.5{metres:03}0661281,13.4{metres:03}9540001,34.2,3.7900925,,,WIFI"
        )?;
    }
    Ok(text)
}

fn measure(name: &str, server: &ServerProcess, file: &[u8], rows: u32) -> Result<()> {
    let before = memory::of_process(server.id()).unwrap_or_default();
    let began = Instant::now();
    let mut answer = post(server, file)?;
    while matches!(answer.state.as_str(), "waiting" | "running") {
        thread::sleep(ASK_INTERVAL);
        let id = &answer.id;
        answer = serde_json::from_str(&server.get(&format!("/api/v1/imports/{id}"))?)?;
    }
    let took_s = began.elapsed().as_secs_f64();
    if answer.state != "done" {
        return Err(format!("the import failed: {answer:?}").into());
    }
    let mib = |bytes: u64| bytes as f64 / MIB;
    let peak = memory::peak_of_process(server.id()).unwrap_or_default();
    println!(
        "{name:<24} {:>11.0} {:>10.1} {:>10.1} {:>11.1}",
        f64::from(rows) / took_s,
        file.len() as f64 / MIB / took_s,
        mib(peak),
        mib(peak.saturating_sub(before)),
    );
    Ok(())
}

fn post(server: &ServerProcess, file: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(server.address())?;
    write!(
        stream,
        "POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        file.len()
    )?;
    stream.write_all(file)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(serde_json::from_str(body.unwrap_or_default())?)
}
