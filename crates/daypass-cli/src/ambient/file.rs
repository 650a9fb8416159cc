//! Identity tokens in files that somebody keeps fresh: read anew each time.
//!
//! What is *not* here: Kubernetes' own files (`kubernetes.rs`), and a file that a person named (`identity_token.rs`).

use std::path::Path;

use daypass_core::public_url::PublicUrl;

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, machine::Machine};
use crate::failure::{Failure, Status};

/// Where an operator may put one for us.
const PATH: &str = "/var/run/daypass/oidc-token";

/// Where the webhook of AKS says it put one.
const AZURE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// A file that whoever runs the machine put there for `daypass`.
pub(super) const GENERIC: Provider = Provider {
    name: "file",
    title: "the file `/var/run/daypass/oidc-token`",
    kind: Kind::Machine,
    audience: Audience::Set,
    supply: Supply::Kept,
    look: |machine, _| {
        if machine.has_file(Path::new(PATH)) {
            Seen::here(format!("`{PATH}` is there"))
        } else {
            Seen::not_here(format!("`{PATH}` is not there"))
        }
    },
    get: |machine, _| read(machine, "file", Path::new(PATH)),
};

/// A pod with Azure's workload identity, whose token is meant for Entra ID.
pub(super) const AKS: Provider = Provider {
    name: "aks",
    title: "AKS workload identity",
    kind: Kind::Machine,
    audience: Audience::Set,
    supply: Supply::Kept,
    look: look_for_aks,
    get: get_of_aks,
};

fn look_for_aks(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    match machine.variable(AZURE) {
        None => Seen::not_here(format!("`{AZURE}` is not set")),
        Some(path) if machine.has_file(Path::new(&path)) => Seen::here(format!("`{AZURE}` is set")),
        Some(path) => Seen::misconfigured(
            format!("`{AZURE}` names `{path}`, which is not there"),
            "add the label `azure.workload.identity/use: \"true\"` to the pod, and let the webhook mount the file",
        ),
    }
}

fn get_of_aks(machine: &dyn Machine, _: Asked<'_>) -> Result<Proof, Failure> {
    read(machine, "AKS workload identity", Path::new(&machine.variable(AZURE).unwrap_or_default()))
}

/// Reads the outside token in a file.
pub(super) fn read(machine: &dyn Machine, title: &str, path: &Path) -> Result<Proof, Failure> {
    machine.token_file(path).map(Proof::Jwt).map_err(|error| {
        let message = format!("{title}: cannot read the identity token from `{}`: {error}", path.display());
        Failure::new(Status::SignInNeeded, message).hint("let the user that runs this read the file")
    })
}
