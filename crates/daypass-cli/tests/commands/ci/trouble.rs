//! What a job is told that gets no credential.

use insta::assert_snapshot;
use serde_json::json;

use super::Job;

#[test]
fn a_pull_request_from_a_fork_goes_on_without_a_credential() {
    let job = Job::without_oidc("pull_request");
    assert_snapshot!(job.person.told(&job.begin(&[])), @r"
    exit code: 0
    ----- stdout
    ::warning title=daypass::this job goes on without a credential: GitHub Actions gives this job no identity token: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set (add `permissions: id-token: write` to the job, and pass both into a container; a pull request from a fork gets none all the same)
    ----- stderr
    ");
    assert_snapshot!(job.file("output"), @r"
    authenticated=false
    identity=
    expires-at=
    index-url=
    version=0.1.0
    ");
    assert_snapshot!(job.file("summary"), @r"
    ### daypass

    No credential for this job: `GitHub Actions gives this job no identity token: 'ACTIONS_ID_TOKEN_REQUEST_URL' and 'ACTIONS_ID_TOKEN_REQUEST_TOKEN' are not set (add 'permissions: id-token: write' to the job, and pass both into a container; a pull request from a fork gets none all the same)`
    ");
    assert_snapshot!(job.file("env"), @r"
    DAYPASS_SERVER=http://[SERVER]
    DAYPASS_CONFIG=[HOME]/job/config.toml
    DAYPASS_CACHE=[HOME]/job/cache
    ");
    assert_eq!(job.issuer.requests(), 0);
    let asked_for = Job::without_oidc("pull_request");
    assert_eq!(asked_for.begin(&["--missing-oidc", "fail"]).status.code(), Some(4));
}

#[test]
fn a_forgotten_permission_fails_and_is_named() {
    let job = Job::without_oidc("push");
    assert_snapshot!(job.person.told(&job.begin(&[])), @r"
    exit code: 4
    ----- stdout
    ::error title=daypass::GitHub Actions gives this job no identity token: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set (add `permissions: id-token: write` to the job, and pass both into a container)
    ----- stderr
    ");
    assert!(job.file("output").starts_with("authenticated=false\n"));
    assert!(job.file("summary").contains("id-token: write"), "{}", job.file("summary"));
    let tolerant = Job::without_oidc("push");
    assert!(tolerant.begin(&["--missing-oidc", "warn"]).status.success());
    assert!(tolerant.file("output").starts_with("authenticated=false\n"));
}

#[test]
fn a_refusal_is_told_with_the_claim_wherever_it_is_looked_for() {
    let job = Job::new();
    job.issuer.behave(|behaviour| {
        let why = "identity `ci/app`: claim `ref` differs\n::warning::mine | `";
        behaviour.refusal = Some((400, json!({"error": "invalid_request", "error_description": why})));
    });
    assert_snapshot!(job.person.told(&job.begin(&["--missing-oidc", "warn"])), @r"
    exit code: 3
    ----- stdout
    ::error title=daypass::http://[SERVER]: the server refused: identity `ci/app`: claim `ref` differs ::warning::mine | `
    ----- stderr
    ");
    assert_snapshot!(job.file("summary"), @r"
    ### daypass

    Failed: `http://[SERVER]: the server refused: identity 'ci/app': claim 'ref' differs ::warning::mine ¦ '`
    ");
    assert_eq!(job.file("env"), "", "nothing is set up");
}

#[test]
fn a_server_that_is_down_is_tried_again_and_then_told_in_one_line() {
    let job = Job::new();
    let folder = job.folder();
    let done =
        job.person.run(["ci", "begin", "http://127.0.0.1:1", "--retry", "2", "--folder", folder.to_str().unwrap()]);
    assert_snapshot!(job.person.told(&done), @r"
    exit code: 5
    ----- stdout
    ::error title=daypass::http://[SERVER]: cannot connect to `127.0.0.1` (check the network, the proxy settings and the server's URL)
    ----- stderr
    http://[SERVER]: cannot connect to `127.0.0.1`; trying again in 1 s
    ");
}
