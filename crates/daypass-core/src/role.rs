//! Roles: what people and identities may do, bound to them by the policy.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    grant::{Action, Grant, GrantedIndex, ProjectPattern},
    names::{IdentityName, ProviderName, RoleName},
};

/// A bundle of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Pulls.
    Reader,
    /// Pulls, pushes and yanks.
    Publisher,
    /// All of that, and administers.
    Admin,
}

impl Role {
    /// What it allows.
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Reader => &[Action::Pull],
            Self::Publisher => &[Action::Pull, Action::Push, Action::Yank],
            Self::Admin => &[Action::Pull, Action::Push, Action::Yank, Action::Admin],
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }

    /// The role as a grant on `projects` of `index`.
    pub fn grant(self, index: GrantedIndex, projects: Vec<ProjectPattern>) -> Grant {
        Grant { index, projects, actions: self.actions().to_vec() }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no [`Role`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such role: use `reader`, `publisher` or `admin`")]
pub struct NoSuchRole;

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        [Self::Reader, Self::Publisher, Self::Admin].into_iter().find(|role| role.as_str() == text).ok_or(NoSuchRole)
    }
}

/// A role, where it holds, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// What it is called, where it was given a name.
    pub name: Option<RoleName>,
    /// The role on an index and its projects.
    pub grant: Grant,
    /// People.
    pub users: Vec<Member>,
    /// Groups of people, as their provider names them.
    pub groups: Vec<Member>,
    /// Identities of workloads.
    pub identities: Vec<IdentityName>,
}

/// A user or a group of a provider, written `PROVIDER/NAME`. As a user, `PROVIDER/*` is everybody who signs in there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// The provider.
    pub provider: ProviderName,
    /// The subject of a person, or the name of a group. It may hold slashes.
    pub name: Box<str>,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.split_once('/').and_then(|(provider, name)| {
            let sane = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
            Some(Self { provider: provider.parse().ok().filter(|_| sane)?, name: name.into() })
        });
        parsed.ok_or_else(|| de::Error::custom(format!("`{}` is not `PROVIDER/NAME`", text.escape_debug())))
    }
}

impl JsonSchema for Member {
    fn schema_name() -> Cow<'static, str> {
        "Member".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/.{1,255}$" })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}
