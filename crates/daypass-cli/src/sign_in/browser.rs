//! Signing in in a browser on this machine (RFC 8252): it is sent to the server and comes back to us.
//!
//! The browser is opened by a process of its own: one that has its own session, so that Ctrl-C at the install does not
//! end the browser, and no standard streams, so that no browser can write into what pip reads.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    time::Duration,
};

use daypass_oidc::session_client::{Authorization, Redirect, exchange_code};
use url::Url;

use super::{Attempt, SignedIn, loopback::Loopback, page};
use crate::{
    failure::{Failure, Status},
    issuer_client::session::told,
};

/// What the process that opens the browser is called with, after `helper`. The URL comes on its standard input: a list
/// of processes shows nothing of it before the browser itself does.
pub(crate) const HIDDEN_COMMAND: &str = "open-in-browser";

/// How long opening may take. A browser that is still starting after that will come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Signs in. `Ok(None)`: no browser can be opened.
pub(super) async fn sign_in(attempt: &Attempt<'_>) -> Result<Option<SignedIn>, Failure> {
    let server = &attempt.endpoints.server;
    let Ok(loopback) = Loopback::listen().await else { return Ok(None) };
    let authorization = Authorization::begin(&attempt.endpoints, loopback.redirect_uri(), attempt.manner.provider)
        .map_err(|error| told(server, &error))?;
    if !open(authorization.url()).await {
        return Ok(None);
    }
    attempt.tell(&format!(
        "daypass: sign in to {server} in the browser that has just been opened, or at\n\n    {}\n\n\
         No browser in sight? `daypass login {server} --device` shows a code for any device.\n\
         Waiting for up to 10 minutes; Ctrl-C gives up.",
        authorization.url()
    ));
    let (redirect, visitor) = loopback.wait(&authorization).await?;
    let refused = |message: String| Failure::new(Status::Refused, message);
    let failure = match redirect {
        Redirect::Code(code) => {
            let asked_at = attempt.clock.now();
            match exchange_code(&attempt.http, attempt.clock, &attempt.endpoints, &authorization, &code).await {
                Ok(tokens) => {
                    visitor.answer(&page::go_on_to(&server.join("/oauth/signed-in"))).await;
                    return Ok(Some(SignedIn { asked_at, tokens }));
                }
                Err(error) => told(server, &error),
            }
        }
        Redirect::Refused { description, .. } => refused(format!("{server} did not sign you in: {description}")),
        Redirect::OtherIssuer => refused(format!("the browser came back from another server than {server}"))
            .hint("close its other tabs and sign in again"),
        Redirect::NotOurs => refused("the browser came back from another sign-in".to_owned()),
    };
    visitor.answer(&page::not_signed_in(&failure.message)).await;
    Err(failure)
}

/// Opens `url`. Whether something could be started for it.
async fn open(url: &Url) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let started = Command::new(program)
        .args(["helper", HIDDEN_COMMAND])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut opener) = started else { return false };
    let written = opener.stdin.take().is_some_and(|mut stdin| stdin.write_all(url.as_str().as_bytes()).is_ok());
    if !written {
        return false;
    }
    let ended = async {
        loop {
            match opener.try_wait() {
                Ok(None) => tokio::time::sleep(Duration::from_millis(10)).await,
                Ok(Some(status)) => return status.success(),
                Err(_) => return false,
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap_or(true)
}

/// What the process of its own does: opens the URL that comes on its standard input.
pub(crate) fn open_here() -> Result<(), Failure> {
    let mut url = String::new();
    let read = std::io::stdin().lock().take(16 * 1024).read_to_string(&mut url);
    // Without a session of its own it works all the same, for as long as the terminal stays open.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    match read.map(|_| webbrowser::open(&url)) {
        Ok(Ok(())) => Ok(()),
        _ => Err(Failure::silent()),
    }
}
