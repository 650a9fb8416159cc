//! `daypass helper keyring get URL` from the cache, against a program that does nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use super::{
    server::{Daypassd, Load},
    statistics::{Sample, Table},
};
use crate::{
    build::Built,
    command::{finish, run},
    http,
    workspace::Workspace,
};

const ROUNDS: usize = 300;

pub(super) fn measure(_workspace: &Workspace, built: &Built) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let empty = empty_program(folder.path())?;
    let load = Load::start(built)?;
    let server = Daypassd::start(built, folder.path(), &load.issuer)?;
    let job = sign_in(built, folder.path(), &server, &load.issuer)?;

    let helper = |url: &str| {
        let mut command = Command::new(built.binaries.join("daypass"));
        command.args(["helper", "keyring", "get", url]);
        command.env_clear().env("HOME", folder.path()).env("DAYPASS_SERVER", &server.url);
        command.env("DAYPASS_IDENTITY_TOKEN", &job.outside_token);
        command
    };
    let nothing = || {
        let mut command = Command::new(&empty);
        command.env_clear();
        command
    };
    let (mut ours, mut not_ours, mut floor) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        floor.add(time(&mut nothing())?);
        ours.add(time(&mut helper(&server.index_url))?);
        not_ours.add(time(&mut helper("https://packages.example.com/simple/"))?);
    }
    let mut table = Table::new("The helper, spawn to exit", &["program", "median", "least", "noise", "ratio"]);
    for (name, sample) in [
        ("an empty Rust program", &floor),
        ("`daypass helper keyring get`, cached", &ours),
        ("the same for a host that is not ours", &not_ours),
    ] {
        table.row(&[
            name.to_owned(),
            format!("{:.2} ms", sample.median()),
            format!("{:.2} ms", sample.least()),
            sample.noise(),
            format!("{:.2}", sample.median() / floor.median()),
        ]);
    }
    Ok(table.text())
}

/// Milliseconds from spawn to exit, with the output thrown away.
fn time(command: &mut Command) -> Result<f64> {
    let began = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn empty_program(folder: &Path) -> Result<PathBuf> {
    let (source, program) = (folder.join("empty.rs"), folder.join("empty"));
    fs::write(&source, "fn main() {}\n")?;
    run(Command::new("rustc").args(["-O", "-C", "strip=symbols", "-o"]).arg(&program).arg(&source))?;
    Ok(program)
}

/// What a job has that signed in: what it proved is kept for that job.
pub(super) struct SignedIn {
    /// What proves who it is.
    pub(super) outside_token: String,
    /// The credential.
    pub(super) access_token: String,
}

/// Leaves a credential in the cache of `home`, and gives it.
pub(super) fn sign_in(built: &Built, home: &Path, server: &Daypassd, issuer: &str) -> Result<SignedIn> {
    let answer = http::get(&format!("{issuer}/token?audience={}", server.url))?;
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    let outside_token = answer.get("value").and_then(serde_json::Value::as_str).context("no outside token")?;
    let mut daypass = Command::new(built.binaries.join("daypass"));
    daypass.arg("token").env_clear().env("HOME", home);
    let finished = finish(daypass.env("DAYPASS_SERVER", &server.url).env("DAYPASS_IDENTITY_TOKEN", outside_token))?;
    if !finished.status.success() {
        bail!("`daypass token` failed: {}", finished.stderr.trim());
    }
    let outside_token = outside_token.to_owned();
    Ok(SignedIn { outside_token, access_token: finished.stdout.trim().to_owned() })
}
