//! The catalogue of attacks on trust policies, as far as rules answer them. `docs/reference/attacks.md` lists all of it.

use daypass_core::{
    claim_rule::Glob,
    lint::{Severity, lint},
    policy::InvalidPolicy,
};
use serde_json::{Value, json};

use crate::house::{ask, policy, preset, refused};

fn not_pinned(name: &str, claims: &Value) {
    let invalid = preset(name, claims).expect_err("it pins no id");
    assert!(
        matches!(invalid, InvalidPolicy::NotPinned { .. } | InvalidPolicy::NothingPinned(_)),
        "{claims}: {invalid}"
    );
}

#[test]
fn a_pattern_is_for_the_whole_value() {
    let generic = json!({ "url": "https://ci.example.com", "keys": { "discovery": true } });
    let rule = json!({ "claims": { "sub": { "glob": "repo:acme/*:ref:refs/heads/main" } } });
    let policy = policy(&generic, &rule).unwrap();
    assert!(ask(&policy, &json!({ "sub": "repo:acme/app:ref:refs/heads/main" })).is_ok());
    for sub in [
        "repo:acme/app:ref:refs/heads/main-evil",
        "xrepo:acme/app:ref:refs/heads/main",
        "repo:acme/app:ref:refs/heads/main\nrepo:acme/app:ref:refs/heads/main",
        "repo:acme/evil:x:ref:refs/heads/main",
        "repo:acme/app/evil:ref:refs/heads/main",
        "repo:acme/app@evil:ref:refs/heads/main",
        "REPO:acme/app:ref:refs/heads/main",
    ] {
        assert_eq!(refused(&policy, &json!({ "sub": sub })), "claims_differ", "{sub}");
    }
}

#[test]
fn there_is_no_group_to_break_out_of() {
    // As a text they are compared as they are; as a glob `(`, `|` and `.` mean themselves.
    let generic = json!({ "url": "https://ci.example.com", "keys": { "discovery": true } });
    for hostile in ["a)|(?:", "a|b", ".*", "^a$", "a)|(?:.*"] {
        let exact = policy(&generic, &json!({ "claims": { "sub": hostile } })).unwrap();
        assert!(ask(&exact, &json!({ "sub": hostile })).is_ok());
        for sub in ["a", "b", "", "anything", "a)|(?:x"] {
            assert!(ask(&exact, &json!({ "sub": sub })).is_err(), "{hostile} {sub}");
        }
    }
    assert!(!"a|b*".parse::<Glob>().unwrap().matches("a"));
}

#[test]
fn a_dot_is_a_dot() {
    let glob: Glob = "*@example.com".parse().unwrap();
    assert!(glob.matches("a@example.com"));
    for text in ["a@exampleXcom", "a@example.com.evil", "a@b@example.com", "a/b@example.com"] {
        assert!(!glob.matches(text), "{text}");
    }
}

#[test]
fn names_that_can_be_taken_over_pin_nothing() {
    for claims in [
        json!({ "repository": "acme/app" }),
        json!({ "repository": "acme/app", "ref": "refs/heads/main" }),
        json!({ "repository_owner": "acme" }),
        json!({ "actor": "ada", "workflow": "release" }),
        json!({ "repository_id": { "glob": "7*" } }),
    ] {
        not_pinned("github", &claims);
    }
    not_pinned("gitlab", &json!({ "project_path": "acme/app" }));
    not_pinned("buildkite", &json!({ "organization_slug": "acme", "pipeline_slug": "app" }));
    not_pinned("terraform", &json!({ "terraform_workspace_name": "shop" }));
    not_pinned("vercel", &json!({ "owner": "acme", "project": "shop" }));
    not_pinned("google", &json!({ "email": "build@acme.iam.gserviceaccount.com" }));
    let aws = json!({ "preset": "aws-sigv4", "regions": ["eu-central-1"] });
    let by_arn = policy(&aws, &json!({ "claims": { "arn": "arn:aws:sts::123456789012:assumed-role/build/x" } }));
    assert!(matches!(by_arn, Err(InvalidPolicy::NotPinned { .. })));
}

