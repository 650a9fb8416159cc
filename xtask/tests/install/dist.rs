//! What `cargo xtask dist` makes, as `minisign` and `install.sh` see it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use daypass_testkit::release::ReleaseHost;

use crate::{
    machine::{Machine, found},
    release::flipped,
};

fn made() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the one variable of the tests")]
    let told = std::env::var_os("DAYPASS_TEST_TOOLS").expect("this needs what is built: run `cargo xtask test`");
    let told: serde_json::Value = serde_json::from_slice(&fs::read(told).unwrap()).unwrap();
    told["dist"].as_str().unwrap().into()
}

fn judged(folder: &Path, key: &Path) -> bool {
    let mut minisign = Command::new(found("minisign"));
    minisign
        .args(["-V", "-H", "-q", "-m"])
        .arg(folder.join("SHA256SUMS"))
        .arg("-p")
        .arg(key)
        .status()
        .unwrap()
        .success()
}

#[test]
fn minisign_itself_finds_the_signature_right() {
    let made = made();
    assert!(judged(&made.join("release"), &made.join("minisign.pub")));
    let copy = tempfile::tempdir().unwrap();
    for name in ["SHA256SUMS", "SHA256SUMS.minisig"] {
        fs::copy(made.join("release").join(name), copy.path().join(name)).unwrap();
    }
    let sums = fs::read(copy.path().join("SHA256SUMS")).unwrap();
    fs::write(copy.path().join("SHA256SUMS"), flipped(&sums, 1)).unwrap();
    assert!(!judged(copy.path(), &made.join("minisign.pub")));

    let mut listed = Command::new("sha256sum");
    listed.current_dir(made.join("release")).args(["--check", "--ignore-missing", "--quiet", "SHA256SUMS"]);
    assert!(listed.status().unwrap().success());
}

#[test]
fn the_released_program_and_wheel_are_installed_by_the_script_that_was_filled_in() {
    let made = made();
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(made.join("release"))
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    let host = ReleaseHost::with(&files);
    let machine = Machine::with(&["curl", "openssl"]);
    let mut command = Command::new(found("dash"));
    let like = machine.command(&[]);
    command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
        .arg(made.join("action/install.sh"))
        .args(["--release-url", host.url(), "--wheel", "--to"])
        .arg(machine.folder());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).unwrap();
    let (program, wheel) = paths.split_once('\n').unwrap();
    let said = Command::new(program).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("daypass {}\n", env!("CARGO_PKG_VERSION")));
    let name = Path::new(wheel.trim()).file_name().unwrap().to_str().unwrap();
    assert_eq!(fs::read(wheel.trim()).unwrap(), files[name]);
    assert!(!fs::exists(made.join("release/minisign.key")).unwrap(), "the key stays at home");
}
