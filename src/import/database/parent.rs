//! The server's side: starts the child, and hands its rows on.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::message::{Question, Relayed, relay};
use super::{MEMORY_SHORT, TIME_SHORT};
use crate::import::form::Form;
use crate::import::rows::{Context, Ending, FileError, Input, Rows};

/// The hidden command that makes the program a child.
const COMMAND: &str = "read-database";
/// This program, also after its file was replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// What Linux grants every user.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;
/// How often to ask whether the rows are still wanted while the child is silent.
const ASK_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};
/// The program to start, if it is not this one.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that reads databases, in a process that uses the server as a library. It has to be of the same
/// version.
pub fn use_program(path: PathBuf) {
    // The first call counts.
    PROGRAM.set(path).ok();
}

/// Reads a database in a child.
pub(crate) fn read(
    form: Form,
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let bounds = context.bounds;
    // A limit counts whole seconds.
    let time_max_s = bounds.database.time_max.as_millis().div_ceil(1000);
    let question = Question {
        form,
        path: input.path.canonicalize()?,
        latest: context.latest,
        line_bytes_max: bounds.line_bytes_max,
        capabilities_bytes_max: bounds.capabilities_bytes_max,
        memory_bytes_max: bounds.database.memory_bytes_max,
        time_max_s: u64::try_from(time_max_s).unwrap_or(u64::MAX - 1),
        points_only: context.points_only,
    };
    let question = postcard::to_allocvec(&question).map_err(io::Error::other)?;
    let started = start(&question).map_err(|error| {
        FileError::refused(format!("cannot start a process for the database: {error}"))
    });
    let (mut child, mut output) = started?;
    match relay(&mut output, rows, wait) {
        Ok(Relayed::Ended(ending)) => Ok(ending),
        Ok(Relayed::Stopped) => Ok(Ending::default()),
        Ok(Relayed::Refused(reason)) => Err(FileError::Refused(reason)),
        Ok(Relayed::BrokeOff) => Err(FileError::refused(child.reason()?)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(FileError::refused(
            "the process that read the database sent what no reader sends",
        )),
        Err(error) => Err(error.into()),
    }
}

/// A child, which is killed when nobody reads from it any more.
struct Reading(Child);

fn start(question: &[u8]) -> io::Result<(Reading, ChildStdout)> {
    let mut command = match PROGRAM.get() {
        Some(program) => Command::new(program),
        None if Path::new(THIS_PROGRAM).exists() => Command::new(THIS_PROGRAM),
        None => Command::new(env::current_exe()?),
    };
    command
        .arg(COMMAND)
        .env_clear()
        // The allocator takes 1 GiB in advance otherwise, which counts for the limit of memory.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = Reading(command.spawn()?);
    if let Some(mut input) = child.0.stdin.take() {
        input.write_all(question)?;
    }
    let output = child.0.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    widen(&output);
    Ok((child, output))
}

/// Makes room for rows in the pipe, so that the child goes on while the server is busy with earlier ones.
#[cfg(target_os = "linux")]
fn widen(output: &ChildStdout) {
    // A system may grant less.
    rustix::pipe::fcntl_setpipe_size(output, PIPE_BYTES).ok();
}

#[cfg(not(target_os = "linux"))]
fn widen(_: &ChildStdout) {}

/// Waits until the child writes or ends, or nobody wants its rows.
fn wait(output: &ChildStdout, rows: &mut dyn Rows) -> io::Result<ControlFlow<()>> {
    loop {
        let mut files = [PollFd::new(output, PollFlags::IN)];
        match poll(&mut files, Some(&ASK_INTERVAL)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error.into()),
        }
        if rows.still_wanted().is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

impl Reading {
    /// Why the child ended before it had read everything.
    fn reason(&mut self) -> io::Result<String> {
        Ok(reason_of(self.0.wait()?))
    }
}

fn reason_of(status: ExitStatus) -> String {
    let signals = [
        (Signal::XCPU, TIME_SHORT),
        (Signal::ABORT, MEMORY_SHORT),
        (
            Signal::KILL,
            "the system ended the process that read the database, perhaps because memory was short",
        ),
    ];
    let known = signals.into_iter().find_map(|(signal, reason)| {
        (status.signal() == Some(signal.as_raw())).then(|| reason.to_owned())
    });
    known.unwrap_or_else(|| format!("the process that read the database failed: {status}"))
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_follows_from_how_the_child_ended() {
        let ended_by = |signal: Signal| reason_of(ExitStatus::from_raw(signal.as_raw()));
        assert_eq!(ended_by(Signal::XCPU), TIME_SHORT);
        assert_eq!(ended_by(Signal::ABORT), MEMORY_SHORT);
        assert!(ended_by(Signal::KILL).contains("memory was short"));
        assert!(ended_by(Signal::SEGV).contains("failed: signal: 11"));
        let code = reason_of(ExitStatus::from_raw(101 << 8));
        assert!(code.contains("exit status: 101"), "{code}");
    }
}
