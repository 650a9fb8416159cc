//! pip in every supported version and uv, each by every way that leads to the keyring.

use std::process::{Command, Output};

use daypass_testkit::wheel::Wheel;

use crate::{
    stage::{Stage, Venv},
    world::{PRIVATE, PUBLIC, World},
};

/// How pip reaches keyring.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Provider {
    /// keyring and our wheel are in pip's own environment.
    Import,
    /// The `keyring` on `PATH` is asked, which lives elsewhere.
    Subprocess,
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Subprocess => "subprocess",
        }
    }
}

#[test]
fn pip_23_2_installs_by_import() {
    pip_installs("23.2.1", Provider::Import);
}

#[test]
fn pip_23_2_installs_by_subprocess() {
    pip_installs("23.2.1", Provider::Subprocess);
}

#[test]
fn pip_24_installs_by_import() {
    pip_installs("24.0", Provider::Import);
}

#[test]
fn pip_24_installs_by_subprocess() {
    pip_installs("24.0", Provider::Subprocess);
}

#[test]
fn pip_25_installs_by_import() {
    pip_installs("25.3", Provider::Import);
}

#[test]
fn pip_25_installs_by_subprocess() {
    pip_installs("25.3", Provider::Subprocess);
}

#[test]
fn the_newest_pip_installs_by_import() {
    pip_installs("newest", Provider::Import);
}

#[test]
fn the_newest_pip_installs_by_subprocess() {
    pip_installs("newest", Provider::Subprocess);
}

fn pip_installs(version: &str, provider: Provider) {
    let (stage, world) = (Stage::find(), World::start());
    let outside_token = world.outside_token();
    let venv = stage.venv(&world.path("venv"), version);
    if provider == Provider::Import {
        stage.install_wheel(&venv);
    }
    // Before 26.2 the subprocess provider asks only when it knows a user name.
    let named = provider == Provider::Subprocess && version != "newest";
    let index_url = if named { world.index_url_as("_token") } else { world.index_url() };
    let pip = |more: &[&str]| {
        let mut command = pip(&world, &stage, &venv, provider, &outside_token);
        command.args(["install", "--index-url", &index_url]).args(more);
        command.output().unwrap()
    };
    succeeded(&pip(&[PRIVATE, PUBLIC]));
    runs(&venv);
    // The same without anybody to ask, from nothing: the credential is cached, the packages are not.
    succeeded(&pip(&["--no-input", "--force-reinstall", "--no-cache-dir", PRIVATE, PUBLIC]));
    runs(&venv);
    assert_eq!(world.audit_of("token.exchanged").len(), 1, "the outside token was exchanged once");
    let paths: Vec<_> = world.upstream.seen().iter().map(|request| request.path.clone()).collect();
    assert!(!paths.iter().any(|path| path.contains(PRIVATE)), "a private name was looked up outside: {paths:?}");
}

#[test]
fn without_a_credential_pip_is_refused_with_401_and_installs_nothing() {
    let (stage, world) = (Stage::find(), World::start());
    let venv = stage.venv(&world.path("venv"), "newest");
    stage.install_wheel(&venv);
    for provider in [Provider::Import, Provider::Subprocess] {
        let mut command = world.clean(venv.python(), "home");
        command.args(["-m", "pip", "install", "-vv", "--no-input", "--index-url", &world.index_url(), PRIVATE]);
        command.env("PIP_KEYRING_PROVIDER", provider.name()).env("PATH", path_with(&stage));
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let said = text(&output);
        assert!(said.contains("401"), "{said}");
        assert!(!said.contains("skipped due to an exception"), "{said}");
    }
    assert!(!world.clean(venv.python(), "home").args(["-c", "import acme_hello"]).output().unwrap().status.success());
}

#[test]
fn a_job_whose_identity_lacks_the_grant_is_refused_with_the_reason() {
    let (stage, world) = (Stage::find(), World::start());
    let venv = stage.venv(&world.path("venv"), "newest");
    let outside_token = world.outside_token_of("75");
    let install = |project: &str| {
        let mut command = pip(&world, &stage, &venv, Provider::Subprocess, &outside_token);
        command.args(["install", "-vv", "--no-input", "--no-deps", "--index-url", &world.index_url(), project]);
        command.output().unwrap()
    };
    succeeded(&install(PRIVATE));
    let output = install(PUBLIC);
    assert!(!output.status.success() && text(&output).contains("403"), "{}", text(&output));
    let denied = world.audit_of("access.denied");
    assert!(denied.iter().any(|event| event["project"] == PUBLIC && event["identity"] == "ci/acme-only"), "{denied:?}");
}

