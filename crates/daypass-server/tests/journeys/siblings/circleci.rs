//! The orb of `CircleCI`, by a harness that fills parameters in and runs each step in a shell of its own.

use std::{fs, path::PathBuf, process::Output};

use daypass_testkit::workload::Kind;

use super::{GIVEN_BACK, INSTALLED, Site};
use crate::installers::text;

struct Workflow(Site);

impl Workflow {
    fn new() -> Self {
        Self(Site::of(Kind::CircleCi))
    }

    /// The guide's job with `more` parameters and this command.
    fn run(&self, more: &[&str], command: &str) -> Output {
        let site = &self.0;
        let world = &site.place.world;
        let server = format!("server: {}", world.url());
        let mut parameters = format!("{server}\n          release-url: {}", site.host.url());
        for parameter in more {
            parameters.extend(["\n          ", parameter]);
        }
        let config = site.example("circleci.md", "pipeline");
        let config =
            config.replace(&server, &parameters).replace("run: pip install acme-hello", &format!("run: {command}"));
        fs::write(world.path("config.yml"), config).unwrap();
        fs::write(self.variables(), "").unwrap();
        let mut runner = site.run(site.place.stage.yaml());
        runner.arg(site.place.stage.ci().join("circleci.py")).arg(world.path("config.yml"));
        runner.arg(site.dist("circleci/orb.yml")).arg("test").env("BASH_ENV", self.variables());
        runner.env("CIRCLE_WORKFLOW_JOB_ID", "7c3d1f9a-2b1e-4c57-9b0a-0d6a5a1f3c11").output().unwrap()
    }

    /// The file that each step reads first.
    fn variables(&self) -> PathBuf {
        self.0.place.world.path("bash-env")
    }

    fn left(&self) -> usize {
        fs::read_dir(self.0.place.world.path("tmp")).unwrap().count()
    }
}

#[test]
fn the_job_of_the_guide_installs_and_gives_its_credential_back() {
    let mut workflow = Workflow::new();
    let first = workflow.run(&[], "pip install acme-hello");
    let said = text(&first);
    assert!(first.status.success() && said.contains(INSTALLED), "{said}");
    assert!(said.contains("signed in as `ci/job`") && said.contains(GIVEN_BACK), "{said}");
    assert_eq!((workflow.0.exchanged(), workflow.0.revoked(), workflow.left()), (1, 1, 0));
    assert!(fs::read_to_string(workflow.variables()).unwrap().contains("export PIP_INDEX_URL="));

    let downloads = workflow.0.host.seen().len();
    let second = workflow.run(&["identity: ci/job", "retry: 1"], "pip install acme-hello");
    assert!(second.status.success(), "{}", text(&second));
    assert_eq!(workflow.0.host.seen().len(), downloads, "what is kept is not downloaded again");
    workflow.0.nothing_leaked(&[&first, &second], &[workflow.variables()]);
}

#[test]
fn a_job_of_another_project_is_told_which_claim_differs_and_runs_nothing() {
    let mut workflow = Workflow::new();
    workflow.0.place.somebody_elses();
    let output = workflow.run(&["identity: ci/job"], "echo it runs");
    let said = text(&output);
    assert!(!output.status.success() && said.contains("project-id"), "{said}");
    assert!(!said.contains("\nit runs"), "{said}");
    assert_eq!((workflow.0.exchanged(), workflow.left()), (0, 0));
}

#[test]
fn a_step_that_fails_gives_the_credential_back_too() {
    let workflow = Workflow::new();
    let output = workflow.run(&["export-environment: false"], "daypass token > /dev/null && exit ${PIP_INDEX_URL:-7}");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(text(&output).contains(GIVEN_BACK), "{}", text(&output));
    assert_eq!((workflow.0.revoked(), workflow.left()), (1, 0));
}

#[test]
fn a_job_without_an_identity_token_fails_unless_it_may_go_on() {
    let mut workflow = Workflow::new();
    workflow.0.place.job.programs = None;
    workflow.0.place.job.variables.retain(|(name, _)| !name.starts_with("CIRCLE_OIDC"));
    let output = workflow.run(&[], "echo it runs");
    assert!(!output.status.success() && !text(&output).contains("\nit runs"), "{}", text(&output));
    let output = workflow.run(&["fail-on-missing-oidc: \"false\""], "echo it runs");
    let said = text(&output);
    assert!(output.status.success() && said.contains("\nit runs"), "{said}");
    assert!(said.contains("this job goes on without a credential"), "{said}");
    assert_eq!(workflow.left(), 0);
}

#[test]
fn a_parameter_that_the_orb_does_not_have_is_refused() {
    let workflow = Workflow::new();
    for wrong in ["servre: x", "retry: three", "fail-on-missing-oidc: perhaps"] {
        assert!(!workflow.run(&[wrong], "echo it runs").status.success(), "{wrong}");
    }
    assert_eq!(workflow.0.exchanged(), 0);
}
