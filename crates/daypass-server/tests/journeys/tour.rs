//! The README's tour, as it stands there: a command that is shown to people is run.

use std::{fs, path::Path, process::Command};

use daypass_testkit::wheel::Wheel;

use crate::{
    stage::Stage,
    world::{World, free_port},
};

/// The lines of the tour, with this machine's parts in the place of those a newcomer has: free ports, the binaries and
/// the wheel under test, and an upstream that is not the public one.
fn tour(stage: &Stage, world: &World) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (_, tour) = readme.split_once("<!-- tour -->\n```bash\n").expect("the README has a tour");
    let (tour, _) = tour.split_once("```").unwrap();
    let binaries = Path::new(crate::server::DAYPASSD).parent().unwrap();
    let changes = [
        ("cargo xtask build\n".to_owned(), String::new()),
        ("$PWD/target/release".to_owned(), binaries.display().to_string()),
        ("target/wheels/keyrings_daypass-*.whl".to_owned(), stage.wheel().display().to_string()),
        ("docs/guides/tour-policy.toml".to_owned(), "policy.toml".to_owned()),
        (
            "$(python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')".to_owned(),
            world.upstream.url(),
        ),
        ("7411".to_owned(), free_port().to_string()),
        ("7412".to_owned(), free_port().to_string()),
    ];
    let policy =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/tour-policy.toml")).unwrap();
    let (_, issuer_port) = changes.last().unwrap();
    fs::write(world.path("tour/policy.toml"), policy.replace("7412", issuer_port)).unwrap();
    let mut tour = tour.to_owned();
    for (from, to) in &changes {
        assert!(tour.contains(from), "the tour has no `{from}` any more");
        tour = tour.replace(from, to);
    }
    tour
}

#[test]
fn the_tour_of_the_readme_ends_with_a_package_installed_and_an_audit_log() {
    let (stage, world) = (Stage::find(), World::start());
    fs::create_dir(world.path("tour")).unwrap();
    world.upstream.add_wheel(&Wheel::new("six", "1.16.0").module("works = True\n"));
    let script = format!("set -eu\ntrap 'kill $(jobs -p)' EXIT\n{}", tour(&stage, &world));
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env_clear().env("HOME", world.path("tour")).env("PATH", stage.path_with_python());
    bash.env("PIP_NO_INDEX", "0").env("PIP_FIND_LINKS", stage.wheelhouse()).env("PIP_INDEX_URL", world.upstream.url());
    let output = bash.current_dir(world.path("tour")).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("Successfully installed six-1.16.0"), "{stdout}\n{stderr}");
    for expected in ["tour/job", "token.exchanged", "file.downloaded", "six-1.16.0-py3-none-any.whl"] {
        assert!(stdout.contains(expected), "no `{expected}` in\n{stdout}\n{stderr}");
    }
}
