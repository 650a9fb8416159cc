//! `daypass ci`: what a job gets for its later steps, what the CI is told, and what is taken back.

mod end;
mod keyring_program;
mod tellers;
mod trouble;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use crate::{
    ambient::{github, on_github},
    fake_issuer::FakeIssuer,
    fake_service::FakeService,
    person::Person,
};

/// A job on GitHub's runner, with the files that the runner looks at after a step.
struct Job {
    person: Person,
    issuer: FakeIssuer,
    service: FakeService,
}

const FILES: [&str; 4] = ["env", "path", "output", "summary"];

impl Job {
    fn new() -> Self {
        let (person, issuer, service) = (runner(), FakeIssuer::start(), github());
        Self { person: on_github(person, &service), issuer, service }
    }

    /// The same job without `permissions: id-token: write`.
    fn without_oidc(event: &str) -> Self {
        let person = runner().with("GITHUB_ACTIONS", "true").with("GITHUB_EVENT_NAME", event);
        Self { person, issuer: FakeIssuer::start(), service: github() }
    }

    fn folder(&self) -> PathBuf {
        self.person.home().join("job")
    }

    fn begin(&self, more: &[&str]) -> Output {
        let folder = self.folder();
        let all = ["ci", "begin", self.issuer.url(), "--folder", folder.to_str().unwrap()];
        self.person.run(all.iter().chain(more))
    }

    fn end(&self) -> Output {
        self.person.run(["ci", "end", "--folder", self.folder().to_str().unwrap()])
    }

    /// What was told, with what differs between two runs replaced.
    fn file(&self, name: &str) -> String {
        let text = fs::read_to_string(self.person.home().join(name)).unwrap_or_default();
        self.person.told_text(&text)
    }

    /// A program of the job's folder, as a later step runs it.
    fn later(&self, name: &str, arguments: &[&str]) -> Output {
        let folder = self.folder();
        let mut program = self.person.program(folder.join("bin").join(name).to_str().unwrap(), arguments);
        program.env("DAYPASS_SERVER", self.issuer.url());
        program.env("DAYPASS_CONFIG", folder.join("config.toml")).env("DAYPASS_CACHE", folder.join("cache"));
        program.output().unwrap()
    }
}

fn runner() -> Person {
    let mut person = Person::new().with("DAYPASS_AMBIENT", "auto").with("PATH", "/usr/bin:/bin");
    for name in FILES {
        let path = person.write(name, "");
        let variable =
            if name == "summary" { "GITHUB_STEP_SUMMARY".into() } else { format!("GITHUB_{}", name.to_uppercase()) };
        person = person.with(&variable, path);
    }
    person
}

/// Everything that was written below `folder`, but for the credentials' own place.
fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.ends_with("job/bin") || entry.ends_with("job/cache") {
            continue;
        }
        text += &if entry.is_dir() { all_text(&entry) } else { fs::read_to_string(&entry).unwrap() };
    }
    text
}
