//! The index with authentication, beside nginx without, and beside the other Python indexes; the same content on each.
//!
//! The server that is measured has one core, and what measures the other. All of them run at the same time, idle but for
//! the one that is asked, so that what is compared can be measured in turns.

mod ask;
mod content;
mod goals;
mod install;
mod latency;
mod list;
mod memory;
mod nginx;
mod ours;
mod peers;
mod processes;
mod pulled;
mod rates;
mod site;
mod stage;
mod upload;
mod wrk;

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use self::stage::{Pace, Stage};
use crate::{build::Built, say::complain, workspace::Workspace};

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Pages of one file and of a thousand, HTML and JSON, plain and compressed; 304.
    Pages,
    /// Files of 11 KB, 5 MB and 100 MB.
    Files,
    /// A small page a hundred times a second.
    Latency,
    /// `uv pip install` of thirty packages.
    Install,
    /// The first byte of a file that is pulled through.
    Pulled,
    /// Uploads, at up to 10,000 versions.
    Upload,
    /// The list of up to 500,000 projects.
    List,
    /// Memory, and the start with up to 100,000 projects.
    Memory,
}

/// How it is measured.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// A short run.
    pub(super) quick: bool,
    /// Without the Python indexes.
    pub(super) alone: bool,
}

/// In the order of the table. Memory comes last: by then everybody was asked for everything.
const PARTS: [Part; 8] =
    [Part::Pages, Part::Files, Part::Latency, Part::Install, Part::Pulled, Part::Upload, Part::List, Part::Memory];

pub(super) fn measure(workspace: &Workspace, built: &Built, only: &[Part], how: How) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let How { quick, alone } = how;
    let pace = if quick {
        Pace { seconds: 1, rounds: 1, percent: 10, alone }
    } else {
        Pace { seconds: 2, rounds: 3, percent: 100, alone }
    };
    complain("  content and servers");
    let began = Instant::now();
    let mut stage = Stage::set(workspace, built, folder.path(), pace)?;
    let mut tables = String::new();
    for part in PARTS.into_iter().filter(|part| only.is_empty() || only.contains(part)) {
        complain(format_args!("{:>5.0} s  {part:?}", began.elapsed().as_secs_f64()));
        let table = match part {
            Part::Pages => rates::measure(&mut stage, "Pages", &rates::PAGES),
            Part::Files => rates::measure(&mut stage, "Files", &rates::FILES),
            Part::Latency => latency::measure(&mut stage),
            Part::Install => install::measure(&mut stage),
            Part::Pulled => pulled::measure(&mut stage),
            Part::Upload => upload::measure(&mut stage),
            Part::List => list::measure(&mut stage),
            Part::Memory => memory::measure(&mut stage),
        };
        match table {
            Ok(table) => tables += &table,
            // The others are worth having all the same; the table says what is missing.
            Err(error) => {
                complain(format_args!("  {part:?} failed: {error:#}"));
                let why = format!("\n### {part:?}\n\nNot measured: {error:#}.\n");
                tables.push_str(&why);
            }
        }
    }
    complain(format_args!("{:>5.0} s  done", began.elapsed().as_secs_f64()));
    Ok(stage.facts.table() + &tables)
}