#[test]
fn a_subject_that_looks_alike_is_nobody() {
    // GitHub's `sub` has had three shapes; whatever it is, the ids decide.
    for sub in ["repo:acme/app:ref:refs/heads/main", "repo:acme@65/app@74:ref:refs/heads/main"] {
        not_pinned("github", &json!({ "sub": sub }));
    }
    let policy = preset("github", &json!({ "repository_owner_id": "65", "repository_id": "74" })).unwrap();
    let evil = json!({ "sub": "repo:acme@65/app@74:ref:refs/heads/main", "repository_owner_id": "123", "repository_id": "456" });
    assert_eq!(refused(&policy, &evil), "claims_differ");
}

#[test]
fn a_rule_that_only_names_the_issuer_is_none() {
    for claims in [
        json!({ "/iss": "https://ci.example.com" }),
        json!({}),
        json!({ "iss": "https://ci.example.com" }),
        json!({ "aud": "x", "iss": "y", "exp": 1 }),
    ] {
        let generic = json!({ "url": "https://ci.example.com", "keys": { "discovery": true } });
        let invalid = policy(&generic, &json!({ "claims": claims })).expect_err("it pins nothing");
        let says_so = invalid.to_string().contains("is not a claim");
        assert!(
            says_so || matches!(invalid, InvalidPolicy::NoClaims(_) | InvalidPolicy::NothingPinned(_)),
            "{invalid}"
        );
    }
    not_pinned("github", &json!({ "sub": { "glob": "repo:acme/*" } }));
}

#[test]
fn a_strangers_pull_request_gets_nothing() {
    let policy = preset("github", &json!({ "repository_id": "74" })).unwrap();
    let job = |event: &str| json!({ "repository_id": "74", "event_name": event });
    assert!(ask(&policy, &job("push")).is_ok());
    for event in ["pull_request_target", "workflow_run"] {
        assert_eq!(refused(&policy, &job(event)), "claim_refused", "{event}");
    }
    let policy = preset("gitlab", &json!({ "project_id": "20" })).unwrap();
    assert!(ask(&policy, &json!({ "project_id": "20", "job_project_id": "20" })).is_ok());
    assert!(ask(&policy, &json!({ "project_id": "20" })).is_ok(), "older servers do not say where it runs");
    assert_eq!(refused(&policy, &json!({ "project_id": "20", "job_project_id": "99" })), "claim_refused");
    let claims = json!({ "oidc.circleci.com/project-id": "p" });
    let policy = preset("circleci", &claims).unwrap();
    let job = |rerun: bool| json!({ "oidc.circleci.com/project-id": "p", "oidc.circleci.com/ssh-rerun": rerun });
    assert!(ask(&policy, &job(false)).is_ok());
    assert_eq!(refused(&policy, &job(true)), "claim_refused");
}

#[test]
fn an_operator_may_accept_one_trap_on_purpose_and_add_others() {
    let issuer =
        json!({ "preset": "github", "accept": { "event_name": "workflow_run" }, "refuse": { "actor_id": ["13"] } });
    let policy = policy(&issuer, &json!({ "claims": { "repository_id": "74" } })).unwrap();
    let job = |event: &str, actor: &str| json!({ "repository_id": "74", "event_name": event, "actor_id": actor });
    assert!(ask(&policy, &job("workflow_run", "12")).is_ok());
    assert_eq!(refused(&policy, &job("pull_request_target", "12")), "claim_refused");
    assert_eq!(refused(&policy, &job("push", "13")), "claim_refused");
}

#[test]
fn what_whoever_starts_a_job_chooses_is_no_pin() {
    for (name, claims) in [
        ("jenkins", json!({ "build_number": 5 })),
        ("jenkins", json!({ "/build_cause/user": "ada" })),
        ("jenkins", json!({ "build_tag": "release", "build_cause": { "glob": "cause-*" } })),
    ] {
        let issuer = json!({ "preset": name, "url": "https://ci.example.com/oidc" });
        let policy = policy(&issuer, &json!({ "claims": claims })).unwrap();
        let found = lint(&policy);
        assert!(
            found.iter().any(|f| f.severity == Severity::Error && f.code == "nothing_pinned"),
            "{claims}: {found:?}"
        );
    }
}

