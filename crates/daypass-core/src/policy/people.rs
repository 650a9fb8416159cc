//! Providers, clients and roles as they are written.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{InvalidPolicy, Policy, written::is_issuer_url};
use crate::{
    claim_rule::ClaimRule,
    client::{COMMAND_LINE, Client, RedirectUri},
    console,
    grant::{GrantedIndex, ProjectPattern},
    names::{ClientId, IdentityName, ProviderName, RoleName},
    person::LOCAL_PROVIDER,
    provider::{EmailRule, Provider, ProviderKind, SecretSource},
    role::{Binding, Member, Role},
};

const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Provider")]
pub(super) struct WrittenProvider {
    name: ProviderName,
    label: Option<Box<str>>,
    #[serde(default)]
    kind: WrittenKind,
    url: Option<Box<str>>,
    api_url: Option<Box<str>>,
    client_id: Box<str>,
    client_secret: Option<WrittenSecret>,
    scopes: Option<Vec<Box<str>>>,
    groups_claim: Option<Box<str>>,
    #[serde(default)]
    domains: Vec<Box<str>>,
    #[serde(default)]
    email_verified: WrittenEmailRule,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ClaimRule>")]
    claims: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    allow_private_network: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Kind")]
enum WrittenKind {
    #[default]
    Oidc,
    GitHub,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "EmailRule")]
enum WrittenEmailRule {
    #[default]
    Require,
    Assume,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Secret")]
struct WrittenSecret {
    file: Option<Box<str>>,
    env: Option<Box<str>>,
}

impl WrittenSecret {
    fn check(self) -> Result<SecretSource, String> {
        match (self.file, self.env) {
            (Some(file), None) => Ok(SecretSource::File(file)),
            (None, Some(name)) => Ok(SecretSource::Environment(name)),
            _ => Err("`client_secret` must be `{ file = \"FILE\" }` or `{ env = \"NAME\" }`".to_owned()),
        }
    }
}

impl WrittenProvider {
    pub(super) fn check(self) -> Result<Provider, InvalidPolicy> {
        let name = self.name.clone();
        self.read().map_err(|reason| InvalidPolicy::Makes { kind: "provider", name: name.to_string(), reason })
    }

