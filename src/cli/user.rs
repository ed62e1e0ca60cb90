//! `scanpost user`: administrators and their passwords.
//!
//! The command changes the credentials file under its lock. A running server reads it again.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use scanpost::auth::{Credentials, shown_name};

use super::table::{Row, print, shown};
use super::{CommandError, DataArgs};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Sets the password of an administrator, read from the terminal or from standard input.
    SetPassword(SetPasswordArgs),
    /// Lists all administrators, and when each was logged in last.
    List(DataArgs),
    /// Removes an administrator. Logins with the password end.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetPasswordArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The administrator's name.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
    /// Revokes all keys that exist. For the first password, a terminal asks about them.
    #[arg(long)]
    revoke_keys: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The administrator's name.
    #[arg(value_name = "NAME")]
    user: String,
    /// Removes the administrator also if it is the last one.
    #[arg(long)]
    last: bool,
}

pub(super) fn run(command: &UserCommand) -> Result<ExitCode, CommandError> {
    match command {
        UserCommand::SetPassword(args) => set_password(args),
        UserCommand::List(args) => list(args),
        UserCommand::Remove(args) => {
            let credentials = args.data.credentials()?;
            Ok(credentials.remove_user(&args.user, args.last)?)
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn set_password(args: &SetPasswordArgs) -> Result<(), CommandError> {
    // Opened first, so that an error of the file comes before anybody types a password.
    let credentials = args.data.credentials()?;
    let is_first = !credentials.has_users();
    credentials.set_password(&args.user, &read_password()?)?;
    if is_first || args.revoke_keys {
        offer_to_revoke(&credentials, args.revoke_keys)?;
    }
    Ok(())
}

/// Before the first password nobody may have known who made the keys. Whoever sets it decides whether they stay.
fn offer_to_revoke(credentials: &Credentials, is_told_to: bool) -> Result<(), CommandError> {
    let keys = credentials.keys();
    if keys.is_empty() {
        return Ok(());
    }
    let mut out = io::stderr().lock();
    writeln!(out, "These keys exist already:")?;
    for key in &keys {
        let (name, role) = (shown_name(&key.name), shown_name(key.role.as_str()));
        writeln!(out, "  {name}  {role}  made {}", shown(key.created))?;
    }
    let is_revoked = if is_told_to {
        true
    } else if io::stdin().is_terminal() {
        write!(out, "Revoke all of them? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        matches!(answer.trim(), "y" | "Y" | "yes")
    } else {
        false
    };
    if !is_revoked {
        writeln!(
            out,
            "They stay valid. Revoke those that you do not know with `scanpost apikey revoke NAME`."
        )?;
        return Ok(());
    }
    for key in keys {
        credentials.revoke_key(&key.name)?;
    }
    Ok(writeln!(out, "They are revoked.")?)
}

fn list(args: &DataArgs) -> Result<(), CommandError> {
    let users = args.credentials()?.users();
    let rows = users.iter().map(|user| Row {
        name: &user.name,
        role: "admin",
        rest: vec![super::table::last_used(user.last_used)],
    });
    print(&rows.collect::<Vec<_>>())
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
