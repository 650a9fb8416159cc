//! The list of all projects: a hundred thousand names, and half a million for us.

use std::{fs, path::Path};

use anyhow::Result;

use super::{
    ask::fetch,
    content::{SMALL, SMALL_FILE, compress, import_file, multiply},
    goals::Facts,
    nginx,
    ours::Ours,
    rates::{Asked, Thing, table_of},
    site::{JSON, Site},
    stage::Stage,
};
use crate::say::complain;

const MANY: usize = 100_000;
const MOST: usize = 500_000;

const fn list(what: &'static str, json: bool, coding: Option<&'static str>) -> Asked {
    Asked { what, thing: Thing::List, json, coding, known: false, connections: 2 }
}

const LISTS: [Asked; 4] = [
    list("100,000 names, HTML", false, None),
    list("100,000 names, HTML, gzip", false, Some("gzip")),
    list("100,000 names, JSON", true, None),
    list("100,000 names, JSON, gzip", true, Some("gzip")),
];

const LONGEST: [Asked; 2] =
    [list("500,000 names, JSON", true, None), list("500,000 names, JSON, gzip", true, Some("gzip"))];

/// Measures them. The other Python indexes are started anew, with as many projects.
pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let mut facts = std::mem::take(&mut stage.facts);
    let tables = tables(stage, &mut facts);
    stage.facts = facts;
    tables
}

fn tables(stage: &Stage<'_>, facts: &mut Facts) -> Result<String> {
    let folder = stage.folder.join("list");
    let (ours, floor) = with_names(stage, "many", MANY)?;
    let peers = if stage.pace.alone { Vec::new() } else { peers(stage, &folder)? };
    let sites: Vec<&Site> = [&floor, &ours.site].into_iter().chain(&peers).collect();
    let first = table_of(stage.tools(), &sites, "The list of projects", &LISTS, facts)?;
    drop((ours, floor, peers));
    let (ours, floor) = with_names(stage, "most", MOST)?;
    let second =
        table_of(stage.tools(), &[&floor, &ours.site], "The list of half a million projects", &LONGEST, facts)?;
    Ok(first + &second)
}

/// Those that have a list of their own to make. The two that mirror pass on somebody else's.
fn peers(stage: &Stage<'_>, folder: &Path) -> Result<Vec<Site>> {
    complain("  the other indexes with 100,000 names");
    // Folders and empty files are all that these two look at for a list.
    let (flat, tree) = (folder.join("flat"), folder.join("tree"));
    fs::create_dir(&flat)?;
    fs::create_dir(&tree)?;
    for number in 0..MANY {
        fs::write(flat.join(format!("many_{number:06}-1.0-py3-none-any.whl")), "")?;
        fs::create_dir(tree.join(format!("many-{number:06}")))?;
    }
    // A folder without files has no page: this one is asked for at the start.
    fs::write(tree.join("many-000000/many_000000-1.0-py3-none-any.whl"), "")?;
    let first = "many-000000";
    let started = [stage.peers.pypiserver(folder, &flat, first), stage.peers.simple_repository(folder, &tree, first)];
    let complained = |error: &anyhow::Error| complain(format_args!("  left out: {error:#}"));
    Ok(started.into_iter().filter_map(|site| site.inspect_err(complained).ok()).collect())
}

/// daypassd with so many projects, and nginx with the list that it gives.
fn with_names(stage: &Stage<'_>, name: &str, count: usize) -> Result<(Ours, Site)> {
    complain(format_args!("  daypassd with {count} projects"));
    let home = stage.folder.join("list").join(name);
    let data = home.join("data");
    fs::create_dir_all(&home)?;
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    let small = stage.content.flat.join(SMALL_FILE);
    import_file(stage.built, &data, &small)?;
    drop(ours);
    multiply(&data, "projects", count)?;
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    let root = home.join("static");
    let small = root.join("simple").join(SMALL);
    fs::create_dir_all(&small)?;
    fs::write(small.join("index.html"), "")?;
    for (form, accept) in [("html", "text/html"), ("json", JSON)] {
        let list = fetch(&ours.site.simple, &ours.site.with(&[&format!("accept: {accept}")]))?;
        fs::write(root.join("simple").join(format!("index.{form}")), list.body)?;
    }
    compress(&root)?;
    let floor = nginx::anonymous(&home, &root)?;
    Ok((ours, floor))
}
