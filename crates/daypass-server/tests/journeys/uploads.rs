//! twine and `uv publish` bring files, and pip and uv install them.

use std::{fs, path::PathBuf, process::Command};

use daypass_testkit::{hostile, wheel::Wheel};

use crate::{
    installers::{path_with, succeeded, text},
    stage::Stage,
    world::World,
};

/// A job that releases `acme-*`.
const RELEASE: &str = r#"
[[identity]]
name = "ci/release"
issuer = "ci"
claims = { repository_id = "77", ref = "refs/heads/main" }
grants = [ { index = "python", projects = ["acme-*"], actions = ["push", "pull"] } ]
ttl = "1h"
"#;

const REPOSITORY: &str = "77";

fn world() -> World {
    World::plan().policy(RELEASE).start()
}

fn legacy(world: &World) -> String {
    format!("{}/python/legacy/", world.url())
}

fn wheel(version: &str) -> Wheel {
    Wheel::new("acme-new", version).module("def hello():\n    return 'hello from an upload'\n")
}

/// Writes wheel and sdist where a builder would.
fn built(world: &World, wheel: &Wheel, folder: &str) -> Vec<PathBuf> {
    let folder = world.path(folder);
    fs::create_dir_all(&folder).unwrap();
    let files = [(wheel.file_name(), wheel.bytes()), (wheel.sdist_name(), wheel.sdist_bytes())];
    let write = |(name, bytes): (String, Vec<u8>)| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    files.into_iter().map(write).collect()
}

/// twine in a CI job, with our keyring backend beside it and no other credential.
fn twine(world: &World, stage: &Stage, repository: &str) -> Command {
    let mut twine = world.in_job(stage.twine(), "home", &world.outside_token_of(repository));
    twine.args([
        "upload",
        "--non-interactive",
        "--disable-progress-bar",
        "--verbose",
        "--repository-url",
        &legacy(world),
    ]);
    twine
}

fn uv(world: &World, stage: &Stage, access_token: &str) -> Command {
    let mut uv = world.clean(stage.uv(), "home");
    uv.args([
        "publish",
        "--publish-url",
        &legacy(world),
        "--check-url",
        &world.index_url(),
        "--trusted-publishing",
        "never",
    ]);
    uv.args(["--username", "_token", "--password", access_token]).env("UV_NO_PROGRESS", "1").env("UV_NO_CACHE", "1");
    uv
}

/// What pip installs from the index says where it came from.
fn pip_installs(world: &World, stage: &Stage, requirement: &[&str]) {
    let venv = stage.venv(&world.path(&format!("venv-{}", requirement.len())), "newest");
    let mut pip = world.in_job(venv.python(), "home", &world.outside_token_of(REPOSITORY));
    pip.args(["-m", "pip", "install", "--no-cache-dir", "--index-url", &world.index_url()]).args(requirement);
    pip.env("PIP_KEYRING_PROVIDER", "subprocess")
        .env("PATH", path_with(stage))
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    succeeded(&pip.output().unwrap());
    let script = "import acme_new; print(acme_new.hello())";
    let output = world.clean(venv.python(), "home").args(["-c", script]).output().unwrap();
    assert_eq!(text(&output).trim(), "hello from an upload");
}

#[test]
fn twine_uploads_from_a_job_without_a_secret_and_pip_installs_it() {
    let (stage, world) = (Stage::find(), world());
    let files = built(&world, &wheel("1.0"), "dist");
    succeeded(&twine(&world, &stage, REPOSITORY).args(&files).output().unwrap());
    pip_installs(&world, &stage, &["acme-new"]);
    pip_installs(&world, &stage, &["--no-binary", ":all:", "acme-new==1.0"]);
    let uploaded = world.audit_of("file.uploaded");
    assert_eq!(uploaded.len(), 2);
    assert!(uploaded.iter().all(|event| event["identity"] == "ci/release" && event["file_sha256"].is_string()));

    // The same again changes nothing, and other bytes are refused.
    succeeded(&twine(&world, &stage, REPOSITORY).args(&files).output().unwrap());
    let other = built(&world, &wheel("1.0").module("evil = True\n"), "other");
    let refused = twine(&world, &stage, REPOSITORY).args(&other).output().unwrap();
    assert!(!refused.status.success() && text(&refused).contains("File already exists"), "{}", text(&refused));
    assert_eq!(world.audit_of("file.uploaded").len(), 2);
}

#[test]
fn uv_publishes_and_uv_installs_it() {
    let (stage, world) = (Stage::find(), world());
    let access_token = world.access_token_for(&world.outside_token_of(REPOSITORY));
    let files = built(&world, &wheel("1.0"), "dist");
    succeeded(&uv(&world, &stage, &access_token).args(&files).output().unwrap());
    let again = uv(&world, &stage, &access_token).args(&files).output().unwrap();
    succeeded(&again);
    assert!(text(&again).contains("already exists, skipping"), "{}", text(&again));
    let other = built(&world, &wheel("1.0").module("evil = True\n"), "other");
    let refused = uv(&world, &stage, &access_token).args(&other).output().unwrap();
    assert!(!refused.status.success(), "{}", text(&refused));
    assert_eq!(world.audit_of("file.uploaded").len(), 2);

    let venv = stage.venv(&world.path("uv-venv"), "newest");
    let url = world.index_url_as(&format!("_token:{access_token}"));
    let mut install = world.clean(stage.uv(), "home");
    install.args(["pip", "install", "--no-cache", "--index-url", &url, "--python"]).arg(venv.python()).arg("acme-new");
    succeeded(&install.output().unwrap());
    let output = world.clean(venv.python(), "home").args(["-c", "import acme_new; print(acme_new.hello())"]).output();
    assert_eq!(text(&output.unwrap()).trim(), "hello from an upload");
}

#[test]
fn who_may_not_push_or_sends_something_else_reads_why() {
    let (stage, world) = (Stage::find(), world());
    let files = built(&world, &wheel("1.0"), "dist");
    let reads = |command: &mut Command, what: &str| {
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(what), "{what}: {}", text(&output));
    };
    // `ci/app` may pull everything, and push nothing.
    let pulls = world.access_token();
    reads(twine(&world, &stage, "74").args(&files), "identity `ci/app` may not push");
    reads(uv(&world, &stage, &pulls).args(&files), "identity `ci/app` may not push");
    let release = world.access_token_for(&world.outside_token_of(REPOSITORY));
    let other = Wheel::new("other-new", "1.0");
    let others = built(&world, &other, "others");
    reads(twine(&world, &stage, REPOSITORY).args(&others), "may not push project `other-new`");
    reads(uv(&world, &stage, "nonsense").args(&files), "401");
    reads(uv(&world, &stage, &release).args(&others), "403");
    // A large file, so that the answer comes while it is still being sent.
    let large = built(&world, &Wheel::new("other-large", "1.0").padding(20_000_000), "large");
    reads(twine(&world, &stage, REPOSITORY).arg(&large[0]), "may not push project `other-large`");
    reads(uv(&world, &stage, &release).arg(&large[0]), "may not push project `other-large`");

    // What uv itself does not see.
    let wrong = hostile::refused().into_iter().find(|sample| sample.what == "another size in RECORD").unwrap();
    // With a build number: the name without one is taken here.
    let path = world.path("dist").join(wrong.file.replace("-1.0-", "-1.0-1-"));
    fs::write(&path, &wrong.bytes).unwrap();
    reads(uv(&world, &stage, &release).arg(&path), wrong.reason);
    assert!(world.audit_of("file.uploaded").is_empty());
}
