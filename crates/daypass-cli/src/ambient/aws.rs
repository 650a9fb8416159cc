//! AWS: whatever runs there can sign requests, and there are two ways to make an identity of that.
//!
//! | name | how | what the server needs |
//! |---|---|---|
//! | `aws` | `aws-oidc`; `aws-sigv4` where the account does not give that and an identity is named | either |
//! | `aws-oidc` | AWS signs a JWT (`sts:GetWebIdentityToken`); the account must have turned that on, once | an issuer like any other |
//! | `aws-sigv4` | this machine signs `sts:GetCallerIdentity`, and the server asks AWS who it was | to reach AWS |
//!
//! The first is better: nobody but us is asked, and the server calls nobody. The second works in any account; server and
//! identity are inside the signature, so it is good for nothing else.
//!
//! | file | idea |
//! |---|---|
//! | `surroundings.rs` | which variables and files of the machine count |
//! | `keys.rs` | where the keys come from, and the region |
//! | `context.rs` | what the library that does it may reach |
//! | `web_identity.rs` | a JWT |
//! | `signed_caller.rs` | a signed request |
//!
//! What is *not* here: a person's sign-in at AWS (SSO, `credential_process`): people sign in with a browser.

use daypass_core::public_url::PublicUrl;

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, machine::Machine};
use crate::{
    failure::{Failure, Status},
    issuer_client::run,
};

mod context;
mod keys;
mod signed_caller;
mod surroundings;
mod web_identity;

use keys::Signer;
use surroundings::Surroundings;
use web_identity::No;

const TITLE: &str = "AWS";

/// Whichever the account gives, the better first.
pub(super) const EITHER: Provider = Provider { name: "aws", get: get_either, ..OIDC };

/// AWS signs a JWT.
pub(super) const OIDC: Provider = Provider {
    name: "aws-oidc",
    title: TITLE,
    kind: Kind::Metadata,
    audience: Audience::Asked,
    supply: Supply::Fresh,
    look,
    get: get_web_identity,
};

/// This machine signs, and the server asks AWS.
pub(super) const SIGV4: Provider = Provider { name: "aws-sigv4", get: get_signed_caller, ..OIDC };

/// Whether this is a machine of AWS's. Keys alone do not make it one: people have them on their laptops.
fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    let set = |name: &str| machine.variable(name).is_some();
    for (name, what) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "a function of AWS Lambda"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a task of ECS or a build of CodeBuild"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "a container with a role"),
    ] {
        if set(name) {
            return Seen::here(format!("`{name}` is set: this is {what}"));
        }
    }
    match (set("AWS_WEB_IDENTITY_TOKEN_FILE"), set("AWS_ROLE_ARN")) {
        (true, true) => {
            return Seen::here("`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are set: this is a pod with a role");
        }
        (true, false) => {
            return Seen::misconfigured(
                "`AWS_WEB_IDENTITY_TOKEN_FILE` is set, and `AWS_ROLE_ARN` is not",
                "annotate the pod's service account with the role, or unset `AWS_WEB_IDENTITY_TOKEN_FILE`",
            );
        }
        (false, _) => {}
    }
    let firmware = ["sys_vendor", "bios_vendor", "bios_version"].map(|name| machine.firmware(name).unwrap_or_default());
    let [system, vendor, version] = &firmware;
    if system == "Amazon EC2" || vendor == "Amazon EC2" || version.to_ascii_lowercase().ends_with(".amazon") {
        return Seen::here("the firmware says that this is a machine of Amazon EC2");
    }
    let hint = set("AWS_ACCESS_KEY_ID").then(|| {
        "`AWS_ACCESS_KEY_ID` is set; `daypass login SERVER --ambient aws` says that it is this machine's identity"
            .to_owned()
    });
    Seen::NotHere("no variable and no firmware says that this is a machine of AWS's".to_owned(), hint)
}

fn get_either(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let surroundings = Surroundings::of(machine);
    run(async {
        let signer = Signer::find(&surroundings).await?;
        match web_identity::get(&signer, asked.audience).await {
            Ok(token) => Ok(Proof::Jwt(token)),
            Err(No { of_account: true, .. }) if !asked.identity.is_empty() => signed(&signer, asked).await,
            Err(no) => Err(no.failure),
        }
    })?
}

fn get_web_identity(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let surroundings = Surroundings::of(machine);
    run(async {
        let signer = Signer::find(&surroundings).await?;
        web_identity::get(&signer, asked.audience).await.map(Proof::Jwt).map_err(|no| no.failure)
    })?
}

fn get_signed_caller(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    if asked.identity.is_empty() {
        return Err(Failure::new(Status::SignInNeeded, "AWS signs for one identity, and none is named")
            .hint("name it with `--identity` or `DAYPASS_IDENTITY`; whoever runs the server knows what it is called"));
    }
    let surroundings = Surroundings::of(machine);
    run(async {
        let signer = Signer::find(&surroundings).await?;
        signed(&signer, asked).await
    })?
}

async fn signed(signer: &Signer, asked: Asked<'_>) -> Result<Proof, Failure> {
    signed_caller::sign(signer, asked.server, asked.identity).await.map(Proof::AwsSigv4)
}

#[cfg(test)]
mod tests;
