//! Who this is by where it runs: the identity of a CI job or of a cloud's machine.
//!
//! [`PROVIDERS`] is the one list, in the order in which it is gone through: CI systems before what lies under them, and
//! the first hit wins. Each provider is *looked* for first, without any network: it is not here, here, or here but set
//! up so that it gives nothing, which is an error with its remedy and never a reason to look further. Only then, and
//! only when a credential is needed, is an identity token *got* from it.
//!
//! | file | whom it asks |
//! |---|---|
//! | `given` | nobody: the CI put the token into a variable |
//! | `github`, `buildkite`, `circleci`, `azure_devops` | the CI's service, or its program |
//! | `file`, `kubernetes` | nobody: a file, read anew each time |
//! | `fly`, `spiffe`, `google`, `azure` | the machine: a socket, or metadata |
//! | `aws` | AWS, or nobody: the machine signs a request that the server sends |
//! | `machine`, `wire`, `program` | how all of them look and ask |
//!
//! What is *not* here: when it is asked (`credential.rs`), and a token that somebody named (`identity_token.rs`).

use std::{fmt, str::FromStr};

use daypass_core::{public_url::PublicUrl, secret::Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    failure::{Failure, Status},
    identity_token::{addressee::Pairing, looks_like_a_jwt},
    server::Server,
};

mod aws;
mod azure;
mod azure_devops;
mod buildkite;
mod circleci;
mod file;
mod fly;
mod github;
mod given;
mod google;
mod kubernetes;
pub(crate) mod machine;
mod program;
mod spiffe;
mod wire;

use machine::Machine;

/// Everybody who may vouch for a job or a machine, in the order in which they are looked for.
static PROVIDERS: [Provider; 24] = [
    github::PROVIDER,
    given::GITLAB,
    buildkite::PROVIDER,
    circleci::PROVIDER,
    given::BITBUCKET,
    azure_devops::PROVIDER,
    given::JENKINS,
    given::TERRAFORM,
    given::SPACELIFT,
    given::SEMAPHORE,
    given::VERCEL,
    given::CODEFRESH,
    given::BUDDY,
    given::HARNESS,
    fly::PROVIDER,
    file::GENERIC,
    spiffe::PROVIDER,
    kubernetes::PROVIDER,
    file::AKS,
    aws::EITHER,
    aws::OIDC,
    aws::SIGV4,
    google::PROVIDER,
    azure::PROVIDER,
];

/// Somebody who vouches for a job or a machine.
pub(crate) struct Provider {
    /// How `--ambient` names it.
    pub(crate) name: &'static str,
    /// How people call it.
    pub(crate) title: &'static str,
    /// What it vouches for.
    pub(crate) kind: Kind,
    /// Who says for whom its tokens are meant.
    pub(crate) audience: Audience,
    /// How often it gives one.
    pub(crate) supply: Supply,
    /// Whether it is here, for tokens that are meant for a server. Looks at the machine, and at nothing else.
    pub(crate) look: fn(&dyn Machine, Option<&PublicUrl>) -> Seen,
    /// Gets an outside token. Called where it was seen, or was chosen by name.
    pub(crate) get: fn(&dyn Machine, Asked<'_>) -> Result<Proof, Failure>,
}

/// What a provider vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A job of a CI system: nobody is there who could sign in.
    Job,
    /// A machine, a container, a process. Somebody may be there.
    Machine,
    /// The same, by a metadata service, which is asked where the machine looks like that cloud, or when it was chosen by
    /// name.
    Metadata,
}

/// Who says for whom an outside token is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever asks for it: it must be what was asked for.
    Asked,
    /// Whoever set up the job, or nobody: it is always the same. Such a token goes to another server than the one it
    /// names only if a person paired the two.
    Set,
}

/// How often there is an outside token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    /// A new one each time.
    Fresh,
    /// The same one again, until it is nearly over; then the next one.
    Kept,
    /// One for each job, which lives as long as the text says.
    OnePerJob(&'static str),
}

/// What a look at the machine says of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is not here, because of this. Perhaps something is missing that can be helped.
    NotHere(String, Option<String>),
    /// It is here, by this.
    Here(String),
    /// It is here, but so that it gives nothing: why, and what helps.
    Misconfigured(String, String),
}

impl Seen {
    fn not_here(why: impl Into<String>) -> Self {
        Self::NotHere(why.into(), None)
    }

    fn here(why: impl Into<String>) -> Self {
        Self::Here(why.into())
    }

    fn misconfigured(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Misconfigured(why.into(), hint.into())
    }
}

/// What an outside token is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Who is to accept it.
    pub(crate) server: &'a PublicUrl,
    /// The audience of the outside token: the server, unless a person said otherwise.
    pub(crate) audience: &'a str,
    /// The identity to assume; empty where the server chooses.
    pub(crate) identity: &'a str,
}

/// What a provider vouches with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A JWT.
    Jwt(Secret),
    /// A signed request to AWS, made for one server and one identity.
    AwsSigv4(Secret),
}

impl Proof {
    /// What is sent as the outside token.
    pub(crate) fn outside_token(&self) -> &Secret {
        let (Self::Jwt(outside_token) | Self::AwsSigv4(outside_token)) = self;
        outside_token
    }

