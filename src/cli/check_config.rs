//! `scanpost check-config`: checks the configuration without starting the server.

use std::io::{self, Write};
use std::process::ExitCode;

use scanpost::config::Overrides;

use super::{ConfigArgs, EXIT_FAILED, exit_misused, load};

pub(super) fn run(args: &ConfigArgs) -> ExitCode {
    match load(args, Overrides::default()) {
        Ok(_) => writeln!(io::stdout(), "configuration is valid")
            .map_or(ExitCode::from(EXIT_FAILED), |()| ExitCode::SUCCESS),
        Err(error) => exit_misused(&error),
    }
}
