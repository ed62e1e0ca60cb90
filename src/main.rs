//! The program `scanpost`. What it does on the command line is in `cli`; what the server does is in the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
