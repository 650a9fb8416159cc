//! The next access token for a console's session.
//!
//! Several tabs come with the same refresh token at the same moment, when the access token of them all is over. A spent
//! one that comes again would end the session, so for a moment they all get what the first one got.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use daypass_core::{console, digest::Sha256};
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::cookies::Cookies;
use crate::{
    caller::Caller,
    form::Form,
    issuer::Parts,
    session::{pass::Pass, refresh},
    token_endpoint,
};

/// How long tabs that came with the same refresh token get the same answer.
const MOMENT: Duration = Duration::from_secs(30);

/// How many answers are kept for that.
const REMEMBERED: u64 = 1_000;

/// How many sessions are renewed at a time, at most.
const TURNS: usize = 64;

/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Renewals of the last moment, by the digest of the refresh token that was spent. Kept per process: where another
/// replica answers the second tab, its person signs in anew.
pub(crate) struct Renewals {
    known: Cache<Sha256, Arc<Pass>>,
    /// Which one it is, the digest says: the same token always has the same.
    turns: [Mutex<()>; TURNS],
}

impl Renewals {
    pub(crate) fn new() -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED).time_to_live(MOMENT).build();
        Self { known, turns: std::array::from_fn(|_| Mutex::new(())) }
    }

    fn turn(&self, digest: &Sha256) -> Option<&Mutex<()>> {
        let [first, ..] = digest.as_bytes();
        self.turns.get(usize::from(*first) % TURNS)
    }
}

/// What became of the session.
pub(super) enum Renewal {
    /// The browser has none.
    None,
    /// It is over, or was not one.
    Over,
    /// It cannot be told at the moment.
    NotNow,
    /// It goes on.
    Renewed(Arc<Pass>),
}

/// Goes on with the session that the browser brought.
pub(super) async fn renew(parts: &Parts, caller: &Caller, headers: &HeaderMap) -> Renewal {
    let Some(presented) = Cookies::of(parts).refresh_token(headers) else { return Renewal::None };
    let (renewals, digest) = (&parts.console, Sha256::of(presented.expose()));
    if let Some(pass) = renewals.known.get(&digest) {
        return Renewal::Renewed(pass);
    }
    // Those of the same session one after the other; each takes no longer than the store's own patience.
    let Some(turn) = renewals.turn(&digest) else { return Renewal::NotNow };
    let Ok(_turn) = tokio::time::timeout(PATIENCE, turn.lock()).await else { return Renewal::NotNow };
    // The one before may have done it.
    if let Some(pass) = renewals.known.get(&digest) {
        return Renewal::Renewed(pass);
    }
    let form = Form::of([("client_id", console::CLIENT), ("refresh_token", presented.expose())]);
    match refresh::refresh(parts, caller, &HeaderMap::new(), &form).await {
        Ok(pass) => {
            let pass = Arc::new(pass);
            renewals.known.insert(digest, Arc::clone(&pass));
            Renewal::Renewed(pass)
        }
        Err(refusal) => {
            let answer = token_endpoint::refuse(parts, caller, refusal).await;
            if answer.status.is_server_error() { Renewal::NotNow } else { Renewal::Over }
        }
    }
}
