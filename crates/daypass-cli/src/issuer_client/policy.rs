//! What the server is asked about its policy, and told to change.

use daypass_core::{
    policy::{ObjectChange, ObjectKind},
    public_url::PublicUrl,
    secret::Secret,
};
use daypass_oidc::{exchange::ExchangeError, http::read_bounded};
use http::{Method, header};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{PATIENCE, client, failure, refused, run};
use crate::failure::{Failure, Status};

/// How large an answer may be.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A server's administration, and the credential for it.
#[derive(Debug)]
pub(crate) struct Administration<'a> {
    pub(crate) server: &'a PublicUrl,
    pub(crate) access_token: &'a Secret,
}

/// A policy object as the server tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// `file` or `stored`.
    pub(crate) origin: String,
    /// As it is written.
    pub(crate) object: Value,
    #[serde(default)]
    pub(crate) findings: Vec<Finding>,
}

/// Something that is too broad.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Finding {
    pub(crate) identity: String,
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What would change, or has changed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Planned {
    /// The state that it was made for.
    pub(crate) version: i64,
    pub(crate) changes: Vec<ObjectChange>,
    pub(crate) findings: Vec<Finding>,
}

impl Administration<'_> {
    /// All objects of a kind, as the server tells them.
    pub(crate) fn list(&self, kind: ObjectKind) -> Result<Value, Failure> {
        self.ask(Method::GET, &format!("/api/v1/{}", kind.plural()), &[], None)
    }

    /// One object, as the server tells it.
    pub(crate) fn show(&self, kind: ObjectKind, name: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, &path(kind, name), &[], None)
    }

    /// Puts an object there; where it must be new, none may be there yet.
    pub(crate) fn put(
        &self,
        kind: ObjectKind,
        name: &str,
        body: &Value,
        must_be_new: bool,
        allow_broad: bool,
    ) -> Result<Value, Failure> {
        let broad = if allow_broad { "?allow_broad=true" } else { "" };
        let condition: &[_] = if must_be_new { &[("if-none-match", "*")] } else { &[] };
        self.ask(Method::PUT, &format!("{}{broad}", path(kind, name)), condition, Some(body))
    }

    /// Takes an object away.
    pub(crate) fn delete(&self, kind: ObjectKind, name: &str) -> Result<(), Failure> {
        self.ask(Method::DELETE, &path(kind, name), &[], None).map(drop)
    }

    /// What would change for these to be all that is stored.
    pub(crate) fn plan(&self, objects: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, "/api/v1/policy/plan", &[], Some(&json!({ "objects": objects })))
    }

    /// Changes it, if the server's policy is still what the plan was made for.
    pub(crate) fn apply(&self, objects: &Value, version: i64, allow_broad: bool) -> Result<Value, Failure> {
        let body = json!({ "objects": objects, "version": version, "allow_broad": allow_broad });
        self.ask(Method::POST, "/api/v1/policy/apply", &[], Some(&body))
    }

    /// Asks, and reads an answer that is JSON or nothing.
    fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let url = Url::parse(&self.server.join(path)).map_err(|error| Failure::usage(error.to_string()))?;
        let answer = run(async {
            let http = client(PATIENCE);
            let mut request = http.request(method, &url)?.bearer_auth(self.access_token.expose());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = body {
                request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
            }
            read_bounded(http.send(request).await?, MOST_BYTES).await
        })?;
        let answer = answer.map_err(|error| failure(self.server, &ExchangeError::Http(error)))?;
        if !answer.status.is_success() {
            return Err(refused(self.server, answer.status, &answer.body));
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| self.nonsense())
    }

    /// What was answered, as `T`.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, answer: Value) -> Result<T, Failure> {
        serde_json::from_value(answer).map_err(|_| self.nonsense())
    }

    fn nonsense(&self) -> Failure {
        Failure::new(Status::Unreachable, format!("{}: the answer makes no sense", self.server))
    }
}

/// One segment for the name: a `/` in it is no separator.
fn path(kind: ObjectKind, name: &str) -> String {
    let name: String = name.bytes().map(escaped).collect();
    format!("/api/v1/{}/{name}", kind.plural())
}

fn escaped(byte: u8) -> String {
    // RFC 3986 §2.3
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}
