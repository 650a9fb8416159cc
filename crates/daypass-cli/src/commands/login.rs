//! `daypass login`: proves who this is, keeps the credential, and trusts the server from then on.

use std::{io::IsTerminal, path::Path};

use daypass_core::{
    Timestamp,
    clock::Clock,
    names::{InvalidName, ServiceAccountName},
    service_account,
};
use serde::Serialize;

use super::status::{index_url, length, rounded};
use crate::{
    ambient::{self, Choice},
    arguments::{Format, Login},
    cache::{Cache, entry::Entry, origin::Origin},
    config::edit,
    credential::{Source, Wanted, an_identity_is_named, pairing, person, renew, sign_in_needed},
    environment::Environment,
    failure::{Failure, Status},
    identity_token::{IdentityToken, NamedBy, addressee::Pairing},
    output,
    prompt::Prompt,
    server::Server,
    session::Session,
    sign_in::Manner,
    surroundings::Reachable,
    trust::{Trusted, identity, server_url},
};

#[derive(Serialize)]
struct Answer<'a> {
    server: &'a str,
    identity: &'a str,
    person: Option<&'a str>,
    profile: &'a str,
    expires_at: Timestamp,
    session_expires_at: Option<Timestamp>,
    index_urls: Vec<String>,
}

/// Signs in.
pub(crate) fn run(arguments: &Login, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let known = known_account(arguments, &trusted)?;
    let config = match &environment.config {
        Some(path) => path.clone(),
        None => environment.folders.config()?,
    };
    let identity_is_named = arguments.identity.is_some()
        || arguments.service_account.is_some()
        || arguments.identity_token.is_some()
        || arguments.ambient.is_some()
        || an_identity_is_named(environment);
    // Whoever names the server anew starts afresh; otherwise it is done again as it was done before.
    let as_before = arguments.server.is_none() && known.is_for_an_identity();
    let person_is_meant = arguments.device || arguments.provider.is_some();
    let cache = Cache::open(&environment.folders)?;
    // Where nobody could sign in, a job's own identity is all that can be meant.
    let job_is_meant = || {
        let reachable = environment.surroundings.reachable(Prompt::open().has_terminal());
        let found = || Ok(Source::first(environment, &known)?.or(Source::ambient(environment, &known)?).is_some());
        if reachable == Reachable::Nobody { found() } else { Ok::<_, Failure>(false) }
    };
    let (server, entry) = if !person_is_meant && (identity_is_named || as_before || job_is_meant()?) {
        as_identity(known, arguments, &cache, environment, clock)?
    } else {
        as_person(known, arguments, &cache, environment, clock)?
    };
    let session = Session::find(&cache, Wanted::of(&server).person_key())?;
    edit::remember(&config, server.clone(), clock)?;
    tell(&server, &entry, session.as_ref(), arguments.output, clock)
}

/// What is known of the account that is meant. Where the server is named, that is its identity at most.
fn known_account(arguments: &Login, trusted: &Trusted) -> Result<Server, Failure> {
    let profile = arguments.profile.as_deref().map(str::parse).transpose()?;
    let mut server = match (&arguments.server, &profile) {
        (Some(text), _) => {
            let url = server_url(text)?;
            let known = match &profile {
                Some(profile) => trusted.account(&url, profile),
                None => trusted.at(&url),
            };
            let known = known.cloned().unwrap_or_else(|| Server::at(url));
            Server { identity_token_path: None, ambient: None, audience: None, service_account_key_path: None, ..known }
        }
        // A profile may be new, but then it must be clear at which server.
        (None, Some(_)) => trusted.select(None, profile.as_ref()).or_else(|_| trusted.only()).cloned()?,
        (None, None) => trusted.only()?.clone(),
    };
    if let Some(profile) = profile.filter(|profile| *profile != server.profile) {
        server = Server { profile, ..Server::at(server.url) };
    }
    server.default = arguments.default;
    Ok(server)
}

/// Signs in as a person.
fn as_person(
    known: Server,
    arguments: &Login,
    cache: &Cache,
    environment: &Environment,
    clock: &dyn Clock,
) -> Result<(Server, Entry), Failure> {
    let server = Server {
        identity: None,
        identity_token_path: None,
        ambient: None,
        audience: None,
        service_account_key_path: None,
        ..known
    };
    let prompt = Prompt::open();
    let reachable = match environment.surroundings.reachable(prompt.has_terminal()) {
        // Whoever asks for a code will look for it, be it in a log.
        _ if arguments.device => Reachable::ByCode,
        Reachable::Nobody if environment.surroundings.ci.is_none() && std::io::stderr().is_terminal() => {
            Reachable::ByCode
        }
        Reachable::Nobody => {
            let failure = person::nobody(environment, &server, None, &environment.surroundings.why_nobody());
            return Err(failure.hint("`--device` shows a code all the same; a job needs `--identity-token`"));
        }
        reachable => reachable,
    };
    let manner = Manner { prompt: &prompt, reachable, provider: arguments.provider.as_deref() };
    let begun = clock.now();
    // Whoever signs in wants a new credential, unless one was made while this process waited for its turn.
    let entry = person::begin(cache, Wanted::of(&server), manner, clock, |entry| {
        entry.obtained_at >= begun && entry.has_enough_life(clock.now())
    })?;
    Ok((server, entry))
}

