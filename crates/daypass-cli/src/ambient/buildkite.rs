//! Buildkite: its agent asks for identity tokens, or the job does where the agent's program is not at hand.
//!
//! The ids that never change are in the token only if they are asked for by name.

use daypass_core::public_url::PublicUrl;
use http::Method;
use serde_json::json;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    program,
    wire::{self, Question, Service},
};
use crate::failure::Failure;

const TITLE: &str = "Buildkite";
const AGENT: &str = "buildkite-agent";
const TOKEN: &str = "BUILDKITE_AGENT_ACCESS_TOKEN";
const JOB: &str = "BUILDKITE_JOB_ID";
const ENDPOINT: &str = "BUILDKITE_AGENT_ENDPOINT";

/// What policies pin.
const CLAIMS: [&str; 2] = ["organization_id", "pipeline_id"];

pub(super) const PROVIDER: Provider = Provider {
    name: "buildkite",
    title: TITLE,
    kind: Kind::Job,
    audience: Audience::Asked,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    if !machine.says_true("BUILDKITE") {
        return Seen::not_here("`BUILDKITE` is not set");
    }
    if machine.program(AGENT).is_some() {
        return Seen::here(format!("`BUILDKITE` is set and `{AGENT}` is on the `PATH`"));
    }
    match (machine.variable(TOKEN), machine.variable(JOB)) {
        (Some(_), Some(_)) => Seen::here(format!("`BUILDKITE`, `{TOKEN}` and `{JOB}` are set")),
        _ => Seen::misconfigured(
            format!("`{AGENT}` is not on the `PATH`, and `{TOKEN}` or `{JOB}` is not set"),
            format!("mount `{AGENT}` into the container, or pass `{TOKEN}` and `{JOB}` into it"),
        ),
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let audience = asked.audience;
    if let Some(agent) = machine.program(AGENT) {
        let mut arguments = vec!["oidc", "request-token", "--audience", audience];
        arguments.extend(CLAIMS.iter().flat_map(|claim| ["--claim", *claim]));
        return program::output(&agent, &arguments).map(Proof::Jwt);
    }
    let (token, job) = (machine.variable(TOKEN).unwrap_or_default(), machine.variable(JOB).unwrap_or_default());
    let endpoint = machine.variable(ENDPOINT).unwrap_or_else(|| "https://agent.buildkite.com/v3".to_owned());
    let mut url = wire::url(TITLE, ENDPOINT, &endpoint)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["jobs", &job, "oidc", "tokens"]);
    }
    let service = Service::of_ci(TITLE);
    let headers = [("authorization", &*format!("Token {token}"))];
    let document = json!({"audience": audience, "claims": CLAIMS});
    let answer = service.ask(&Question { method: Method::POST, url, headers: &headers, json: Some(&document) })?;
    service.member(&answer, "token").map(Proof::Jwt)
}
