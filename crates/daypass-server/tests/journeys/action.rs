//! The Action, as `cargo xtask dist` makes it, in jobs that `tests/ci/github.py` runs by the contract of GitHub's
//! runner: with a release host, GitHub's endpoint for identity tokens, and real pip, uv and twine.

mod lasting;
mod refusals;
mod tools;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use daypass_testkit::{release::Manner, workload::Kind};
use serde_json::Value;

use crate::{
    installers::text,
    secrets::Watch,
    siblings::{GIVEN_BACK, INSTALLED, Site, example, tokens_in},
    workloads::place::{Place, Trust},
    world::sha256,
};

/// A repository whose jobs the server knows, and the machine that runs them.
struct Machine {
    site: Site,
    /// The job's `PATH`, if it is another one than usual.
    path: Option<String>,
    /// More variables of the runner's.
    variables: Vec<(&'static str, String)>,
}

/// A job that is over.
struct Done {
    output: Output,
    record: Value,
    /// What was not said again, but written down: the log before anything was struck out, all files of all steps.
    written: Vec<String>,
    /// The command lines of everything that ran meanwhile.
    command_lines: BTreeSet<Vec<u8>>,
    temporary: PathBuf,
}

impl Machine {
    fn new() -> Self {
        Self::trusting("")
    }

    /// The server's policy says more.
    fn trusting(more: &str) -> Self {
        let site = Site::at(Place::trusting(Kind::GitHub, &Trust { more }));
        let machine = Self { site, path: None, variables: Vec::new() };
        // Where the release of the repository is that the README names.
        let release = format!("acme/setup-daypass/releases/download/v{}", env!("CARGO_PKG_VERSION"));
        for (name, bytes) in machine.release() {
            machine.site.host.set(&format!("{release}/{name}"), Manner::Whole(bytes));
        }
        machine
    }

    /// The files of the release.
    fn release(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(self.site.dist("release")).unwrap().flatten();
        files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
    }

    /// From now on the release has this file.
    fn publishes(&self, name: &str, manner: Manner) {
        self.site.host.set(name, manner);
    }

    /// A workflow with these lines below `with:` and these steps after the Action.
    fn workflow(&self, with: &[&str], steps: &[&str]) -> String {
        let (server, release) = (self.site.place.world.url(), self.site.host.url());
        let with: String = with.iter().flat_map(|line| ["          ", line, "\n"]).collect();
        let steps = steps.iter().map(|step| step.replace('\n', "\n        "));
        let steps = steps.fold(String::new(), |all, step| all + "      - " + &step + "\n");
        format!(
            "on: push\npermissions: {{}}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    permissions:\n      \
             id-token: write\n    steps:\n      - id: daypass\n        uses: acme/setup-daypass@v1\n        with:\n          \
             server: {server}\n          release-url: {release}\n{with}{steps}"
        )
    }

    /// What runs `workflow` on the runner with this name.
    fn runner(&self, name: &str, workflow: &str) -> Command {
        let world = &self.site.place.world;
        let folder = world.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("workflow.yml"), workflow).unwrap();
        let script = self.site.place.stage.ci().join("github.py");
        let mut runner = self.site.run(self.site.place.stage.yaml());
        runner.arg(script).arg(folder.join("workflow.yml")).arg(self.site.dist("action")).arg(&folder);
        runner.env("GITHUB_SERVER_URL", self.site.host.url()).env("RUNNER_TOOL_CACHE", world.path("tools"));
        runner.env_remove("TMPDIR").envs(self.variables.iter().map(|(name, value)| (*name, value)));
        if let Some(path) = &self.path {
            runner.env("PATH", path);
        }
        runner
    }

    /// Runs `workflow`, and searches all that came of it.
    fn run(&self, workflow: &str) -> Done {
        let done = self.run_and_print(workflow);
        self.nothing_leaked(&done);
        done
    }

    /// The same for a workflow that prints a secret.
    fn run_and_print(&self, workflow: &str) -> Done {
        let watch = Watch::start();
        let output = self.runner("runner", workflow).stdin(Stdio::null()).output().unwrap();
        self.done("runner", output, watch.stop())
    }

    fn done(&self, name: &str, output: Output, command_lines: BTreeSet<Vec<u8>>) -> Done {
        let folder = self.site.place.world.path(name);
        let record = fs::read(folder.join("record.json")).unwrap_or_else(|_| panic!("{}", text(&output)));
        let written = ["raw", "record.json"].iter().map(|name| fs::read_to_string(folder.join(name)).unwrap());
        let of_steps = fs::read_dir(folder.join("files")).unwrap().flatten().flat_map(|step| {
            let files = fs::read_dir(step.path()).unwrap().flatten();
            files.map(|file| fs::read_to_string(file.path()).unwrap()).collect::<Vec<_>>()
        });
        let done = Done {
            record: serde_json::from_slice(&record).unwrap(),
            written: written.chain(of_steps).collect(),
            output,
            command_lines,
            temporary: folder.join("temp"),
        };
        let post = done.step("Post acme/setup-daypass@");
        assert_eq!(post["outcome"], "success", "{}", done.said());
        assert_eq!(fs::read_dir(&done.temporary).unwrap().count(), 0, "nothing is left: {}", done.said());
        done
    }

