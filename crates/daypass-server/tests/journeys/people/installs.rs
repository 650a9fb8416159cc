//! A real install waits in a terminal, its person signs in, and the wheel is there.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{office::Office, terminal::Terminal};
use crate::{
    installers::{path_with, text},
    stage::Venv,
    world::PRIVATE,
};

#[test]
fn pip_23_2_by_import_waits_for_its_person() {
    pip_waits("23.2.1", "import");
}

#[test]
fn pip_23_2_by_subprocess_waits_for_its_person() {
    pip_waits("23.2.1", "subprocess");
}

#[test]
fn pip_24_by_import_waits_for_its_person() {
    pip_waits("24.0", "import");
}

#[test]
fn pip_25_by_subprocess_waits_for_its_person() {
    pip_waits("25.3", "subprocess");
}

#[test]
fn the_newest_pip_by_import_waits_for_its_person() {
    pip_waits("newest", "import");
}

#[test]
fn the_newest_pip_by_subprocess_waits_for_its_person() {
    pip_waits("newest", "subprocess");
}

fn pip_waits(version: &str, provider: &str) {
    let mut office = Office::open();
    let venv = office.venv("venv", version);
    // Before 26.2 the subprocess provider asks only when it knows a user name.
    let named = provider == "subprocess" && version != "newest";
    let index_url = if named { office.world.index_url_as("_token") } else { office.world.index_url() };
    let mut pip = pip(&office, &venv, provider);
    pip.args(["install", "--index-url", &index_url, PRIVATE]);
    let waiting = Terminal::run(&office.stage, &pip);
    waits_and_ends(&mut office, waiting);
    runs(&office, &venv.python());
    // All day long: the same again, and nobody is asked.
    let again = pip.args(["--force-reinstall", "--no-cache-dir", "--no-input"]).output().unwrap();
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(office.tabs("home").len(), 1, "one tab");
    assert_eq!(office.happened("session.created").len(), 1);
}

/// The install shows where to sign in, waits until somebody has, and then succeeds.
fn waits_and_ends(office: &mut Office, mut waiting: Terminal) -> String {
    let tab = office.opened_tab("home");
    // For whoever sees no browser, the address is on the screen: the start of it, since a terminal wraps.
    let seen = waiting.shows(&format!("{}/oauth/authorize", office.world.url()));
    assert!(seen.contains("sign in"), "{seen}");
    assert!(waiting.runs(), "{}", waiting.seen());
    office.browser.signs_in(&tab, "alice");
    let seen = waiting.succeeds();
    assert!(!seen.contains("daypass_rt_") && !seen.contains("eyJ"), "a secret is on the screen: {seen}");
    assert!(!seen.contains("Traceback"), "{seen}");
    seen
}

fn pip(office: &Office, venv: &Venv, provider: &str) -> Command {
    let mut pip = office.at_desk(venv.python(), "home");
    pip.args(["-m", "pip"]).env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_KEYRING_PROVIDER", provider);
    pip.env("PATH", path_with(&office.stage));
    pip
}

fn runs(office: &Office, python: &Path) {
    let script = "import acme_hello; print(acme_hello.hello())";
    let output = office.world.clean(python, "home").args(["-c", script]).output().unwrap();
    assert_eq!(text(&output).trim(), "hello from a private package");
}

#[test]
fn the_newest_uv_waits_for_its_person() {
    for always in [false, true] {
        let mut office = Office::open();
        let venv = office.stage.venv(&office.world.path("venv"), "newest");
        let config = office.world.path("uv.toml");
        let (url, how) = if always {
            (office.world.index_url(), "authenticate = \"always\"\n")
        } else {
            (office.world.index_url_as("_token"), "")
        };
        fs::write(&config, format!("[[index]]\nname = \"acme\"\nurl = \"{url}\"\ndefault = true\n{how}")).unwrap();
        let mut uv = office.at_desk(office.stage.uv(), "home");
        uv.env("PATH", path_with(&office.stage)).env("UV_KEYRING_PROVIDER", "subprocess").env("UV_NO_PROGRESS", "1");
        uv.args(["pip", "install", "--no-cache", "--config-file"]).arg(&config);
        uv.arg("--python").arg(venv.python()).arg(PRIVATE);
        let waiting = Terminal::run(&office.stage, &uv);
        waits_and_ends(&mut office, waiting);
        runs(&office, &venv.python());
    }
}

