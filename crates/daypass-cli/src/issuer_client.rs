//! Talking to the server: the only part of the command that needs a network, TLS and an async runtime.
//!
//! Each function starts a small runtime, does one thing, and ends it. What is *not* here: retries and limits
//! (`daypass_oidc::http`), and when to ask (`credential.rs`).

use std::time::Duration;

use daypass_core::{
    SignedDuration, Timestamp,
    audit::AuditKind,
    clock::{Clock, Ttl},
    names::IdentityName,
    public_url::PublicUrl,
    secret::Secret,
};
use daypass_oidc::{
    exchange::{self, ExchangeError, IssuedToken},
    http::{HttpClient, HttpError, HttpOptions, Reach, read_bounded},
    shown::shown,
};
use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::{
    ambient::Proof,
    credential::Wanted,
    failure::{Failure, Status},
};

pub(crate) mod indexes;
pub(crate) mod policy;
pub(crate) mod pull_tokens;
pub(crate) mod session;

/// How long the server may take for one answer. A sign-in needs three, and those who wait for it wait a minute.
const PATIENCE: Duration = Duration::from_secs(15);

/// How large a page of the audit log may be.
const MAX_AUDIT_BYTES: usize = 64 * 1024 * 1024;

/// An access token, fresh from the server.
#[derive(Debug)]
pub(crate) struct Issued {
    /// The identity's name.
    pub(crate) identity: String,
    /// The credential.
    pub(crate) access_token: Secret,
    /// How long it lives.
    pub(crate) life: SignedDuration,
}

/// Exchanges an outside token (RFC 8693).
pub(crate) fn exchange(wanted: Wanted<'_>, proof: &Proof, clock: &dyn Clock) -> Result<Issued, Failure> {
    let server = &wanted.server.url;
    let identity = wanted.server.identity.as_ref().map(IdentityName::as_str);
    let issued = run(async {
        let http = client(PATIENCE);
        let endpoints = exchange::discover(&http, server).await?;
        let outside = (proof.outside_token(), proof.token_type());
        exchange::exchange_of_type(&http, clock, &endpoints, outside, identity).await
    })?;
    let issued = issued.map_err(|error| failure(server, &error))?;
    Ok(Issued {
        identity: issued.identity.unwrap_or_else(|| identity.unwrap_or_default().to_owned()),
        access_token: issued.access_token,
        life: issued.expires_in,
    })
}

/// Gets an access token for the assertion of a service account (RFC 7523).
pub(crate) fn authenticate(wanted: Wanted<'_>, assertion: &Secret, clock: &dyn Clock) -> Result<Issued, Failure> {
    let server = &wanted.server.url;
    let issued = run(async {
        let http = client(PATIENCE);
        let endpoints = exchange::discover(&http, server).await?;
        exchange::authenticate(&http, clock, &endpoints, assertion).await
    })?;
    let issued = issued.map_err(|error| failure(server, &error))?;
    Ok(Issued {
        identity: issued.identity.unwrap_or_else(|| wanted.server.identity_or_empty().to_owned()),
        access_token: issued.access_token,
        life: issued.expires_in,
    })
}

/// Exchanges an access token for a narrower one, which lives for `life` at most.
pub(crate) fn narrow(
    server: &PublicUrl,
    access_token: &Secret,
    details: &str,
    life: Option<Ttl>,
    clock: &dyn Clock,
) -> Result<IssuedToken, Failure> {
    let narrowed = run(async {
        let http = client(PATIENCE);
        let endpoints = exchange::discover(&http, server).await?;
        exchange::narrow(&http, clock, &endpoints, access_token, details, life).await
    })?;
    narrowed.map_err(|error| failure(server, &error))
}

/// Has the server take an access token back (RFC 7009).
pub(crate) fn revoke(server: &PublicUrl, access_token: &Secret, clock: &dyn Clock) -> Result<(), Failure> {
    let revoked = run(async {
        let http = client(PATIENCE);
        let endpoints = exchange::discover(&http, server).await?;
        exchange::revoke(&http, clock, &endpoints, access_token).await
    })?;
    revoked.map_err(|error| failure(server, &error))
}

