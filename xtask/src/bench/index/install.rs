//! A whole cold `uv pip install` of thirty packages.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, bail};

use super::{
    super::{
        server::{CLIENT_CORE, on_core},
        statistics::{Sample, Table},
    },
    content::CLOSURE,
    nginx::FLOOR,
    ours::{OURS, Ours},
    site::Site,
    stage::Stage,
};
use crate::{
    command::finish,
    say::complain,
    tools::{self, Python, UV},
};

/// How often, each time in turn.
const INSTALLS: usize = 5;

/// daypassd that has to fetch everything from nginx.
const PULLED: &str = "**daypassd**, which has nothing yet and pulls it from nginx";

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<String> {
    let uv = tools::environment(stage.workspace, "uv", &[UV])?.join("uv");
    let venv = stage.folder.join("venv");
    Python::find()?.bare_venv(&venv)?;
    let sites = stage.sites();
    let mut samples: Vec<(&str, Sample)> = sites.iter().map(|site| (site.name, Sample::default())).collect();
    let mut pulled = Sample::default();
    for round in 0..stage.pace.of(INSTALLS) {
        complain(format_args!("  round {}", round + 1));
        for (site, (_, sample)) in sites.iter().zip(&mut samples) {
            sample.add(install(&uv, &venv, stage.folder, site)?);
        }
        // Nothing is known and nothing is kept: a new one each time.
        let home = stage.folder.join(format!("install-{round}"));
        let fresh = Ours::start(stage.built, &home, &stage.issuer, Some(&stage.floor()?.simple))?;
        pulled.add(install(&uv, &venv, stage.folder, &fresh.site)?);
    }
    let at = samples.iter().position(|(name, _)| *name == OURS).map_or(0, |at| at + 1);
    samples.insert(at, (PULLED, pulled));
    let floor = samples.iter().find(|(name, _)| *name == FLOOR).map_or(0.0, |(_, sample)| sample.median());
    let mut table =
        Table::new("`uv pip install` of 30 packages, nothing cached", &["from", "seconds", "noise", "in nginx's"]);
    for (name, sample) in &samples {
        table.row(&[
            (*name).to_owned(),
            format!("{:.3}", sample.median()),
            sample.noise(),
            format!("{:.2}", sample.median() / floor),
        ]);
    }
    Ok(table.text())
}

/// How many seconds an install takes.
fn install(uv: &Path, venv: &Path, folder: &Path, site: &Site) -> Result<f64> {
    let target = tempfile::Builder::new().prefix("target-").tempdir_in(folder)?;
    let mut command: Command = on_core(CLIENT_CORE, uv);
    command.args(["pip", "install", "--quiet", "--no-cache", "--no-config", CLOSURE, "--python"]).arg(venv);
    command.arg("--target").arg(target.path());
    // In the environment, because others can read command lines.
    command
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .env("UV_DEFAULT_INDEX", with_credential(site)?);
    let began = Instant::now();
    let finished = finish(&mut command)?;
    let took = began.elapsed().as_secs_f64();
    if !finished.status.success() {
        bail!("uv cannot install from {}: {}", site.name, finished.stderr.trim());
    }
    let packages = std::fs::read_dir(target.path())?
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "dist-info"));
    if packages.count() != 30 {
        bail!("uv did not install thirty packages from {}", site.name);
    }
    Ok(took)
}

fn with_credential(site: &Site) -> Result<String> {
    let Some(header) = site.headers.first() else { return Ok(site.simple.clone()) };
    let access_token = header.strip_prefix("Authorization: Bearer ").context("the header holds an access token")?;
    Ok(site.simple.replacen("://", &format!("://_token:{access_token}@"), 1))
}
