//! What an attacker costs scanners that report: reports a second, latency and memory beside each attack, as a ratio to
//! the same without it.
//!
//! ```text
//! cargo bench --bench abuse [-- --devices N --seconds N --only NAME]
//! ```
//!
//! The attackers run on the same machine, so that their own work counts as well.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use scanpost::auth::Credentials;
use support::access_point::AccessPoint;
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::{Latencies, median};
use support::traffic::{self, SCAN_REPORT, Serials, Traffic, since_1970};
use support::{Result, child, data_directory, memory, socket};

const ROUNDS: u64 = 3;
const REPORTS: usize = 20;
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(500);
const SAMPLES_EVERY: Duration = Duration::from_millis(5);
/// The figures to reach: reports as a ratio to undisturbed, and memory.
const RATIO_LEAST: f64 = 0.7;
const EXTRA_MIB_MOST: f64 = 64.0;
/// Longest wait of an attacker for an answer, after which it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(200);

#[derive(Parser)]
struct Arguments {
    /// Number of devices.
    #[arg(long, default_value_t = 100_000)]
    devices: u32,
    /// Length of each run.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only this attack.
    #[arg(long)]
    only: Option<String>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// An attack: its name, what it does, how many do it at one time, and what each of them does again and again.
struct Attack {
    name: &'static str,
    what: &'static str,
    attackers: usize,
    step: fn(&Target<'_>, &mut Held) -> io::Result<()>,
}

/// Connections that an attacker keeps open.
type Held = Vec<TcpStream>;

struct Target<'s> {
    server: &'s ServerProcess,
    serial: AtomicU64,
}

const ATTACKS: [Attack; 10] = [
    Attack {
        name: "idle",
        what: "2 000 idle connections, and new ones",
        attackers: 2,
        step: idle,
    },
    Attack {
        name: "heads",
        what: "heads of 60 kB that do not end",
        attackers: 2,
        step: heads,
    },
    Attack {
        name: "lists",
        what: "8 readers of sorted, searched pages of Kismet's lists",
        attackers: 8,
        step: lists,
    },
    Attack {
        name: "commands",
        what: "4 senders of commands that inflate to 8 MB",
        attackers: 4,
        step: commands,
    },
    Attack {
        name: "slow-bodies",
        what: "200 bodies of one byte that do not end",
        attackers: 2,
        step: slow_bodies,
    },
    Attack {
        name: "tags",
        what: "one sender of many long tags for new devices",
        attackers: 1,
        step: tags,
    },
    Attack {
        name: "sources",
        what: "one sender of reports from new sources",
        attackers: 1,
        step: sources,
    },
    Attack {
        name: "monitors",
        what: "4 monitors of all devices",
        attackers: 4,
        step: monitors,
    },
    Attack {
        name: "logins",
        what: "8 senders of wrong passwords",
        attackers: 8,
        step: logins,
    },
    Attack {
        name: "histories",
        what: "8 readers of the history of a device",
        attackers: 8,
        step: histories,
    },
];

/// Results of one run.
struct Measured {
    reports_per_s: f64,
    p99_ms: f64,
    /// Peak of memory above its level before the run.
    extra_bytes: u64,
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
    let data = data_directory()?;
    // Without a user nobody can guess a password. On this machine no credentials are needed all the same.
    Credentials::open(data.path())?.make_first(0)?;
    let server = ServerProcess::start(&Variant::Bounded(data.path().to_owned()))?;
    let serials = Arc::default();
    load::send_all(
        &server,
        &serials,
        traffic::introduction(0..arguments.devices),
    )?;
    println!(
        "{} devices. Reports of known devices, {REPORTS} a batch on {CONNECTIONS} connections; {ROUNDS} runs alone and \
         {ROUNDS} beside each attack, in turns. To reach: {RATIO_LEAST} of the reports, {EXTRA_MIB_MOST} MiB.\n",
        arguments.devices
    );
    println!("| attack | reports | of undisturbed | p99 | undisturbed | more memory |");
    println!("|---|---|---|---|---|---|");
    let only = arguments.only.as_deref();
    let chosen = ATTACKS
        .iter()
        .filter(|attack| only.is_none_or(|only| only == attack.name));
    for attack in chosen {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            alone.push(run(&server, &serials, &arguments, None, round)?);
            beside.push(run(&server, &serials, &arguments, Some(attack), round)?);
        }
        print_row(attack, &alone, &beside);
    }
    Ok(())
}

