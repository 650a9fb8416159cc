//! `daypassd`: the issuer and the index in one binary.
//!
//! This crate reads configuration, opens sockets and puts the parts together. What is *not* here: rules, tokens,
//! packages.

mod arguments;
mod assemble;
mod commands;
mod config;
mod data_folder;
mod failure;
mod health;
mod invites;
mod listener;
mod package_policy_files;
mod policy_files;
mod proxies;
mod ready_file;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::{arguments::Arguments, failure::Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("could not start the runtime: {error}")))?;
    let result = runtime.block_on(commands::run(arguments.command));
    // A blocking read of a slow disk must not keep a stopped server alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
