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

/// The lines of the guide's block after this comment.
fn guide(comment: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/releases.md")).unwrap();
    let block = text.split_once(comment).and_then(|(_, rest)| rest.split_once("```sh\n")).unwrap().1;
    format!("set -eu\n{}", block.split_once("```").unwrap().0)
}

#[test]
fn the_guide_verifies_and_installs_what_was_made() {
    let made = made();
    let copy = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(made.join("release")).unwrap().flatten() {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        files.insert(entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    }
    fs::copy(made.join("minisign.pub"), copy.path().join("minisign.pub")).unwrap();
    let host = ReleaseHost::with(&files);
    let said = |script: String| {
        let mut shell = Command::new("sh");
        shell.current_dir(&copy).env("HOME", copy.path()).env("RELEASE_URL", host.url()).args(["-c", &script]);
        let output = shell.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let version = env!("CARGO_PKG_VERSION");
    let (good, words) = said(guide("<!-- verify -->"));
    assert!(good && words.contains(&format!("Trusted comment: daypass {version}")), "{words}");
    assert_eq!(said(guide("<!-- install -->")), (true, format!("daypass {version}\n")));
    let sums = fs::read(copy.path().join("SHA256SUMS")).unwrap();
    fs::write(copy.path().join("SHA256SUMS"), flipped(&sums, 1)).unwrap();
    assert!(!said(guide("<!-- verify -->")).0);
}
