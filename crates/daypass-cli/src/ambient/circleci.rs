//! `CircleCI`: its program gives identity tokens for any audience; otherwise there is one in a variable, for the
//! organisation.

use daypass_core::{public_url::PublicUrl, secret::Secret};
use serde_json::json;

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, machine::Machine, program};
use crate::failure::{Failure, Status};

const PROGRAM: &str = "circleci";

/// The newer one first.
const VARIABLES: [&str; 2] = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];

pub(super) const PROVIDER: Provider = Provider {
    name: "circleci",
    title: "CircleCI",
    kind: Kind::Job,
    audience: Audience::Set,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    if !machine.says_true("CIRCLECI") {
        return Seen::not_here("`CIRCLECI` is not set");
    }
    if machine.program(PROGRAM).is_some() {
        return Seen::here(format!("`CIRCLECI` is set and `{PROGRAM}` is on the `PATH`"));
    }
    match VARIABLES.into_iter().find(|name| machine.variable(name).is_some()) {
        Some(name) => Seen::here(format!("`CIRCLECI` and `{name}` are set")),
        None => Seen::misconfigured(
            format!("`{PROGRAM}` is not on the `PATH`, and `{}` is not set", VARIABLES.join("` or `")),
            "let the job use a context, and pass `CIRCLE_OIDC_TOKEN_V2` into a container",
        ),
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let given = || VARIABLES.into_iter().find_map(|name| machine.variable(name)).map(Secret::new);
    let not_there = || Failure::new(Status::SignInNeeded, "CircleCI gives this job no identity token");
    let Some(program) = machine.program(PROGRAM) else {
        return given().map(Proof::Jwt).ok_or_else(not_there);
    };
    let claims = json!({"aud": asked.audience}).to_string();
    let got = program::output(&program, &["run", "oidc", "get", "--root-issuer", "--claims", &claims]);
    // An older program of that name does not know how.
    got.or_else(|failure| given().ok_or(failure)).map(Proof::Jwt)
}
