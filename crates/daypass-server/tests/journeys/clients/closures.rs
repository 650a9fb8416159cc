//! Thirty packages that need one another, from a private and from a pulled-through source, by one and by many.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
};

use super::desk::{Desk, PRIVATE_APP, PUBLIC_APP, THIRTY, says};
use crate::installers::text;

/// How many install at the same time.
const CROWD: usize = 200;

#[test]
fn every_pip_installs_thirty_packages_from_both_sources() {
    let desk = Desk::with_closures();
    for version in ["23.2.1", "24.0", "25.3", "newest"] {
        let venv = desk.venv(version, version);
        says(&mut desk.pip(&venv, &["install", "--no-cache-dir", PRIVATE_APP, PUBLIC_APP]));
        assert_eq!(desk.installed(&venv.python()), 2 * THIRTY, "pip {version}");
        says(&mut desk.pip(&venv, &["check"]));
    }
    each_file_was_fetched_once(&desk);
    desk.nothing_private_was_asked_outside();
}

#[test]
fn uv_installs_thirty_packages_from_both_sources() {
    let desk = Desk::with_closures();
    let venv = desk.venv("venv", "newest");
    says(&mut desk.uv_pip(&venv, "install", &["--no-cache", PRIVATE_APP, PUBLIC_APP]));
    assert_eq!(desk.installed(&venv.python()), 2 * THIRTY);
    says(&mut desk.uv_pip(&venv, "check", &[]));
    each_file_was_fetched_once(&desk);
    desk.nothing_private_was_asked_outside();
}

#[test]
fn whole_machine_200_cold_uv_installs_of_thirty_packages_fetch_each_file_once() {
    let desk = Desk::with_closures();
    let venv = desk.venv("venv", "newest");
    let install = |number: usize| -> Child {
        let mut uv = desk.uv_pip(&venv, "install", &["--no-cache", PUBLIC_APP, "--target"]);
        uv.arg(desk.world.path(&format!("target-{number}")));
        // What counts is that they all ask; not how many connections each of them likes to have.
        uv.env("UV_CONCURRENT_DOWNLOADS", "8").env("RAYON_NUM_THREADS", "1").env("UV_HTTP_TIMEOUT", "120");
        uv.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let crowd: Vec<Child> = (0..CROWD).map(install).collect();
    for (number, one) in crowd.into_iter().enumerate() {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "uv {number}: {}", text(&output));
    }
    for number in [0, CROWD - 1] {
        let folder = std::fs::read_dir(desk.world.path(&format!("target-{number}"))).unwrap().flatten();
        assert_eq!(folder.filter(|entry| entry.file_name().to_string_lossy().ends_with(".dist-info")).count(), THIRTY);
    }
    each_file_was_fetched_once(&desk);
    let downloads = desk.world.audit_of("file.downloaded").len();
    assert_eq!(downloads, CROWD * THIRTY, "each of them got each file");
}

/// However many asked.
fn each_file_was_fetched_once(desk: &Desk) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for path in desk.files_asked_outside() {
        *times.entry(path).or_default() += 1;
    }
    assert_eq!(times.len(), THIRTY, "{times:?}");
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}
