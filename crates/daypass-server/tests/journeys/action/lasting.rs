//! Jobs that last, that fail, and that run beside others.

use std::{fs, process::Stdio};

use super::{LATER, Machine};
use crate::{
    secrets::Watch,
    siblings::{GIVEN_BACK, INSTALLED, script},
};

/// Lets an hour pass for the job's credential.
const AN_HOUR: &str = r#"
import datetime, json, os, pathlib
now = datetime.datetime.now(datetime.timezone.utc)
entries = 0
for path in pathlib.Path(os.environ["DAYPASS_CACHE"]).rglob("*.json"):
    entry = json.loads(path.read_text())
    if "obtained_at" in entry:
        entries += 1
        entry["obtained_at"] = f"{now - datetime.timedelta(seconds=3660):%Y-%m-%dT%H:%M:%SZ}"
        entry["expires_at"] = f"{now - datetime.timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
        path.write_text(json.dumps(entry))
assert entries == 1, entries
"#;

const INSTALL: &str = "pip install --no-cache-dir --force-reinstall acme-hello";

#[test]
fn a_job_of_six_hours_goes_on_installing() {
    let machine = Machine::new();
    let hour = machine.site.place.world.path("hour.py");
    fs::write(&hour, AN_HOUR).unwrap();
    let within = format!("run: {INSTALL}");
    let later = format!("run: |\n  python {}\n  {INSTALL}", hour.display());
    let mut steps = vec![within.as_str(), within.as_str()];
    steps.extend([later.as_str(); 6]);
    let done = machine.run(&machine.workflow(&[], &steps));
    assert_eq!(done.succeeded().matches(INSTALLED).count(), 8, "{}", done.said());
    // One for the first hour, however often it is used, and one for each further hour.
    assert_eq!(machine.site.exchanged(), 7);
    assert!(done.said().contains(GIVEN_BACK), "{}", done.said());
    machine.nothing_leaked(&done);
}

#[test]
fn a_later_step_that_fails_gives_the_credential_and_the_configuration_back() {
    let machine = Machine::new();
    let config = machine.site.place.world.path("runner/workspace/settings.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, "# mine\n").unwrap();
    let look = "run: grep -q identity settings.toml && echo it was changed && exit 7";
    let done = machine.run(&machine.workflow(&["config-path: settings.toml", "identity: ci/job"], &[look, LATER]));
    let said = done.said();
    assert!(!done.output.status.success() && !said.contains("a later step runs"), "{said}");
    assert!(said.contains("it was changed") && said.contains(GIVEN_BACK), "{said}");
    assert_eq!(fs::read_to_string(config).unwrap(), "# mine\n");
    assert_eq!((machine.site.exchanged(), machine.site.revoked()), (1, 1));
    machine.nothing_leaked(&done);
}

#[test]
fn a_main_step_that_is_killed_gives_the_credential_back() {
    let mut machine = Machine::new();
    // It is asked about when the job has its credential already.
    let folder = machine.site.place.world.path("deadly");
    fs::create_dir(&folder).unwrap();
    script(&folder.join("python"), "kill -9 $PPID");
    machine.path = Some(format!("{}:/usr/bin:/bin", folder.display()));
    let done = machine.run(&machine.workflow(&["setup-python-keyring: true"], &[LATER]));
    assert!(!done.output.status.success() && !done.said().contains("a later step runs"), "{}", done.said());
    assert_eq!((machine.site.exchanged(), machine.site.revoked()), (1, 1), "{}", done.said());
    machine.nothing_leaked(&done);
}

#[test]
fn two_jobs_on_one_machine_do_not_disturb_each_other() {
    let machine = Machine::new();
    let sign = |name: &str| machine.site.place.world.path(name).display().to_string();
    let (begun, over) = (sign("begun"), sign("over"));
    let wait = |name: &str| format!("for i in $(seq 600); do [ -e {name} ] && break; sleep 0.1; done; [ -e {name} ]");
    let long = format!("run: |\n  touch {begun}\n  {}\n  {INSTALL}", wait(&over));
    let short = format!("run: |\n  {}\n  {INSTALL}", wait(&begun));
    let watch = Watch::start();
    // Both begin at once, with the same home and no program kept yet.
    let long = machine
        .runner("long", &machine.workflow(&[], &[&long]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let short = machine.runner("short", &machine.workflow(&[], &[&short])).stdin(Stdio::null()).output().unwrap();
    let between = machine.site.revoked();
    fs::write(over, "").unwrap();
    let long = long.wait_with_output().unwrap();
    let lines = watch.stop();
    for (name, output) in [("short", short), ("long", long)] {
        let done = machine.done(name, output, lines.clone());
        assert!(done.succeeded().contains(INSTALLED), "{name}: {}", done.said());
        machine.nothing_leaked(&done);
    }
    assert_eq!((between, machine.site.exchanged(), machine.site.revoked()), (1, 2, 2));
}
