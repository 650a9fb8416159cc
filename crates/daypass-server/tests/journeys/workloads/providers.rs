//! Every provider: its job gets in, with nothing secret in its settings; a job of somebody else's does not.

use daypass_testkit::workload::{Kind, Mints, Trouble};
use serde_json::json;

use super::{
    place::{IDENTITY, Place},
    rules::rule,
};
use crate::installers::text;

#[test]
fn github() {
    job_gets_in(Kind::GitHub);
}

#[test]
fn gitlab() {
    job_gets_in(Kind::GitLab);
}

#[test]
fn buildkite_by_its_agent() {
    job_gets_in(Kind::Buildkite);
}

#[test]
fn buildkite_without_its_agent() {
    job_gets_in(Kind::BuildkiteApi);
}

#[test]
fn circleci_by_its_program() {
    job_gets_in(Kind::CircleCi);
}

#[test]
fn circleci_by_its_variable() {
    job_gets_in(Kind::CircleCiVariable);
}

#[test]
fn bitbucket_with_its_own_audience() {
    job_gets_in(Kind::Bitbucket);
}

#[test]
fn bitbucket_with_ours() {
    job_gets_in(Kind::BitbucketAudiences);
}

#[test]
fn azure_devops() {
    job_gets_in(Kind::AzureDevOps);
}

#[test]
fn jenkins() {
    job_gets_in(Kind::Jenkins);
}

#[test]
fn terraform() {
    job_gets_in(Kind::Terraform);
}

#[test]
fn spacelift() {
    job_gets_in(Kind::Spacelift);
}

#[test]
fn semaphore() {
    job_gets_in(Kind::Semaphore);
}

#[test]
fn vercel() {
    job_gets_in(Kind::Vercel);
}

#[test]
fn fly() {
    job_gets_in(Kind::Fly);
}

#[test]
fn google() {
    job_gets_in(Kind::Google);
}

#[test]
fn azure_app_service() {
    job_gets_in(Kind::AzureAppService);
}

#[test]
fn azure_virtual_machine() {
    job_gets_in(Kind::AzureVm);
}

#[test]
fn kubernetes() {
    job_gets_in(Kind::Kubernetes);
}

#[test]
fn azure_kubernetes() {
    job_gets_in(Kind::Aks);
}

#[test]
fn spiffe() {
    job_gets_in(Kind::Spiffe);
}

#[test]
fn all_kinds_are_here() {
    let source = include_str!("providers.rs");
    for kind in Kind::ALL {
        assert!(source.contains(&format!("job_gets_in(Kind::{kind:?});")), "{kind:?}");
    }
}

/// The whole way: look around, ask the provider, exchange, be let in; once more from the cache, and from elsewhere in
/// the job; then the same for a job that the policy does not know.
fn job_gets_in(kind: Kind) {
    let mut place = Place::of(kind);
    let output = place.daypass("home", &["token"]);
    assert!(output.status.success(), "{}\n{:?}", text(&output), place.cloud.complaints());
    let access_token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(place.lets_in(&access_token));
    let minted = place.cloud.minted();

    let output = place.daypass("home", &["helper", "keyring", "get", &place.world.index_url()]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&access_token), "the cached one, as a tool gets it");
    assert_eq!(place.cloud.minted(), minted, "nobody was asked for what is cached");

    // Another container of the same job has nothing cached. What a provider gives twice is taken twice.
    let output = place.daypass("another-container", &["token"]);
    assert!(output.status.success(), "{}", text(&output));
    let fresh = kind.mints() == Mints::Fresh;
    assert_eq!(place.cloud.minted() - minted, u32::from(fresh), "{kind:?} mints {:?}", kind.mints());
    assert_eq!(place.cloud.complaints(), Vec::<String>::new());

    let exchanged = place.world.audit_of("token.exchanged");
    let [event, again] = &exchanged[..] else { panic!("two events") };
    assert_eq!(event["identity"], IDENTITY);
    // CircleCI's tokens have no `jti`: two of one second are the same, however fresh they are.
    if kind != Kind::CircleCi {
        assert_eq!(event["subject_token_sha256"] == again["subject_token_sha256"], !fresh);
    }
    assert_eq!(event["actor"]["sub"], place.cloud.claims()["sub"]);

    place.somebody_elses();
    let output = place.daypass("somebody-elses", &["token"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output));
    let said = String::from_utf8_lossy(&output.stderr);
    let told = rule(kind).told;
    assert!(said.contains(told), "`{told}` is not named: {said}");
    let [event] = &place.world.audit_of("token.refused")[..] else { panic!("one refusal") };
    assert!(event["reason"].as_str().unwrap().contains(told), "{event}");
    assert_eq!(place.world.audit_of("token.exchanged").len(), 2);
}

#[test]
fn a_provider_that_refuses_or_talks_nonsense_is_an_error_with_a_hint() {
    let place = Place::of(Kind::GitHub);
    for trouble in [Trouble::Forbidden, Trouble::WrongShape, Trouble::WrongAudience] {
        place.cloud.set_trouble(trouble);
        let output = place.daypass("home", &["token"]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{trouble:?}: {}", text(&output));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("error: ") && said.contains("hint: "), "{trouble:?}: {said}");
    }
    assert!(place.world.audit_of("token.refused").is_empty(), "nothing was sent to the server");
    place.cloud.set_trouble(Trouble::None);
    assert!(place.daypass("home", &["token"]).status.success());
}

#[test]
fn a_stranger_s_pull_request_that_runs_with_the_target_s_rights_is_refused() {
    let mut place = Place::of(Kind::GitHub);
    place.cloud.change(json!({ "event_name": "pull_request_target" }));
    place.job = place.cloud.job();
    let output = place.daypass("home", &["token"]);
    assert!(!output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("event_name"), "{}", text(&output));
}

#[test]
fn a_file_that_was_replaced_is_read_again() {
    let place = Place::of(Kind::Kubernetes);
    let first = place.daypass("home", &["token"]);
    assert!(first.status.success(), "{}", text(&first));
    place.cloud.rotate_files();
    // Another home has nothing cached.
    let second = place.daypass("other", &["token"]);
    assert!(second.status.success(), "{}", text(&second));
    let events = place.world.audit_of("token.exchanged");
    assert_eq!(events.len(), 2);
    assert_eq!(Kind::Kubernetes.mints(), Mints::IntoFile);
    assert_ne!(events[0]["token_sha256"], events[1]["token_sha256"]);
}
