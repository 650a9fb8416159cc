//! A person signs in: in a browser that is opened here, or with a code on another device.
//!
//! It ends when the person is done, says no, gives up with Ctrl-C, or has not come back after ten minutes; it never
//! waits for ever. What is *not* here: when somebody must sign in (`credential/person.rs`), and keeping what they got.

use std::{io::IsTerminal, time::Duration};

use daypass_core::{Timestamp, clock::Clock};
use daypass_oidc::{
    http::HttpClient,
    session_client::{SessionEndpoints, Tokens, discover},
};

use crate::{
    failure::{Failure, Status},
    issuer_client::{client, run, session::told},
    prompt::Prompt,
    server::Server,
    surroundings::Reachable,
};

mod browser;
mod code;
mod loopback;
mod page;

pub(crate) use browser::{HIDDEN_COMMAND, open_here};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long the server may take for each answer.
const PATIENCE_WITH_SERVER: Duration = Duration::from_secs(15);

/// How the person is to be reached, and what they asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// Where they read.
    pub(crate) prompt: &'a Prompt,
    /// How they can sign in.
    pub(crate) reachable: Reachable,
    /// With which of the server's providers.
    pub(crate) provider: Option<&'a str>,
}

/// What a sign-in brought.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// The moment before it was asked for.
    pub(crate) asked_at: Timestamp,
    /// The credential and the session.
    pub(crate) tokens: Tokens,
}

/// What the ways of signing in share.
struct Attempt<'a> {
    http: HttpClient,
    clock: &'a dyn Clock,
    endpoints: SessionEndpoints,
    manner: Manner<'a>,
}

impl Attempt<'_> {
    /// Tells the person something, below whatever the tool that called us has written.
    fn tell(&self, text: &str) {
        self.manner.prompt.tell(&format!("\n{text}\n"));
    }
}

/// Has a person sign in to `server`.
pub(crate) fn sign_in(server: &Server, manner: Manner<'_>, clock: &dyn Clock) -> Result<SignedIn, Failure> {
    run(async {
        tokio::select! {
            done = attempt(server, manner, clock) => done,
            () = given_up() => Err(Failure::new(Status::SignInNeeded, format!("the sign-in to {} was given up", server.url))),
            () = tokio::time::sleep(PATIENCE) => {
                let minutes = PATIENCE.as_secs() / 60;
                let message = format!("nobody signed in to {} within {minutes} minutes", server.url);
                Err(Failure::new(Status::SignInNeeded, message).hint("do it again when you have a moment"))
            }
        }
    })?
}

async fn attempt(server: &Server, manner: Manner<'_>, clock: &dyn Clock) -> Result<SignedIn, Failure> {
    let http = client(PATIENCE_WITH_SERVER);
    let endpoints = discover(&http, &server.url).await.map_err(|error| told(&server.url, &error))?;
    let attempt = Attempt { http, clock, endpoints, manner };
    match manner.reachable {
        Reachable::InBrowser => match browser::sign_in(&attempt).await? {
            Some(done) => Ok(done),
            None if manner.prompt.has_terminal() || std::io::stderr().is_terminal() => code::sign_in(&attempt).await,
            None => Err(Failure::new(Status::SignInNeeded, "no browser could be opened, and there is no terminal")
                .hint(format!("`daypass login {}` in a terminal signs in", server.url))),
        },
        Reachable::ByCode | Reachable::Nobody => code::sign_in(&attempt).await,
    }
}

/// Waits until the person gives up.
async fn given_up() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
