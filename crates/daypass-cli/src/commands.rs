//! One file for each command. A command parses, asks, and prints; what it asks lives elsewhere.

use daypass_core::clock::Clock;

use crate::{
    arguments::{Command, Helper, ServiceAccount},
    environment::Environment,
    failure::Failure,
};

mod admin;
mod ambient;
mod audit;
mod blocked;
mod ci;
mod completion;
mod explain;
pub(crate) mod help;
mod index;
mod login;
mod logout;
mod pull_token;
mod service_account;
mod status;
mod token;

/// Runs `command`.
pub(crate) fn run(command: Command, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    match command {
        Command::Login(arguments) => login::run(&arguments, environment, clock),
        Command::Token(arguments) => token::run(&arguments, environment, clock),
        Command::Status(arguments) => status::run(&arguments, environment, clock),
        Command::Ambient(arguments) => ambient::run(&arguments, environment),
        Command::Logout(arguments) => logout::run(&arguments, environment, clock),
        Command::Ci(command) => ci::run(&command, environment, clock),
        Command::Admin(command) => admin::run(command, environment, clock),
        Command::Index(command) => index::run(&command, environment, clock),
        Command::Audit(command) => blocked::run(&command, environment, clock),
        Command::PullToken(command) => pull_token::run(&command, environment, clock),
        Command::ServiceAccount(ServiceAccount::Keygen(arguments)) => service_account::keygen(&arguments),
        Command::Completion(arguments) => completion::run(&arguments),
        // `helper::answer` has taken every call but the ones for help, which clap has answered.
        Command::Helper(Helper::Keyring(_)) => {
            Err(Failure::usage("a helper is called as `daypass helper keyring get URL`"))
        }
    }
}
