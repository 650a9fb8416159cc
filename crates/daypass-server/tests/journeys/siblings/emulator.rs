//! The Action itself, once for real in GitHub's own emulator of a runner: what `action.yml` says, read by somebody else.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use daypass_testkit::workload::Kind;

use super::{GIVEN_BACK, Site, tokens_in};
use crate::{installers::text, world::sha256};

/// The files by which a step tells its runner something.
const FILES: [&str; 5] = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

struct Emulator(Site);

impl Emulator {
    fn new() -> Self {
        let site = Site::of(Kind::GitHub);
        let action = site.place.world.path("action");
        fs::create_dir(&action).unwrap();
        fs::create_dir(site.place.world.path("runner")).unwrap();
        for entry in fs::read_dir(site.dist("action")).unwrap().flatten() {
            fs::copy(entry.path(), action.join(entry.file_name())).unwrap();
        }
        // The emulator looks for one, to learn which package manager there is.
        fs::write(action.join("package.json"), r#"{"type": "module"}"#).unwrap();
        for name in FILES {
            fs::write(site.place.world.path(name), "").unwrap();
        }
        Self(site)
    }

    /// Main step and post step with these inputs, and defaults for the others.
    fn run(&self, inputs: &[(&str, &str)]) -> Output {
        let (site, packages) = (&self.0, self.0.place.stage.emulator());
        let world = &site.place.world;
        let lines = inputs.iter().map(|(name, value)| format!("INPUT_{}='{value}'\n", name.to_uppercase()));
        fs::write(world.path("inputs"), lines.collect::<String>()).unwrap();
        let mut runner = site.run("node");
        runner.current_dir(&packages).arg("node_modules/.bin/local-action").arg(world.path("action"));
        runner.arg(packages.join("main.mjs")).arg(world.path("inputs")).arg("--post").arg(packages.join("post.mjs"));
        runner.env("RUNNER_TEMP", world.path("runner")).env("RUNNER_TOOL_CACHE", world.path("tools"));
        runner.envs(FILES.map(|name| (name, world.path(name))));
        // It asks npm where its own packages are.
        runner.env("npm_config_offline", "true").env("npm_config_update_notifier", "false").output().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.place.world.path(name)
    }
}

/// What the emulator shows of an output at the end, in its table.
fn shown(said: &str, output: &str) -> Option<String> {
    let (_, table) = said.rsplit_once("Action Outputs").expect("it came to the outputs");
    let row = table.lines().find(|line| line.contains(&format!("'{output}'")))?;
    row.split('│').nth(3).map(|cell| cell.trim().trim_matches('\'').to_owned())
}

#[test]
fn githubs_emulator_runs_the_action_up_to_its_outputs() {
    let mut emulator = Emulator::new();
    let (server, release) = (emulator.0.place.world.url(), emulator.0.host.url().to_owned());
    let output = emulator.run(&[("server", &server), ("release-url", &release)]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    let index = format!("{server}/python/simple/");
    for (name, value) in [("authenticated", "true"), ("identity", "ci/job"), ("index-url", &index)] {
        assert_eq!(shown(&said, name).as_deref(), Some(value), "{name}: {said}");
    }
    assert_eq!(shown(&said, "version").as_deref(), Some(env!("CARGO_PKG_VERSION")), "{said}");
    assert!(shown(&said, "expires-at").is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{said}");
    let variables = fs::read_to_string(emulator.file("GITHUB_ENV")).unwrap();
    assert!(variables.contains("PIP_INDEX_URL") && variables.contains("UV_DEFAULT_INDEX"), "{variables}");
    let first_on_path = fs::read_to_string(emulator.file("GITHUB_PATH")).unwrap();
    assert!(Path::new(first_on_path.trim()).starts_with(emulator.file("runner")), "{first_on_path}");

    assert!(said.contains(GIVEN_BACK), "{said}");
    assert_eq!((emulator.0.exchanged(), emulator.0.revoked()), (1, 1));
    assert_eq!(fs::read_dir(emulator.file("runner")).unwrap().count(), 0, "the post step leaves nothing");

    // The credential was shown once: to the runner, for it to be struck out from then on.
    let (masks, rest): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("::add-mask::"));
    let masked: BTreeSet<_> = masks.iter().flat_map(|line| tokens_in(line)).map(sha256).collect();
    assert_eq!(masked, emulator.0.place.world.audited_tokens());
    assert_eq!(tokens_in(&rest.join("\n")).count(), 0, "{said}");
    emulator.0.nothing_leaked(&[], &FILES.map(|name| emulator.file(name)));
}

#[test]
fn githubs_emulator_sees_the_action_fail_for_another_repositorys_job() {
    let mut emulator = Emulator::new();
    emulator.0.place.somebody_elses();
    let (server, release) = (emulator.0.place.world.url(), emulator.0.host.url().to_owned());
    let output = emulator.run(&[("server", &server), ("release-url", &release), ("identity", "ci/job")]);
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("::error title=") && said.contains("repository_id"), "{said}");
    assert_eq!(shown(&said, "authenticated").as_deref(), Some("false"), "{said}");
    assert_eq!((emulator.0.exchanged(), fs::read_dir(emulator.file("runner")).unwrap().count()), (0, 0));
}
