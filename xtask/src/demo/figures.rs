//! The figures at the end, all of this run.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    secrets::{Seen, walk},
    world::World,
};
use crate::{
    command::{answer, finish},
    say::say,
};

const CACHED_RUNS: usize = 21;

/// Measures and shows them; a secret in the wrong place is an error.
pub(super) fn show(world: &World, seen: &Seen, told: &str) -> Result<()> {
    say("\n7. Figures");
    let life = life(&world.audit()?)?;
    say(format_args!("   the credential lives for {} minutes, and nobody saw it", life.as_secs() / 60));

    let (first, outside_token) = first_answer(world)?;
    say(format_args!("   getting it took {:.1} ms the first time: proof, exchange, audit on disk", millis(first)));
    say(format_args!(
        "   and {:.1} ms from the cache (median of {CACHED_RUNS})",
        millis(cached_answer(world, &outside_token)?)
    ));

    let jobs = [(world.folder().join("home"), told), (job_home(world)?, &*outside_token)];
    let mut secrets = access_tokens(world, &jobs)?;
    secrets.push(outside_token);
    let walk = walk(world.folder(), &secrets)?;
    let on_command_lines = seen.with_any(&secrets);
    if on_command_lines > 0 || !walk.exposed.is_empty() {
        bail!("a credential was seen on {on_command_lines} command lines and in {:?}", walk.exposed);
    }
    say(format_args!(
        "   nothing secret on any of {} command lines, nor in what others may read of {} files",
        seen.count(),
        walk.files
    ));
    let kept: Vec<_> = walk.private.iter().map(|path| shown(path, world.folder())).collect();
    say(format_args!("   the credential itself is kept, readable by its owner only, in {}", kept.join(", ")));
    Ok(())
}

fn life(events: &[Value]) -> Result<Duration> {
    let exchanged = events.iter().find(|event| event.get("kind").and_then(Value::as_str) == Some("token.exchanged"));
    let exchanged = exchanged.context("the audit log has no `token.exchanged`")?;
    let at = |key: &str| -> Result<Timestamp> {
        let text = exchanged.get(key).and_then(Value::as_str).with_context(|| format!("no `{key}`"))?;
        text.parse().with_context(|| format!("`{key}` is not a time"))
    };
    let seconds = at("expires_at")?.as_second() - at("time")?.as_second();
    Ok(Duration::from_secs(seconds.try_into().context("it ends before it begins")?))
}

/// Another job with an empty cache of its own.
fn first_answer(world: &World) -> Result<(Duration, String)> {
    let outside_token = world.job_token()?;
    let mut helper = world.job(world.binaries.join("daypass"), &outside_token);
    let finished = finish(helper.args(["helper", "keyring", "get", &world.index_url]).env("HOME", job_home(world)?))?;
    if !finished.status.success() {
        bail!("`daypass helper keyring get` failed: {}", finished.stderr.trim());
    }
    Ok((finished.took, outside_token))
}

/// What a job proved is kept for that job.
fn cached_answer(world: &World, outside_token: &str) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..CACHED_RUNS {
        let mut helper = world.job(world.binaries.join("daypass"), outside_token);
        let helper = helper.args(["helper", "keyring", "get", &world.index_url]).env("HOME", job_home(world)?);
        let finished = finish(helper)?;
        if !finished.status.success() {
            bail!("`daypass helper keyring get` failed: {}", finished.stderr.trim());
        }
        times.push(finished.took);
    }
    times.sort();
    times.get(CACHED_RUNS / 2).copied().context("nothing was measured")
}

/// The access tokens of both jobs.
fn access_tokens(world: &World, jobs: &[(std::path::PathBuf, &str)]) -> Result<Vec<String>> {
    let mut tokens = Vec::new();
    for (home, outside_token) in jobs {
        let mut daypass = world.job(world.binaries.join("daypass"), outside_token);
        tokens.push(answer(daypass.arg("token").env("HOME", home))?);
    }
    Ok(tokens)
}

fn job_home(world: &World) -> Result<std::path::PathBuf> {
    let home = world.folder().join("another-job");
    fs::create_dir_all(&home)?;
    Ok(home)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn shown(path: &Path, under: &Path) -> String {
    path.strip_prefix(under).unwrap_or(path).display().to_string()
}
