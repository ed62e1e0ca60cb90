//! `scanpost user`: passwords of administrators.
//!
//! The command changes the credentials file under its lock. A running server reads it again.

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{CommandError, DataArgs};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Sets the password of an administrator, read from the terminal or from standard input.
    SetPassword(SetPasswordArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetPasswordArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The administrator's name.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
}

pub(super) fn run(command: &UserCommand) -> Result<ExitCode, CommandError> {
    let UserCommand::SetPassword(args) = command;
    // Opened first, so that an error of the file comes before anybody types a password.
    let credentials = args.data.credentials()?;
    credentials.set_password(&args.user, &read_password()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prompts twice without echo on a terminal, else reads the first line of standard input.
fn read_password() -> Result<String, CommandError> {
    if io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(CommandError::ReadPassword);
        let password = ask("New password: ")?;
        return match ask("Again: ")? {
            again if again == password => Ok(password),
            _ => Err(CommandError::PasswordsDiffer),
        };
    }
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(CommandError::ReadPassword)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
