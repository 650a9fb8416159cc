//! Refreshes over HTTP, durable on SQLite, beside exchanges on the same server: with one core for the server.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    people::Office,
    server::Load,
    statistics::{Sample, Table},
};
use crate::build::Built;

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;
/// Each is refreshed five times a round: 25 times in all, of 30 that the server allows in a minute.
const SESSIONS: usize = 8 * CONNECTIONS;
const REQUESTS: usize = 5 * SESSIONS;

pub(super) fn measure(built: &Built, office: &Office, mut exchange: Load) -> Result<String> {
    let mut refresh = Load::refreshing(built, &office.sessions(SESSIONS)?)?;
    let mut rows =
        [("refreshes", Sample::default(), Sample::default()), ("exchanges", Sample::default(), Sample::default())];
    let mut p99 = [Sample::default(), Sample::default()];
    for _ in 0..ROUNDS {
        for (((_, wall, core), p99), load) in rows.iter_mut().zip(&mut p99).zip([&mut refresh, &mut exchange]) {
            load.prepare(&office.server.url, REQUESTS, CONNECTIONS)?;
            let before = office.server.cpu()?;
            let went = load.go()?;
            let used = office.server.cpu()?.saturating_sub(before).as_secs_f64();
            let number = |key: &str| went.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`"));
            if number("failed")? > 0.0 {
                bail!("{} requests failed", number("failed")?);
            }
            wall.add(number("done")? / number("seconds")?);
            core.add(number("done")? / used);
            p99.add(number("p99_ms")?);
        }
    }
    let title = format!("Refresh, durable on SQLite, {CONNECTIONS} connections, one core for the server");
    let mut table = Table::new(&title, &["what", "per second", "per second of CPU time", "p99", "noise"]);
    for ((name, wall, core), p99) in rows.iter().zip(&p99) {
        table.row(&[
            (*name).to_owned(),
            format!("{:.0} /s", wall.median()),
            format!("{:.0} /s", core.median()),
            format!("{:.0} ms", p99.median()),
            wall.noise(),
        ]);
    }
    Ok(table.text())
}
