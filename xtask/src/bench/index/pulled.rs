//! The first byte of a file that was never asked for, against upstream's own.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    super::{server::Load, statistics::Table},
    content::PULLED,
    ours::{OURS, Ours},
    site::Site,
    stage::Stage,
};

/// How many files there are, each of 1 MB.
const FILES: usize = 100;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let upstream = stage.floor()?;
    let home = stage.folder.join("pulled");
    let ours = Ours::start(stage.built, &home, &stage.issuer, Some(&upstream.simple))?;
    let mut load = Load::ordered(stage.built, "first-byte")?;
    let mut ask = |site: &Site| -> Result<[f64; 4]> {
        let files = (0..stage.pace.of(FILES)).map(|version| format!("pulled_lib-1.{version}-py3-none-any.whl"));
        let urls: Vec<String> = files.map(|file| site.file(PULLED, &file)).collect::<Result<_>>()?;
        load.order(&json!({ "urls": urls, "headers": site.headers }))?;
        let said = load.hear()?;
        if said.get("failed") != Some(&json!(0)) {
            bail!("files of {} were refused: {said}", site.name);
        }
        let figure = |pointer: &str| said.pointer(pointer).and_then(Value::as_f64).context("the load says nothing");
        Ok([figure("/first/p50_ms")?, figure("/first/p99_ms")?, figure("/whole/p50_ms")?, figure("/whole/p99_ms")?])
    };
    let (floor, first, again) = (ask(upstream)?, ask(&ours.site)?, ask(&ours.site)?);
    let columns = ["who", "first byte p50 ms", "p99 ms", "last byte p50 ms", "p99 ms"];
    let mut table = Table::new("A file of 1 MB that upstream has", &columns);
    for (who, figures) in [
        ("upstream itself (nginx)", floor),
        ("**daypassd**, which has to fetch it", first),
        ("**daypassd**, the second time", again),
    ] {
        let shown = figures.map(|milliseconds| format!("{milliseconds:.2}"));
        table.row(&[[who.to_owned()].as_slice(), &shown].concat());
    }
    let ([own, ..], [upstreams, ..]) = (first, floor);
    stage.facts.note("pulled", OURS, "more", own - upstreams);
    Ok(table.text())
}
