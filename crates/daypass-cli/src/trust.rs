//! Which servers are ours.
//!
//! A server is trusted because a person named it: by `daypass login`, by `DAYPASS_SERVER`, or in a configuration
//! file of the user or of the whole machine. Nothing that comes with a project, and nothing that a server says
//! about another, adds to the list. A credential goes to exact origins only.

use daypass_core::{names::IdentityName, public_url::PublicUrl};

use crate::{config::Config, environment::Environment, failure::Failure, server::Server, service::Service};

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
        let mut servers: Vec<Server> = Vec::new();
        if let Some(url) = named_server(environment)? {
            servers.push(Server::at(url));
        }
        let named = !servers.is_empty();
        let user = match (&environment.config, environment.folders.config()) {
            (Some(path), _) => Config::read(path)?,
            (None, Ok(path)) => Config::read(&path)?,
            // Without a home folder there is nothing remembered; `login` will say so.
            (None, Err(_)) => Config::default(),
        };
        let system = environment.folders.system_config().map(|path| Config::read(&path)).transpose()?;
        for known in user.servers.into_iter().chain(system.unwrap_or_default().servers) {
            match servers.iter_mut().find(|server| server.url == known.url) {
                Some(first) if named && *first == Server::at(known.url.clone()) => *first = known,
                Some(_) => {}
                None => servers.push(known),
            }
        }
        if let Some(identity) = named_identity(environment)? {
            for server in &mut servers {
                server.identity = Some(identity.clone());
            }
        }
        Ok(Self { servers, named })
    }

    /// The server that `service` names, if it is ours.
    pub(crate) fn server_of(&self, service: &Service) -> Option<&Server> {
        self.servers.iter().find(|server| service.is(&server.url))
    }

    /// The server at `url`, if it is ours.
    pub(crate) fn at(&self, url: &PublicUrl) -> Option<&Server> {
        self.servers.iter().find(|server| server.url == *url)
    }

    /// The server that is meant when none is named: `DAYPASS_SERVER`, or the only one there is.
    pub(crate) fn only(&self) -> Result<&Server, Failure> {
        match self.servers.as_slice() {
            [] => Err(no_server()),
            [first] => Ok(first),
            [first, ..] if self.named => Ok(first),
            several => {
                let urls: Vec<String> = several.iter().map(|server| format!("`{}`", server.url)).collect();
                Err(Failure::usage(format!("several servers are known: {}", urls.join(", ")))
                    .hint("name one, or set `DAYPASS_SERVER`"))
            }
        }
    }

    /// All of them.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }
}

/// Nobody has said which server is theirs.
pub(crate) fn no_server() -> Failure {
    Failure::new(crate::failure::Status::SignInNeeded, "no server is known yet")
        .hint("`daypass login https://packages.example.com` names one, and so does `DAYPASS_SERVER`")
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
