//! Real installers in a job: pip by its keyring, uv by its own way there, and nothing secret to be seen anywhere.

use std::process::Output;

use daypass_testkit::workload::{Kind, Mints};

use super::place::Place;
use crate::{
    installers::{path_with, succeeded, text},
    world::{PRIVATE, PUBLIC},
};

#[test]
fn pip_installs_on_github() {
    let mut place = Place::of(Kind::GitHub);
    let venv = place.stage.venv(&place.world.path("venv"), "newest");
    succeeded(&pip(&place, "home"));
    let script = "import acme_hello, sunny_lib; print(acme_hello.hello())";
    let ran = place.world.clean(venv.python(), "home").args(["-c", script]).output().unwrap();
    assert_eq!(text(&ran).trim(), "hello from a private package");
    assert_eq!(place.world.audit_of("token.exchanged").len(), 1, "one exchange for all of it");

    place.somebody_elses();
    let refused = pip(&place, "somebody-elses");
    assert!(!refused.status.success(), "{}", text(&refused));
    assert!(text(&refused).contains("No matching distribution found"), "{}", text(&refused));
    assert_eq!(place.world.audit_of("token.exchanged").len(), 1);
}

#[test]
fn pip_installs_on_gitlab() {
    let place = Place::of(Kind::GitLab);
    let _venv = place.stage.venv(&place.world.path("venv"), "newest");
    succeeded(&pip(&place, "home"));
    // Another machine of the same job has the same outside token and nothing cached.
    assert_eq!(Kind::GitLab.mints(), Mints::Once);
    succeeded(&pip(&place, "a-second-container"));
    assert_eq!(place.world.audit_of("token.exchanged").len(), 2);
}

#[test]
fn uv_installs_on_buildkite() {
    let mut place = Place::of(Kind::Buildkite);
    succeeded(&uv(&place, "home"));
    assert_eq!(place.world.audit_of("token.exchanged").len(), 1);
    place.somebody_elses();
    assert!(!uv(&place, "somebody-elses").status.success());
}

fn pip(place: &Place, home: &str) -> Output {
    let python = place.world.path("venv/bin/python");
    let mut pip = place.run(python, home);
    pip.args(["-m", "pip", "install", "--no-input", "--force-reinstall", "--no-cache-dir", "--index-url"]);
    pip.arg(place.world.index_url()).args([PRIVATE, PUBLIC]);
    pip.env("PIP_KEYRING_PROVIDER", "subprocess").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    pip.env("PATH", place.path(&path_with(&place.stage)));
    pip.output().unwrap()
}

fn uv(place: &Place, home: &str) -> Output {
    let venv = place.stage.venv(&place.world.path(&format!("{home}-venv")), "newest");
    let mut uv = place.run(place.stage.uv(), home);
    uv.args(["pip", "install", "--no-cache", "--python"]).arg(venv.python());
    uv.args(["--index-url", &place.world.index_url_as("_token"), PRIVATE]);
    uv.env("UV_KEYRING_PROVIDER", "subprocess").env("UV_NO_PROGRESS", "1");
    uv.env("PATH", place.path(&path_with(&place.stage)));
    uv.output().unwrap()
}