#[test]
fn a_private_build_dependency_is_found_in_build_isolation() {
    let (stage, world) = (Stage::find(), World::start());
    world.import(&Wheel::new("acme-builder", "1.0").module(BACKEND));
    let sdist = Command::new(stage.python()).args(["-c", SDIST]).output().unwrap();
    assert!(sdist.status.success(), "{}", text(&sdist));
    world.import_file("acme_built-1.0.tar.gz", &sdist.stdout);
    for provider in [Provider::Import, Provider::Subprocess] {
        let venv = stage.venv(&world.path(&format!("venv-{}", provider.name())), "newest");
        if provider == Provider::Import {
            stage.install_wheel(&venv);
        }
        let mut command = pip(&world, &stage, &venv, provider, &world.outside_token());
        command.args(["install", "--no-input", "--index-url", &world.index_url(), "acme-built"]);
        succeeded(&command.output().unwrap());
        let built = world.clean(venv.python(), "home").args(["-c", "import acme_built"]).output().unwrap();
        assert!(built.status.success(), "{}", text(&built));
    }
}

/// A PEP 517 backend in one module: its wheel holds an empty module.
const BACKEND: &str = r#"
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "acme_built-1.0-py3-none-any.whl", "acme_built-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("acme_built.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-built\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"acme_built.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return name
"#;

/// Writes an sdist that needs that backend to standard output.
const SDIST: &str = r#"
import io, sys, tarfile

files = {
    "pyproject.toml": b'[build-system]\nrequires = ["acme-builder"]\nbuild-backend = "acme_builder"\n'
    b'[project]\nname = "acme-built"\nversion = "1.0"\n',
    "PKG-INFO": b"Metadata-Version: 2.1\nName: acme-built\nVersion: 1.0\n",
}
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz") as archive:
    for path, data in files.items():
        member = tarfile.TarInfo(f"acme_built-1.0/{path}")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
"#;

#[test]
fn uv_installs_with_a_user_name_in_the_url() {
    let (stage, world) = (Stage::find(), World::start());
    let outside_token = world.outside_token();
    uv_installs(&stage, &world, &outside_token, &["--index-url", &world.index_url_as("_token")]);
    uv_installs(&stage, &world, &outside_token, &["--index-url", &world.index_url_as("somebody")]);
}

#[test]
fn uv_installs_from_an_index_that_always_authenticates() {
    let (stage, world) = (Stage::find(), World::start());
    let config = world.path("uv.toml");
    let index = format!(
        "[[index]]\nname = \"acme\"\nurl = \"{}\"\ndefault = true\nauthenticate = \"always\"\n",
        world.index_url()
    );
    std::fs::write(&config, index).unwrap();
    uv_installs(&stage, &world, &world.outside_token(), &["--config-file", config.to_str().unwrap()]);
}

fn uv_installs(stage: &Stage, world: &World, outside_token: &str, source: &[&str]) {
    let venv = stage.venv(&world.path(&format!("uv-{}", source[1].len())), "newest");
    let mut uv = world.in_job(stage.uv(), "home", outside_token);
    uv.env("PATH", path_with(stage)).env("UV_KEYRING_PROVIDER", "subprocess").env("UV_NO_PROGRESS", "1");
    uv.args(["pip", "install", "--no-cache", "--python"]).arg(venv.python()).args(source).args([PRIVATE, PUBLIC]);
    succeeded(&uv.output().unwrap());
    runs(&venv);
    assert_eq!(world.audit_of("token.exchanged").len(), 1, "the credential is kept for the next command");
}

/// `python -m pip` in a job, with keyring to be found the given way.
fn pip(world: &World, stage: &Stage, venv: &Venv, provider: Provider, outside_token: &str) -> Command {
    let mut command = world.in_job(venv.python(), "home", outside_token);
    command.args(["-m", "pip"]).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    // The environment, unlike the flag, reaches the pips that pip starts to build.
    command.env("PIP_KEYRING_PROVIDER", provider.name());
    if provider == Provider::Subprocess {
        command.env("PATH", path_with(stage));
    }
    command
}

pub(crate) fn path_with(stage: &Stage) -> String {
    format!("{}:/usr/bin:/bin", stage.client().display())
}

/// What was installed is what it should be, and runs.
fn runs(venv: &Venv) {
    let script = "import acme_hello, sunny_lib; assert sunny_lib.shines; print(acme_hello.hello())";
    let output = Command::new(venv.python()).env_clear().args(["-c", script]).output().unwrap();
    assert_eq!(text(&output).trim(), "hello from a private package");
}

pub(crate) fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", text(output));
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
