//! What the server is asked about its policy, and told to change.

use daypass_core::{
    policy::{ObjectChange, ObjectKind},
    public_url::PublicUrl,
    secret::Secret,
};
use daypass_oidc::{
    exchange::ExchangeError,
    http::{Answer, read_bounded},
};
use http::{Method, StatusCode, header};
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
    /// Why it is not in force, where it is not.
    #[serde(default)]
    pub(crate) reason: Option<String>,
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

    /// Puts an object there where none is yet.
    pub(crate) fn create(
        &self,
        kind: ObjectKind,
        name: &str,
        body: &Value,
        allow_broad: bool,
    ) -> Result<Value, Failure> {
        self.ask(Method::PUT, &put_path(kind, name, allow_broad), &[("if-none-match", "*")], Some(body))
    }

    /// One object, and the tag of its state (RFC 9110 §8.8.3).
    pub(crate) fn show_tagged(&self, kind: ObjectKind, name: &str) -> Result<(Entry, String), Failure> {
        let answer = self.send(Method::GET, &path(kind, name), &[], None)?;
        let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(ToOwned::to_owned);
        let entry = self.read(self.understood(&answer)?)?;
        Ok((entry, tag.ok_or_else(|| self.nonsense())?))
    }

    /// Puts an object in the place of the state with this tag. Whether that was still what is there.
    pub(crate) fn put_over(
        &self,
        kind: ObjectKind,
        name: &str,
        body: &Value,
        tag: &str,
        allow_broad: bool,
    ) -> Result<bool, Failure> {
        let path = put_path(kind, name, allow_broad);
        let answer = self.send(Method::PUT, &path, &[("if-match", tag)], Some(body))?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(false);
        }
        self.understood(&answer).map(|_| true)
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
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.understood(&self.send(method, path, headers, body)?)
    }

    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
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
        answer.map_err(|error| failure(self.server, &ExchangeError::Http(error)))
    }

    /// What a yes says: JSON or nothing.
    pub(super) fn understood(&self, answer: &Answer) -> Result<Value, Failure> {
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

fn put_path(kind: ObjectKind, name: &str, allow_broad: bool) -> String {
    format!("{}{}", path(kind, name), if allow_broad { "?allow_broad=true" } else { "" })
}

/// One segment for the name: a `/` in it is no separator.
fn path(kind: ObjectKind, name: &str) -> String {
    let name: String = name.bytes().map(escaped).collect();
    format!("/api/v1/{}/{name}", kind.plural())
}

pub(super) fn escaped(byte: u8) -> String {
    // RFC 3986 §2.3
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}
