//! Azure: the managed identity of an app (App Service, Functions, Container Apps) or of a virtual machine.
//!
//! The audience must be an application that is registered in the tenant: the server's URL as its *application ID URI*.

use daypass_core::public_url::PublicUrl;
use http::Method;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::{Failure, Status};

const TITLE: &str = "Azure";
const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";

/// Which of several identities, as Azure's own libraries are told.
const CLIENT: &str = "AZURE_CLIENT_ID";

/// What every virtual machine of Azure's bears as its asset tag.
const TAG: &str = "7783-7084-3265-9085-8269-3286-77";

const OF_MACHINES: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

pub(super) const PROVIDER: Provider = Provider {
    name: "azure",
    title: TITLE,
    kind: Kind::Metadata,
    audience: Audience::Set,
    supply: Supply::Kept,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    match (machine.variable(ENDPOINT), machine.variable(HEADER)) {
        (Some(_), Some(_)) => Seen::here(format!("`{ENDPOINT}` and `{HEADER}` are set")),
        _ if machine.firmware("chassis_asset_tag").is_some_and(|tag| tag == TAG) => {
            Seen::here("the firmware says that this is a machine of Azure's")
        }
        _ => Seen::not_here(format!("`{ENDPOINT}` is not set, and the firmware names no machine of Azure's")),
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let app = machine.variable(ENDPOINT).zip(machine.variable(HEADER));
    let (place, version, header) = match &app {
        Some((endpoint, secret)) => (endpoint.as_str(), "2019-08-01", ("x-identity-header", secret.as_str())),
        None => (OF_MACHINES, "2018-02-01", ("metadata", "true")),
    };
    let mut url = wire::url(TITLE, ENDPOINT, place)?;
    url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", asked.audience);
    if let Some(client) = machine.variable(CLIENT) {
        url.query_pairs_mut().append_pair("client_id", &client);
    }
    let service = Service::of_metadata(TITLE);
    let answer = service.ask(&Question { method: Method::GET, url, headers: &[header], json: None });
    let answer = answer.map_err(|failure| match failure.status {
        Status::SignInNeeded => failure.hint(format!(
            "assign a managed identity, and register an application in the tenant whose application ID URI is `{}`",
            asked.audience
        )),
        _ => failure,
    })?;
    service.member(&answer, "access_token").map(Proof::Jwt)
}