/// A part of the audit log.
#[derive(Debug)]
pub(crate) struct AuditPage {
    /// One JSON object per line.
    pub(crate) lines: String,
    /// Where the next page begins, as the server calls it.
    pub(crate) last: Option<String>,
}

/// Reads the audit log since an instant, after a position: events of one kind, or all.
pub(crate) fn audit(
    server: &PublicUrl,
    access_token: &Secret,
    since: Timestamp,
    after: Option<&str>,
    kind: Option<AuditKind>,
) -> Result<AuditPage, Failure> {
    let mut url = Url::parse(&server.join("/api/v1/audit")).map_err(|error| Failure::usage(error.to_string()))?;
    url.query_pairs_mut().append_pair("since", &since.to_string());
    if let Some(after) = after {
        url.query_pairs_mut().append_pair("after", after);
    }
    if let Some(kind) = kind {
        url.query_pairs_mut().append_pair("kind", kind.as_str());
    }
    let answer = run(async {
        let http = client(PATIENCE);
        let request = http.request(Method::GET, &url)?.bearer_auth(access_token.expose());
        read_bounded(http.send(request).await?, MAX_AUDIT_BYTES).await
    })?;
    let answer = answer.map_err(|error| failure(server, &ExchangeError::Http(error)))?;
    if answer.status != StatusCode::OK {
        return Err(refused(server, answer.status, &answer.body));
    }
    let lines = String::from_utf8(answer.body.to_vec())
        .map_err(|_| Failure::new(Status::Unreachable, format!("{server}: the audit log is not text")))?;
    let last = answer.headers.get("x-daypass-last").and_then(|value| value.to_str().ok());
    Ok(AuditPage { lines, last: last.map(ToOwned::to_owned) })
}

/// A client that waits for each answer for `patience`.
pub(crate) fn client(patience: Duration) -> HttpClient {
    HttpClient::new(HttpOptions {
        total_timeout: Some(patience),
        use_system_proxy: true,
        ..HttpOptions::new(Reach::AnyServer)
    })
}

/// Runs `task` to its end.
pub(crate) fn run<F: Future>(task: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::local(format!("cannot start the network: {error}")))?;
    let done = runtime.block_on(task);
    // What still runs on a thread of its own is not waited for: asking the system for an address has no time limit.
    runtime.shutdown_background();
    Ok(done)
}

fn failure(server: &PublicUrl, error: &ExchangeError) -> Failure {
    let status = match error {
        ExchangeError::Refused { .. } => Status::Refused,
        ExchangeError::Replayed => Status::Replayed,
        ExchangeError::Http(HttpError::Setup(_)) => Status::Local,
        _ => Status::Unreachable,
    };
    let message = match error {
        // These name the server themselves.
        ExchangeError::NotDaypass { .. } | ExchangeError::OtherServer { .. } | ExchangeError::NoRevocation { .. } => {
            error.to_string()
        }
        _ => format!("{server}: {error}"),
    };
    let failure = Failure::new(status, message);
    Failure { hint: error.hint(), ..failure }
}

/// What a request to the administration was refused with (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

fn refused(server: &PublicUrl, status: StatusCode, body: &[u8]) -> Failure {
    let said_no = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    let kind = if said_no { Status::Refused } else { Status::Unreachable };
    let detail = serde_json::from_slice(body).ok().map(|Problem { detail }| detail);
    let detail = shown(&detail.unwrap_or_default());
    let said = if detail.is_empty() { format!("status {}", status.as_u16()) } else { detail };
    let failure = Failure::new(kind, format!("{server}: {said}"));
    match status {
        StatusCode::UNAUTHORIZED => failure.hint("`daypass logout` and `daypass login` get a new credential"),
        StatusCode::FORBIDDEN => failure.hint("sign in as an identity that may administer, with `--identity`"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use super::*;

    #[test]
    fn what_hangs_on_a_thread_of_its_own_holds_nobody_up() {
        let (_open, never) = mpsc::channel::<()>();
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        run(async move {
            // As a look-up of an address does, whose answer nobody waits for any more.
            let _lookup = tokio::task::spawn_blocking(move || {
                let _gone = never.recv_timeout(Duration::from_secs(5));
                told.store(true, Ordering::SeqCst);
            });
            tokio::task::yield_now().await;
        })
        .unwrap();
        assert!(!over.load(Ordering::SeqCst));
    }
}
