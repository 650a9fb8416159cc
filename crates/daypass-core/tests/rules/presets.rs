//! Every preset, with a token as its provider's documentation shows it: the rule to be recommended lets it in, `lint` has
//! nothing to say against it, and the token of another organisation, project or machine stays out.
//!
//! Real tokens cannot be had where daypass is built; the claims are those of `daypass_testkit::workload`.

use std::{collections::BTreeSet, path::Path};

use daypass_core::{
    lint::{Severity, lint},
    preset::Preset,
};
use daypass_testkit::workload::{Cloud, Kind};
use serde_json::{Value, json};

use crate::house::{ask, overlay, policy, refused};

/// A kind's preset, with the issuer of somebody who uses it, and the claims to pin.
fn recommended(kind: Kind) -> (Value, Vec<&'static str>) {
    match kind {
        Kind::GitHub => (json!({ "preset": "github" }), vec!["repository_owner_id", "repository_id", "ref"]),
        Kind::GitLab => (json!({ "preset": "gitlab" }), vec!["namespace_id", "project_id", "ref_path"]),
        Kind::Buildkite | Kind::BuildkiteApi => {
            (json!({ "preset": "buildkite" }), vec!["organization_id", "pipeline_id"])
        }
        Kind::CircleCi => {
            (json!({ "preset": "circleci" }), vec!["oidc.circleci.com/org-id", "oidc.circleci.com/project-id"])
        }
        Kind::CircleCiVariable => (
            json!({ "preset": "circleci", "url": "https://oidc.circleci.com/org/9fe0f0c8-35e5-4d2e-9a0b-2f7a3c5a3c11" }),
            vec!["oidc.circleci.com/project-id"],
        ),
        Kind::Bitbucket | Kind::BitbucketAudiences => (
            json!({
                "preset": "bitbucket",
                "url": "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
            }),
            vec!["repositoryUuid"],
        ),
        Kind::AzureDevOps => (
            json!({ "preset": "azure-devops", "url": "https://vstoken.dev.azure.com/2d4c9b0e" }),
            vec!["org_id", "prj_id", "def_id"],
        ),
        Kind::Jenkins => (json!({ "preset": "jenkins", "url": "https://jenkins.example.com/oidc" }), vec!["sub"]),
        Kind::Terraform => {
            (json!({ "preset": "terraform" }), vec!["terraform_organization_id", "terraform_workspace_id"])
        }
        Kind::Spacelift => {
            (json!({ "preset": "spacelift", "url": "https://acme.app.spacelift.io" }), vec!["spaceId", "callerId"])
        }
        Kind::Semaphore => {
            (json!({ "preset": "semaphore", "url": "https://acme.semaphoreci.com" }), vec!["org_id", "prj_id"])
        }
        Kind::Vercel => {
            (json!({ "preset": "vercel", "url": "https://oidc.vercel.com/acme" }), vec!["owner_id", "project_id"])
        }
        Kind::Fly => (json!({ "preset": "fly", "url": "https://oidc.fly.io/acme" }), vec!["org_id", "app_id"]),
        Kind::Google => (json!({ "preset": "google" }), vec!["sub"]),
        Kind::AzureAppService | Kind::AzureVm => (
            json!({ "preset": "azure", "url": "https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0" }),
            vec!["oid"],
        ),
        Kind::Kubernetes | Kind::Aks => (
            json!({ "preset": "kubernetes", "url": "https://cluster.example.com" }),
            vec!["/kubernetes.io/namespace", "/kubernetes.io/serviceaccount/uid"],
        ),
        Kind::Spiffe => (
            json!({ "preset": "spiffe", "url": "spiffe://acme.example", "keys": { "jwks": "bundle.json" } }),
            vec!["sub"],
        ),
    }
}

/// What a job of that kind says, as its provider documents it.
fn documented(kind: Kind) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(kind, folder.path(), Path::new("python3"), "https://packages.example.com");
    let mut claims = cloud.claims();
    if matches!(kind, Kind::Buildkite | Kind::BuildkiteApi) {
        // They are there when they are asked for, which daypass does.
        overlay(&mut claims, &json!({ "organization_id": "f02d6a6f", "pipeline_id": "c71dda4e" }));
    }
    claims
}

fn at<'c>(claims: &'c mut Value, path: &str) -> &'c mut Value {
    if path.starts_with('/') { claims.pointer_mut(path).unwrap() } else { &mut claims[path] }
}

#[test]
fn the_recommended_rule_of_each_provider_lets_its_own_in_and_no_other() {
    for kind in Kind::ALL {
        let (issuer, pinned) = recommended(kind);
        let mut claims = documented(kind);
        let rules: serde_json::Map<_, _> =
            pinned.iter().map(|path| ((*path).to_owned(), at(&mut claims, path).clone())).collect();
        let policy = policy(&issuer, &json!({ "claims": rules })).unwrap();
        assert!(ask(&policy, &claims).is_ok(), "{kind:?}: {:?}", ask(&policy, &claims));
        let errors: Vec<_> = lint(&policy).into_iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{kind:?}: {errors:?}");
        for path in &pinned {
            let mut other = claims.clone();
            *at(&mut other, path) = json!("somebody-else");
            // A job that speaks for another project than the one it runs in is a trap before it is a difference.
            let expected =
                if kind == Kind::GitLab && *path == "project_id" { "claim_refused" } else { "claims_differ" };
            assert_eq!(refused(&policy, &other), expected, "{kind:?} {path}");
        }
    }
}

#[test]
fn every_preset_is_tried_and_a_rule_of_names_alone_does_not_load() {
    let mut tried: BTreeSet<&str> = BTreeSet::new();
    for kind in Kind::ALL {
        let (issuer, _) = recommended(kind);
        let preset: Preset = issuer["preset"].as_str().unwrap().parse().unwrap();
        tried.insert(preset.name);
        let mut claims = documented(kind);
        for (name, _) in preset.mutable.iter().filter(|(name, _)| !preset.must_pin.contains(name)) {
            let there = if name.starts_with('/') { claims.pointer(name).is_some() } else { claims.get(name).is_some() };
            if there && !preset.must_pin.is_empty() {
                let rule = json!({ *name: at(&mut claims, name).clone() });
                assert!(policy(&issuer, &json!({ "claims": rule })).is_err(), "{kind:?} {name}");
            }
        }
    }
    // These have no token of this kind: they are tried in the journeys, with AWS's own signatures.
    tried.extend(["generic", "github-enterprise", "aws-oidc", "aws-sigv4"]);
    assert_eq!(tried, Preset::all().map(|preset| preset.name).collect());
}
