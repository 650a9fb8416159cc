//! The services that a cloud puts beside its machines, at addresses that only they can reach.

use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::IntoResponse as _,
};
use serde_json::{Value, json};

use super::{
    JOB_SECRET, State, Trouble,
    endpoints::{Asked, Outcome, bad_request},
    issuer,
};
use crate::oidc::unix_now;

/// Both ways: who asks says that they mean it, who answers says that they are it.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const ACCOUNT: &str = "/computeMetadata/v1/instance/service-accounts/default/";

/// The metadata server of Compute Engine, Cloud Run and GKE.
pub(super) fn google(state: &State, asked: &Asked) -> Outcome {
    asked.must_not_be_forwarded()?;
    if asked.header("metadata-flavor") != "Google" {
        return Err((StatusCode::FORBIDDEN, "`Metadata-Flavor: Google` is missing".to_owned()));
    }
    let mut answer = match asked.path.strip_prefix(ACCOUNT) {
        // Clients look whether anybody is there.
        None if asked.path == "/" => "0.1/\ncomputeMetadata/\n".into_response(),
        Some("") => state.json("", json!({ "aliases": ["default"], "email": google_email(state), "scopes": [] })),
        Some("identity") => google_identity(state, asked)?.into_response(),
        _ => return Err((StatusCode::NOT_FOUND, "there is nothing".to_owned())),
    };
    if state.trouble() != Trouble::WrongShape {
        answer.headers_mut().insert(FLAVOR, HeaderValue::from_static("Google"));
    }
    Ok(answer)
}

fn google_email(state: &State) -> Value {
    issuer::claims(state, &json!("")).get("email").cloned().unwrap_or_default()
}

fn google_identity(state: &State, asked: &Asked) -> Result<String, (StatusCode, String)> {
    asked.must_be(&Method::GET, &format!("{ACCOUNT}identity"))?;
    let audience = asked.query.need("audience").map_err(bad_request)?;
    // Who it is in more detail only comes with the whole of it.
    let more = match asked.query.get("format").unwrap_or("standard") {
        "full" => json!({}),
        "standard" => json!({ "google": null, "email": null, "email_verified": null }),
        other => return Err(bad_request(format!("there is no format `{other}`"))),
    };
    Ok(issuer::kept(state, audience, more))
}

/// `GET $IDENTITY_ENDPOINT?resource=R&api-version=2019-08-01`.
pub(super) fn azure_app_service(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::GET, "/msi/token")?;
    if asked.header("x-identity-header") != JOB_SECRET {
        return Err((StatusCode::UNAUTHORIZED, "`X-IDENTITY-HEADER` is missing or wrong".to_owned()));
    }
    asked.query.must_be("api-version", "2019-08-01").map_err(bad_request)?;
    azure(state, asked)
}

/// `GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=R`.
pub(super) fn azure_vm(state: &State, asked: &Asked) -> Outcome {
    asked.must_not_be_forwarded()?;
    asked.must_be(&Method::GET, "/metadata/identity/oauth2/token")?;
    if !asked.header("metadata").eq_ignore_ascii_case("true") {
        return Err(bad_request("`Metadata: true` is missing"));
    }
    asked.query.must_be("api-version", "2018-02-01").map_err(bad_request)?;
    azure(state, asked)
}

fn azure(state: &State, asked: &Asked) -> Outcome {
    let resource = asked.query.need("resource").map_err(bad_request)?;
    let ends = unix_now() + state.inner().ahead + 86_400;
    let body = json!({
        "access_token": issuer::kept(state, resource, json!({})),
        "client_id": "0f6d2d4b-6f0a-4ce0-9f25-7f7f9b6a5c3e",
        "expires_in": "86399",
        "expires_on": ends.to_string(),
        "ext_expires_in": "86399",
        "not_before": (ends - 86_700).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    Ok(state.json("access_token", body))
}

impl Asked {
    /// Somebody tricked a server on the machine into asking for them.
    fn must_not_be_forwarded(&self) -> Result<(), (StatusCode, String)> {
        if self.headers.contains_key("x-forwarded-for") {
            return Err((StatusCode::FORBIDDEN, "there is an `X-Forwarded-For`".to_owned()));
        }
        Ok(())
    }
}