fn print_row(attack: &Attack, alone: &[Measured], beside: &[Measured]) {
    let middle =
        |runs: &[Measured], value: fn(&Measured) -> f64| median(runs.iter().map(value).collect());
    let ratios = beside.iter().zip(alone);
    let ratio = median(
        ratios
            .map(|(beside, alone)| beside.reports_per_s / alone.reports_per_s)
            .collect(),
    );
    let mib = |run: &Measured| run.extra_bytes as f64 / f64::from(1 << 20);
    let extra = middle(beside, mib) - middle(alone, mib);
    let verdict = |is_reached: bool| if is_reached { "" } else { " **missed**" };
    println!(
        "| {} | {:.0}/s | {ratio:.2}{} | {:.1} ms | {:.1} ms | {extra:.0} MiB{} |",
        attack.what,
        middle(beside, |run| run.reports_per_s),
        verdict(RATIO_LEAST <= ratio),
        middle(beside, |run| run.p99_ms),
        middle(alone, |run| run.p99_ms),
        verdict(extra <= EXTRA_MIB_MOST),
    );
}

fn run(
    server: &ServerProcess,
    serials: &Arc<Serials>,
    arguments: &Arguments,
    attack: Option<&Attack>,
    round: u64,
) -> Result<Measured> {
    let pools = Traffic::of_known(arguments.devices).pools(REPORTS, CONNECTIONS, round);
    let plan = Plan {
        warm_up: WARM_UP,
        measured: Duration::try_from_secs_f64(arguments.seconds)?,
        pace: Pace::AtOnce,
    };
    let before = memory::of_process(server.id()).unwrap_or_default();
    let target = Target {
        server,
        serial: AtomicU64::new(round << 32),
    };
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Relaxed);
    let (reported, most) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !is_over() {
                most = most.max(memory::of_process(server.id()).unwrap_or_default());
                thread::sleep(SAMPLES_EVERY);
            }
            most
        });
        if let Some(attack) = attack {
            for _ in 0..attack.attackers {
                scope.spawn(|| {
                    let mut held = Held::new();
                    // The scanners have their connections first.
                    thread::sleep(WARM_UP / 2);
                    while !is_over() {
                        // Being refused is what an attacker expects.
                        (attack.step)(&target, &mut held).ok();
                    }
                });
            }
        }
        let reported = load::run(server, serials, pools, plan);
        over.store(true, Ordering::Relaxed);
        (reported, watch.join())
    });
    let reported = reported?;
    Ok(Measured {
        reports_per_s: reported.requests_per_s * REPORTS as f64,
        p99_ms: Latencies::new(reported.latencies_us).per_mille_ms(990),
        extra_bytes: most.map_err(|_| "a panic")?.saturating_sub(before),
    })
}

