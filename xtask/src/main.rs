//! The project's own commands: `cargo xtask build`, `dist`, `demo`, `test` and `bench`.
//!
//! Nothing of the product is here. What these commands need beyond Rust and Python they install by themselves, into
//! `tools/` under cargo's target folder or, for PostgreSQL, Node, Chromium and the load tools, from the system's packages.

mod bench;
mod build;
mod command;
mod demo;
mod dist;
mod environment;
mod fuzz;
mod http;
mod postgres;
mod reference;
mod say;
mod system;
mod test;
mod tidy;
mod tools;
mod wheel;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{say::complain, workspace::Workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make the release binaries and the wheel: `release/` and `wheels/` under cargo's target folder.
    Build,
    /// Make a signed release, and the Action and its siblings that install it: `dist/` under cargo's target folder.
    Dist(dist::Options),
    /// Watch packages install through a private index with a credential that was minted for the moment.
    Demo(demo::Options),
    /// Run everything that CI runs.
    Test(test::Options),
    /// Make `docs/reference` from what the programs say of themselves.
    Reference,
    /// Run the fuzz targets.
    Fuzz(fuzz::Options),
    /// Measure, and print the table of the README's performance section.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    command::stop_on_ctrl_c()?;
    let workspace = Workspace::find()?;
    match &arguments.task {
        Task::Build => build::release(&workspace).map(|_built| ()),
        Task::Dist(options) => dist::run(&workspace, options),
        Task::Demo(options) => demo::run(&workspace, options),
        Task::Test(options) => test::run(&workspace, options),
        Task::Reference => reference::write(&workspace),
        Task::Fuzz(options) => fuzz::run(&workspace, options),
        Task::Bench(options) => bench::run(&workspace, options),
    }
}
