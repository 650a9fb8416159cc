//! Google Cloud: the metadata service of a machine, a pod with workload identity, or Cloud Run.

use daypass_core::public_url::PublicUrl;
use http::Method;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::{Failure, Status};

const TITLE: &str = "Google Cloud";

/// Where the service is, if not at its usual name. Google's own libraries heed it.
const HOST: &str = "GCE_METADATA_HOST";

/// The name of the header by which the service and those who mean it know each other.
const FLAVOR: &str = "metadata-flavor";

pub(super) const PROVIDER: Provider = Provider {
    name: "google",
    title: TITLE,
    kind: Kind::Metadata,
    audience: Audience::Asked,
    supply: Supply::Fresh,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    if let Some(name) = [HOST, "K_SERVICE", "CLOUD_RUN_JOB"].into_iter().find(|name| machine.variable(name).is_some()) {
        return Seen::here(format!("`{name}` is set"));
    }
    match machine.firmware("product_name") {
        Some(name) if name == "Google" || name == "Google Compute Engine" => {
            Seen::here("the firmware says that this is a machine of Google's")
        }
        _ => Seen::not_here(format!("`{HOST}` is not set, and the firmware names no machine of Google's")),
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let host = machine.variable(HOST).unwrap_or_else(|| "metadata.google.internal".to_owned());
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    let mut url = wire::url(TITLE, HOST, &format!("http://{host}/{path}"))?;
    url.query_pairs_mut().append_pair("audience", asked.server.as_str()).append_pair("format", "full");
    let service = Service::of_metadata(TITLE);
    let headers = [(FLAVOR, "Google")];
    let answer = service.ask(&Question { method: Method::GET, url, headers: &headers, json: None });
    let answer = answer.map_err(|failure| match failure.status {
        Status::SignInNeeded => failure.hint("attach a service account to the machine or the service"),
        _ => failure,
    })?;
    // Somebody else may answer to that name in a network that is not Google's.
    if answer.headers.get(FLAVOR).is_none_or(|flavor| flavor != "Google") {
        return Err(service.nonsense("whoever answers is not Google's metadata service"));
    }
    service.text(&answer).map(Proof::Jwt)
}
