//! Which servers are ours.
//!
//! A server is trusted because a person named it: by `daypass login`, by `DAYPASS_SERVER`, or in a configuration
//! file of the user or of the whole machine. Nothing that comes with a project, and nothing that a server says
//! about another, adds to the list. A credential goes to exact origins only.
//!
//! A server may be known by several accounts. One of them is its default; a *profile* names another.

use daypass_core::{names::IdentityName, public_url::PublicUrl};

use crate::{
    config::Config,
    environment::Environment,
    failure::{Failure, Status},
    profile::ProfileName,
    server::Server,
    service::Service,
};

/// The servers that are ours, the one that `DAYPASS_SERVER` names first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trusted {
    servers: Vec<Server>,
    /// Whether `DAYPASS_SERVER` names the first.
    named: bool,
}

impl Trusted {
    /// Reads what there is: the environment, the user's file, the machine's file. What is named earlier wins.
    pub(crate) fn load(environment: &Environment) -> Result<Self, Failure> {
        let user = match (&environment.config, environment.folders.config()) {
            (Some(path), _) => Config::read(path)?,
            (None, Ok(path)) => Config::read(&path)?,
            // Without a home folder there is nothing remembered; `login` will say so.
            (None, Err(_)) => Config::default(),
        };
        let mut servers = user.servers;
        // What an earlier list says about a server is the whole of it.
        for path in environment.folders.system_configs() {
            let known = |server: &Server, servers: &[Server]| servers.iter().any(|other| other.url == server.url);
            let mut new = Config::read_for_all_users(&path)?.servers;
            new.retain(|server| !known(server, &servers));
            servers.append(&mut new);
        }
        let named = named_server(environment)?;
        if let Some(url) = &named {
            if !servers.iter().any(|server| server.url == *url) {
                servers.push(Server::at(url.clone()));
            }
            servers.sort_by_key(|server| server.url != *url);
        }
        let named = named.is_some();
        if let Some(identity) = named_identity(environment)? {
            for server in &mut servers {
                server.identity = Some(identity.clone());
            }
        }
        Ok(Self { servers, named })
    }

    /// The server that `service` names, if it is ours; as the account whose name is `username`, if there is one.
    pub(crate) fn server_of(&self, service: &Service, username: Option<&str>) -> Option<&Server> {
        let url = &self.servers.iter().find(|server| service.is(&server.url))?.url;
        let profile = username.and_then(|name| name.parse().ok());
        profile.and_then(|profile| self.account(url, &profile)).or_else(|| self.at(url))
    }

    /// The server at `url`, if it is ours: its default account.
    pub(crate) fn at(&self, url: &PublicUrl) -> Option<&Server> {
        let mut accounts = self.servers.iter().filter(|server| server.url == *url);
        let first = accounts.next()?;
        Some(if first.default { first } else { accounts.find(|server| server.default).unwrap_or(first) })
    }

    /// The account `profile` at `url`.
    pub(crate) fn account(&self, url: &PublicUrl, profile: &ProfileName) -> Option<&Server> {
        self.servers.iter().find(|server| server.url == *url && server.profile == *profile)
    }

    /// The account that is meant by what was named of it.
    pub(crate) fn select(&self, url: Option<&PublicUrl>, profile: Option<&ProfileName>) -> Result<&Server, Failure> {
        match (url, profile) {
            (None, None) => self.only(),
            (Some(url), None) => self.at(url).ok_or_else(|| not_signed_in(url.as_str(), url.as_str())),
            (Some(url), Some(profile)) => self.account(url, profile).ok_or_else(|| {
                not_signed_in(&format!("{url} (profile `{profile}`)"), &format!("{url} --profile {profile}"))
            }),
            (None, Some(profile)) => {
                let mut named = self.servers.iter().filter(|server| server.profile == *profile);
                match (named.next(), named.next()) {
                    (Some(one), None) => Ok(one),
                    (Some(one), Some(_)) if self.named && self.only().is_ok_and(|named| named.url == one.url) => {
                        Ok(one)
                    }
                    (Some(_), Some(_)) => Err(Failure::usage(format!("several servers have a profile `{profile}`"))
                        .hint("name the server too, or set `DAYPASS_SERVER`")),
                    (None, _) => Err(Failure::new(Status::SignInNeeded, format!("no profile `{profile}` is known"))
                        .hint(format!("`daypass login SERVER --profile {profile}` signs in as it"))),
                }
            }
        }
    }

    /// The server that is meant when none is named: `DAYPASS_SERVER`, or the only one there is.
    pub(crate) fn only(&self) -> Result<&Server, Failure> {
        let first = self.servers.first().ok_or_else(no_server)?;
        let mut others: Vec<_> = self.servers.iter().map(|server| server.url.as_str()).collect();
        others.sort_unstable();
        others.dedup();
        if self.named || others.len() == 1 {
            return Ok(self.at(&first.url).unwrap_or(first));
        }
        let urls: Vec<String> = others.iter().map(|url| format!("`{url}`")).collect();
        Err(Failure::usage(format!("several servers are known: {}", urls.join(", ")))
            .hint("name one, or set `DAYPASS_SERVER`"))
    }

    /// Whether `server` is its server's default account.
    pub(crate) fn is_default(&self, server: &Server) -> bool {
        self.at(&server.url).is_some_and(|default| default.is_same_account(server))
    }

    /// All of them.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }
}

/// Nobody has said which server is theirs.
pub(crate) fn no_server() -> Failure {
    Failure::new(Status::SignInNeeded, "no server is known yet")
        .hint("`daypass login https://packages.example.com` names one, and so does `DAYPASS_SERVER`")
}

fn not_signed_in(what: &str, arguments: &str) -> Failure {
    Failure::new(Status::SignInNeeded, format!("{what} is not a server that you are signed in to"))
        .hint(format!("`daypass login {arguments}` signs in and trusts it"))
}

/// A server as people type it: any URL of it, such as the index URL, reduced to its origin.
pub(crate) fn server_url(text: &str) -> Result<PublicUrl, Failure> {
    PublicUrl::origin_of_text(text).map_err(|error| Failure::usage(error.to_string()))
}

/// An identity as people type it.
pub(crate) fn identity(text: &str) -> Result<IdentityName, Failure> {
    text.parse().map_err(|error: daypass_core::names::InvalidName| Failure::usage(error.to_string()))
}

fn named_server(environment: &Environment) -> Result<Option<PublicUrl>, Failure> {
    let Some(text) = &environment.server else { return Ok(None) };
    server_url(text).map(Some).map_err(|failure| in_variable("DAYPASS_SERVER", &failure))
}

fn named_identity(environment: &Environment) -> Result<Option<IdentityName>, Failure> {
    let Some(text) = &environment.identity else { return Ok(None) };
    identity(text).map(Some).map_err(|failure| in_variable("DAYPASS_IDENTITY", &failure))
}

fn in_variable(name: &str, failure: &Failure) -> Failure {
    Failure::local(format!("`{name}`: {}", failure.message)).hint(format!("correct `{name}` or unset it"))
}