#[test]
fn poetry_waits_for_its_person() {
    let mut office = Office::open();
    let project = office.world.path("project");
    fs::create_dir(&project).unwrap();
    let text = format!(
        "[project]\nname = \"mine\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"{PRIVATE}\"]\n\
         [tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"acme\"\nurl = \"{}\"\n",
        office.world.index_url()
    );
    fs::write(project.join("pyproject.toml"), text).unwrap();
    let mut poetry = office.at_desk(office.stage.poetry(), "home");
    poetry.args(["install", "--no-ansi"]).current_dir(&project).env("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    poetry.env("PATH", office.stage.path_with_python());
    let waiting = Terminal::run(&office.stage, &poetry);
    waits_and_ends(&mut office, waiting);
    runs(&office, &project.join(".venv/bin/python"));
}

#[test]
fn twine_gets_the_credential_and_is_told_that_its_holder_may_only_pull() {
    let mut office = Office::open();
    let wheel = daypass_testkit::wheel::Wheel::new("acme-new", "1.0");
    let file = office.world.path(&wheel.file_name());
    fs::write(&file, wheel.bytes()).unwrap();
    let mut twine = office.at_desk(office.stage.twine(), "home");
    twine.args([
        "upload",
        "--disable-progress-bar",
        "--repository-url",
        &format!("{}/python/legacy/", office.world.url()),
    ]);
    let waiting = Terminal::run(&office.stage, twine.arg(&file));
    let tab = office.opened_tab("home");
    waiting.shows(&office.world.url());
    office.browser.signs_in(&tab, "alice");
    let (success, seen) = waiting.end();
    assert!(!success, "{seen}");
    assert!(seen.contains("403") && seen.contains("may not push"), "{seen}");
    assert!(!seen.contains("Enter your"), "it did not get the credential: {seen}");
    assert_eq!(office.tabs("home").len(), 1, "one tab");
}

#[test]
fn with_the_companys_own_configuration_the_first_thing_that_happens_is_the_browser() {
    let mut office = Office::open();
    let venv = office.stage.venv(&office.world.path("venv"), "newest");
    let (wheelhouse, wheel) = (office.stage.wheelhouse(), office.stage.wheel());
    // What the company ships: one file. What its developer types: two lines.
    let lines = format!(
        "'{0}' -m pip install --quiet --no-index --find-links '{1}' --find-links '{2}' keyrings-daypass\n\
         '{0}' -m pip install --index-url '{3}' {PRIVATE}\n",
        venv.python().display(),
        wheelhouse.display(),
        wheel.parent().unwrap().display(),
        office.world.index_url(),
    );
    let mut desk = office.world.clean("unshare", "home");
    office.with_browser(&mut desk, "home");
    desk.args(["--map-root-user", "--mount", "sh", "-euc", COMPANY_MACHINE, "sh"]);
    desk.arg(office.world.path("machine"))
        .arg(office.world.url())
        .arg(&lines)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    let waiting = Terminal::run(&office.stage, &desk);
    waits_and_ends(&mut office, waiting);
    runs(&office, &venv.python());
}

/// Another `/etc` for one command: the machine's own, and our file in it.
const COMPANY_MACHINE: &str = r#"
mkdir -p "$1/real" "$1/etc/daypass"
mount --bind /etc "$1/real"
for entry in "$1"/real/*; do ln -s "$entry" "$1/etc/"; done
printf '[[server]]\nurl = "%s"\n' "$2" > "$1/etc/daypass/config.toml"
mount --bind "$1/etc" /etc
sh -euc "$3"
"#;

#[test]
fn a_human_who_takes_45_seconds_finds_the_install_still_there() {
    let mut office = Office::open();
    let venv = office.venv("venv", "newest");
    let mut pip = pip(&office, &venv, "subprocess");
    let mut waiting =
        Terminal::run(&office.stage, pip.args(["install", "--index-url", &office.world.index_url(), PRIVATE]));
    let tab = office.opened_tab("home");
    thread::sleep(Duration::from_secs(45));
    assert!(waiting.runs(), "{}", waiting.seen());
    office.browser.signs_in(&tab, "alice");
    waiting.succeeds();
    runs(&office, &venv.python());
}

#[test]
fn who_refuses_at_the_provider_is_told_and_nothing_is_installed() {
    let mut office = Office::open();
    let venv = office.venv("venv", "newest");
    let mut pip = pip(&office, &venv, "import");
    let waiting = Terminal::run(
        &office.stage,
        pip.args(["install", "--no-input", "--index-url", &office.world.index_url(), PRIVATE]),
    );
    let tab = office.opened_tab("home");
    office.browser.arrives_at_provider(&tab);
    office.browser.refuses();
    // pip asks for the index and then for its host: a no is a no to both.
    let (success, seen) = waiting.end();
    assert!(!success, "{seen}");
    assert_eq!(office.tabs("home").len(), 1, "who refused is not asked again: {seen}");
    assert!(office.world.audit_of("session.created").is_empty());
    office.happened("sign_in.refused");
}

#[test]
fn without_a_terminal_it_fails_at_once_with_one_sentence_and_a_hint() {
    let office = Office::open();
    let venv = office.venv("venv", "newest");
    let alone = |program: &Path, arguments: &[&str]| {
        // No controlling terminal, no display: a container's build, cron, a CI job.
        let mut command = office.world.clean("setsid", "home");
        command.env("DAYPASS_SERVER", office.world.url()).env("CI", "true").env("PATH", path_with(&office.stage));
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_KEYRING_PROVIDER", "import");
        command.arg("--wait").arg(program).args(arguments).stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().unwrap();
        (began.elapsed(), output)
    };
    let daypass = crate::world::World::daypass();
    for arguments in [&["token"][..], &["login"], &["helper", "keyring", "get", &office.world.index_url()]] {
        let (took, output) = alone(&daypass, arguments);
        assert!(took < Duration::from_secs(2), "{arguments:?} took {took:?}");
        assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{arguments:?}: {said}");
        assert!(said.lines().any(|line| line.starts_with("hint: ")), "{arguments:?}: {said}");
    }
    let index_url = office.world.index_url();
    let arguments = ["-m", "pip", "install", "--no-input", "--index-url", &index_url, PRIVATE];
    let (took, output) = alone(&venv.python(), &arguments);
    assert!(!output.status.success());
    // pip itself needs half a second to start.
    assert!(took < Duration::from_secs(4), "pip took {took:?}: {}", text(&output));
    assert!(office.tabs("home").is_empty());
}