    /// Nothing that was said, written or seen on a command line is a secret of the job's.
    fn nothing_leaked(&self, done: &Done) {
        let said = text(&done.output);
        let secret = self.site.place.job.variables.iter().find(|(name, _)| name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN");
        let secret = secret.unwrap().1.as_str();
        for words in done.written.iter().chain([&said]) {
            // Both of a token's first parts begin so, whatever stands around it.
            assert!(!words.contains(".eyJ"), "{words}");
            assert!(!words.contains(secret), "{words}");
        }
        let audit = self.site.place.world.audit();
        let digests = audit.iter().flat_map(|event| ["token_sha256", "subject_token_sha256"].map(|key| &event[key]));
        let digests: BTreeSet<&str> = digests.filter_map(Value::as_str).collect();
        for line in &done.command_lines {
            let line = String::from_utf8_lossy(line);
            assert!(!line.contains(secret), "{line}");
            assert!(tokens_in(&line).all(|token| !digests.contains(sha256(token).as_str())), "{line}");
        }
    }
}

impl Done {
    fn said(&self) -> String {
        text(&self.output)
    }

    fn succeeded(&self) -> String {
        assert!(self.output.status.success(), "{}", self.said());
        self.said()
    }

    /// The step whose name begins so.
    fn step(&self, name: &str) -> &Value {
        let steps = self.record["steps"].as_array().unwrap();
        let found = steps.iter().find(|step| step["name"].as_str().unwrap().starts_with(name));
        found.unwrap_or_else(|| panic!("no step `{name}`: {}", self.record))
    }

    /// What the Action gave to later steps.
    fn outputs(&self) -> &Value {
        &self.step("acme/setup-daypass@")["outputs"]
    }

    fn summary(&self) -> &str {
        self.step("acme/setup-daypass@")["summary"].as_str().unwrap()
    }

    /// What stands at the top of the run: its kind and its text, where there is one and no more.
    fn annotation(&self) -> (&str, &str) {
        let [only] = self.record["annotations"].as_array().unwrap().as_slice() else { panic!("{}", self.record) };
        (only["kind"].as_str().unwrap(), only["text"].as_str().unwrap())
    }

    /// The Action failed: what it said, in one line; no later step ran.
    fn refused(&self) -> String {
        assert!(!self.output.status.success(), "{}", self.said());
        assert_eq!(self.step("acme/setup-daypass@")["outcome"], "failure");
        let (kind, text) = self.annotation();
        assert_eq!((kind, text.lines().count()), ("error", 1), "{text}");
        assert!(!self.said().contains("a later step runs"), "{}", self.said());
        assert_eq!(self.outputs()["authenticated"], "false");
        text.to_owned()
    }
}

/// A step that shows that the job went on.
const LATER: &str = "run: echo a later step runs";

#[test]
fn the_workflow_of_the_readme_installs_and_gives_its_credential_back() {
    let machine = Machine::new();
    let workflow = example("../../README.md", "workflow");
    assert!(workflow.contains("https://packages.example.com") && workflow.contains("identity: ci/app"), "{workflow}");
    let workflow = workflow
        .replace("https://packages.example.com", &machine.site.place.world.url())
        .replace("identity: ci/app", "identity: ci/job");
    let first = machine.run(&workflow);
    let said = first.succeeded();
    assert!(said.contains(INSTALLED) && said.contains(GIVEN_BACK), "{said}");
    assert_eq!((machine.site.exchanged(), machine.site.revoked()), (1, 1));
    assert!(!first.command_lines.is_empty(), "there was something to search");

    let outputs = first.outputs();
    assert_eq!(outputs["authenticated"], "true");
    assert_eq!(outputs["identity"], "ci/job");
    assert_eq!(outputs["index-url"], machine.site.place.world.index_url());
    assert_eq!(outputs["version"], env!("CARGO_PKG_VERSION"));
    let expires_at = outputs["expires-at"].as_str().unwrap();
    assert!(expires_at.len() >= 20 && expires_at.contains('T') && expires_at.ends_with('Z'), "{outputs}");
    assert!(first.summary().contains("`ci/job`"), "{}", first.summary());

    let downloads = machine.site.host.seen().len();
    machine.run(&workflow).succeeded();
    assert_eq!(machine.site.host.seen().len(), downloads, "what is kept is not downloaded again");

    // The twin: without the Action, the index lets nobody in.
    let (before, rest) = workflow.split_once("      - id: daypass\n").unwrap();
    let (_, after) = rest.split_once("      - run: |\n").unwrap();
    let alone = format!(
        "{before}      - run: |\n          export PIP_INDEX_URL={}\n{after}",
        machine.site.place.world.index_url()
    );
    let output = machine.runner("alone", &alone).output().unwrap();
    assert!(!output.status.success() && !text(&output).contains(INSTALLED), "{}", text(&output));
}

#[test]
fn later_steps_read_the_outputs_and_the_secret_is_struck_out() {
    let machine = Machine::new();
    let done = machine.run_and_print(&machine.workflow(
        &[],
        &[
            "if: steps.daypass.outputs.authenticated == 'true'\nrun: echo \"as ${{ steps.daypass.outputs.identity }}.\"",
            "if: steps.daypass.outputs.authenticated != 'true'\nrun: exit 9",
            "run: echo \"it is <$(daypass token)>\"",
        ],
    ));
    let said = done.succeeded();
    assert!(said.contains("as ci/job.") && said.contains("it is <***>"), "{said}");
    // Without the mask it would have been there.
    let tokens: Vec<_> = tokens_in(&done.written[0]).map(sha256).collect();
    assert_eq!(tokens.into_iter().collect::<BTreeSet<_>>(), machine.site.place.world.audited_tokens());
}