impl Target<'_> {
    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn next(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Sends a request and reads its answer to the end.
    fn exchange(&self, head: &str, body: &[u8]) -> io::Result<()> {
        let mut stream = self.connect()?;
        let length = body.len();
        let head = format!(
            "{head}host: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let started = Instant::now();
        let mut part = vec![0; 64 << 10];
        loop {
            match stream.read(&mut part) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if started.elapsed() < 50 * PATIENCE && is_quiet(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn get(&self, path: &str) -> io::Result<()> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\n"), b"")
    }

    fn post(&self, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n{headers}");
        self.exchange(&head, body)
    }
}

fn is_quiet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Keeps connections open that have sent `beginning`. The oldest of too many is closed.
fn keep(target: &Target<'_>, held: &mut Held, most: usize, beginning: &[u8]) -> io::Result<()> {
    let mut stream = target.connect()?;
    stream.write_all(beginning)?;
    held.push(stream);
    if most < held.len() {
        held.remove(0);
        thread::sleep(SAMPLES_EVERY);
    }
    Ok(())
}

fn idle(target: &Target<'_>, held: &mut Held) -> io::Result<()> {
    keep(target, held, 1000, b"")
}

fn heads(target: &Target<'_>, held: &mut Held) -> io::Result<()> {
    let head = format!("GET / HTTP/1.1\r\nx-long: {}", "x".repeat(60_000));
    keep(target, held, 500, head.as_bytes())
}

fn slow_bodies(target: &Target<'_>, held: &mut Held) -> io::Result<()> {
    let head = format!(
        "POST {SCAN_REPORT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{{\r\n"
    );
    keep(target, held, 100, head.as_bytes())
}

fn lists(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let command = br#"{"fields":["kismet.device.base.macaddr","kismet.device.base.name"]}"#;
    target.post(
        "/devices/views/all/devices.json?page=3&length=50&search=net&sort=kismet.device.base.name&sort_dir=desc",
        "",
        command,
    )
}

fn gzip(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn commands(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    static ZIPPED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let nothing = "[],".repeat(8_000_000 / 3);
        gzip(&format!(r#"{{"nothing":[{nothing}0]}}"#)).unwrap_or_default()
    });
    target.post(
        "/devices/views/all/devices.json",
        "content-encoding: gzip\r\n",
        &ZIPPED,
    )
}

fn tags(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let seconds = since_1970(std::time::SystemTime::now()).as_secs();
    let long = "t".repeat(250);
    let tags: Vec<String> = (0..32)
        .map(|nth| format!(r#""{nth:03}{long}":"{long}""#))
        .collect();
    let tags = tags.join(",");
    let reports: Vec<String> = (0..200)
        .map(|_| {
            let number = target.next() & 0xFFFF_FFFF;
            format!(r#"{{"bssid":"06{number:010X}","timestamp":{seconds},"tags":{{{tags}}}}}"#)
        })
        .collect();
    let body = format!(
        r#"{{"source_uuid":"6e6d010f-5ca9-4000-8000-0000000000ff","reports":[{}]}}"#,
        reports.join(",")
    );
    target.post(SCAN_REPORT, "content-encoding: gzip\r\n", &gzip(&body)?)
}

fn sources(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let number = target.next();
    let seen = AccessPoint::known(1);
    let body = format!(
        r#"{{"source_uuid":"6e6d010f-5ca9-4001-8000-{number:012x}","reports":[{{"bssid":"{}"}}]}}"#,
        seen.bssid
    );
    target.post(SCAN_REPORT, "", body.as_bytes())
}

fn monitors(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let all = r#"{"monitor": "*", "request": 1, "rate": 0.1}"#;
    let socket = socket::open(target.server, "/devices/monitor.ws", all, Some(PATIENCE));
    let mut socket = socket.map_err(io::Error::other)?;
    let started = Instant::now();
    while started.elapsed() < 5 * PATIENCE {
        socket.read().map_err(io::Error::other)?;
    }
    Ok(())
}

fn logins(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let wrong = target.next();
    target.exchange(
        &format!(
            "GET /session/check_login HTTP/1.1\r\nauthorization: Basic {}\r\n",
            basic(&format!("kismet:wrong-{wrong}"))
        ),
        b"",
    )
}

fn basic(login: &str) -> String {
    use base64ct::{Base64, Encoding};
    Base64::encode_string(login.as_bytes())
}

fn histories(target: &Target<'_>, _: &mut Held) -> io::Result<()> {
    let seen = AccessPoint::known(u32::try_from(target.next() % 1000).unwrap_or_default());
    target.get(&format!(
        "/api/v1/devices/{}/observations?limit=1000",
        seen.bssid
    ))
}
