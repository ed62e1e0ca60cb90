//! Rate of imports of `WiGLE` CSV by HTTP, from the upload to the last durable row, and memory meanwhile.
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
        return child::serve(variant?);
    }
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let directory = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    println!("import                        rows/s      MiB/s   peak MiB   grown MiB");
    let file = wigle(arguments.rows, 0)?;
    measure("new rows", &server, &file, arguments.rows)?;
    measure("the same file", &server, &file, arguments.rows)?;
    let grown = wigle(arguments.rows, arguments.rows / 10)?;
    let rows = arguments.rows + arguments.rows / 10;
    measure("a tenth more rows", &server, &grown, rows)
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

fn measure(name: &str, server: &ServerProcess, file: &str, rows: u32) -> Result<()> {
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

fn post(server: &ServerProcess, file: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(server.address())?;
    write!(
        stream,
        "POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        file.len()
    )?;
    stream.write_all(file.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(serde_json::from_str(body.unwrap_or_default())?)
}