#[test]
fn the_workflow_that_calls_is_not_the_one_that_is_called() {
    let ours = "acme/app/.github/workflows/release.yml@refs/heads/main";
    let shared = "acme/shared/.github/workflows/publish.yml@refs/heads/main";
    let claims = json!({ "repository_id": "74", "job_workflow_ref": shared });
    let policy = preset("github", &claims).unwrap();
    assert!(ask(&policy, &json!({ "repository_id": "74", "workflow_ref": ours, "job_workflow_ref": shared })).is_ok());
    assert!(ask(&policy, &json!({ "repository_id": "74", "workflow_ref": shared, "job_workflow_ref": ours })).is_err());
    // A file's name may hold `@`, and a ref may look like a file.
    let glob: Glob = "acme/app/.github/workflows/*.yml@refs/heads/main".parse().unwrap();
    for text in [
        "acme/app/.github/workflows/a.yml@refs/heads/x.yml@refs/heads/main",
        "acme/app/.github/workflows/a.yml@refs/heads/main/evil",
        "acme/app/.github/workflows/sub/a.yml@refs/heads/main",
        "acme/app/.github/workflows/a.yml@refs/tags/.yml@refs/heads/main",
        "evil/app/.github/workflows/a.yml@refs/heads/main",
    ] {
        assert!(!glob.matches(text), "{text}");
    }
}

#[test]
fn an_issuer_that_is_known_cannot_be_taken_for_another() {
    for (issuer, reason) in [
        (
            json!({ "url": "https://token.actions.githubusercontent.com", "keys": { "discovery": true } }),
            "preset = \"github\"",
        ),
        (json!({ "preset": "github", "url": "https://gitlab.com" }), "preset = \"gitlab\""),
        (json!({ "preset": "jenkins", "url": "https://accounts.google.com" }), "preset = \"google\""),
        (json!({ "preset": "github", "url": "https://token.actions.githubusercontent.com/acme?x" }), "without query"),
        (json!({ "preset": "spiffe", "url": "https://example.org", "keys": { "jwks": "x" } }), "spiffe://"),
        (json!({ "preset": "spiffe", "url": "spiffe://Example.org/x", "keys": { "jwks": "x" } }), "spiffe://"),
        (json!({ "preset": "spiffe", "url": "spiffe://example.org" }), "`keys` must be"),
    ] {
        let invalid =
            policy(&issuer, &json!({ "claims": { "repository_id": "74", "sub": "x" } })).expect_err("refused");
        assert!(invalid.to_string().contains(reason), "{issuer}: {invalid}");
    }
}

#[test]
fn an_address_that_nobody_checked_is_nobody() {
    let policy = preset("google", &json!({ "sub": "113", "email": "a@b.example" })).unwrap();
    let job = |verified: bool| json!({ "sub": "113", "email": "a@b.example", "email_verified": verified });
    assert!(ask(&policy, &job(true)).is_ok());
    assert_eq!(refused(&policy, &job(false)), "claim_refused");
}

#[test]
fn a_rule_that_is_off_hands_out_nothing() {
    let issuer = json!({ "preset": "github" });
    let with = |members: Value| {
        let mut identity = json!({ "claims": { "repository_id": "74" } });
        crate::house::overlay(&mut identity, &members);
        policy(&issuer, &identity).unwrap()
    };
    let job = json!({ "repository_id": "74", "ref": "refs/heads/main" });
    assert!(ask(&with(json!({})), &job).is_ok());
    assert!(ask(&with(json!({ "networks": ["192.0.2.0/24"] })), &job).is_ok());
    assert!(ask(&with(json!({ "when": "claims.ref == 'refs/heads/main'" })), &job).is_ok());
    assert!(ask(&with(json!({ "expires_at": "1970-01-01T00:00:10Z" })), &job).is_ok_and(|permit| permit.life == 10));
    for (members, code) in [
        (json!({ "enabled": false }), "identity_disabled"),
        (json!({ "mode": "audit" }), "audit_mode"),
        (json!({ "networks": ["10.0.0.0/8", "192.0.2.8"] }), "wrong_network"),
        (json!({ "expires_at": "1970-01-01T00:00:00Z" }), "identity_expired"),
        (json!({ "when": "claims.ref == 'refs/heads/other'" }), "claims_differ"),
        (json!({ "when": "claims.missing == ''" }), "claims_differ"),
    ] {
        assert_eq!(refused(&with(members.clone()), &job), code, "{members}");
        // Whoever does not match learns nothing of that.
        assert_eq!(refused(&with(members), &json!({ "repository_id": "75" })), "claims_differ");
    }
}
