//! GitHub Actions: a job with `permissions: id-token: write` may ask for as many identity tokens as it likes.

use daypass_core::public_url::PublicUrl;
use http::Method;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::Failure;

const TITLE: &str = "GitHub Actions";
const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

pub(super) const PROVIDER: Provider = Provider {
    name: "github",
    title: TITLE,
    kind: Kind::Job,
    audience: Audience::Asked,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    match (machine.variable(URL), machine.variable(TOKEN)) {
        (Some(_), Some(_)) => Seen::here(format!("`{URL}` and `{TOKEN}` are set")),
        _ if !machine.says_true("GITHUB_ACTIONS") => Seen::not_here("`GITHUB_ACTIONS` is not set"),
        _ => {
            let of_pull_request = machine.variable("GITHUB_EVENT_NAME").is_some_and(|name| name == "pull_request");
            let fork = if of_pull_request { "; a pull request from a fork gets none all the same" } else { "" };
            Seen::misconfigured(
                format!("`{URL}` and `{TOKEN}` are not set"),
                format!("add `permissions: id-token: write` to the job, and pass both into a container{fork}"),
            )
        }
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let (url, token) = (machine.variable(URL).unwrap_or_default(), machine.variable(TOKEN).unwrap_or_default());
    let mut url = wire::url(TITLE, URL, &url)?;
    // The URL has a query of its own.
    url.query_pairs_mut().append_pair("audience", asked.audience);
    let service = Service::of_ci_again_and_again(TITLE);
    let headers = [("authorization", &*format!("bearer {token}")), ("accept", "application/json")];
    let answer = service.ask(&Question { method: Method::GET, url, headers: &headers, json: None })?;
    service.member(&answer, "value").map(Proof::Jwt)
}
