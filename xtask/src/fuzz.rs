//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, for a minute or for a night.
//!
//! Only our own crates are built with coverage counters, by a wrapper around rustc; everything else is used as it was
//! built for the tests. So this costs a minute of building, needs no other toolchain, and no `cargo-fuzz`.
//!
//! What a target finds stays in `fuzz/TARGET` under cargo's target folder: the corpus, and the input of each crash.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    command::{self, Running},
    say::complain,
    system,
    workspace::Workspace,
};

const TARGETS: [&str; 3] = ["fuzz-outside-token", "fuzz-policy", "fuzz-glob"];

#[derive(Args)]
pub(crate) struct Options {
    /// For how many seconds each target runs; they run beside one another.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Only these targets.
    #[arg(value_name = "TARGET")]
    only: Vec<String>,
}

/// What CI runs: every target, for a minute.
pub(crate) fn for_a_minute(workspace: &Workspace) -> Result<()> {
    run(workspace, &Options { seconds: 60, only: Vec::new() })
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let wanted = |name: &&&str| options.only.is_empty() || options.only.iter().any(|only| only == **name);
    let targets: Vec<&str> = TARGETS.iter().filter(wanted).copied().collect();
    if targets.len() < options.only.len() {
        bail!("there are the targets {}", TARGETS.join(", "));
    }
    system::require("c++", "g++")?;
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--package", "daypass-fuzz"]);
    build.env("RUSTC_WORKSPACE_WRAPPER", workspace.root.join("fuzz/rustc-with-coverage"));
    command::run(&mut build)?;
    let mut running = Vec::new();
    for name in targets {
        running.push((name, start(workspace, name, options.seconds)?));
    }
    let mut found = Vec::new();
    for (name, mut target) in running {
        if !target.wait()?.success() {
            found.push(name);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} found something; the input is beside the corpus, its report in `log`", found.join(", "))
}

fn start(workspace: &Workspace, name: &str, seconds: u32) -> Result<Running> {
    let folder: PathBuf = workspace.target.join("fuzz").join(name);
    let corpus = folder.join("corpus");
    fs::create_dir_all(&corpus)?;
    complain(format_args!("{name}: {seconds} s"));
    let log = fs::File::create(folder.join("log"))?;
    let mut target = Command::new(workspace.target.join("debug").join(name));
    target
        .current_dir(&folder)
        .args([&corpus, &workspace.root.join("fuzz/seeds").join(name)])
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1"])
        .stdout(log.try_clone()?)
        .stderr(log);
    command::start(&mut target)
}
