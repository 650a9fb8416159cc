//! Kubernetes: a token of the pod's service account, in a file that the kubelet replaces while the pod runs.
//!
//! The token that every pod has is meant for the cluster's own API server. It is taken only if it names our server, and
//! no other: whoever receives a token can spend it wherever else it is meant for.

use std::path::Path;

use daypass_core::public_url::PublicUrl;

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, file, machine::Machine};
use crate::{failure::Failure, identity_token::addressee::Pairing};

const TITLE: &str = "Kubernetes";

/// Where a pod's manifest mounts one for us.
const PROJECTED: &str = "/var/run/secrets/tokens/daypass";

/// Where every pod has one.
const OF_EVERY_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

pub(super) const PROVIDER: Provider = Provider {
    name: "kubernetes",
    title: TITLE,
    kind: Kind::Machine,
    audience: Audience::Set,
    supply: Supply::Kept,
    look,
    get,
};

fn look(machine: &dyn Machine, server: Option<&PublicUrl>) -> Seen {
    if machine.has_file(Path::new(PROJECTED)) {
        return Seen::here(format!("`{PROJECTED}` is there"));
    }
    if server.is_some_and(|server| is_for(machine, server)) {
        return Seen::here(format!("`{OF_EVERY_POD}` is meant for this server"));
    }
    if machine.variable("KUBERNETES_SERVICE_HOST").is_none() {
        return Seen::not_here(format!("`{PROJECTED}` is not there"));
    }
    let audience = server.map_or("the server's URL".to_owned(), |server| format!("`{server}`"));
    Seen::NotHere(
        format!("this is a pod, but `{PROJECTED}` is not there"),
        Some(format!("mount a projected `serviceAccountToken` with the audience {audience} at `{PROJECTED}`")),
    )
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let all = !machine.has_file(Path::new(PROJECTED)) && is_for(machine, asked.server);
    file::read(machine, TITLE, Path::new(if all { OF_EVERY_POD } else { PROJECTED }))
}

fn is_for(machine: &dyn Machine, server: &PublicUrl) -> bool {
    let token = machine.token_file(Path::new(OF_EVERY_POD));
    token.is_ok_and(|token| Pairing::ByAudience.check(&token, server, server.as_str()).is_ok())
}
