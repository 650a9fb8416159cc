//! Token exchange, durable on SQLite, with one core for the server; the floor below it, memory, cold start.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    server::{Daypassd, Load, SERVER_CORE, on_core},
    statistics::{Sample, Table},
};
use crate::{build::Built, command::answer, workspace::Workspace};

const ROUNDS: usize = 5;
const EXCHANGES: usize = 15_000;
const CONNECTIONS: usize = 128;
const STARTS: usize = 11;

pub(super) fn measure(_workspace: &Workspace, built: &Built) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let mut load = Load::start(built)?;
    let server = Daypassd::start(built, folder.path(), &load.issuer)?;
    load.prepare(&server.url, 2_000, CONNECTIONS)?;
    load.go()?;

    let [mut wall, mut core, mut floor] = [Sample::default(), Sample::default(), Sample::default()];
    let [mut p50, mut p99] = [Sample::default(), Sample::default()];
    for _ in 0..ROUNDS {
        floor.add(crypto_floor(built)?);
        load.prepare(&server.url, EXCHANGES, CONNECTIONS)?;
        let before = server.cpu()?;
        let went = load.go()?;
        let used = server.cpu()?.saturating_sub(before).as_secs_f64();
        let number = |key: &str| went.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`"));
        if number("failed")? > 0.0 {
            bail!("{} exchanges failed", number("failed")?);
        }
        wall.add(number("done")? / number("seconds")?);
        core.add(number("done")? / used);
        p50.add(number("p50_ms")?);
        p99.add(number("p99_ms")?);
    }
    let memory = server.peak_memory()?;
    drop(server);
    let (new, again) = cold_starts(built, &load.issuer)?;

    let title = format!("Token exchange, durable on SQLite, {CONNECTIONS} connections, one core for the server");
    let mut table = Table::new(&title, &["what", "median", "least to most", "noise"]);
    let mut row = |name: &str, sample: &Sample, unit: &str| {
        let shown = |value: f64| format!("{value:.0} {unit}");
        table.row(&[
            name.to_owned(),
            shown(sample.median()),
            format!("{} to {}", shown(sample.least()), shown(sample.most())),
            sample.noise(),
        ]);
    };
    row("exchanges per second", &wall, "/s");
    row("exchanges per second of the server's CPU time", &core, "/s");
    row("floor: RS256 verify + ES256 sign, one core", &floor, "/s");
    row("latency, median", &p50, "ms");
    row("latency, p99", &p99, "ms");
    row("cold start, new data folder", &new, "ms");
    row("cold start, known data folder", &again, "ms");
    let share = core.median() / floor.median() * 100.0;
    table.row(&["share of the floor".to_owned(), format!("{share:.0} %"), String::new(), String::new()]);
    table.row(&["memory, the most it ever had".to_owned(), format!("{memory:.0} MB"), String::new(), String::new()]);
    Ok(table.text())
}

fn crypto_floor(built: &Built) -> Result<f64> {
    let mut command: Command = on_core(SERVER_CORE, built.binaries.join("load"));
    let said: Value = serde_json::from_str(&answer(command.arg("floor"))?)?;
    said.get("both").and_then(Value::as_f64).context("no floor")
}

fn cold_starts(built: &Built, issuer: &str) -> Result<(Sample, Sample)> {
    let (mut new, mut again) = (Sample::default(), Sample::default());
    for _ in 0..STARTS {
        let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
        for sample in [&mut new, &mut again] {
            sample.add(Daypassd::start(built, folder.path(), issuer)?.cold_start.as_secs_f64() * 1000.0);
        }
    }
    Ok((new, again))
}
