//! Policy objects: issuers, identities and roles, each by its name, as they are written.
//!
//! A policy file and the server's database hold the same things. Here they are JSON in the form of the policy file, so
//! that two states can be compared and one can be turned into the other (`plan`).

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{InvalidPolicy, Policy};
use crate::digest::Sha256;

/// The most project patterns of one grant that is stored: they are in each access token.
const MOST_PATTERNS: usize = 20;

/// The largest object that is stored, in bytes of JSON: the audit log holds it twice for each change.
const LARGEST_OBJECT: usize = 64 * 1024;

/// What a policy object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// Somebody outside who vouches.
    Issuer,
    /// An assumable identity.
    Identity,
    /// A role and who has it.
    Role,
}

impl ObjectKind {
    /// All of them; what a later one names, an earlier one defines.
    pub const ALL: [Self; 3] = [Self::Issuer, Self::Identity, Self::Role];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Identity => "identity",
            Self::Role => "role",
        }
    }

    /// Several of them, as in a URL.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Issuer => "issuers",
            Self::Identity => "identities",
            Self::Role => "roles",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no [`ObjectKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such kind: use `issuer`, `identity` or `role`")]
pub struct NoSuchKind;

impl FromStr for ObjectKind {
    type Err = NoSuchKind;

    fn from_str(text: &str) -> Result<Self, NoSuchKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NoSuchKind)
    }
}

/// Policy objects by kind and name, each in canonical form: members in order, nothing that is `null`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects(BTreeMap<(ObjectKind, Box<str>), Value>);

impl Objects {
    /// Reads `{"issuer": […], "identity": […], "role": […]}`, the form of a policy file, for a server's database.
    ///
    /// # Errors
    /// What a policy file may hold and a database may not: providers and clients (their secrets are the operator's),
    /// service accounts, and issuers that name a file of the server. Two objects with one name. What is wrong with an object by itself.
    pub fn read(value: &Value) -> Result<Self, InvalidPolicy> {
        let members = value.as_object().ok_or_else(|| InvalidPolicy::Syntax("a policy is an object".to_owned()))?;
        for key in ["provider", "client", "service_account"] {
            if members.contains_key(key) {
                return Err(InvalidPolicy::Syntax(format!("`{key}` is for the files that the server is started with")));
            }
        }
        let (objects, twice) = Self::collect(value);
        if let Some((kind, name)) = twice {
            return Err(InvalidPolicy::Twice { kind: kind.as_str(), name });
        }
        for (kind, name, body) in objects.iter() {
            if let Some(reason) = too_large(body) {
                return Err(InvalidPolicy::Makes { kind: kind.as_str(), name: name.to_owned(), reason });
            }
            if body.get("ca_file").is_some() || body.pointer("/keys/jwks").is_some() {
                let reason = "names a file of the server; give the keys with `inline`, or the issuer in a file there";
                return Err(InvalidPolicy::Makes {
                    kind: kind.as_str(),
                    name: name.to_owned(),
                    reason: reason.to_owned(),
                });
            }
        }
        Policy::from_json(value)?;
        Ok(objects)
    }

    /// One object, whose name is `name` whether or not it says so itself.
    ///
    /// # Errors
    /// As [`Objects::read`], and when it calls itself otherwise.
    pub fn read_one(kind: ObjectKind, name: &str, body: &Value) -> Result<Self, InvalidPolicy> {
        let mut body = body.clone();
        let members = body.as_object_mut().ok_or_else(|| InvalidPolicy::Syntax(format!("an {kind} is an object")))?;
        if members.get("name").is_some_and(|own| own != name) {
            return Err(InvalidPolicy::Syntax(format!("the {kind} `{name}` has another name in its body")));
        }
        members.insert("name".to_owned(), name.into());
        Self::read(&json!({ kind.as_str(): [body] }))
    }

    /// What of a policy file's content is an object; and a name that two have, if there is one.
    pub(super) fn collect(value: &Value) -> (Self, Option<(ObjectKind, String)>) {
        let (mut all, mut twice) = (BTreeMap::new(), None);
        for kind in ObjectKind::ALL {
            for body in value.get(kind.as_str()).and_then(Value::as_array).into_iter().flatten() {
                let mut body = canonical(body);
                let own = body.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
                let name = own.unwrap_or_else(|| {
                    let name = unnamed(&body, |name| all.contains_key(&(kind, Box::from(name))));
                    if let Some(members) = body.as_object_mut() {
                        members.insert("name".to_owned(), name.as_str().into());
                    }
                    canonical_in_place(&mut body);
                    name
                });
                if all.insert((kind, name.as_str().into()), body).is_some() {
                    twice.get_or_insert((kind, name));
                }
            }
        }
        (Self(all), twice)
    }

    /// All of them as one document, in the form of a policy file.
    pub fn to_json(&self) -> Value {
        let mut document = Map::new();
        for kind in ObjectKind::ALL {
            let bodies: Vec<Value> =
                self.iter().filter(|(of, ..)| *of == kind).map(|(_, _, body)| body.clone()).collect();
            if !bodies.is_empty() {
                document.insert(kind.as_str().to_owned(), bodies.into());
            }
        }
        document.into()
    }

    /// As a policy of its own, to be merged with others.
    pub fn to_policy(&self) -> Result<Policy, InvalidPolicy> {
        Policy::from_json(&self.to_json())
    }

    /// One of them.
    pub fn get(&self, kind: ObjectKind, name: &str) -> Option<&Value> {
        self.0.get(&(kind, Box::from(name)))
    }

    /// All of them, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectKind, &str, &Value)> {
        self.0.iter().map(|((kind, name), body)| (*kind, &**name, body))
    }

    /// Puts one there as it was read before; see [`Objects::read`].
    pub fn insert(&mut self, kind: ObjectKind, name: &str, body: &Value) {
        self.0.insert((kind, name.into()), canonical(body));
    }

    /// Takes one away.
    pub fn remove(&mut self, kind: ObjectKind, name: &str) -> Option<Value> {
        self.0.remove(&(kind, Box::from(name)))
    }

    /// Adds all of `other`, which win.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What of an object does not fit into access tokens, audit events and answers.
fn too_large(body: &Value) -> Option<String> {
    let patterns = |of: &Value| of.get("projects").and_then(Value::as_array).map_or(0, Vec::len);
    let grants = body.get("grants").and_then(Value::as_array).into_iter().flatten();
    if std::iter::once(body).chain(grants).any(|of| patterns(of) > MOST_PATTERNS) {
        return Some(format!("a grant that is not of a file names at most {MOST_PATTERNS} projects; use a pattern"));
    }
    (body.to_string().len() > LARGEST_OBJECT).then(|| format!("it is larger than {} KiB", LARGEST_OBJECT / 1024))
}

/// A name for a role that has none: it follows from what it grants, so that a role whose members change is still the same.
fn unnamed(body: &Value, taken: impl Fn(&str) -> bool) -> String {
    let of = |name: &str| body.get(name).cloned().unwrap_or_default();
    let role = of("role").as_str().unwrap_or("role").to_owned();
    let digest = Sha256::of(json!([role, of("index"), of("projects")]).to_string()).prefix(12);
    let first = format!("{role}-{digest}");
    let mut name = first.clone();
    let mut number = 2_u32;
    while taken(&name) {
        name = format!("{first}-{number}");
        number += 1;
    }
    name
}

/// The one way to write `value`.
fn canonical(value: &Value) -> Value {
    let mut value = value.clone();
    canonical_in_place(&mut value);
    value
}

fn canonical_in_place(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<String, Value> = std::mem::take(members).into_iter().collect();
            *members = sorted.into_iter().filter(|(_, value)| !value.is_null()).collect();
            members.values_mut().for_each(canonical_in_place);
        }
        Value::Array(list) => list.iter_mut().for_each(canonical_in_place),
        _ => {}
    }
}
