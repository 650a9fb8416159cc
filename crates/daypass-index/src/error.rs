//! Why a request is not answered as wished, and the one place where that becomes HTTP.
//!
//! `Display` is for the asker. Causes are logged where the refusal is made; they never travel.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    grant::Action,
    names::{IndexName, ProjectName},
};
use hyper::ext::ReasonPhrase;
use serde::Serialize;

use crate::{manage::ManageRefusal, upload::UploadRefusal};

/// A refusal of one request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody, or nobody any more. The answer is the same whether the thing asked for exists or not.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// Somebody proven, without the grant.
    #[error("{who} may not {action} {what} of index `{index}`")]
    Forbidden {
        /// What to call them.
        who: String,
        /// What they asked for.
        what: Asked,
        /// Where.
        index: String,
        /// What they wanted to do.
        action: Action,
    },
    /// The package policy blocks it. `rule` says by which rule, for programs.
    #[error("{reason}")]
    Blocked {
        /// Which rule.
        rule: &'static str,
        /// A sentence for people.
        reason: String,
    },
    /// The administration of an index does not do as wished.
    #[error(transparent)]
    Manage(ManageRefusal),
    /// An upload is not taken.
    #[error(transparent)]
    Upload(#[from] UploadRefusal),
    /// There is no such thing, and its absence is certain.
    #[error("there is no such project or file here")]
    NotFound,
    /// Neither `GET` nor `HEAD`.
    #[error("only GET and HEAD work here")]
    MethodNotAllowed,
    /// No form of the page is acceptable (PEP 691).
    #[error("pages come as application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html and text/html")]
    NotAcceptable,
    /// The range begins behind the end of the file.
    #[error("the file has {size} bytes only")]
    RangeNotSatisfiable {
        /// The file's length in bytes.
        size: u64,
    },
    /// Upstream does not answer, and nothing of it is kept here. Never a 404: an installer would look elsewhere.
    #[error("the upstream index cannot be reached, and this is not in the cache yet")]
    UpstreamUnavailable,
    /// Upstream said when to ask it again, and nothing of it is kept here.
    #[error("the upstream index wants to be asked again in {seconds} s, and this is not in the cache yet")]
    UpstreamResting {
        /// In so many seconds.
        seconds: u32,
    },
    /// The upstream is not asked, and nothing of it is kept here.
    #[error("this index is offline (`offline = true`), and this is not in its cache")]
    Offline,
    /// Upstream answers, but not with what was promised.
    #[error("the upstream index gave a wrong answer: {0}")]
    UpstreamWrong(&'static str),
    /// Our own database or disk fails. Closed rather than open.
    #[error("daypass cannot answer at the moment: {0}")]
    NotReady(&'static str),
}

/// What was asked for, as a refusal names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The project list.
    Index,
    /// A project.
    Project(ProjectName),
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index => f.write_str("anything"),
            Self::Project(project) => write!(f, "project `{project}`"),
        }
    }
}

impl Refusal {
    /// The refusal for lack of a grant.
    pub(crate) fn forbidden(who: impl Into<String>, index: &IndexName, what: Asked) -> Self {
        Self::forbidden_to(who, index, what, Action::Pull)
    }

    /// The refusal for lack of a grant of this action.
    pub(crate) fn forbidden_to(who: impl Into<String>, index: &IndexName, what: Asked, action: Action) -> Self {
        Self::Forbidden { who: who.into(), what, index: index.to_string(), action }
    }
}

/// Why nobody is proven. A stranger learns what is wrong with the credential, nothing about what is behind the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// No `Authorization`.
    #[error("credentials are needed: an access token as the password, with any user name")]
    Missing,
    /// Not Basic or Bearer, not Base64, not ASCII, too long, more than one.
    #[error("the Authorization header is malformed")]
    Malformed,
    /// The password is empty.
    #[error("the password is empty: an access token is needed, with any user name")]
    Empty,
    /// It is no access token of this server: another issuer, audience or key, or not a token at all.
    #[error("this is not an access token of this server")]
    NotOurs,
    /// Its time is over, or has not come.
    #[error("the access token has expired")]
    Expired,
    /// It was revoked.
    #[error("the access token was revoked")]
    Revoked,
    /// Its identity is no longer in the policy.
    #[error("the identity of the access token was withdrawn")]
    Withdrawn,
    /// There is no such pull token, or it has been over for long.
    #[error("this is not a pull token of this server")]
    PullTokenUnknown,
    /// The pull token's time is over.
    #[error("the pull token has expired")]
    PullTokenExpired,
    /// The pull token was revoked.
    #[error("the pull token was revoked")]
    PullTokenRevoked,
    /// Whoever made the pull token may do nothing any more.
    #[error("whoever made the pull token may do nothing here any more")]
    PullTokenWithdrawn,
}

