//! Google Cloud: the metadata service of a machine, a pod with workload identity, or Cloud Run.
//!
//! It vouches for the service account that is attached there, or, where `GOOGLE_SERVICE_ACCOUNT_NAME` names another one
//! that this one may act for, for that.

use daypass_core::{public_url::PublicUrl, secret::Secret};
use daypass_oidc::http::Answer;
use http::Method;
use serde_json::json;

use super::{
    Asked, Audience, Kind, Proof, Provider, Seen, Supply,
    machine::Machine,
    wire::{self, Question, Service},
};
use crate::failure::{Failure, Status};

const TITLE: &str = "Google Cloud";

/// Where the service is, if not at its usual name. Google's own libraries heed it.
const HOST: &str = "GCE_METADATA_HOST";

/// The service account to act for.
const ACCOUNT: &str = "GOOGLE_SERVICE_ACCOUNT_NAME";

/// Who gives identity tokens of other service accounts.
const IAM: &str = "https://iamcredentials.googleapis.com";

/// The name of the header by which the service and those who mean it know each other.
const FLAVOR: &str = "metadata-flavor";

pub(super) const PROVIDER: Provider = Provider {
    name: "google",
    title: TITLE,
    kind: Kind::Metadata,
    audience: Audience::Asked,
    supply: Supply::Kept,
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
    let service = Service::of_metadata(TITLE);
    let audience = asked.audience;
    if let Some(account) = machine.variable(ACCOUNT) {
        let answer = metadata(machine, &service, "token", &[])?;
        let access_token = service.member(&answer, "access_token")?;
        return generate(IAM, &account, &access_token, audience).map(Proof::Jwt);
    }
    let answer = metadata(machine, &service, "identity", &[("audience", audience), ("format", "full")])?;
    service.text(&answer).map(Proof::Jwt)
}

/// What the metadata service says of the attached service account.
fn metadata(
    machine: &dyn Machine,
    service: &Service,
    what: &str,
    parameters: &[(&str, &str)],
) -> Result<Answer, Failure> {
    let host = machine.variable(HOST).unwrap_or_else(|| "metadata.google.internal".to_owned());
    let path = "computeMetadata/v1/instance/service-accounts/default";
    let mut url = wire::url(TITLE, HOST, &format!("http://{host}/{path}/{what}"))?;
    for (name, value) in parameters {
        url.query_pairs_mut().append_pair(name, value);
    }
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
    Ok(answer)
}

/// An identity token of `account`, for which the holder of `access_token` may act.
fn generate(iam: &str, account: &str, access_token: &Secret, audience: &str) -> Result<Secret, Failure> {
    let mut url = wire::url(TITLE, ACCOUNT, iam)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(["v1", "projects", "-", "serviceAccounts", &format!("{account}:generateIdToken")]);
    }
    let service = Service::of_ci(TITLE);
    let headers = [("authorization", &*format!("Bearer {}", access_token.expose()))];
    let document = json!({"audience": audience, "includeEmail": true});
    let answer = service.ask(&Question { method: Method::POST, url, headers: &headers, json: Some(&document) });
    let answer = answer.map_err(|failure| match failure.status {
        Status::SignInNeeded => failure.hint(format!(
            "grant the attached service account the role `roles/iam.serviceAccountOpenIdTokenCreator` on `{account}`"
        )),
        _ => failure,
    })?;
    service.member(&answer, "token")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::{super::wire::stub::answer_once, *};

    #[test]
    fn another_service_account_is_asked_for_by_its_name() {
        for (status, body, expected) in [
            ("200 OK", r#"{"token":"eyJ.a.b"}"#, Ok(Secret::new("eyJ.a.b"))),
            ("403 Forbidden", r#"{"error":{"message":"denied"}}"#, Err("OpenIdTokenCreator` on `app@prj.example`")),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let iam = format!("http://{}", listener.local_addr().unwrap());
            let served = thread::spawn(move || answer_once(listener.accept().unwrap().0, status, body));
            let got = generate(&iam, "app@prj.example", &Secret::new("ya29"), "https://packages.example.com");
            let request = served.join().unwrap();
            let line = "POST /v1/projects/-/serviceAccounts/app@prj.example:generateIdToken HTTP/1.1\r\n";
            assert!(request.starts_with(line) && request.contains("\r\nauthorization: Bearer ya29\r\n"), "{request}");
            assert!(
                request.ends_with(r#"{"audience":"https://packages.example.com","includeEmail":true}"#),
                "{request}"
            );
            match expected {
                Ok(token) => assert_eq!(got, Ok(token)),
                Err(hint) => assert!(got.unwrap_err().hint.unwrap().contains(hint)),
            }
        }
    }
}
