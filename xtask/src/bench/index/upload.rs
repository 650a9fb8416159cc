//! Uploads, one after the other: to a project that is empty, and to one with many versions.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    super::{server::Load, statistics::Table},
    content::{SMALL_FILE, import_file, multiply},
    ours::{OURS, Ours},
    site::Site,
    stage::Stage,
};
use crate::say::complain;

const UPLOADS: usize = 200;

/// How many versions there are before.
const VERSIONS: [(usize, &str); 3] =
    [(0, "upload at 0 versions"), (1000, "upload at 1,000 versions"), (10_000, "upload at 10,000 versions")];

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let mut load = Load::ordered(stage.built, "upload")?;
    let mut table =
        Table::new("Uploads of a wheel of 1 KB", &["versions before", "who", "uploads", "p50 ms", "p99 ms", "refused"]);
    let home = stage.folder.join("upload");
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    import_file(stage.built, &home.join("data"), &stage.content.flat.join(SMALL_FILE))?;
    drop(ours);
    for (count, _) in VERSIONS {
        multiply(&home.join("data"), &project(count), count)?;
    }
    let ours = Ours::start(stage.built, &home, &stage.issuer, None)?;
    for (count, what) in VERSIONS {
        complain(format_args!("  {what}"));
        let uploads = stage.pace.of(UPLOADS);
        let url = ours.site.simple.replace("/simple/", "/legacy/");
        let said = upload(&mut load, &url, &ours.site.headers, &project(count), 0, uploads)?;
        let row = Uploads::of(&said)?;
        stage.facts.note(what, OURS, "p50", row.p50);
        stage.facts.note(what, OURS, "p99", row.p99);
        table.row(&row.shown(count, OURS));
        if stage.pace.alone {
            continue;
        }
        // It looks into its folder at each upload: as many files are as many versions.
        let flat = home.join(format!("pypiserver-{count}"));
        files(&flat, &project(count), count)?;
        let peer: Site = stage.peers.pypiserver(&home, &flat, "first")?;
        let origin = peer.simple.replace("/simple/", "/");
        let said = upload(&mut load, &origin, &[], &project(count), 0, uploads)?;
        table.row(&Uploads::of(&said)?.shown(count, peer.name));
    }
    if stage.pace.alone {
        return Ok(table.text());
    }
    // Every upload writes the whole project's metadata anew: a thousand would take ten minutes.
    complain("  uploads to devpi-server");
    let (_running, url, credential) = stage.peers.devpi_stage(&home)?;
    let uploads = stage.pace.of(100);
    for first in [0, uploads] {
        let said = upload(&mut load, &url, std::slice::from_ref(&credential), "upload-0", first, uploads)?;
        table.row(&Uploads::of(&said)?.shown(first, "devpi-server"));
    }
    Ok(table.text())
}

fn project(count: usize) -> String {
    format!("upload-{count}")
}

fn upload(load: &mut Load, url: &str, headers: &[String], project: &str, first: usize, count: usize) -> Result<Value> {
    load.order(&json!({ "url": url, "headers": headers, "project": project, "first": first, "count": count }))?;
    load.hear()
}

/// So many empty files of a project, and one of a project `first`, which is asked for at the start.
fn files(folder: &Path, project: &str, count: usize) -> Result<()> {
    fs::create_dir(folder)?;
    let module = project.replace('-', "_");
    for number in 0..count {
        fs::write(folder.join(format!("{module}-0.{number}-py3-none-any.whl")), "")?;
    }
    Ok(fs::write(folder.join("first-1.0-py3-none-any.whl"), "")?)
}

struct Uploads {
    done: f64,
    p50: f64,
    p99: f64,
    failed: f64,
    status: Option<u64>,
}

impl Uploads {
    fn of(said: &Value) -> Result<Self> {
        let figure = |key: &str| said.get(key).and_then(Value::as_f64).context("the load says nothing");
        let status = said.get("status").and_then(Value::as_u64);
        Ok(Self {
            done: figure("done")?,
            p50: figure("p50_ms")?,
            p99: figure("p99_ms")?,
            failed: figure("failed")?,
            status,
        })
    }

    fn shown(&self, count: usize, who: &str) -> [String; 6] {
        let refused = match self.status {
            Some(status) => format!("{:.0} ({status})", self.failed),
            None => "0".to_owned(),
        };
        [
            count.to_string(),
            who.to_owned(),
            format!("{:.0}", self.done),
            format!("{:.1}", self.p50),
            format!("{:.1}", self.p99),
            refused,
        ]
    }
}
