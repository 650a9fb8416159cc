//! Machines with other tools, or without some.

use std::fs;

use daypass_testkit::wheel::Wheel;

use super::{LATER, Machine};
use crate::siblings::INSTALLED;

/// The same job, allowed to publish.
const PUBLISHER: &str = r#"
[[identity]]
name = "ci/publisher"
issuer = "outside"
claims = { repository_owner_id = "65", repository_id = "74", ref = "refs/heads/main" }
grants = [ { index = "python", projects = ["*"], actions = ["push", "pull"] } ]
"#;

/// A folder with all programs of this machine but those.
fn without(machine: &Machine, missing: &[&str]) -> String {
    let folder = machine.site.place.world.path("programs");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir("/usr/bin").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !missing.iter().any(|missing| name.starts_with(missing)) {
            std::os::unix::fs::symlink(entry.path(), folder.join(name)).unwrap();
        }
    }
    folder.display().to_string()
}

#[test]
fn uv_installs_and_publishes() {
    let machine = Machine::trusting(PUBLISHER);
    let (stage, world) = (&machine.site.place.stage, &machine.site.place.world);
    let wheel = Wheel::new("acme-new", "1.0");
    fs::write(world.path(&wheel.file_name()), wheel.bytes()).unwrap();
    let uv = stage.uv().display().to_string();
    let install = format!("run: {uv} pip install --no-cache --python {}", world.path("venv/bin/python").display());
    let publish = format!("run: {uv} publish {}", world.path(&wheel.file_name()).display());
    let steps = [format!("{install} acme-hello"), publish, format!("{install} acme-new")];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let done = machine.run(&machine.workflow(&["identity: ci/publisher"], &steps));
    let said = done.succeeded();
    assert!(said.contains("+ acme-hello==1.0") && said.contains("+ acme-new==1.0"), "{said}");
    assert_eq!((machine.site.exchanged(), machine.site.revoked()), (1, 1));

    // The twins: who may only pull does not publish, and uv that is not set up asks elsewhere.
    let done = machine.run(&machine.workflow(&["identity: ci/job"], &steps[1..2]));
    assert!(!done.output.status.success() && done.said().contains("may not push"), "{}", done.said());
    let steps = ["run: echo \"uv=${UV_DEFAULT_INDEX-} pip=${PIP_INDEX_URL-}.\""];
    let said = machine.run(&machine.workflow(&["identity: ci/job", "setup-uv: false"], &steps)).succeeded();
    assert!(said.contains("uv= pip=http://_token@127.0.0.1"), "{said}");
    let steps = ["run: echo \"twine=${TWINE_REPOSITORY_URL-} uv=${UV_DEFAULT_INDEX-}.\""];
    let said = machine.run(&machine.workflow(&["identity: ci/job", "setup-twine: false"], &steps)).succeeded();
    assert!(said.contains("twine= uv=http://_token@127.0.0.1"), "{said}");
    let steps = ["run: |\n  echo \"pip=${PIP_INDEX_URL-}.\"\n  daypass token > /dev/null && echo it works"];
    let said = machine.run(&machine.workflow(&["identity: ci/job", "export-environment: false"], &steps)).succeeded();
    assert!(said.contains("pip=.") && said.contains("it works"), "{said}");
}

#[test]
fn twine_publishes_with_the_backend_in_the_python_on_path() {
    let machine = Machine::trusting(PUBLISHER);
    let (stage, world) = (&machine.site.place.stage, &machine.site.place.world);
    // What our wheel needs comes from the job's own index, too.
    for entry in fs::read_dir(stage.wheelhouse()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "whl") {
            world.import_file(entry.file_name().to_str().unwrap(), &fs::read(entry.path()).unwrap());
        }
    }
    let wheel = Wheel::new("acme-new", "1.0");
    fs::write(world.path(&wheel.file_name()), wheel.bytes()).unwrap();
    // twine itself, from an environment that does not have our wheel.
    let [python, _] = stage.publishing("");
    let find = "import sysconfig; print(sysconfig.get_path(\"purelib\"))";
    let add = format!("run: {} -c '{find}' > \"$(python -c '{find}')/twine.pth\"", python.display());
    let publish =
        format!("run: python -m twine upload --disable-progress-bar {}", world.path(&wheel.file_name()).display());
    let look = "run: python -c 'import keyring; print(type(keyring.get_keyring()))'";

    // The twin first, since what is installed stays: without the backend there is no password.
    let done = machine.run(&machine.workflow(&["identity: ci/publisher"], &[&add, &publish]));
    assert_eq!(done.step("acme/setup-daypass@")["outcome"], "success", "{}", done.said());
    assert!(!done.output.status.success(), "{}", done.said());
    fs::remove_file(
        fs::read_dir(world.path("venv/lib")).unwrap().flatten().next().unwrap().path().join("site-packages/twine.pth"),
    )
    .unwrap();

    let with = ["identity: ci/publisher", "setup-python-keyring: true"];
    let install = "run: pip install acme-new";
    let done = machine.run(&machine.workflow(&with, &[&add, look, &publish, install]));
    assert!(done.succeeded().contains("Successfully installed acme-new-1.0"), "{}", done.said());
    assert_eq!(done.record["annotations"].as_array().unwrap().len(), 0, "{}", done.record);
}

#[test]
fn a_python_that_is_not_to_be_written_into_or_none_is_no_failure() {
    let mut machine = Machine::new();
    let with = ["setup-python-keyring: true"];

    // This system's own is marked so.
    let marked =
        fs::read_dir("/usr/lib").unwrap().flatten().any(|entry| entry.path().join("EXTERNALLY-MANAGED").is_file());
    assert!(marked, "this test needs a Python that is marked as PEP 668 says");
    machine.path = Some("/usr/bin:/bin".to_owned());
    let venv = machine.site.place.world.path("venv/bin/pip").display().to_string();
    let done = machine.run(&machine.workflow(&with, &[&format!("run: {venv} install acme-hello")]));
    let said = done.succeeded();
    assert!(said.contains("PEP 668") && said.contains(INSTALLED), "{said}");

    machine.path = Some(without(&machine, &["python", "pip"]));
    let uv = machine.site.place.stage.uv();
    let target = machine.site.place.world.path("target");
    let python = machine.site.place.stage.python();
    let install = format!(
        "run: |\n  ! command -v python3\n  {} pip install --no-cache --python {} --target {} acme-hello",
        uv.display(),
        python.display(),
        target.display()
    );
    let done = machine.run(&machine.workflow(&with, &[&install, LATER]));
    let said = done.succeeded();
    assert!(said.contains("there is no `python`") && said.contains("+ acme-hello==1.0"), "{said}");
}
