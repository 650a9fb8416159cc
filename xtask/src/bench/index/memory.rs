//! Memory, and how soon after its start a server answers.

use std::time::Duration;

use anyhow::Result;

use super::{
    super::statistics::{Sample, Table},
    content::{SMALL_FILE, import_file, multiply},
    goals::Facts,
    ours::{OURS, Ours},
    processes::memory_of_all,
    rates::{FILES, PAGES, table_of},
    stage::{Pace, Stage, Tools},
};
use crate::{command::pause, say::complain};

const STARTS: usize = 5;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let mut table = Table::new(
        "Memory and start",
        &["who", "MB idle", "MB after load", "MB at most", "ms from start to first answer"],
    );
    let row = |who: &str, memory: [f64; 3], start: f64| {
        let [idle, after, most] = memory.map(|megabytes| format!("{megabytes:.0}"));
        [who.to_owned(), idle, after, most, format!("{start:.0}")]
    };
    let (memory, start) = under_load(stage)?;
    let [memory_idle, _, memory_most] = memory;
    stage.facts.note("memory", OURS, "idle", memory_idle);
    stage.facts.note("memory", OURS, "load", memory_most);
    table.row(&row(OURS, memory, start.median()));
    let (memory, start) = many_projects(stage)?;
    stage.facts.note("100,000 projects", OURS, "cold start", start.median());
    table.row(&row(&format!("{OURS}, 100,000 projects"), memory, start.median()));
    for site in &stage.others {
        let (after, most) = memory_of_all(site.process);
        let start = site.cold_start.unwrap_or_default().as_secs_f64() * 1000.0;
        table.row(&row(site.name, [site.idle, after, most], start));
    }
    Ok(table.text())
}

/// Started anew, left alone, and then asked for everything that the other tables ask for.
fn under_load(stage: &Stage<'_>) -> Result<([f64; 3], Sample)> {
    complain("  daypassd idle and under load");
    let home = stage.folder.join("memory");
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    stage.content.import(stage.built, &home.join("data"))?;
    drop(ours);
    let (start, ours) = starts(stage, &home)?;
    pause(Duration::from_secs(2))?;
    let (idle, _) = memory_of_all(ours.site.process);
    let pace = Pace { seconds: 1, rounds: 1, ..stage.pace };
    let tools = Tools { pace, ..stage.tools() };
    let things: Vec<_> = PAGES.into_iter().chain(FILES).collect();
    table_of(tools, &[&ours.site], "", &things, &mut Facts::default())?;
    let (after, most) = memory_of_all(ours.site.process);
    Ok(([idle, after, most], start))
}

/// With a hundred thousand projects; nobody asks for anything.
fn many_projects(stage: &Stage<'_>) -> Result<([f64; 3], Sample)> {
    complain("  daypassd with 100,000 projects");
    let home = stage.folder.join("cold");
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    import_file(stage.built, &home.join("data"), &stage.content.flat.join(SMALL_FILE))?;
    drop(ours);
    multiply(&home.join("data"), "projects", 100_000)?;
    let (start, ours) = starts(stage, &home)?;
    pause(Duration::from_secs(2))?;
    let (now, most) = memory_of_all(ours.site.process);
    Ok(([now, now, most], start))
}

/// Several starts, and the last server.
fn starts(stage: &Stage<'_>, home: &std::path::Path) -> Result<(Sample, Ours)> {
    let mut start = Sample::default();
    for _ in 1..stage.pace.of(STARTS) {
        let ours = Ours::start(stage.built, home, &stage.issuer, None)?;
        start.add(ours.server.cold_start.as_secs_f64() * 1000.0);
    }
    let ours = Ours::start(stage.built, home, &stage.issuer, None)?;
    start.add(ours.server.cold_start.as_secs_f64() * 1000.0);
    Ok((start, ours))
}
