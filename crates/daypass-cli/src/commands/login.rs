//! `daypass login`: proves who this is, keeps the credential, and trusts the server from then on.

use daypass_core::{Timestamp, clock::Clock};
use serde::Serialize;

use super::status::index_url;
use crate::{
    arguments::{Format, Login},
    cache::Cache,
    config::edit,
    credential::{Source, Wanted, is_named, renew, sign_in_needed},
    environment::Environment,
    failure::Failure,
    identity_token::{IdentityToken, NamedBy, addressee::Pairing},
    output,
    server::Server,
    trust::{Trusted, identity, server_url},
};

#[derive(Serialize)]
struct Answer<'a> {
    server: &'a str,
    identity: &'a str,
    expires_at: Timestamp,
    index_urls: Vec<String>,
}

/// Signs in.
pub(crate) fn run(arguments: Login, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let mut server = match &arguments.server {
        // A sign-in starts afresh: what was remembered about the server is not mixed into it.
        Some(text) => Server::at(server_url(text)?),
        None => trusted.only()?.clone(),
    };
    match (&arguments.identity, trusted.at(&server.url)) {
        (Some(text), _) => server.identity = Some(identity(text)?),
        (None, _) if server.identity.is_some() => {}
        (None, known) => server.identity = known.and_then(|known| known.identity.clone()).or(named(environment)?),
    }
    let config = match &environment.config {
        Some(path) => path.clone(),
        None => environment.folders.config()?,
    };
    let source = match arguments.identity_token {
        Some(named) => {
            let identity_token = IdentityToken::of(&named, NamedBy::Option);
            if matches!(identity_token, IdentityToken::Value(_)) {
                output::warn("others can see an identity token on the command line; `--identity-token -` reads it");
            }
            server.identity_token_path = identity_token.file();
            let both_named = arguments.server.is_some() || is_named(environment, &server);
            Source::IdentityToken(identity_token, if both_named { Pairing::Explicit } else { Pairing::ByAudience })
        }
        None => Source::first(environment, &server).ok_or_else(|| sign_in_needed(&server))?,
    };
    let cache = Cache::open(&environment.folders)?;
    let begun = clock.now();
    // Whoever signs in wants a new credential, unless one was made while this process waited for its turn.
    let entry = renew(&cache, Wanted::of(&server), &source, clock, |entry| {
        entry.obtained_at >= begun && entry.has_enough_life(clock.now())
    })?;
    edit::remember(&config, server.clone(), clock)?;
    let index_url = index_url(&server.url);
    match arguments.output {
        Format::Json => output::json(&Answer {
            server: server.url.as_str(),
            identity: &entry.identity,
            expires_at: entry.expires_at,
            index_urls: vec![index_url],
        }),
        Format::Text => {
            let until = super::status::until(&entry, clock.now());
            output::note(&format!("signed in to {} as `{}`, {until}", server.url, entry.identity));
            output::note(&format!(
                "\nhint: `pip install --index-url {index_url} PACKAGE` gets the credential by itself"
            ));
            Ok(())
        }
    }
}

fn named(environment: &Environment) -> Result<Option<daypass_core::names::IdentityName>, Failure> {
    environment.identity.as_deref().map(identity).transpose()
}
