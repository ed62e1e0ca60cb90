//! The server in a process of its own, so that what it costs is told apart from the client.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::Result;

/// The first argument of a process that is to be the server.
const SERVE: &str = "--serve";
/// How often a server that starts is asked whether it is ready.
const PAUSE: Duration = Duration::from_millis(2);

/// What is served.
pub(crate) enum Variant {
    /// The server, with its log in a directory.
    Durable(PathBuf),
    /// The same, and the log is kept to a size, so that it may run for long.
    Bounded(PathBuf),
    /// The server, with its log in memory.
    Memory,
    /// HTTP and decoding alone: what no server on these can be faster than.
    Ceiling,
}

impl Variant {
    /// What this process was asked to serve, if it was.
    pub(crate) fn of_arguments() -> Option<Result<Self>> {
        let mut arguments = env::args_os().skip(1);
        if arguments.next()? != SERVE {
            return None;
        }
        let variant = arguments.next().unwrap_or_default();
        Some(match (variant.to_str(), arguments.next()) {
            (Some("durable"), Some(directory)) => Ok(Self::Durable(directory.into())),
            (Some("bounded"), Some(directory)) => Ok(Self::Bounded(directory.into())),
            (Some("memory"), None) => Ok(Self::Memory),
            (Some("ceiling"), None) => Ok(Self::Ceiling),
            _ => Err(
                "--serve: expected durable DIRECTORY, bounded DIRECTORY, memory or ceiling".into(),
            ),
        })
    }

    fn to_arguments(&self) -> Vec<OsString> {
        match self {
            Self::Durable(directory) => vec![SERVE.into(), "durable".into(), directory.into()],
            Self::Bounded(directory) => vec![SERVE.into(), "bounded".into(), directory.into()],
            Self::Memory => vec![SERVE.into(), "memory".into()],
            Self::Ceiling => vec![SERVE.into(), "ceiling".into()],
        }
    }
}

/// A server that stops when it is dropped, and with this process.
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts it and waits until it takes reports.
    pub(crate) fn start(variant: &Variant) -> Result<Self> {
        let child = Command::new(env::current_exe()?)
            .args(variant.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
        };
        let output = server
            .child
            .stdout
            .take()
            .ok_or("no output of the server")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        server.address.set_port(port.trim().parse()?);
        while !server.is_ready() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended at its start: {status}").into());
            }
            sleep(PAUSE);
        }
        Ok(server)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many bytes a path answers with. It is read as it comes, so that it may be of any length.
    pub(crate) fn count(&self, path: &str) -> Result<u64> {
        Ok(std::io::copy(
            &mut self.request(path)?,
            &mut std::io::sink(),
        )?)
    }

    /// The same for a command.
    pub(crate) fn count_posted(&self, path: &str, command: &str) -> Result<u64> {
        let length = command.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{command}"
        );
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(request.as_bytes())?;
        Ok(std::io::copy(&mut stream, &mut std::io::sink())?)
    }

    fn request(&self, path: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    /// What a path answers, which has to be a success.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut stream = self.request(path)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(answer);
        }
        Err(format!("{path}: {answer}").into())
    }

    /// What the server says of itself.
    pub(crate) fn status(&self) -> Result<Value> {
        let answer = self.get("/api/v1/status")?;
        Ok(serde_json::from_str(
            answer.lines().last().unwrap_or_default(),
        )?)
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").is_ok()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The server ends when it sees the end of its input.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}
