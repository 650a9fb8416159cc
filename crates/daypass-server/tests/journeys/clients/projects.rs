//! poetry, pdm and pipenv: each locks thirty packages from both sources with hashes, installs the lock, and upgrades it.

use std::{fs, path::Path, process::Command};

use daypass_testkit::wheel::Wheel;

use super::desk::{Desk, PRIVATE_APP, PUBLIC_APP, THIRTY, says};

#[test]
fn poetry_locks_installs_and_upgrades() {
    let desk = Desk::with_closures();
    let folder = desk.project(
        "project",
        &format!(
            "[project]\nname = \"mine\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
             dependencies = [\"{PRIVATE_APP}\", \"{PUBLIC_APP}\"]\n\
             [tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"acme\"\nurl = \"{}\"\n",
            desk.world.index_url()
        ),
    );
    let poetry = |arguments: &[&str]| {
        let mut poetry = desk.world.clean(desk.stage.poetry(), "home");
        poetry.args(arguments).arg("--no-ansi").current_dir(&folder).env("PATH", desk.stage.path_with_python());
        poetry.env("POETRY_VIRTUALENVS_IN_PROJECT", "true").env("POETRY_KEYRING_ENABLED", "false");
        poetry.env("POETRY_HTTP_BASIC_ACME_USERNAME", "_token");
        poetry.env("POETRY_HTTP_BASIC_ACME_PASSWORD", desk.access_token());
        poetry
    };
    let steps = Steps {
        lock: &|| poetry(&["lock"]),
        install: &|| poetry(&["install"]),
        upgrade: &|| poetry(&["update"]),
        file: "poetry.lock",
    };
    locks_installs_and_upgrades(&desk, &folder, &steps);
}

#[test]
fn pdm_locks_installs_and_upgrades() {
    let desk = Desk::with_closures();
    let url = desk.world.index_url().replacen("://", "://_token:${ACCESS_TOKEN}@", 1);
    let folder = desk.project(
        "project",
        &format!(
            "[project]\nname = \"mine\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
             dependencies = [\"{PRIVATE_APP}\", \"{PUBLIC_APP}\"]\n\
             [tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{url}\"\nverify_ssl = false\n"
        ),
    );
    let pdm = |arguments: &[&str]| {
        let mut pdm = desk.world.clean(desk.stage.pdm(), "home");
        pdm.args(arguments).current_dir(&folder).env("ACCESS_TOKEN", desk.access_token());
        pdm.env("PATH", desk.stage.path_with_python()).env("PDM_CHECK_UPDATE", "false");
        pdm
    };
    let venv = || pdm(&["venv", "create", "--force"]);
    says(&mut venv());
    let steps = Steps {
        lock: &|| pdm(&["lock"]),
        install: &|| pdm(&["sync"]),
        upgrade: &|| pdm(&["update"]),
        file: "pdm.lock",
    };
    locks_installs_and_upgrades(&desk, &folder, &steps);
}

#[test]
fn pipenv_locks_installs_and_upgrades() {
    let desk = Desk::with_closures();
    let folder = desk.world.path("project");
    fs::create_dir(&folder).unwrap();
    let url = desk.world.index_url().replacen("://", "://_token:${ACCESS_TOKEN}@", 1);
    let pipfile = format!(
        "[[source]]\nname = \"acme\"\nurl = \"{url}\"\nverify_ssl = false\n\
         [packages]\n{PRIVATE_APP} = \"*\"\n{PUBLIC_APP} = \"*\"\n"
    );
    fs::write(folder.join("Pipfile"), pipfile).unwrap();
    let pipenv = |arguments: &[&str]| {
        let mut pipenv = desk.world.clean(desk.stage.pipenv(), "home");
        pipenv.args(arguments).current_dir(&folder).env("ACCESS_TOKEN", desk.access_token());
        pipenv.env("PATH", desk.stage.path_with_python()).env("PIPENV_VENV_IN_PROJECT", "1").env("PIPENV_NOSPIN", "1");
        pipenv.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").arg("--python").arg(desk.stage.python());
        pipenv
    };
    let steps = Steps {
        lock: &|| pipenv(&["lock"]),
        install: &|| pipenv(&["sync"]),
        upgrade: &|| pipenv(&["update"]),
        file: "Pipfile.lock",
    };
    locks_installs_and_upgrades(&desk, &folder, &steps);
}

/// What a tool calls its steps.
struct Steps<'a> {
    lock: &'a dyn Fn() -> Command,
    install: &'a dyn Fn() -> Command,
    upgrade: &'a dyn Fn() -> Command,
    /// Where the lock is.
    file: &'a str,
}

fn locks_installs_and_upgrades(desk: &Desk, folder: &Path, steps: &Steps<'_>) {
    says(&mut (steps.lock)());
    let locked = fs::read_to_string(folder.join(steps.file)).unwrap();
    // Of what upstream gives, some keep the strongest.
    let hashes = locked.matches("sha256:").count() + locked.matches("sha512:").count();
    assert!(hashes >= 2 * THIRTY, "{locked}");
    assert!(!locked.contains(desk.access_token()), "the credential is in the lock: {locked}");
    says(&mut (steps.install)());
    let python = folder.join(".venv/bin/python");
    let version = |project: &str| desk.version(&python, project);
    assert_eq!(version(PRIVATE_APP).as_deref(), Some("1.0"));
    assert_eq!(version(&format!("{PUBLIC_APP}-part-29")).as_deref(), Some("1.29"));
    desk.import(&[Wheel::new(PRIVATE_APP, "2.0")]);
    says(&mut (steps.install)());
    assert_eq!(version(PRIVATE_APP).as_deref(), Some("1.0"), "the lock says which");
    says(&mut (steps.upgrade)());
    assert_eq!(version(PRIVATE_APP).as_deref(), Some("2.0"));
    desk.nothing_private_was_asked_outside();
}
