//! A cheap client: prepared requests, one thread, and one request at a time on each of many connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::access::AsyncDuplex;
use super::response::parse;
use super::server::ServerProcess;
use super::traffic::{Request, Serials};
use super::{Result, cpu};

/// Time beyond the planned end of a run after which the server counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Parameters of a run.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Time before the measurement starts.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) pace: Pace,
}

/// Time of a connection's next request.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Once the last request is answered.
    AtOnce,
    /// Constant rate per second on all connections together. The latency of a request counts from the time it was due,
    /// even if a late answer delayed it.
    Constant(f64),
}

/// Results of a run.
pub(crate) struct Run {
    /// Latency of each request that began in the time that is measured, also if it was answered later.
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) requests_per_s: f64,
    /// Processors that the client kept busy. At 1 the client was the bottleneck.
    pub(crate) client_cpus: Option<f64>,
    pub(crate) server_cpus: Option<f64>,
}

/// Sends requests one after the other, and returns when all are accepted.
pub(crate) fn send_all(
    server: &ServerProcess,
    serials: &Serials,
    requests: impl Iterator<Item = Request>,
) -> Result<()> {
    on_this_thread(async {
        let mut connection = Connection::open(server).await?;
        let headers = server.access().headers();
        for mut request in requests {
            request.add_headers(&headers);
            request.renew(serials);
            if let Some(refusal) = connection.exchange(&request).await? {
                return Err(refusal.into());
            }
        }
        Ok(())
    })
}

/// Sends the requests of each of `pools` repeatedly on a separate connection, and measures after the warm-up.
pub(crate) fn run(
    server: &ServerProcess,
    serials: &Arc<Serials>,
    pools: Vec<Vec<Request>>,
    plan: Plan,
) -> Result<Run> {
    on_this_thread(async {
        let running = run_all(server, serials, pools, plan);
        timeout(plan.warm_up + plan.measured + PATIENCE, running).await?
    })
}

fn on_this_thread<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut runtime = runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(future)
}

async fn run_all(
    server: &ServerProcess,
    serials: &Arc<Serials>,
    pools: Vec<Vec<Request>>,
    plan: Plan,
) -> Result<Run> {
    let mut connections = Vec::new();
    let headers = server.access().headers();
    for mut pool in pools {
        for request in &mut pool {
            request.add_headers(&headers);
        }
        connections.push((Connection::open(server).await?, pool));
    }
    let begin = Instant::now();
    let start = begin + plan.warm_up;
    let window = Window {
        start,
        end: start + plan.measured,
    };
    let mut tasks = JoinSet::new();
    let count = u32::try_from(connections.len())?;
    for ((connection, pool), nth) in connections.into_iter().zip(0..) {
        let clock = match plan.pace {
            Pace::AtOnce => None,
            Pace::Constant(requests_per_s) => {
                let interval = Duration::try_from_secs_f64(1.0 / requests_per_s)?;
                Some(Clock {
                    next: begin + interval * nth,
                    interval: interval * count,
                })
            }
        };
        tasks.spawn(drive(connection, pool, Arc::clone(serials), window, clock));
    }
    let (client_cpus, server_cpus) = measure_cpus(server, window).await;
    let mut all = Answers::default();
    while let Some(answers) = tasks.join_next().await {
        all.add(answers??);
    }
    if let Some(first) = all.first_refusal {
        let refused = all.refused;
        return Err(format!("{refused} requests were refused, the first with: {first}").into());
    }
    Ok(Run {
        requests_per_s: all.answered as f64 / plan.measured.as_secs_f64(),
        latencies_us: all.latencies_us,
        client_cpus,
        server_cpus,
    })
}

/// Period of the measurement.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

impl Window {
    fn contains(self, time: Instant) -> bool {
        self.start <= time && time < self.end
    }
}

/// When the next request of a connection is due.
struct Clock {
    next: Instant,
    interval: Duration,
}

impl Clock {
    /// Waits until the request is due. Returns the start of its latency: the time of sending if it could be sent in
    /// time, because the client's own timer is no finer than a millisecond.
    async fn due(&mut self) -> Instant {
        let due = self.next;
        self.next += self.interval;
        if due <= Instant::now() {
            return due;
        }
        sleep_until(due.into()).await;
        Instant::now()
    }
}

async fn measure_cpus(server: &ServerProcess, window: Window) -> (Option<f64>, Option<f64>) {
    let used = || {
        (
            cpu::of_this_thread(),
            cpu::of_process(server.id()),
            Instant::now(),
        )
    };
    sleep_until(window.start.into()).await;
    let (client, server, since) = used();
    sleep_until(window.end.into()).await;
    let (client_then, server_then, until) = used();
    let cpus = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.checked_sub(before?)?.div_duration_f64(until - since))
    };
    (cpus(client, client_then), cpus(server, server_then))
}

#[derive(Default)]
struct Answers {
    latencies_us: Vec<u32>,
    /// Number of requests that were answered during the measurement.
    answered: u64,
    refused: u64,
    first_refusal: Option<String>,
}

impl Answers {
    fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.answered += other.answered;
        self.refused += other.refused;
        self.first_refusal = self.first_refusal.take().or(other.first_refusal);
    }
}

async fn drive(
    mut connection: Connection,
    mut pool: Vec<Request>,
    serials: Arc<Serials>,
    window: Window,
    mut clock: Option<Clock>,
) -> Result<Answers> {
    let mut answers = Answers::default();
    loop {
        for request in &mut pool {
            let due = match &mut clock {
                Some(clock) => clock.due().await,
                None => Instant::now(),
            };
            if window.end <= Instant::now() {
                return Ok(answers);
            }
            request.renew(&serials);
            let refusal = connection.exchange(request).await?;
            let answered = Instant::now();
            if refusal.is_some() {
                answers.refused += 1;
                answers.first_refusal = answers.first_refusal.take().or(refusal);
                continue;
            }
            answers.answered += u64::from(window.contains(answered));
            if window.contains(due) {
                let micros = (answered - due).as_micros();
                answers
                    .latencies_us
                    .push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
        }
    }
}

struct Connection {
    stream: Box<dyn AsyncDuplex>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(server: &ServerProcess) -> Result<Self> {
        Ok(Self {
            stream: server.access().open(server.address()).await?,
            received: Vec::with_capacity(4096),
        })
    }

    /// Sends a request and reads the answer. Returns the answer unless it accepts all reports as new.
    async fn exchange(&mut self, request: &Request) -> Result<Option<String>> {
        self.stream.write_all(request.bytes()).await?;
        self.received.clear();
        let response = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed a connection".into());
            }
            if let Some(response) = parse(&self.received)? {
                break response;
            }
        };
        let body = self.received.get(response.body).unwrap_or_default();
        if response.status == 200 && body.starts_with(request.taken.as_bytes()) {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(body);
        Ok(Some(format!("{} {said}", response.status)))
    }
}
