//! One file for each thing `daypassd` can be told to do.

mod audit;
mod check_config;
mod doctor;
mod files;
mod import;
mod init;
mod key;
mod migrate;
mod serve;
mod user;

use std::io::{self, Write};

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Command},
    failure::Failure,
};

/// Does what was typed.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(init) => init::run(init).await,
        Command::Serve(serve) => serve::run(serve).await,
        Command::CheckConfig(place) => check_config::run(&place),
        Command::Import(import) => import::run(import).await,
        Command::User(user) => user::run(user).await,
        Command::Audit(audit) => audit::run(audit).await,
        Command::Key(key) => key::run(key).await,
        Command::Files(files) => files::run(files).await,
        Command::Migrate(place) => migrate::run(&place).await,
        Command::Doctor(place) => doctor::run(&place).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "daypassd", &mut script);
            say(&String::from_utf8_lossy(&script))
        }
    }
}

/// Writes data to standard output. A reader that has seen enough (`| head`) is no failure.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::other(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
