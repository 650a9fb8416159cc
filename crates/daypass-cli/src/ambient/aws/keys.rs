//! Where the keys come from, and the region.
//!
//! The first source that is there is taken, and if it gives nothing that is an error: another source would be another
//! identity.

use std::error::Error as _;

use bytes::Bytes;
use daypass_oidc::{aws_caller::Region, shown::shown};
use http::{Method, Request};
use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProfileCredentialProvider, RequestSigner,
};
use reqsign_core::{Context, Error, ProvideCredential, SignRequest};

use super::{TITLE, context, surroundings::Surroundings};
use crate::failure::{Failure, Status};

const METADATA: &str = "http://169.254.169.254";

/// How long a token for the metadata of a machine lives: as long as it takes to ask once.
const METADATA_SECONDS: &str = "60";

/// Whoever signs requests here.
pub(super) struct Signer {
    context: Context,
    keys: Credential,
    region: Region,
    surroundings: Surroundings,
}

impl Signer {
    /// Finds the keys of this machine.
    pub(super) async fn find(surroundings: &Surroundings) -> Result<Self, Failure> {
        let context = context::of(surroundings);
        let keys = find_keys(&context, surroundings).await?;
        let region = region(&context, surroundings).await?;
        Ok(Self { context, keys, region, surroundings: surroundings.clone() })
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    pub(super) fn key_id(&self) -> &str {
        &self.keys.access_key_id
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.keys.session_token.as_deref()
    }

    pub(super) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Signs a request for AWS's Security Token Service, with all its headers.
    pub(super) async fn sign<T>(&self, request: Request<T>) -> Result<Request<T>, Failure> {
        let (mut head, body) = request.into_parts();
        let signer =
            RequestSigner::new(daypass_oidc::aws_caller::SERVICE, self.region.as_str()).with_standard_session_token();
        let outcome = signer.sign_request(&self.context, &mut head, Some(&self.keys), None).await;
        outcome.map_err(|error| failure("the keys cannot sign", &error))?;
        Ok(Request::from_parts(head, body))
    }

    /// Sends what was signed.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<http::Response<Bytes>, Failure> {
        self.context.http_send(request).await.map_err(|error| failure("AWS cannot be asked", &error))
    }
}

async fn find_keys(context: &Context, surroundings: &Surroundings) -> Result<Credential, Failure> {
    let from = |source: &'static str| move |error: Error| failure(source, &error);
    let found = EnvCredentialProvider::new().provide_credential(context).await;
    if let Some(keys) = found.map_err(from("the keys in the environment"))? {
        return Ok(keys);
    }
    let role = AssumeRoleWithWebIdentityCredentialProvider::new().with_regional_sts_endpoint();
    let role = match surroundings.variable("AWS_ROLE_SESSION_NAME") {
        Some(_) => role,
        None => role.with_role_session_name("daypass".to_owned()),
    };
    let role = match written_region(surroundings) {
        Some(region) => role.with_region(region.to_owned()),
        None => role,
    };
    if let Some(keys) = role.provide_credential(context).await.map_err(from("the role of this pod"))? {
        return Ok(keys);
    }
    let found = ProfileCredentialProvider::new().provide_credential(context).await;
    if let Some(keys) = found.map_err(from("the profile"))? {
        return Ok(keys);
    }
    let found = ECSCredentialProvider::new().provide_credential(context).await;
    if let Some(keys) = found.map_err(from("the role of this container"))? {
        return Ok(keys);
    }
    let found = IMDSv2CredentialProvider::new().provide_credential(context).await;
    let nothing = || {
        Failure::new(Status::SignInNeeded, "there are no keys of AWS here")
            .hint("give the function, task, pod or machine a role; `daypass ambient` shows what is looked for")
    };
    found.map_err(from("the role of this machine"))?.ok_or_else(nothing)
}

fn written_region(surroundings: &Surroundings) -> Option<&str> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| surroundings.variable(name))
}

async fn region(context: &Context, surroundings: &Surroundings) -> Result<Region, Failure> {
    let no_region = |why: &str| {
        Failure::new(Status::SignInNeeded, format!("it is not known which region of AWS this is: {why}"))
            .hint("set `AWS_REGION`, for example to `eu-central-1`")
    };
    let found = match written_region(surroundings) {
        Some(written) => written.to_owned(),
        None => ask_region(context, surroundings).await.map_err(|error| no_region(&told(&error)))?,
    };
    found.parse().map_err(|error| no_region(&format!("`{}` is none: {error}", shown(&found))))
}

/// Asks the machine where it is (`IMDSv2`: a token first, which a request that was forged from outside cannot get).
async fn ask_region(context: &Context, surroundings: &Surroundings) -> reqsign_core::Result<String> {
    if surroundings.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Error::config_invalid("`AWS_EC2_METADATA_DISABLED` is set"));
    }
    let place = surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(METADATA);
    let ask = |method: Method, path: &str, header: (&'static str, &str)| {
        let request = Request::builder().method(method).uri(format!("{place}{path}")).header(header.0, header.1);
        request.body(Bytes::new()).map_err(Error::from)
    };
    let token = ask(Method::PUT, "/latest/api/token", ("x-aws-ec2-metadata-token-ttl-seconds", METADATA_SECONDS))?;
    let token = yes(context.http_send_as_string(token).await?)?;
    let region = ask(Method::GET, "/latest/meta-data/placement/region", ("x-aws-ec2-metadata-token", &token))?;
    yes(context.http_send_as_string(region).await?)
}

fn yes(answer: http::Response<String>) -> reqsign_core::Result<String> {
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    Err(Error::unexpected(format!("the metadata of this machine answer with status {}", answer.status().as_u16())))
}

fn failure(what: &str, error: &Error) -> Failure {
    let status = if error.is_retryable() { Status::Unreachable } else { Status::SignInNeeded };
    Failure::new(status, format!("{TITLE} gives no identity token: {what}: {}", told(error)))
}

/// An error of the library with its cause: it names hosts, paths and codes, and no key.
fn told(error: &Error) -> String {
    match error.source() {
        Some(cause) => shown(&format!("{error}: {cause}")),
        None => shown(&error.to_string()),
    }
}
