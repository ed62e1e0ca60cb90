//! The server in a separate process, so that its cost does not include the client's.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::Result;
use super::access::{Access, Duplex};

/// First argument of the server's process.
const SERVE: &str = "--serve";
/// Interval between checks whether a new server is ready.
const PAUSE: Duration = Duration::from_millis(2);

/// Kind of server.
pub(crate) enum Variant {
    /// With its log in a directory.
    Durable(PathBuf),
    /// With its log in a directory and a limit of its size, for long runs.
    Bounded(PathBuf),
    /// With its log in a directory. It asks for a key.
    Keyed(PathBuf),
    /// As above, over TLS.
    Tls(PathBuf),
    /// With its log in memory.
    Memory,
    /// HTTP and decoding alone: the upper bound for servers on these libraries.
    Ceiling,
}

impl Variant {
    /// The kind of server in this process's arguments, if any.
    pub(crate) fn of_arguments() -> Option<Result<Self>> {
        let mut arguments = env::args_os().skip(1);
        if arguments.next()? != SERVE {
            return None;
        }
        let variant = arguments.next().unwrap_or_default();
        Some(match (variant.to_str(), arguments.next()) {
            (Some("durable"), Some(directory)) => Ok(Self::Durable(directory.into())),
            (Some("bounded"), Some(directory)) => Ok(Self::Bounded(directory.into())),
            (Some("keyed"), Some(directory)) => Ok(Self::Keyed(directory.into())),
            (Some("tls"), Some(directory)) => Ok(Self::Tls(directory.into())),
            (Some("memory"), None) => Ok(Self::Memory),
            (Some("ceiling"), None) => Ok(Self::Ceiling),
            _ => Err(
                "--serve: expected durable, bounded, keyed or tls and a DIRECTORY, memory or ceiling"
                    .into(),
            ),
        })
    }

    fn to_arguments(&self) -> Vec<OsString> {
        match self {
            Self::Durable(directory) => vec![SERVE.into(), "durable".into(), directory.into()],
            Self::Bounded(directory) => vec![SERVE.into(), "bounded".into(), directory.into()],
            Self::Keyed(directory) => vec![SERVE.into(), "keyed".into(), directory.into()],
            Self::Tls(directory) => vec![SERVE.into(), "tls".into(), directory.into()],
            Self::Memory => vec![SERVE.into(), "memory".into()],
            Self::Ceiling => vec![SERVE.into(), "ceiling".into()],
        }
    }
}

/// A server that stops when this is dropped, or when this process ends.
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    access: Access,
}

impl ServerProcess {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(variant: &Variant) -> Result<Self> {
        let access = match variant {
            Variant::Keyed(data) => Access::with_key(data)?,
            Variant::Tls(data) => Access::with_key_and_tls(data)?,
            _ => Access::default(),
        };
        let child = Command::new(env::current_exe()?)
            .args(variant.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            access,
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

    pub(crate) const fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Length of the response to a GET, in bytes. It is not kept in memory, so it may be of any length.
    pub(crate) fn count(&self, path: &str) -> Result<u64> {
        Ok(std::io::copy(
            &mut self.request(path)?,
            &mut std::io::sink(),
        )?)
    }

    /// Length of the response to a POST, in bytes.
    pub(crate) fn count_posted(&self, path: &str, command: &str) -> Result<u64> {
        let length = command.len();
        let headers = self.access.headers();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{command}"
        );
        let mut stream = self.access.connect(self.address)?;
        stream.write_all(request.as_bytes())?;
        Ok(std::io::copy(&mut stream, &mut std::io::sink())?)
    }

    fn request(&self, path: &str) -> Result<Box<dyn Duplex>> {
        let mut stream = self.access.connect(self.address)?;
        let headers = self.access.headers();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    /// The response to a GET, which has to be a success.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut stream = self.request(path)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(answer);
        }
        Err(format!("{path}: {answer}").into())
    }

    /// Status of the server.
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
        // The server stops at the end of its standard input.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}
