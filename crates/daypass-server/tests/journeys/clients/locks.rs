//! Locks with hashes: pip's, uv's; and upgrades of what was locked.

use std::fs;

use daypass_testkit::{closure::closure, wheel::Wheel};

use super::desk::{Desk, PRIVATE_APP, PUBLIC_APP, THIRTY, refused, says};
use crate::world::sha256;

#[test]
fn pip_locks_what_it_installs_with_the_hashes_of_the_files() {
    let desk = Desk::with_closures();
    let venv = desk.venv("venv", "newest");
    let lock = desk.world.path("pylock.toml");
    says(desk.pip(&venv, &["lock", PRIVATE_APP, PUBLIC_APP, "--output"]).arg(&lock));
    let text = fs::read_to_string(&lock).unwrap();
    for wheel in closure(PRIVATE_APP, THIRTY).iter().chain(&closure(PUBLIC_APP, THIRTY)) {
        assert!(text.contains(&sha256(wheel.bytes())), "{} is not locked: {text}", wheel.file_name());
    }
    assert!(!text.contains(desk.access_token()), "the credential is in the lock: {text}");
}

#[test]
fn what_uv_compiled_with_hashes_pip_and_uv_install_and_nothing_else() {
    let desk = Desk::with_closures();
    let (input, output) = (desk.world.path("requirements.in"), desk.world.path("requirements.txt"));
    fs::write(&input, format!("{PRIVATE_APP}\n{PUBLIC_APP}\n")).unwrap();
    says(desk.uv(&["pip", "compile", "--quiet", "--generate-hashes", "--output-file"]).arg(&output).arg(&input));
    let locked = fs::read_to_string(&output).unwrap();
    assert_eq!(locked.matches("--hash=sha256:").count(), 2 * THIRTY, "{locked}");
    let output = output.to_str().unwrap();
    for version in ["23.2.1", "newest"] {
        let venv = desk.venv(version, version);
        says(&mut desk.pip(&venv, &["install", "--no-cache-dir", "--require-hashes", "--requirement", output]));
        assert_eq!(desk.installed(&venv.python()), 2 * THIRTY, "pip {version}");
    }
    let venv = desk.venv("uv", "newest");
    says(&mut desk.uv_pip(&venv, "install", &["--no-cache", "--require-hashes", "--requirement", output]));
    assert_eq!(desk.installed(&venv.python()), 2 * THIRTY);
    // The twin: one digit of one hash is another.
    let at = locked.find("--hash=sha256:").unwrap() + "--hash=sha256:".len();
    let other = if locked[at..].starts_with('0') { "1" } else { "0" };
    fs::write(output, format!("{}{other}{}", &locked[..at], &locked[at + 1..])).unwrap();
    let venv = desk.venv("other", "newest");
    let said =
        refused(&mut desk.pip(&venv, &["install", "--no-cache-dir", "--require-hashes", "--requirement", output]));
    assert!(said.contains("DO NOT MATCH THE HASHES"), "{said}");
    let said =
        refused(&mut desk.uv_pip(&venv, "install", &["--no-cache", "--require-hashes", "--requirement", output]));
    assert!(said.contains("Hash mismatch") || said.contains("hash"), "{said}");
    assert_eq!(desk.installed(&venv.python()), 0);
}

#[test]
fn uv_locks_syncs_and_upgrades_and_keeps_the_credential_out_of_the_lock() {
    let desk = Desk::with_closures();
    let folder = desk.project(
        "project",
        &format!(
            "[project]\nname = \"mine\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
             dependencies = [\"{PRIVATE_APP}\", \"{PUBLIC_APP}\"]\n\
             [[tool.uv.index]]\nname = \"acme\"\nurl = \"{}\"\ndefault = true\n",
            desk.world.index_url()
        ),
    );
    let uv = |arguments: &[&str]| {
        let mut uv = desk.uv(arguments);
        uv.env_remove("UV_DEFAULT_INDEX").current_dir(&folder);
        uv.env("UV_INDEX_ACME_USERNAME", "_token").env("UV_INDEX_ACME_PASSWORD", desk.access_token());
        uv
    };
    says(&mut uv(&["lock"]));
    let locked = fs::read_to_string(folder.join("uv.lock")).unwrap();
    // Of what upstream gives, uv keeps the strongest.
    assert_eq!(locked.matches("hash = \"sha").count(), 2 * THIRTY, "{locked}");
    assert!(!locked.contains(desk.access_token()), "the credential is in the lock");
    says(&mut uv(&["sync", "--locked"]));
    let python = folder.join(".venv/bin/python");
    assert_eq!(desk.installed(&python), 2 * THIRTY);
    // A newer one is taken when it is asked for, not before.
    desk.import(&[Wheel::new(PRIVATE_APP, "2.0")]);
    says(&mut uv(&["sync", "--locked"]));
    assert_eq!(desk.version(&python, PRIVATE_APP).as_deref(), Some("1.0"));
    says(&mut uv(&["lock", "--upgrade"]));
    says(&mut uv(&["sync", "--locked"]));
    assert_eq!(desk.version(&python, PRIVATE_APP).as_deref(), Some("2.0"));
}

#[test]
fn every_pip_upgrades_to_what_came_since() {
    let desk = Desk::new();
    let versions = ["23.2.1", "24.0", "25.3", "newest"];
    let venvs = versions.map(|version| (version, desk.venv(version, version)));
    desk.import(&[Wheel::new("acme-new", "1.0")]);
    for (_, venv) in &venvs {
        says(&mut desk.pip(venv, &["install", "acme-new"]));
    }
    desk.import(&[Wheel::new("acme-new", "1.10"), Wheel::new("acme-new", "1.9"), Wheel::new("acme-new", "2.0rc1")]);
    for (version, venv) in &venvs {
        // Its own cache must not hide the new one.
        says(&mut desk.pip(venv, &["install", "acme-new"]));
        assert_eq!(desk.version(&venv.python(), "acme-new").as_deref(), Some("1.0"), "pip {version}");
        says(&mut desk.pip(venv, &["install", "--upgrade", "acme-new"]));
        assert_eq!(desk.version(&venv.python(), "acme-new").as_deref(), Some("1.10"), "pip {version}");
        says(&mut desk.pip(venv, &["install", "--upgrade", "--pre", "acme-new"]));
        assert_eq!(desk.version(&venv.python(), "acme-new").as_deref(), Some("2.0rc1"), "pip {version}");
    }
}
