//! The child: limits itself, reads one database, and ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::message::{Question, Sender};
use super::open::Database;
use crate::import::rows::{Bounds, Context, Ending, FileError, Rows};

/// Longest question in bytes.
const QUESTION_BYTES_MAX: u64 = 64 << 10;
/// Standard input, output and error, a second handle of the output, and the database twice.
const OPEN_FILES_MAX: u64 = 6;

/// Reads the database that the question on standard input names, and writes its rows to standard output. The program
/// calls this when the server has started it for a database.
pub fn read_database() -> io::Result<()> {
    let mut question = Vec::new();
    let mut input = io::stdin().lock().take(QUESTION_BYTES_MAX);
    input.read_to_end(&mut question)?;
    // The standard library's own handle searches everything for line ends, which costs time.
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let question: Question = postcard::from_bytes(&question).map_err(io::Error::other)?;
    let mut sender = Sender::new(output);
    let read = answer(&question, &mut sender);
    sender.end(read)
}

fn answer(question: &Question, rows: &mut dyn Rows) -> Result<Ending, FileError> {
    let Some(reader) = question.form.database_reader() else {
        return Err(FileError::refused("not a form of databases"));
    };
    end_with_the_server()?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    // At the first limit the system sends SIGXCPU, which the server can tell from other ends.
    limit(Resource::Cpu, question.time_max_s, question.time_max_s + 1)?;
    let memory = question.memory_bytes_max;
    limit(Resource::Data, memory, memory)?;
    let database = Database::open(&question.path, || {
        limit(Resource::Nofile, OPEN_FILES_MAX, OPEN_FILES_MAX)
    })?;
    let context = Context {
        zone: None,
        time: None,
        latest: question.latest,
        companions: &[],
        bounds: Bounds {
            line_bytes_max: question.line_bytes_max,
            capabilities_bytes_max: question.capabilities_bytes_max,
            ..Bounds::default()
        },
        points_only: question.points_only,
    };
    reader(&database, &context, rows)
}

fn limit(resource: Resource, first: u64, last: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(first),
        maximum: Some(last),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Ends the child when its server ends, because nobody reads its rows then.
#[cfg(target_os = "linux")]
fn end_with_the_server() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// On other systems the child ends at its next write, which fails.
#[cfg(not(target_os = "linux"))]
fn end_with_the_server() -> io::Result<()> {
    Ok(())
}