impl Unauthenticated {
    fn code(self) -> &'static str {
        match self {
            Self::Missing => "credentials_missing",
            Self::Malformed => "credentials_malformed",
            Self::Empty => "credentials_empty",
            Self::NotOurs => "access_token_invalid",
            Self::Expired => "access_token_expired",
            Self::Revoked => "access_token_revoked",
            Self::Withdrawn => "identity_withdrawn",
            Self::PullTokenUnknown => "pull_token_unknown",
            Self::PullTokenExpired => "pull_token_expired",
            Self::PullTokenRevoked => "pull_token_revoked",
            Self::PullTokenWithdrawn => "pull_token_withdrawn",
        }
    }
}

/// RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

/// Which rule of the package policy blocks a file.
const BLOCKED: HeaderName = HeaderName::from_static("x-daypass-blocked");

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NOSNIFF: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthenticated(why) => (StatusCode::UNAUTHORIZED, "Unauthorized", why.code()),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "Forbidden", "grant_missing"),
            Self::Upload(refusal) => refusal.parts(),
            Self::Blocked { .. } => (StatusCode::FORBIDDEN, "Forbidden", "package_blocked"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found", "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "method_not_allowed"),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "Not Acceptable", "not_acceptable"),
            Self::RangeNotSatisfiable { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable", "range_not_satisfiable")
            }
            Self::UpstreamUnavailable | Self::UpstreamResting { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "upstream_unavailable")
            }
            Self::Offline => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "offline"),
            Self::UpstreamWrong(_) => (StatusCode::BAD_GATEWAY, "Bad Gateway", "upstream_wrong"),
            Self::NotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "not_ready"),
            Self::Manage(refusal) => refusal.parts(),
        }
    }

    /// The answer. `challenge` is the second `WWW-Authenticate` of a 401, for clients that can find their issuer.
    pub(crate) fn answer(&self, challenge: &HeaderValue) -> Response {
        let (status, title, code) = self.parts();
        let detail = self.to_string();
        let problem = Problem { r#type: "about:blank", title, status: status.as_u16(), detail: &detail, code };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(NOSNIFF.0, NOSNIFF.1);
        match self {
            Self::Unauthenticated(_) => {
                // Basic first: it is what the installers can do, and some look at the first challenge only.
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"daypass\""));
                headers.append(header::WWW_AUTHENTICATE, challenge.clone());
            }
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            Self::Manage(ManageRefusal::Method(allowed)) => {
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    headers.insert(header::ALLOW, allowed);
                }
            }
            Self::Upload(UploadRefusal::OnlyPost) => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::NotAcceptable => {
                headers.insert(header::VARY, HeaderValue::from_static("Accept"));
            }
            Self::RangeNotSatisfiable { size } => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
            }
            Self::UpstreamUnavailable | Self::NotReady(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::UpstreamResting { seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::Blocked { rule, .. } => {
                headers.insert(BLOCKED, HeaderValue::from_static(rule));
            }
            Self::Forbidden { .. }
            | Self::NotFound
            | Self::Offline
            | Self::UpstreamWrong(_)
            | Self::Manage(_)
            | Self::Upload(_) => {}
        }
        // pip and uv show nothing of a body, but they show the status line of a file's answer.
        if let Ok(phrase) = ReasonPhrase::try_from(format!("{title}: {detail}")) {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}

impl From<Unauthenticated> for Refusal {
    fn from(why: Unauthenticated) -> Self {
        Self::Unauthenticated(why)
    }
}
