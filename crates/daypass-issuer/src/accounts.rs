//! Built-in accounts: people without a provider of their own.
//!
//! An account is made by the operator, who hands out an invite link; whoever has the link chooses a passkey or a
//! password, once. From there on it is a provider like the others, called `local`, whose issuer is this server.
//!
//! What is *not* here: making accounts (`daypassd user`), what a sign-in is for (`sign_in`), the pages' looks (`pages`).
//!
//! | module | idea |
//! |---|---|
//! | `password_door` | `POST /oauth/sign-in/password` |
//! | `passkey_door` | `POST /oauth/sign-in/passkey` |
//! | `invite_door` | `/invite/{invite}`: whoever has the link chooses a credential |
//! | `password` | what may be one, hashed and compared |
//! | `throttle` | how often somebody may be wrong |
//! | `challenge` | what a passkey signs: sealed, bound, spent |
//! | `webauthn` | what an authenticator says, verified |

mod challenge;
mod invite_door;
mod passkey_door;
mod password;
mod password_door;
mod throttle;
mod webauthn;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use daypass_core::{
    audit::{AuditKind, Outcome},
    names::AccountName,
    person::ProvenPerson,
};
use daypass_store::{Account, StoreError};
use url::{Host, Url};

use crate::{
    caller::Caller,
    issuer::Parts,
    pages::assets,
    session::rights,
    sign_in::{
        self, SignIn,
        choose::{self, Told},
    },
};
pub(crate) use passkey_door::{PasskeyQuestion, passkey_question};
use password::Hasher;
use throttle::{Throttle, Wait};
use webauthn::RelyingParty;

/// What checking credentials needs to remember between requests.
pub(crate) struct Checks {
    hasher: Hasher,
    throttle: Throttle,
    spent: challenge::Spent,
}

impl Checks {
    pub(crate) fn new() -> Self {
        Self { hasher: Hasher::new(), throttle: Throttle::new(), spent: challenge::Spent::new() }
    }
}

/// The endpoints of built-in accounts, and what pages refer to.
pub(crate) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route("/oauth/sign-in/password", post(password_door::post))
        .route("/oauth/sign-in/passkey", post(passkey_door::post))
        .route("/invite/{invite}", get(invite_door::get).post(invite_door::post))
        .route("/assets/{file}", get(assets::get))
}

/// Us, as authenticators know us; `None` where the public URL's host is an IP address, which browsers refuse.
fn relying_party(parts: &Parts) -> Option<RelyingParty> {
    match Url::parse(parts.public_url.as_str()).ok()?.host()? {
        Host::Domain(host) => Some(RelyingParty { id: host.to_owned(), origin: parts.public_url.as_str().to_owned() }),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Ends a sign-in for the holder of an account.
///
/// Who they are was settled when the account was made, and stays so when the server gets another URL: what is cut off
/// when they are shut out are this person's sessions.
async fn finish(parts: &Parts, caller: &Caller, sign_in: &SignIn, account: Account) -> Response {
    let record = match parts.store.person(account.person).await {
        Ok(record) => record,
        Err(error) => return sign_in::unavailable(parts, caller, &error),
    };
    let Some(person) = record.map(|record| record.person) else { return sign_in::lost(parts, caller) };
    let person = ProvenPerson {
        provider: person.provider,
        issuer: person.issuer,
        subject: person.subject,
        name: account.display_name,
        email: account.email,
        groups: Vec::new(),
    };
    sign_in::finish(parts, caller, sign_in, person).await
}

/// An attempt that failed: the code for the auditor, and whose account it was about, if there is one.
struct Failed<'a> {
    code: &'static str,
    reason: &'a str,
    account: Option<&'a AccountName>,
}

/// Writes a failed attempt into the audit log. The name that was typed is there only if it is an account's: people type
/// passwords into the wrong field.
async fn record_failure(parts: &Parts, caller: &Caller, failed: Failed<'_>) -> Result<(), StoreError> {
    let mut event = caller.event(parts.clock.now(), AuditKind::SignInRefused, Outcome::Refused);
    event.reason = Some(format!("{}: {}", failed.code, failed.reason));
    if let Some(account) = failed.account {
        event.actor = Some(rights::actor(parts.public_url.as_str(), account.as_str()));
        event.person = Some(account.to_string());
    }
    tracing::info!(request_id = %caller.context.id, code = failed.code, "refused a sign-in at a built-in account");
    parts.store.record(event).await
}

/// The page again, with what was wrong; after the attempt has been recorded.
async fn again(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    name: &str,
    problem: &str,
    failed: Failed<'_>,
) -> Response {
    if let Err(error) = record_failure(parts, caller, failed).await {
        return sign_in::unavailable(parts, caller, &error);
    }
    let told = Told { name, local_problem: Some(problem), ..Told::default() };
    choose::page(parts, caller, sign_in, told).await
}

/// The page again, for whoever was wrong too often. Only the first that is turned away is recorded: a stranger must not
/// fill the log. `account` is one that exists, not whatever was typed.
async fn wait(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    name: &str,
    account: Option<&AccountName>,
    wait: Wait,
) -> Response {
    if wait.first {
        let reason = "too many wrong attempts";
        if let Err(error) = record_failure(parts, caller, Failed { code: "throttled", reason, account }).await {
            return sign_in::unavailable(parts, caller, &error);
        }
    }
    let minutes = (wait.seconds + 59) / 60;
    let plural = if minutes == 1 { "" } else { "s" };
    let problem = format!("Too many wrong attempts. Wait {minutes} minute{plural}, then try again.");
    let told =
        Told { name, local_problem: Some(&problem), status: Some(StatusCode::TOO_MANY_REQUESTS), ..Told::default() };
    choose::page(parts, caller, sign_in, told).await
}

/// The page for when too many passwords wait to be looked at.
fn busy(parts: &Parts, caller: &Caller) -> Response {
    let trouble = sign_in::Trouble {
        title: "Not now",
        what: "Too many people are signing in at the moment.",
        next: "Try again in a few seconds.",
    };
    sign_in::tell(parts, caller, StatusCode::SERVICE_UNAVAILABLE, &trouble)
}
