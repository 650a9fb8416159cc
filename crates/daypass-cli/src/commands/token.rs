//! `daypass token`: prints an access token.

use daypass_core::{Timestamp, access_token::ACCESS_TOKEN_USERNAME, clock::Clock, secret::Secret};
use serde::Serialize;

use crate::{
    arguments::{Format, Token},
    credential::{Wanted, obtain},
    environment::Environment,
    failure::{Failure, Status},
    output,
    trust::{Trusted, server_url},
};

/// What `-o json` prints. It exposes the access token on purpose: this command is for that.
#[derive(Serialize)]
struct Answer<'a> {
    server: &'a str,
    audience: &'a str,
    identity: &'a str,
    username: &'a str,
    token_type: &'a str,
    expires_at: Timestamp,
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    access_token: Secret,
}

/// Prints an access token.
pub(crate) fn run(arguments: &Token, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let server = match &arguments.audience {
        None => trusted.only()?,
        Some(text) => {
            let url = server_url(text)?;
            trusted.at(&url).ok_or_else(|| {
                Failure::new(Status::SignInNeeded, format!("{url} is not a server that you are signed in to"))
                    .hint(format!("`daypass login {url}` signs in and trusts it"))
            })?
        }
    };
    let entry = obtain(Wanted::of(server), environment, clock)?;
    match arguments.output {
        Format::Text => output::data(&format!("{}\n", entry.access_token.expose())),
        Format::Json => output::json(&Answer {
            server: entry.server.as_str(),
            audience: entry.audience.as_str(),
            identity: &entry.identity,
            username: ACCESS_TOKEN_USERNAME,
            token_type: "Bearer",
            expires_at: entry.expires_at,
            access_token: entry.access_token,
        }),
    }
}
