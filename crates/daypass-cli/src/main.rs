//! The `daypass` command: signs in, keeps the credential, hands it to tools.
//!
//! | module | idea |
//! |---|---|
//! | [`environment`], [`folders`], [`surroundings`] | what the surroundings say, read once |
//! | [`arguments`], [`commands`] | the command line, and one file for each command |
//! | [`helper`], [`service`] | answering other tools, fast |
//! | [`trust`], [`config`], [`server`], [`profile`] | which servers are ours, and as who |
//! | [`lock_file`] | which packages a lock file names |
//! | [`credential`], [`identity_token`], [`key_file`] | the one order in which a credential is found |
//! | [`ambient`] | who this is by where it runs: a CI job, a cloud's machine |
//! | [`job`] | what a CI job gets for its later steps, and what is taken back |
//! | [`sign_in`], [`session`], [`prompt`] | a person signs in, stays signed in, and is told |
//! | [`cache`], [`lock`], [`private_folder`] | keeping it, one process at a time, closed to others |
//! | [`issuer_client`] | the wire |
//! | [`package_file`], [`simple_page`], [`transfer`], [`progress`] | moving files into an index, and out of one |
//! | [`failure`], [`output`] | exit codes, sentences and hints |
//!
//! What is *not* here: anything of the server. This crate cannot name a signing key or a database.

use std::process::ExitCode;

use clap::Parser;
use daypass_core::clock::SystemClock;

mod ambient;
mod arguments;
mod cache;
mod commands;
mod config;
mod credential;
mod environment;
mod failure;
mod folders;
mod helper;
mod identity_token;
mod issuer_client;
mod job;
mod key_file;
mod lock;
mod lock_file;
mod output;
mod package_file;
mod private_folder;
mod profile;
mod progress;
mod prompt;
mod server;
mod service;
mod session;
mod sign_in;
mod simple_page;
mod surroundings;
mod transfer;
mod trust;

use environment::Environment;
use failure::Failure;

fn main() -> ExitCode {
    let environment = Environment::read();
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments.collect();
    let done = helper::answer(&name, &arguments, &environment, &SystemClock).unwrap_or_else(|| run(&environment));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(failure.status.exit_code())
        }
    }
}

fn run(environment: &Environment) -> Result<(), Failure> {
    match arguments::Arguments::try_parse() {
        Ok(arguments) => commands::run(arguments.command, environment, &SystemClock),
        Err(error) => commands::help::show(&error),
    }
}
