//! `cargo xtask bench`: ratios, all measured in one run on one machine, as the tables of the README.
//!
//! What is compared is run in turns, round by round, so that a slower minute of the machine slows both. A table gives
//! medians and, as noise, how far the rounds lie apart.

mod action;
mod exchange;
mod helper;
mod index;
mod people;
mod pip;
mod refresh;
mod server;
mod statistics;
mod workloads;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    build::{self, Built},
    say::{complain, say},
    workspace::{Profile, Workspace},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these groups.
    #[arg(value_name = "GROUP")]
    groups: Vec<Group>,
    /// Of the index, only these parts.
    #[arg(long, value_name = "PART")]
    only: Vec<index::Part>,
    /// A short run of the index, with what is built for tests, to see that everything works. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Of the index, only daypassd and nginx.
    #[arg(long)]
    alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// `daypass helper keyring get` against an empty program.
    Helper,
    /// `pip install` through the keyring against a password in the URL.
    Pip,
    /// Token exchange against the cryptography it cannot do without; memory; cold start.
    Exchange,
    /// Ten thousand identities against one; a flood of invented key ids.
    Workloads,
    /// `pip install` until the wheel's first byte, for a person: static, cached, refreshed; refreshes per second.
    People,
    /// What the Action adds to a job, against an Action that does nothing.
    Action,
    /// The index against nginx and the other Python indexes.
    Index,
}

/// Measures and prints one Markdown table for each group.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let profile = if options.quick { Profile::Dev } else { Profile::Release };
    let how = index::How { quick: options.quick, alone: options.alone };
    let built: Built = build::everything(workspace, profile)?;
    for (group, measure) in [
        (Group::Helper, &helper::measure as &dyn Fn(&Workspace, &Built) -> Result<String>),
        (Group::Pip, &pip::measure),
        (Group::Exchange, &exchange::measure),
        (Group::Workloads, &workloads::measure),
        (Group::People, &people::measure),
        (Group::Action, &|workspace, built| action::measure(workspace, built, profile)),
        (Group::Index, &|workspace, built| index::measure(workspace, built, &options.only, how)),
    ] {
        if options.groups.is_empty() || options.groups.contains(&group) {
            complain(format_args!("measuring {group:?}"));
            say(measure(workspace, &built)?);
        }
    }
    Ok(())
}
