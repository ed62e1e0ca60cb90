//! Requests to a server in the same process, so that one tool counts the instructions of all its threads.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use scanpost::auth::{Credentials, Role};
use scanpost::config::{AuthMode, Config};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use super::response::parse;
use super::traffic::{SCAN_REPORT, taken};
use super::{Result, data_directory};

/// Interval between checks whether the server is ready.
const PAUSE: Duration = Duration::from_millis(2);

/// A server that keeps its log on the disk and asks for a key, and a connection to it.
pub(crate) struct Served {
    server: JoinHandle<Result<()>>,
    stop: oneshot::Sender<()>,
    stream: TcpStream,
    received: Vec<u8>,
    key: String,
    /// Deleted after the server's end.
    _data: TempDir,
}

impl Served {
    pub(crate) fn start() -> Result<Self> {
        let data = data_directory()?;
        let key = Credentials::open(data.path())?.create_key("bench", Role::Scanreport, None, 0)?;
        let mut config = Config::default();
        data.path().clone_into(&mut config.server.data_dir);
        config.auth.mode = AuthMode::Required;
        let (stop, stopped) = oneshot::channel();
        let (tell, address) = std::sync::mpsc::sync_channel(1);
        let server = thread::spawn(move || -> Result<()> {
            // As many threads on every machine.
            let mut runtime = runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                tell.send(listener.local_addr()?)?;
                let stopped = async {
                    stopped.await.ok();
                };
                Ok(scanpost::serve(listener, config, stopped).await?)
            })
        });
        let address: SocketAddr = address.recv()?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut served = Self {
            server,
            stop,
            stream,
            received: Vec::with_capacity(4096),
            key: key.reveal().to_owned(),
            _data: data,
        };
        while served
            .exchange("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")?
            .0
            != 200
        {
            thread::sleep(PAUSE);
        }
        Ok(served)
    }

    /// Sends a body. All its reports have to be accepted as new.
    pub(crate) fn post(&mut self, body: &str) -> Result<()> {
        let (key, length) = (&self.key, body.len());
        let (status, said) = self.exchange(&format!(
            "POST {SCAN_REPORT} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n\
             authorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))?;
        let reports = body.matches("\"bssid\"").count();
        if status == 200 && said.starts_with(&taken(reports)) {
            return Ok(());
        }
        Err(format!("{status} {said}").into())
    }

    /// Sends a request. Returns the status and the body of the answer.
    fn exchange(&mut self, request: &str) -> Result<(u16, String)> {
        self.stream.write_all(request.as_bytes())?;
        self.received.clear();
        let mut part = [0; 4096];
        loop {
            let read = self.stream.read(&mut part)?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            self.received
                .extend_from_slice(part.get(..read).unwrap_or_default());
            if let Some(response) = parse(&self.received)? {
                let body = self.received.get(response.body).unwrap_or_default();
                return Ok((response.status, String::from_utf8_lossy(body).into_owned()));
            }
        }
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.stop.send(()).ok();
        drop(self.stream);
        self.server.join().map_err(|_| "the server panicked")?
    }
}

/// The same batches with one report each.
pub(crate) fn singles(bodies: &[String]) -> Result<Vec<String>> {
    let end = "},{";
    let cut = |body: &String| {
        let (first, _) = body.split_once(end)?;
        Some(format!("{first}}}]}}"))
    };
    let cut: Option<Vec<_>> = bodies.iter().map(cut).collect();
    cut.ok_or_else(|| "a batch of one report".into())
}
