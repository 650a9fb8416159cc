//! Azure Pipelines: a service of the collection, which knows one audience only.

use daypass_core::public_url::PublicUrl;
use http::Method;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::Failure;

const TITLE: &str = "Azure Pipelines";
const URL: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";

/// Set by those tasks that run with a service connection: the token is then that connection's.
const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";

pub(super) const PROVIDER: Provider = Provider {
    name: "azure-devops",
    title: TITLE,
    kind: Kind::Job,
    audience: Audience::Set,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    match (machine.variable(URL), machine.variable(TOKEN)) {
        (Some(_), Some(_)) => Seen::here(format!("`{URL}` and `{TOKEN}` are set")),
        (Some(_), None) => Seen::misconfigured(
            format!("`{TOKEN}` is not set"),
            format!("add `env: {{ {TOKEN}: $(System.AccessToken) }}` to the step"),
        ),
        (None, _) => Seen::not_here(format!("`{URL}` is not set")),
    }
}

fn get(machine: &dyn Machine, _: Asked<'_>) -> Result<Proof, Failure> {
    let (url, token) = (machine.variable(URL).unwrap_or_default(), machine.variable(TOKEN).unwrap_or_default());
    let mut url = wire::url(TITLE, URL, &url)?;
    url.query_pairs_mut().append_pair("api-version", "7.1");
    if let Some(connection) = machine.variable(CONNECTION) {
        url.query_pairs_mut().append_pair("serviceConnectionId", &connection);
    }
    let service = Service::of_ci(TITLE);
    // A refusal, rather than the way to a page for people.
    let headers = [("authorization", &*format!("Bearer {token}")), ("x-tfs-fedauthredirect", "Suppress")];
    let answer = service.ask(&Question { method: Method::POST, url, headers: &headers, json: None })?;
    service.member(&answer, "oidcToken").map(Proof::Jwt)
}
