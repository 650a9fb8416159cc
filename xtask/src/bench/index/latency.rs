//! How long one waits when others ask too: a hundred small pages a second.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    super::{
        server::Load,
        statistics::{Sample, Table},
    },
    content::SMALL,
    site::JSON,
    stage::Stage,
};

const RATE: u32 = 100;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let mut load = Load::ordered(stage.built, "open")?;
    let sites = stage.sites();
    let mut samples: Vec<_> = sites.iter().map(|_| (Sample::default(), Sample::default())).collect();
    for _ in 0..stage.pace.rounds {
        for (site, (p50, p99)) in sites.iter().zip(&mut samples) {
            let headers = site.with(&[&format!("Accept: {JSON}")]);
            let seconds = stage.pace.seconds * 2;
            load.order(&json!({ "url": site.page(SMALL), "headers": headers, "rate": RATE, "seconds": seconds }))?;
            let said = load.hear()?;
            let figure = |key: &str| said.get(key).and_then(Value::as_f64).context("the load says nothing");
            p50.add(figure("p50_ms")?);
            p99.add(figure("p99_ms")?);
        }
    }
    let mut table = Table::new("A small page, a hundred times a second", &["who", "p50 ms", "p99 ms", "p99 at best"]);
    let mut found = Vec::new();
    for (site, (p50, p99)) in sites.iter().zip(&samples) {
        found.push((site.name, p50.median(), p99.median()));
        table.row(&[
            site.name.to_owned(),
            format!("{:.2}", p50.median()),
            format!("{:.2}", p99.median()),
            format!("{:.2}", p99.least()),
        ]);
    }
    for (name, p50, p99) in found {
        stage.facts.note("small page, JSON", name, "p50 open", p50);
        stage.facts.note("small page, JSON", name, "p99 open", p99);
    }
    Ok(table.text())
}
