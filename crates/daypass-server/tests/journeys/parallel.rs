//! Many installs at once.

use std::{process::Stdio, thread};

use crate::{
    installers::{path_with, text},
    stage::Stage,
    world::{PRIVATE, PUBLIC, World},
};

/// Half of them import keyring, half of them start it.
const PIPS: usize = 32;

#[test]
fn whole_machine_32_pips_with_an_empty_cache_do_one_exchange() {
    let (stage, world) = (Stage::find(), World::start());
    let venv = stage.venv(&world.path("venv"), "newest");
    stage.install_wheel(&venv);
    let outside_token = world.outside_token();
    let pips: Vec<_> = (0..PIPS)
        .map(|number| {
            let mut pip = world.in_job(venv.python(), "home", &outside_token);
            pip.args(["-m", "pip", "install", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]);
            pip.args(["--index-url", &world.index_url(), PRIVATE, PUBLIC, "--target"]);
            pip.arg(world.path(&format!("target-{number}"))).env("PATH", path_with(&stage));
            pip.env("PIP_KEYRING_PROVIDER", if number % 2 == 0 { "import" } else { "subprocess" });
            pip.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let waiting: Vec<_> = pips.into_iter().map(|pip| thread::spawn(move || pip.wait_with_output().unwrap())).collect();
    for (number, waiting) in waiting.into_iter().enumerate() {
        let output = waiting.join().unwrap();
        assert!(output.status.success(), "pip {number}: {}", text(&output));
        let mut python = world.clean(venv.python(), "home");
        python.env("PYTHONPATH", world.path(&format!("target-{number}")));
        let ran = python.args(["-c", "import acme_hello, sunny_lib; print(acme_hello.hello())"]).output().unwrap();
        assert_eq!(text(&ran).trim(), "hello from a private package");
    }
    assert_eq!(world.audit_of("token.exchanged").len(), 1);
    assert_eq!(world.audit_of("token.refused").len(), 0, "nobody tried to use the outside token a second time");
}
