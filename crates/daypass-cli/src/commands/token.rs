//! `daypass token`: prints an access token.

use daypass_core::{Timestamp, access_token::ACCESS_TOKEN_USERNAME, clock::Clock, secret::Secret};
use serde::Serialize;

use crate::{
    arguments::{Format, Token},
    credential::{Wanted, obtain},
    environment::Environment,
    failure::Failure,
    output,
    trust::{Trusted, server_url},
};

/// What `-o json` prints. It exposes the access token on purpose: this command is for that.
#[derive(Serialize)]
struct Answer<'a> {
    server: &'a str,
    audience: &'a str,
    identity: &'a str,
    person: Option<&'a str>,
    profile: &'a str,
    username: &'a str,
    token_type: &'a str,
    expires_at: Timestamp,
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    access_token: Secret,
}

/// Prints an access token.
pub(crate) fn run(arguments: &Token, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let url = arguments.audience.as_deref().map(server_url).transpose()?;
    let profile = arguments.profile.as_deref().map(str::parse).transpose()?;
    let server = trusted.select(url.as_ref(), profile.as_ref())?;
    let entry = obtain(Wanted::of(server), environment, clock)?;
    match arguments.output {
        Format::Text => output::data(&format!("{}\n", entry.access_token.expose())),
        Format::Json => output::json(&Answer {
            server: entry.server.as_str(),
            audience: entry.audience.as_str(),
            identity: &entry.identity,
            person: entry.person.as_deref(),
            profile: server.profile.as_str(),
            username: ACCESS_TOKEN_USERNAME,
            token_type: "Bearer",
            expires_at: entry.expires_at,
            access_token: entry.access_token,
        }),
    }
}
