//! What the journeys need from outside: pip in several versions, uv, keyring with our wheel, and wheels to install
//! them from without a network. What people need besides is in `people`.
//!
//! Made once, kept in `tools/stage` under the target folder, and told to the tests as one JSON file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::json;

use super::{people, workflows, workloads};
use crate::{
    command::run,
    dist,
    say::complain,
    system,
    tools::{self, KEYRING, Python, UV},
    workspace::{Profile, Workspace},
};

/// The oldest that is supported, one of each year since, and whatever is newest.
const PIPS: [(&str, &str); 4] =
    [("23.2.1", "pip==23.2.1"), ("24.0", "pip==24.0"), ("25.3", "pip==25.3"), ("newest", "pip")];

/// With the cache that it was made with: the newest one has another interface.
const PDM: [&str; 2] = ["pdm==2.29.4", "hishel==1.4.0"];

/// AWS, faked by moto, which verifies signatures with botocore; `tests/aws` says what for.
const AWS: [&str; 4] = ["moto==5.2.1", "boto3==1.44.8", "flask==3.1.3", "flask-cors==6.0.5"];

/// What publishes, and judges provenance; the scripts are in `tests/publishing`.
const PUBLISHING: [&str; 3] = ["twine==7.0.0", "pypi-attestations==0.0.30", "id==1.6.1"];

/// What judges the schemas that are published.
const SCHEMAS: [&str; 2] = ["jsonschema==4.26.0", "openapi-spec-validator==0.9.0"];

/// Prepares all of it; the path of the JSON file.
pub(super) fn prepare(workspace: &Workspace) -> Result<PathBuf> {
    // What installs a release where there is nothing better, and the judge of its signature.
    for name in ["busybox", "curl", "minisign", "wget"] {
        system::require(name, name)?;
    }
    let python = Python::find()?;
    let folder = workspace.tools().join("stage");
    fs::create_dir_all(&folder)?;
    let wheelhouse = wheelhouse(&python, &folder)?;
    let mut pips = serde_json::Map::new();
    for (name, requirement) in PIPS {
        pips.insert(name.to_owned(), json!(pip(&python, &folder, name, requirement)?));
    }
    let uv = tools::environment(workspace, "uv", &[UV])?.join("uv");
    let wheel = tools::only_file(&workspace.wheels(Profile::Dev), "keyrings_daypass-", ".whl")
        .context("run `cargo xtask test --only build` first")?;
    let client = client(&python, &folder, &wheelhouse, &wheel)?;
    let told = folder.join("stage.json");
    let content = json!({
        "python": python.path(),
        "pips": pips,
        "uv": uv,
        "wheelhouse": wheelhouse,
        "wheel": wheel,
        "client": client,
        "faketime": faketime()?,
        "people": people::scripts(workspace)?,
        "poetry": people::poetry(workspace, &wheel)?,
        "twine": people::twine(workspace, &wheel)?,
        "authlib": people::authlib(workspace)?,
        "pdm": tools::environment(workspace, "pdm", &PDM)?.join("pdm"),
        "pipenv": tools::environment(workspace, "pipenv", &["pipenv==2026.10.3"])?.join("pipenv"),
        "bandersnatch": tools::environment(workspace, "bandersnatch", &["bandersnatch==6.8.0"])?.join("bandersnatch"),
        "devpi": tools::environment(workspace, "peer-devpi", &["devpi-server==6.20.3"])?,
        "aws": { "python": tools::environment(workspace, "aws", &AWS)?.join("python"), "scripts": workspace.root.join("tests/aws") },
        "workloads": workloads::scripts(workspace)?,
        "judges": workloads::judges(workspace)?,
        "publishing": {
            "python": tools::environment(workspace, "publishing", &PUBLISHING)?.join("python"),
            "scripts": workspace.root.join("tests/publishing"),
        },
        "schemas": tools::environment(workspace, "schemas", &SCHEMAS)?.join("python"),
        "dist": dist::for_tests(workspace)?,
        "ci": workflows::for_journeys(workspace)?,
        "emulator": people::beside_packages(workspace, "action-emulator", "GitHub's emulator of a runner of actions")?,
        "screenshots": workspace.target.join("screenshots"),
    });
    fs::write(&told, serde_json::to_vec_pretty(&content)?)?;
    Ok(told)
}

/// keyring and what it needs, as files.
fn wheelhouse(python: &Python, folder: &Path) -> Result<PathBuf> {
    let wheelhouse = folder.join("wheelhouse");
    if wheelhouse.join(KEYRING).exists() {
        return Ok(wheelhouse);
    }
    complain("downloading keyring for the journeys");
    run(python
        .command()
        .args(["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--dest"])
        .arg(&wheelhouse)
        .arg(KEYRING))?;
    fs::write(wheelhouse.join(KEYRING), "")?;
    Ok(wheelhouse)
}

/// One pip, as a folder to put into a new environment's `site-packages`.
fn pip(python: &Python, folder: &Path, name: &str, requirement: &str) -> Result<PathBuf> {
    let pip = folder.join(format!("pip-{name}"));
    if !pip.join("pip").exists() {
        complain(format_args!("installing pip {name} for the journeys"));
        run(python
            .command()
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--target"])
            .arg(&pip)
            .arg(requirement)
            .env_remove("PYTHONDONTWRITEBYTECODE"))?;
    }
    Ok(pip)
}

/// The environment whose `keyring` pip and uv find on `PATH`: pip refuses the one of its own environment.
fn client(python: &Python, folder: &Path, wheelhouse: &Path, wheel: &Path) -> Result<PathBuf> {
    let client = folder.join("client");
    let stamp = client.join("wheel.sha");
    let bytes = fs::read(wheel)?;
    if fs::read(&stamp).is_ok_and(|installed| installed == bytes) {
        return Ok(client);
    }
    python.bare_venv(&client)?;
    run(python.pip(&client).args(["install", "--quiet", "--no-index", "--find-links"]).arg(wheelhouse).arg(wheel))
        .context("the wheel cannot be installed beside keyring")?;
    fs::write(&stamp, bytes)?;
    Ok(client)
}

/// The library that gives a process another clock.
fn faketime() -> Result<PathBuf> {
    let find = || {
        let folders = fs::read_dir("/usr/lib").ok()?;
        let inside = folders.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1"));
        let mut candidates = inside.chain([PathBuf::from("/usr/lib/faketime/libfaketime.so.1")]);
        candidates.find(|path| path.is_file())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    system::install("libfaketime")?;
    find().context("the package `libfaketime` brought no library")
}
