//! What an identity pins: ids that nobody else can get, as they are given or as a sample of the job's token has them.
//!
//! The sample is read here and never sent. Nobody proves it, so what is taken from it is shown.

use std::{collections::BTreeSet, fs, io::Read, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{claim_rule::ClaimPath, preset::Preset, secret::Secret};
use serde_json::{Map, Value};

use crate::{arguments::CreateIdentity, failure::Failure, private_folder::trouble};

/// The largest sample that is read, in bytes.
const LARGEST_SAMPLE: u64 = 1024 * 1024;

const UID: &str = "/kubernetes.io/serviceaccount/uid";
const AWS_ACCOUNT: &str = "/https:~1~1sts.amazonaws.com~1/aws_account";

/// What is pinned, and what of it comes from the sample.
pub(super) struct Pinned {
    pub(super) claims: Map<String, Value>,
    pub(super) from_sample: BTreeSet<String>,
}

/// A claim that may be pinned: its path, and the option that gives it.
struct Wanted<'a> {
    claim: &'a str,
    given: Option<String>,
    option: &'a str,
    /// Whether the sample's value is pinned when none is given, and one of both is needed. Of the others, such as the
    /// branch, the sample is only an example.
    needed: bool,
}

/// What is pinned for an identity of an issuer of this kind.
pub(super) fn pinned(preset: Preset, arguments: &CreateIdentity) -> Result<Pinned, Failure> {
    let sample = arguments.outside_token.as_deref().map(sample).transpose()?;
    check_sample(preset, arguments, sample.as_ref())?;
    let mut pinned = Pinned { claims: Map::new(), from_sample: BTreeSet::new() };
    for wanted in wanted(preset, arguments, sample.is_some()) {
        let seen = sample.as_ref().and_then(|sample| find(wanted.claim, sample));
        match (wanted.given, seen) {
            (Some(given), Some(seen)) if wanted.needed && *seen != given => {
                return Err(Failure::usage(format!("`{}` is {given}, and the sample says {seen}", wanted.option)));
            }
            (Some(given), _) => drop(pinned.claims.insert(wanted.claim.to_owned(), given.into())),
            (None, Some(seen)) if wanted.needed => {
                pinned.from_sample.insert(wanted.claim.to_owned());
                pinned.claims.insert(wanted.claim.to_owned(), seen.clone());
            }
            (None, None) if wanted.needed => {
                return Err(Failure::usage(format!("`{}` is needed, or a sample that says it", wanted.option))
                    .hint("give a sample of the job's token with `--outside-token FILE`"));
            }
            (None, _) => {}
        }
    }
    for claim in &arguments.claim {
        let (name, value) = claim
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`--claim {}` is not NAME=VALUE", claim.escape_debug())))?;
        pinned.claims.insert(name.to_owned(), value.into());
    }
    if pinned.claims.is_empty() {
        return Err(Failure::usage("nothing is pinned: everybody whom the issuer vouches for would match")
            .hint("pin what nobody else can get, with `--claim NAME=VALUE`"));
    }
    Ok(pinned)
}

/// What an identity of this kind pins.
fn wanted<'a>(preset: Preset, arguments: &CreateIdentity, sampled: bool) -> Vec<Wanted<'a>> {
    let CreateIdentity { github, gitlab, others, .. } = arguments;
    let needed = |claim, option, given: &Option<String>| Wanted { claim, given: given.clone(), option, needed: true };
    let optional =
        |claim, option, given: &Option<String>| Wanted { claim, given: given.clone(), option, needed: false };
    match preset.name {
        "github" | "github-enterprise" => vec![
            needed("repository_id", "--repository-id", &github.repository_id),
            needed("repository_owner_id", "--owner-id", &github.owner_id),
            optional("ref", "--ref", &github.reference),
            optional("environment", "--environment", &github.environment),
        ],
        "gitlab" => vec![
            needed("project_id", "--project-id", &gitlab.project_id),
            needed("namespace_id", "--namespace-id", &gitlab.namespace_id),
            optional("ref_path", "--ref", &github.reference),
            optional("environment", "--environment", &github.environment),
        ],
        "buildkite" => vec![
            needed("organization_id", "--organization-id", &others.organization_id),
            needed("pipeline_id", "--pipeline-id", &others.pipeline_id),
        ],
        "kubernetes" => {
            let pair = others.namespace.as_ref().zip(others.service_account.as_ref());
            let sub = pair.map(|(namespace, account)| format!("system:serviceaccount:{namespace}:{account}"));
            vec![
                needed("sub", "--namespace` with `--service-account", &sub),
                // Whoever deletes and makes anew a service account of this name is somebody else.
                Wanted { claim: UID, given: None, option: "--outside-token", needed: sampled },
            ]
        }
        "aws-oidc" => {
            let alone = others.account.is_none() && others.role_arn.is_none();
            vec![
                Wanted { needed: alone, ..needed("sub", "--role-arn", &others.role_arn) },
                Wanted { needed: sampled, ..needed(AWS_ACCOUNT, "--account", &others.account) },
            ]
        }
        "aws-sigv4" => vec![
            needed("account", "--account", &others.account),
            optional("role", "--role-arn", &others.role_arn.as_deref().map(role_name)),
        ],
        "google" => vec![needed("sub", "--unique-id", &others.unique_id)],
        _ => Vec::new(),
    }
}

/// `arn:aws:iam::123456789012:role/path/name` → `name`.
fn role_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// The sample is of this issuer, and of what was named.
fn check_sample(preset: Preset, arguments: &CreateIdentity, sample: Option<&Value>) -> Result<(), Failure> {
    let named = [
        ("repository", "--repository", &arguments.github.repository),
        ("project_path", "--project-path", &arguments.gitlab.project_path),
    ];
    let Some(sample) = sample else {
        // A name alone is nothing to pin: it may be somebody else's next year.
        return match named.iter().find(|(.., given)| given.is_some()) {
            Some((_, option, _))
                if arguments.github.repository_id.is_none() && arguments.gitlab.project_id.is_none() =>
            {
                Err(Failure::usage(format!("`{option}` is a name, which somebody else may get later"))
                    .hint("give a sample of the job's token with `--outside-token FILE`, or the ids"))
            }
            _ => Ok(()),
        };
    };
    let iss = sample.get("iss").and_then(Value::as_str).unwrap_or_default();
    if let Some(url) = preset.url
        && arguments.issuer.is_none()
        && iss != url
        && preset.also != Some(iss)
    {
        let sentence = format!("the sample is from `{}`, not from `{url}`", iss.escape_debug());
        return Err(Failure::usage(sentence).hint("name the issuer that vouches, with `--issuer NAME`"));
    }
    for (claim, option, given) in named {
        if let Some(given) = given
            && sample.get(claim).and_then(Value::as_str) != Some(given)
        {
            let seen = sample.get(claim).map_or("nothing".to_owned(), Value::to_string);
            return Err(Failure::usage(format!("`{option}` is {given}, and the sample says {seen}")));
        }
    }
    Ok(())
}

fn find<'a>(claim: &str, sample: &'a Value) -> Option<&'a Value> {
    claim.parse::<ClaimPath>().ok()?.find(sample.as_object()?)
}

/// What a sample token says. Its signature is not looked at.
fn sample(path: &Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST_SAMPLE).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(LARGEST_SAMPLE).read_to_string(&mut text))
    };
    read.map_err(|error| trouble("cannot read", path, &error))?;
    let token = Secret::new(text);
    let claims = token.expose().trim().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok()).filter(Value::is_object);
    claims.ok_or_else(|| Failure::local(format!("the sample in `{}` is no JWT", path.display())))
}