    fn read(self) -> Result<Provider, String> {
        let github = self.kind == WrittenKind::GitHub;
        if self.name.as_str().eq_ignore_ascii_case(LOCAL_PROVIDER) {
            return Err("this name is kept for the built-in accounts".to_owned());
        }
        if github && (self.groups_claim.is_some() || !self.claims.is_empty()) {
            return Err("GitHub sends no ID token: `groups_claim` and `claims` mean nothing".to_owned());
        }
        if !github && self.api_url.is_some() {
            return Err("`api_url` is for `kind = \"github\"`".to_owned());
        }
        let url = match self.url {
            Some(url) => url,
            None if github => GITHUB.into(),
            None => return Err("`url` is missing".to_owned()),
        };
        let api_url = self.api_url.unwrap_or_else(|| GITHUB_API.into());
        for url in [&url, &api_url] {
            if !is_issuer_url(url) || (github && url.ends_with('/')) {
                return Err(format!("`{}` is not a URL such as `https://login.example.com`", url.escape_debug()));
            }
        }
        let read = |(claim, value): (&String, &serde_json::Value)| match ClaimRule::read(value) {
            Ok(rule) => Ok((Box::from(claim.as_str()), rule)),
            Err(reason) => Err(format!("claim `{claim}` {reason}")),
        };
        let claims = self.claims.iter().map(read).collect::<Result<BTreeMap<Box<str>, ClaimRule>, _>>()?;
        let domains: Vec<Box<str>> = self.domains.iter().map(|domain| domain.to_ascii_lowercase().into()).collect();
        if let Some(domain) = domains.iter().find(|domain| !is_domain(domain)) {
            return Err(format!("`{}` is not a domain such as `example.com`", domain.escape_debug()));
        }
        let default_scopes: &[&str] =
            if github { &["read:user", "read:org", "user:email"] } else { &["openid", "profile", "email"] };
        let scopes = self.scopes.unwrap_or_else(|| default_scopes.iter().map(|scope| (*scope).into()).collect());
        if !github && !scopes.iter().any(|scope| &**scope == "openid") {
            return Err("`scopes` must hold `openid`".to_owned());
        }
        let kind = if github {
            ProviderKind::GitHub { api_url }
        } else {
            ProviderKind::Oidc { groups_claim: self.groups_claim.unwrap_or_else(|| "groups".into()) }
        };
        Ok(Provider {
            label: self.label.unwrap_or_else(|| self.name.as_str().into()),
            name: self.name,
            kind,
            url,
            client_id: self.client_id,
            client_secret: self.client_secret.map(WrittenSecret::check).transpose()?,
            scopes,
            domains,
            email_verified: match self.email_verified {
                WrittenEmailRule::Require => EmailRule::Require,
                WrittenEmailRule::Assume => EmailRule::Assume,
            },
            claims,
            allow_private_network: self.allow_private_network,
        })
    }
}

fn is_domain(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(good) && !text.starts_with('.') && !text.ends_with('.')
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Client")]
pub(super) struct WrittenClient {
    client_id: ClientId,
    name: Option<Box<str>>,
    #[serde(default)]
    redirect_uris: Vec<Box<str>>,
    client_secret: Option<WrittenSecret>,
}

impl WrittenClient {
    pub(super) fn check(self) -> Result<Client, InvalidPolicy> {
        let id = self.client_id.clone();
        let makes = |reason| InvalidPolicy::Makes { kind: "client", name: id.to_string(), reason };
        if self.client_id.as_str() == COMMAND_LINE {
            return Err(makes("every server knows the command line already".to_owned()));
        }
        if self.client_id.as_str() == console::CLIENT {
            return Err(makes("every server is this client itself, for its console".to_owned()));
        }
        let redirect_uris = self.redirect_uris.iter().map(|uri| uri.parse::<RedirectUri>());
        Ok(Client {
            name: self.name.unwrap_or_else(|| self.client_id.as_str().into()),
            id: self.client_id,
            redirect_uris: redirect_uris.collect::<Result<_, _>>().map_err(|error| makes(error.to_string()))?,
            secret: self.client_secret.map(WrittenSecret::check).transpose().map_err(makes)?,
        })
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Role")]
pub(super) struct WrittenRole {
    name: Option<RoleName>,
    role: Role,
    index: GrantedIndex,
    projects: Option<Vec<ProjectPattern>>,
    #[serde(default)]
    users: Vec<Member>,
    #[serde(default)]
    groups: Vec<Member>,
    #[serde(default)]
    identities: Vec<IdentityName>,
}

impl WrittenRole {
    pub(super) fn check(self) -> Result<Binding, InvalidPolicy> {
        let makes = |reason: &str| {
            let name = format!("{} on {}", self.role, self.index.as_str());
            Err(InvalidPolicy::Makes { kind: "role", name, reason: reason.to_owned() })
        };
        let projects = match self.projects {
            Some(projects) if projects.is_empty() => return makes("it needs at least one project"),
            Some(projects) => projects,
            None => "*".parse().into_iter().collect(),
        };
        if self.users.is_empty() && self.groups.is_empty() && self.identities.is_empty() {
            return makes("nobody has it: name `users`, `groups` or `identities`");
        }
        if self.groups.iter().any(|member| &*member.name == "*") {
            return makes("`*` as a group means nothing: write it as a user");
        }
        let grant = self.role.grant(self.index, projects);
        Ok(Binding { name: self.name, grant, users: self.users, groups: self.groups, identities: self.identities })
    }
}

impl Policy {
    /// What must hold over all files.
    pub(super) fn check_people(&self) -> Result<(), InvalidPolicy> {
        let (mut names, mut urls) = (BTreeSet::new(), BTreeSet::new());
        for provider in &self.providers {
            // Without case: two that look alike confuse whoever chooses.
            if !names.insert(provider.name.as_str().to_ascii_lowercase()) {
                return Err(InvalidPolicy::Twice { kind: "provider", name: provider.name.to_string() });
            }
            // The same client at the same issuer twice: one person would come in by two doors, as one and the same.
            if !urls.insert(&provider.url) {
                let reason = format!("another provider has the URL `{}` too", provider.url);
                return Err(InvalidPolicy::Makes { kind: "provider", name: provider.name.to_string(), reason });
            }
        }
        let mut roles = BTreeSet::new();
        if let Some(name) =
            self.bindings.iter().filter_map(|binding| binding.name.as_ref()).find(|name| !roles.insert(*name))
        {
            return Err(InvalidPolicy::Twice { kind: "role", name: name.to_string() });
        }
        let mut ids = BTreeSet::new();
        if let Some(client) = self.clients.iter().find(|client| !ids.insert(&client.id)) {
            return Err(InvalidPolicy::Twice { kind: "client", name: client.id.to_string() });
        }
        self.check_members()
    }
}