/// Signs in as an identity.
pub(super) fn as_identity(
    known: Server,
    arguments: &Login,
    cache: &Cache,
    environment: &Environment,
    clock: &dyn Clock,
) -> Result<(Server, Entry), Failure> {
    let mut server = known;
    let named = arguments.identity.as_deref().or(environment.identity.as_deref()).map(identity).transpose()?;
    server.identity = named.or(server.identity);
    server.audience = arguments.audience.clone().or(server.audience);
    let paired = if arguments.server.is_some() { Pairing::Explicit } else { pairing(environment, &server) };
    let source = match (&arguments.identity_token, arguments.service_account.as_deref().zip(arguments.key.as_deref())) {
        (_, Some((account, key))) => as_service_account(&mut server, account, key)?,
        (Some(named), None) => {
            let identity_token = IdentityToken::of(named, NamedBy::Option);
            if matches!(identity_token, IdentityToken::Value(_)) {
                output::warn("others can see an identity token on the command line; `--identity-token -` reads it");
            }
            server.identity_token_path = identity_token.file();
            server.ambient = None;
            server.service_account_key_path = None;
            Source::IdentityToken(identity_token, paired)
        }
        (None, None) => match arguments.ambient {
            Some(Choice::Named(ambient)) => Source::Ambient(ambient, paired),
            Some(Choice::Auto) => whichever_is_here(&server, environment)?,
            Some(Choice::Off) => return Err(Failure::usage("`--ambient off` leaves nothing to sign in with")),
            None => match Source::first(environment, &server)? {
                Some(source) => source,
                None => found(&server, environment)?,
            },
        },
    };
    if let Source::Ambient(ambient, _) = source {
        server.ambient = Some(ambient);
        server.identity_token_path = None;
        server.service_account_key_path = None;
    }
    let by_arguments =
        [arguments.identity_token.is_some(), arguments.ambient.is_some(), arguments.service_account.is_some()];
    // Kept where the next install looks: by what is remembered, unless it is the environment that names the source.
    let origin = if by_arguments.contains(&true) {
        Origin::remembered(environment, &server)
    } else {
        Origin::of(environment, &server)
    };
    let begun = clock.now();
    let wanted = Wanted::of(&server);
    let entry = renew(cache, wanted.key(&origin), wanted, &source, environment, clock, |entry| {
        entry.obtained_at >= begun && entry.has_enough_life(clock.now())
    })?;
    // The account is the identity's from now on: a person who had it before is signed out.
    if let Some(session) = Session::find(cache, Wanted::of(&server).person_key())? {
        super::logout::end(cache, &session, clock)?;
    }
    Ok((server, entry))
}

/// The provider that is here, whatever `DAYPASS_AMBIENT` says: the command line was asked later.
fn whichever_is_here(server: &Server, environment: &Environment) -> Result<Source, Failure> {
    let machine = environment.machine();
    let found = ambient::find(&machine, &server.url)?.ok_or_else(|| {
        let hint = ambient::nearly(&machine, &server.url);
        Failure::new(Status::SignInNeeded, "nobody vouches for this job or machine")
            .hint(hint.unwrap_or_else(|| "`daypass ambient` shows who was looked for".to_owned()))
    })?;
    Ok(Source::Ambient(found, Pairing::ByAudience))
}

/// The provider that is here.
fn found(server: &Server, environment: &Environment) -> Result<Source, Failure> {
    Source::ambient(environment, server)?.ok_or_else(|| sign_in_needed(environment, server))
}

/// Remembers the service account and where its key is.
fn as_service_account(server: &mut Server, account: &str, key: &Path) -> Result<Source, Failure> {
    let unfit = |error: InvalidName| Failure::usage(error.to_string());
    let account: ServiceAccountName = account.parse().map_err(unfit)?;
    let key = std::path::absolute(key).map_err(|error| Failure::usage(format!("`--key`: {error}")))?;
    server.identity = Some(service_account::identity(&account).map_err(unfit)?);
    server.identity_token_path = None;
    server.ambient = None;
    server.service_account_key_path = Some(key.clone());
    Ok(Source::ServiceAccount(account, key))
}

fn tell(
    server: &Server,
    entry: &Entry,
    session: Option<&Session>,
    format: Format,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    let index_url = index_url(&server.url);
    match format {
        Format::Json => output::json(&Answer {
            server: server.url.as_str(),
            identity: &entry.identity,
            person: entry.person.as_deref(),
            profile: server.profile.as_str(),
            expires_at: entry.expires_at,
            session_expires_at: session.and_then(|session| session.ends_at),
            index_urls: vec![index_url],
        }),
        Format::Text => {
            let now = clock.now();
            let of_session = session.and_then(|session| session.ends_at.zip(session.left(now)));
            let (end, left) = of_session.unwrap_or_else(|| (entry.expires_at, entry.left(now)));
            output::note(&format!(
                "signed in to {} as `{}` for {}, until {}",
                server.account(),
                entry.name(),
                length(left),
                rounded(end)
            ));
            output::note(&format!(
                "\nhint: `pip install --index-url {index_url} PACKAGE` gets the credential by itself"
            ));
            Ok(())
        }
    }
}
