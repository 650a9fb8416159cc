//! `cargo xtask test`: everything that CI runs, in one order, with the time of each part.
//!
//! A part that fails does not keep the others from running, except the build, on which the rest stands.

mod people;
mod python;
mod scripts;
mod stage;
mod workflows;
mod workloads;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    build, command, fuzz,
    postgres::Postgres,
    reference,
    say::{complain, say},
    system, tidy, tools,
    workspace::{Profile, Workspace},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these parts.
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Passed on to `cargo nextest run`: names of tests, `-E` filters.
    #[arg(last = true)]
    nextest: Vec<String>,
}

/// What there is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// `cargo fmt --check`.
    Fmt,
    /// Rules that no other tool holds: walls between crates, file lengths, names that must not be written down.
    Tidy,
    /// clippy on everything, warnings denied.
    Clippy,
    /// Licenses, sources and banned crates.
    Deny,
    /// Linters for what shells run.
    Scripts,
    /// rustdoc, warnings denied.
    Doc,
    /// The binaries and the wheel.
    Build,
    /// `docs/reference` is what the programs say.
    Reference,
    /// All Rust tests, on SQLite and PostgreSQL, and the journeys with real pip, uv, browser and provider.
    Rust,
    /// The Python package: ruff, mypy, pytest.
    Python,
    /// The fuzz targets, for a minute.
    Fuzz,
}

const ALL: [Part; 11] = [
    Part::Fmt,
    Part::Tidy,
    Part::Clippy,
    Part::Deny,
    Part::Scripts,
    Part::Doc,
    Part::Build,
    Part::Reference,
    Part::Rust,
    Part::Python,
    Part::Fuzz,
];

struct Outcome {
    part: Part,
    took: Duration,
    problem: Option<anyhow::Error>,
}

/// Runs the parts and fails if one of them did.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    // libFuzzer is C++, and a part of the workspace.
    system::require("c++", "g++")?;
    let mut outcomes = Vec::new();
    for part in ALL {
        if !(options.only.is_empty() || options.only.contains(&part)) {
            continue;
        }
        complain(format_args!("\n── {} ──", name(part)));
        let began = Instant::now();
        let problem = one(part, workspace, options).err();
        if let Some(error) = &problem {
            complain(format_args!("{} failed: {error:#}", name(part)));
        }
        let stop = problem.is_some() && part == Part::Build;
        outcomes.push(Outcome { part, took: began.elapsed(), problem });
        if stop {
            break;
        }
    }
    report(&outcomes)
}

fn one(part: Part, workspace: &Workspace, options: &Options) -> Result<()> {
    match part {
        Part::Fmt => command::run(workspace.cargo().args(["fmt", "--all", "--check"])),
        Part::Tidy => tidy::check(workspace),
        Part::Clippy => command::run(workspace.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny",
            "warnings",
        ])),
        Part::Deny => deny(workspace),
        Part::Scripts => scripts::check(workspace),
        Part::Doc => command::run(
            workspace
                .cargo()
                .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])
                .env("RUSTDOCFLAGS", "--deny warnings"),
        ),
        Part::Build => build::everything(workspace, Profile::Dev).map(|_built| ()),
        Part::Reference => reference::check(workspace),
        Part::Rust => rust(workspace, &options.nextest),
        Part::Python => python::check(workspace),
        Part::Fuzz => fuzz::for_a_minute(workspace),
    }
}

fn deny(workspace: &Workspace) -> Result<()> {
    let program = tools::cargo_deny(workspace)?;
    command::run(std::process::Command::new(program).current_dir(&workspace.root).args([
        "--log-level",
        "warn",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn rust(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let stage = stage::prepare(workspace)?;
    let postgres = Postgres::start()?;
    let mut nextest = workspace.cargo();
    if system::program("cargo-nextest").is_none() {
        let mut path = vec![tools::cargo_nextest(workspace)?];
        path.extend(crate::environment::search_path());
        nextest.env("PATH", std::env::join_paths(path)?);
    }
    nextest
        .args(["nextest", "run", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .env("DAYPASS_TEST_POSTGRES", postgres.url())
        .env("DAYPASS_TEST_TOOLS", stage);
    command::run(&mut nextest)
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    say("");
    for outcome in outcomes {
        let end = if outcome.problem.is_some() { "FAILED" } else { "ok" };
        say(format_args!("{:<8}{:>8.1} s  {end}", name(outcome.part), outcome.took.as_secs_f64()));
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.problem.is_some()).map(|o| name(o.part)).collect();
    if !failed.is_empty() {
        bail!("these parts failed: {}", failed.join(", "));
    }
    Ok(())
}

fn name(part: Part) -> String {
    part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
