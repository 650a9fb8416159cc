//! How each CI is told.

use std::{fs, os::unix::fs::PermissionsExt};

use insta::assert_snapshot;

use super::{FILES, Job, all_text};
use crate::{
    ambient::{github, on_github},
    fake_issuer::{FakeIssuer, access_token},
    person::{Person, mode},
};

#[test]
fn github_is_told_by_its_files_and_the_secret_only_to_be_struck_out() {
    let job = Job::new();
    assert_snapshot!(job.person.told(&job.begin(&["--identity", "ci/app"])), @r"
    exit code: 0
    ----- stdout
    ::add-mask::[ACCESS]
    ----- stderr
    signed in as `ci/app` until [TIME]; http://[SERVER]/python/simple/
    ");
    assert_snapshot!(job.file("env"), @r"
    DAYPASS_SERVER=http://[SERVER]
    DAYPASS_CONFIG=[HOME]/job/config.toml
    DAYPASS_CACHE=[HOME]/job/cache
    PIP_INDEX_URL=http://_token@[SERVER]/python/simple/
    PIP_KEYRING_PROVIDER=subprocess
    UV_DEFAULT_INDEX=http://_token@[SERVER]/python/simple/
    UV_KEYRING_PROVIDER=subprocess
    UV_PUBLISH_URL=http://[SERVER]/python/legacy/
    UV_PUBLISH_USERNAME=_token
    TWINE_REPOSITORY_URL=http://[SERVER]/python/legacy/
    TWINE_USERNAME=_token
    TWINE_NON_INTERACTIVE=1
    ");
    assert_snapshot!(job.file("path"), @r"
    [HOME]/job/bin
    ");
    assert_snapshot!(job.file("output"), @r"
    authenticated=true
    identity=ci/app
    expires-at=[TIME]
    index-url=http://[SERVER]/python/simple/
    version=0.1.0
    ");
    assert_snapshot!(job.file("summary"), @r"
    ### daypass

    | | |
    |---|---|
    | identity | `ci/app` |
    | index | `http://[SERVER]/python/simple/` |
    | first credential ends | `[TIME]` |

    The next one comes by itself, for as long as the job runs.
    ");
    assert_eq!(mode(&job.folder()), 0o700);
    let written = all_text(job.person.home());
    for secret in [access_token(1).as_str(), "runtime-secret", "b3V0c2lkZS"] {
        assert!(!written.contains(secret), "{written}");
    }
    assert!(!job.person.cache().exists() && !job.person.config().exists(), "the user's own places stay as they are");
}

#[test]
fn what_was_told_before_stays() {
    let job = Job::new();
    for name in FILES {
        job.person.write(name, "before=1\n");
    }
    assert!(job.begin(&[]).status.success());
    for name in FILES {
        assert!(job.file(name).starts_with("before=1\n"));
    }
}

#[test]
fn only_the_tools_that_are_wanted_are_set_up() {
    let job = Job::new();
    assert!(job.begin(&["--tools", "pip", "--index", "internal"]).status.success());
    let told = job.file("env");
    assert!(told.contains("PIP_INDEX_URL=http://_token@[SERVER]/internal/simple/\n"), "{told}");
    assert!(!told.contains("UV_") && !told.contains("TWINE_"), "{told}");

    let job = Job::new();
    assert!(job.begin(&["--no-environment"]).status.success());
    assert_snapshot!(job.file("env"), @r"
    DAYPASS_SERVER=http://[SERVER]
    DAYPASS_CONFIG=[HOME]/job/config.toml
    DAYPASS_CACHE=[HOME]/job/cache
    ");
    assert!(job.later("keyring", &["get", &job.issuer.index_url(), "_token"]).status.success());
}

#[test]
fn a_shell_is_told_by_lines_to_evaluate() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(Person::new().with("DAYPASS_AMBIENT", "auto"), &service).with("PATH", "/usr/bin:/bin");
    assert_snapshot!(person.sees(["ci", "begin", issuer.url(), "--folder", "a job's"]), @r#"
    exit code: 0
    ----- stdout
    export PATH='[HOME]/a job'\''s/bin'"${PATH:+:$PATH}"
    export DAYPASS_SERVER='http://[SERVER]'
    export DAYPASS_CONFIG='[HOME]/a job'\''s/config.toml'
    export DAYPASS_CACHE='[HOME]/a job'\''s/cache'
    export PIP_INDEX_URL='http://_token@[SERVER]/python/simple/'
    export PIP_KEYRING_PROVIDER='subprocess'
    export UV_DEFAULT_INDEX='http://_token@[SERVER]/python/simple/'
    export UV_KEYRING_PROVIDER='subprocess'
    export UV_PUBLISH_URL='http://[SERVER]/python/legacy/'
    export UV_PUBLISH_USERNAME='_token'
    export TWINE_REPOSITORY_URL='http://[SERVER]/python/legacy/'
    export TWINE_USERNAME='_token'
    export TWINE_NON_INTERACTIVE='1'
    ----- stderr
    signed in as `ci/only` until [TIME]; http://[SERVER]/python/simple/
    "#);
    let script = format!(
        "eval \"$({} ci begin {} --folder one)\" && daypass token && env",
        env!("CARGO_BIN_EXE_daypass"),
        issuer.url()
    );
    let done = person.program("/bin/sh", ["-euc", &script]).output().unwrap();
    let (told, seen) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    let (token, variables) = told.split_once('\n').unwrap();
    assert_eq!(token, access_token(2), "{seen}");
    assert!(variables.contains("TWINE_USERNAME=_token\n") && !variables.contains(token), "{variables}");
    assert_eq!(issuer.exchanges().len(), 2, "the later step has what the first one got");
}

#[test]
fn later_shells_are_told_by_the_file_that_they_read_first() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(Person::new().with("DAYPASS_AMBIENT", "auto"), &service).with("PATH", "/usr/bin:/bin");
    let file = person.write("bash.env", "export BEFORE=1\n");
    let person = person.with("CIRCLECI", "true").with("BASH_ENV", &file);
    let done = person.run(["ci", "begin", issuer.url(), "--folder", "job"]);
    assert!(done.status.success() && done.stdout.is_empty(), "{}", person.told(&done));
    let done = person.program("bash", ["-euc", "echo $BEFORE; keyring get $DAYPASS_SERVER _token"]).output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("1\n{}\n", access_token(1)));
    let without = person.with("BASH_ENV", "");
    assert_eq!(
        without.run(["ci", "begin", issuer.url(), "--folder", "x", "--write", "bash-env"]).status.code(),
        Some(2)
    );
}

#[test]
fn an_agent_that_can_strikes_the_secret_out() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(Person::new().with("DAYPASS_AMBIENT", "github"), &service);
    let programs = person.home().join("programs");
    fs::create_dir(&programs).unwrap();
    let agent = person.write("programs/buildkite-agent", "#!/bin/sh\necho \"$@\" > told; cat >> told\n");
    fs::set_permissions(agent, fs::Permissions::from_mode(0o755)).unwrap();
    let person = person.with("BUILDKITE", "true").with("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    let done = person.run(["ci", "begin", issuer.url(), "--folder", "job"]);
    assert!(done.status.success(), "{}", person.told(&done));
    assert_eq!(fs::read_to_string(person.home().join("told")).unwrap(), format!("redactor add\n{}", access_token(1)));
    assert!(!String::from_utf8(done.stdout).unwrap().contains(&access_token(1)));
}

#[test]
fn the_audience_that_was_asked_for_is_asked_for_in_later_steps_too() {
    let job = Job::new();
    assert!(job.begin(&["--audience", "api://packages"]).status.success());
    fs::remove_dir_all(job.folder().join("cache")).unwrap();
    assert!(job.later("daypass", &["token"]).status.success());
    let audiences: Vec<_> = job.service.asked().iter().map(|asked| asked.parameter("audience").unwrap()).collect();
    assert_eq!(audiences, ["api://packages"; 2]);
    let bad = Job::new();
    assert_eq!(bad.begin(&["--audience", "two words"]).status.code(), Some(2));
}