    /// Its type (RFC 8693 §3).
    pub(crate) fn token_type(&self) -> &'static str {
        match self {
            Self::Jwt(_) => daypass_oidc::exchange::JWT,
            Self::AwsSigv4(_) => daypass_oidc::aws_caller::TOKEN_TYPE,
        }
    }
}

/// A provider that was chosen or found. As text, it is the provider's name.
#[derive(Clone, Copy)]
pub(crate) struct Ambient(&'static Provider);

/// Which provider to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Whichever is here.
    Auto,
    /// None, whatever is here.
    Off,
    /// This one.
    Named(Ambient),
}

/// All providers, with what a look at `machine` says of each.
pub(crate) fn survey(machine: &dyn Machine, server: Option<&PublicUrl>) -> Vec<(Ambient, Seen)> {
    PROVIDERS.iter().map(|provider| (Ambient(provider), (provider.look)(machine, server))).collect()
}

/// The first provider that is here. An error if it gives nothing.
pub(crate) fn find(machine: &dyn Machine, server: &PublicUrl) -> Result<Option<Ambient>, Failure> {
    for provider in &PROVIDERS {
        match (provider.look)(machine, Some(server)) {
            Seen::NotHere(..) => {}
            Seen::Here(_) => return Ok(Some(Ambient(provider))),
            Seen::Misconfigured(why, hint) => return Err(Ambient(provider).misconfigured(&why, hint)),
        }
    }
    Ok(None)
}

/// What could be helped on a machine where no provider is, if there is something.
pub(crate) fn nearly(machine: &dyn Machine, server: &PublicUrl) -> Option<String> {
    PROVIDERS.iter().find_map(|provider| match (provider.look)(machine, Some(server)) {
        Seen::NotHere(_, hint) => hint,
        Seen::Here(_) | Seen::Misconfigured(..) => None,
    })
}

impl Ambient {
    /// The provider.
    pub(crate) fn provider(self) -> &'static Provider {
        self.0
    }

    /// Whether an outside token can be had from it as far as a look at the machine tells.
    pub(crate) fn check(self, machine: &dyn Machine, server: &PublicUrl) -> Result<(), Failure> {
        match (self.0.look)(machine, Some(server)) {
            Seen::Here(_) => Ok(()),
            // A metadata service leaves no traces in some containers. Whoever chose it knows that it is there.
            Seen::NotHere(..) if self.0.kind == Kind::Metadata => Ok(()),
            Seen::NotHere(why, hint) => Err(self.not_here(&why, hint)),
            Seen::Misconfigured(why, hint) => Err(self.misconfigured(&why, hint)),
        }
    }

    /// Gets an outside token that may be sent to `server`.
    pub(crate) fn proof_for(self, machine: &dyn Machine, server: &Server, pairing: Pairing) -> Result<Proof, Failure> {
        self.check(machine, &server.url)?;
        let asked = Asked { server: &server.url, audience: server.audience(), identity: server.identity_or_empty() };
        let proof = (self.0.get)(machine, asked)?;
        match &proof {
            Proof::Jwt(outside_token) => self.check_addressee(outside_token, server, pairing)?,
            // The server is inside what was signed.
            Proof::AwsSigv4(_) => {}
        }
        Ok(proof)
    }

    fn check_addressee(self, outside_token: &Secret, server: &Server, pairing: Pairing) -> Result<(), Failure> {
        if !looks_like_a_jwt(outside_token.expose()) {
            return Err(Failure::new(
                Status::SignInNeeded,
                format!("what {} gives is no identity token", self.0.title),
            )
            .hint("an identity token is a JWT: three parts of letters and digits, separated by dots"));
        }
        let pairing = if self.0.audience == Audience::Asked { Pairing::ByAudience } else { pairing };
        pairing.check(outside_token, &server.url, server.audience()).map_err(|failure| match self.0.audience {
            Audience::Asked => failure.hint(format!("{} was asked for one for `{}`", self.0.title, server.audience())),
            Audience::Set => failure.hint(format!(
                "set it up for `{server}`; where {} has only one audience, `DAYPASS_AMBIENT={name}` together with \
                 `DAYPASS_SERVER={server}`, or `daypass login {server} --ambient {name}`, says that it is for this server, \
                 whose policy must name that audience",
                self.0.title,
                name = self.0.name,
                server = server.url
            )),
        })
    }

    fn not_here(self, why: &str, hint: Option<String>) -> Failure {
        let message = format!("{} does not vouch for this machine: {why}", self.0.title);
        Failure::new(Status::SignInNeeded, message)
            .hint(hint.unwrap_or_else(|| "`daypass ambient` shows what is here".to_owned()))
    }

    /// The failure of a provider that is here and gives nothing.
    pub(crate) fn misconfigured(self, why: &str, hint: String) -> Failure {
        Failure::new(Status::SignInNeeded, format!("{} gives this job no identity token: {why}", self.0.title))
            .hint(hint)
    }
}

impl FromStr for Ambient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        PROVIDERS.iter().find(|provider| provider.name == text).map(Self).ok_or_else(|| {
            let names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
            format!("`{text}` is not one of {}", names.join(", "))
        })
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            name => name.parse().map(Self::Named),
        }
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl PartialEq for Ambient {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Ambient {}

impl Serialize for Ambient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.name.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ambient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
