//! Buildkite's plugin, by a harness that does what the agent does with hooks.

use std::{fs, path::PathBuf, process::Output};

use daypass_testkit::{release::Manner, workload::Kind};

use super::{GIVEN_BACK, INSTALLED, Site, tokens_in};
use crate::{installers::text, world::sha256};

struct Pipeline(Site);

impl Pipeline {
    fn new() -> Self {
        Self(Site::of(Kind::Buildkite))
    }

    /// The guide's step with `more` options and this command: the plugin's options as the agent hands them on.
    fn run(&self, more: &[&str], command: &str) -> Output {
        let site = &self.0;
        let plugin = site.dist("buildkite");
        let pipeline = site.place.world.path("pipeline.yml");
        fs::write(&pipeline, site.example("buildkite.md", "pipeline")).unwrap();
        let mut options = site.place.world.clean(site.place.stage.schemas(), "home");
        options.arg(site.place.stage.ci().join("plugin.py")).arg(plugin.join("plugin.yml")).arg(&pipeline);
        let options = options.arg(format!("release-url={}", site.host.url())).args(more).output().unwrap();
        assert!(options.status.success(), "{}", text(&options));
        let mut agent = site.run("bash");
        agent.arg(site.place.stage.ci().join("buildkite.sh")).arg(plugin).arg(command);
        for line in String::from_utf8(options.stdout).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            agent.env(name, value);
        }
        agent.env("JOB_ENVIRONMENT", self.environment()).output().unwrap()
    }

    /// All variables at the end of the job.
    fn environment(&self) -> PathBuf {
        self.0.place.world.path("environment")
    }

    /// What is left in the temporary folder.
    fn left(&self) -> usize {
        fs::read_dir(self.0.place.world.path("tmp")).unwrap().count()
    }
}

#[test]
fn the_step_of_the_guide_installs_and_gives_its_credential_back() {
    let mut pipeline = Pipeline::new();
    let first = pipeline.run(&[], "pip install acme-hello");
    let said = text(&first);
    assert!(first.status.success() && said.contains(INSTALLED), "{said}");
    assert!(said.contains("signed in as `ci/job`") && said.contains(GIVEN_BACK), "{said}");
    assert_eq!((pipeline.0.exchanged(), pipeline.0.revoked(), pipeline.left()), (1, 1, 0));
    let environment = fs::read_to_string(pipeline.environment()).unwrap();
    assert!(environment.contains("PIP_INDEX_URL=http://_token@127.0.0.1"), "{environment}");

    // The agent was told what to strike out, before anything could print it.
    let redacted = pipeline.0.place.job.programs.as_ref().unwrap().join("redacted");
    let redacted: Vec<_> = tokens_in(&fs::read_to_string(redacted).unwrap()).map(sha256).collect();
    assert_eq!(
        redacted.into_iter().collect::<std::collections::BTreeSet<_>>(),
        pipeline.0.place.world.audited_tokens()
    );

    let downloads = pipeline.0.host.seen().len();
    let second = pipeline.run(&["index=python", "identity=ci/job"], "pip install acme-hello");
    assert!(second.status.success(), "{}", text(&second));
    assert_eq!(pipeline.0.host.seen().len(), downloads, "what is kept is not downloaded again");
    pipeline.0.nothing_leaked(&[&first, &second], &[pipeline.environment()]);
}

#[test]
fn a_job_of_another_pipeline_is_told_which_claim_differs_and_runs_nothing() {
    let mut pipeline = Pipeline::new();
    pipeline.0.place.somebody_elses();
    let output = pipeline.run(&["identity=ci/job"], "echo it runs");
    let said = text(&output);
    assert!(!output.status.success() && said.contains("pipeline_id") && !said.contains("it runs"), "{said}");
    assert_eq!((pipeline.0.exchanged(), pipeline.left()), (0, 0));
}

#[test]
fn a_release_with_a_flipped_byte_never_runs() {
    let pipeline = Pipeline::new();
    let release = pipeline.0.dist("release");
    let archives = fs::read_dir(&release).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let archive = archives.into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    let mut bytes = fs::read(release.join(&archive)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    pipeline.0.host.set(&archive, Manner::Whole(bytes));
    let output = pipeline.run(&[], "echo it runs");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(!text(&output).contains("it runs"), "{}", text(&output));
    assert_eq!((pipeline.0.exchanged(), pipeline.left()), (0, 0));
}

#[test]
fn a_command_that_fails_keeps_its_status_and_gives_the_credential_back() {
    let pipeline = Pipeline::new();
    let output =
        pipeline.run(&["export-environment=false"], "echo index=$PIP_INDEX_URL; daypass token >/dev/null; exit 7");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("index=\n") && said.contains(GIVEN_BACK), "no tool is set up: {said}");
    assert_eq!((pipeline.0.revoked(), pipeline.left()), (1, 0));
}

#[test]
fn a_job_without_an_identity_token_fails_unless_it_may_go_on() {
    let mut pipeline = Pipeline::new();
    pipeline.0.place.job.programs = None;
    pipeline.0.place.job.variables.retain(|(name, _)| name != "BUILDKITE_AGENT_ACCESS_TOKEN");
    let output = pipeline.run(&[], "echo it runs");
    assert!(!output.status.success() && !text(&output).contains("it runs"), "{}", text(&output));
    let output = pipeline.run(&["fail-on-missing-oidc=false"], "echo it runs");
    let said = text(&output);
    assert!(output.status.success() && said.contains("it runs"), "{said}");
    assert!(said.contains("this job goes on without a credential"), "{said}");
    assert_eq!(pipeline.left(), 0);
}

#[test]
fn an_option_that_the_plugin_does_not_have_is_refused_by_its_own_schema() {
    let site = Site::of(Kind::Buildkite);
    let pipeline = site.place.world.path("pipeline.yml");
    fs::write(&pipeline, site.example("buildkite.md", "pipeline")).unwrap();
    for wrong in ["servre=x", "retry=0", "fail-on-missing-oidc=perhaps"] {
        let mut options = site.place.world.clean(site.place.stage.schemas(), "home");
        options.arg(site.place.stage.ci().join("plugin.py")).arg(site.dist("buildkite/plugin.yml"));
        assert!(!options.arg(&pipeline).arg(wrong).output().unwrap().status.success(), "{wrong}");
    }
}
