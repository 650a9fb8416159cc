//! GitLab's component, in a pipeline that gitlab-ci-local runs. It knows no identity tokens, so the job's is put where
//! the runner would put it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use daypass_testkit::workload::Kind;

use super::{GIVEN_BACK, INSTALLED, Site};
use crate::{installers::text, server::log_of};

/// What the guide includes.
const COMPONENT: &str = "component: $CI_SERVER_FQDN/acme/setup-daypass/setup-daypass@0.1.0";

struct Project {
    site: Site,
    folder: PathBuf,
}

impl Project {
    /// A project with the guide's pipeline.
    fn new() -> Self {
        let site = Site::of(Kind::GitLab);
        let folder = site.place.world.path("project");
        let templates = folder.join("templates");
        fs::create_dir_all(&templates).unwrap();
        fs::create_dir(site.place.world.path("builds")).unwrap();
        let component = "templates/setup-daypass.yml";
        fs::copy(site.dist("gitlab").join(component), folder.join(component)).unwrap();
        let project = Self { site, folder };
        project.pipeline(|text| text);
        for arguments in [
            &["init", "--quiet", "--initial-branch", "main"][..],
            &["remote", "add", "origin", "https://gitlab.example.com/my-group/my-project.git"],
            &["add", "."],
            &["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "All"],
        ] {
            let mut git = project.site.run("git");
            assert!(git.current_dir(&project.folder).args(arguments).status().unwrap().success(), "{arguments:?}");
        }
        project
    }

    /// The guide's pipeline, changed.
    fn pipeline(&self, change: impl Fn(String) -> String) {
        let text = self.site.example("gitlab.md", "pipeline");
        let text = text.replace(COMPONENT, "local: templates/setup-daypass.yml");
        assert!(text.contains("local:"), "{text}");
        let with_release = format!("inputs:\n      release-url: {}", self.site.host.url());
        let builds = self.site.place.world.path("builds");
        let text = format!("{text}\nvariables:\n  CI_BUILDS_DIR: {}\n", builds.display());
        fs::write(self.folder.join(".gitlab-ci.yml"), change(text.replace("inputs:", &with_release))).unwrap();
    }

    fn run(&self) -> Output {
        // In a file, as a variable of the project: nothing secret is in an argument.
        let given = |(name, value): &(String, String)| name.ends_with("_ID_TOKEN").then(|| value.clone());
        let token = self.site.place.job.variables.iter().find_map(given);
        let token = token.map_or_else(String::new, |token| format!("DAYPASS_ID_TOKEN: {token}\n"));
        let variables = format!("GITLAB_CI: \"true\"\n{token}");
        fs::write(self.folder.join(".gitlab-ci-local-variables.yml"), variables).unwrap();
        let mut runner: Command = self.site.run("node");
        runner.arg(self.site.place.stage.ci().join("node_modules/.bin/gitlab-ci-local"));
        runner.arg("--shell-executor-no-image").current_dir(&self.folder);
        for (name, _) in &self.site.place.job.variables {
            runner.env_remove(name);
        }
        runner.output().unwrap()
    }

    /// What is left in the builds folder, but for the program that is kept.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.site.place.world.path("builds")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with(".daypass-tools-")).collect()
    }
}

#[test]
fn the_pipeline_of_the_guide_installs_and_gives_its_credential_back() {
    let mut project = Project::new();
    let first = project.run();
    let said = text(&first);
    assert!(first.status.success() && said.contains(INSTALLED), "{said}");
    assert!(said.contains("signed in as `ci/job`") && said.contains(GIVEN_BACK), "{said}");
    assert_eq!((project.site.exchanged(), project.site.revoked()), (1, 1));
    assert!(project.left().is_empty());

    let downloads = project.site.host.seen().len();
    let second = project.run();
    assert!(second.status.success(), "{}", text(&second));
    assert_eq!(project.site.host.seen().len(), downloads, "what is kept is not downloaded again");
    assert_eq!((project.site.exchanged(), project.site.revoked()), (2, 2));
    let log = log_of(project.site.place.world.folder());
    project.site.nothing_leaked(&[&first, &second], &[log]);
}

#[test]
fn a_job_of_another_project_is_told_which_claim_differs_and_runs_nothing() {
    let mut project = Project::new();
    project.site.place.somebody_elses();
    project.pipeline(|text| text.replace("inputs:", "inputs:\n      identity: ci/job"));
    let output = project.run();
    let said = text(&output);
    assert!(!output.status.success() && said.contains("project_id"), "{said}");
    assert!(!said.contains("pip install acme-hello") && !said.contains("Collecting"), "{said}");
    assert_eq!((project.site.exchanged(), project.left()), (0, vec![]));
}

#[test]
fn a_script_that_fails_gives_the_credential_back_too() {
    let project = Project::new();
    project.pipeline(|text| text.replace("pip install acme-hello", "pip install acme-hello && exit 7"));
    let output = project.run();
    assert!(!output.status.success() && text(&output).contains(INSTALLED), "{}", text(&output));
    assert_eq!((project.site.revoked(), project.left()), (1, vec![]));
}

#[test]
fn a_job_without_an_identity_token_fails_unless_it_may_go_on() {
    let mut project = Project::new();
    project.site.place.job.variables.retain(|(name, _)| !name.ends_with("_ID_TOKEN"));
    project.pipeline(|text| text.replace("pip install acme-hello", "echo it goes on"));
    let output = project.run();
    let said = text(&output);
    assert!(!output.status.success() && said.contains("DAYPASS_ID_TOKEN") && !said.contains("> it goes on"), "{said}");

    let tolerant = "inputs:\n      fail-on-missing-oidc: \"false\"";
    project.pipeline(|text| text.replace("inputs:", tolerant).replace("pip install acme-hello", "echo it goes on"));
    let output = project.run();
    let said = text(&output);
    assert!(output.status.success() && said.contains("> it goes on"), "{said}");
    assert!(said.contains("this job goes on without a credential"), "{said}");
    assert!(project.left().is_empty());
}

#[test]
fn only_what_was_asked_for_is_set_up() {
    let project = Project::new();
    // The emulator takes the default where an input is `false`; so the default is changed.
    let component = project.folder.join("templates/setup-daypass.yml");
    let text_of = fs::read_to_string(&component).unwrap();
    assert_eq!(text_of.matches("default: true\n").count(), 1);
    fs::write(&component, text_of.replace("default: true\n", "default: false\n")).unwrap();
    let script = "echo index=$PIP_INDEX_URL. && daypass token > /dev/null && echo it works";
    project.pipeline(|text| text.replace("pip install acme-hello", script));
    let output = project.run();
    let said = text(&output);
    assert!(output.status.success() && said.contains("> index=.") && said.contains("> it works"), "{said}");
}

#[test]
fn nothing_is_run_from_a_folder_that_others_can_write_into() {
    let project = Project::new();
    let elsewhere = project.site.place.world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let user = String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap();
    let kept = project.site.place.world.path("builds").join(format!(".daypass-tools-{}", user.trim()));
    std::os::unix::fs::symlink(&elsewhere, kept).unwrap();
    let output = project.run();
    assert!(!output.status.success() && text(&output).contains("belongs to somebody else"), "{}", text(&output));
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    assert_eq!(project.site.exchanged(), 0);
}
