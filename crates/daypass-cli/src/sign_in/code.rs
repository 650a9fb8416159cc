//! Signing in with a code on another device (RFC 8628).

use std::time::Duration;

use daypass_oidc::{
    exchange::ExchangeError,
    session_client::{DeviceAuthorization, Poll, SessionError, authorize_device, poll},
};
use tokio::time::{Instant, sleep};

use super::{Attempt, SignedIn};
use crate::{
    failure::{Failure, Status},
    issuer_client::session::told,
};

/// RFC 8628 §3.5: by how much `slow_down` lengthens the interval.
const SLOWER: Duration = Duration::from_secs(5);

/// Where backing off from trouble ends.
const SLOWEST: Duration = Duration::from_mins(1);

/// Signs in.
pub(super) async fn sign_in(attempt: &Attempt<'_>) -> Result<SignedIn, Failure> {
    let (server, manner) = (&attempt.endpoints.server, &attempt.manner);
    let device = authorize_device(&attempt.http, attempt.clock, &attempt.endpoints, manner.provider).await;
    let device = device.map_err(|error| told(server, &error))?;
    attempt.tell(&invitation(server.as_str(), &device));
    let begun = Instant::now();
    let mut interval = device.interval;
    let mut pause = interval;
    while begun.elapsed() + pause < device.expires_in {
        sleep(pause).await;
        let asked_at = attempt.clock.now();
        match poll(&attempt.http, attempt.clock, &attempt.endpoints, &device.device_code).await {
            Ok(Poll::Done(tokens)) => return Ok(SignedIn { asked_at, tokens: *tokens }),
            Ok(Poll::Pending) => pause = interval,
            Ok(Poll::SlowDown) => {
                interval += SLOWER;
                pause = interval;
            }
            Ok(Poll::Denied { .. }) => {
                return Err(Failure::new(Status::Refused, format!("the sign-in to {server} was denied")));
            }
            Ok(Poll::Expired) => break,
            // A server that is away for a moment is asked less often; the code is still good.
            Err(SessionError::Server(ExchangeError::Http(_) | ExchangeError::Unavailable { .. })) => {
                pause = (pause * 2).min(SLOWEST.max(interval));
            }
            Err(error) => return Err(told(server, &error)),
        }
    }
    Err(Failure::new(Status::SignInNeeded, format!("the code for signing in to {server} has expired"))
        .hint("try again for a new one"))
}

fn invitation(server: &str, device: &DeviceAuthorization) -> String {
    let (code, uri) = (&device.user_code, &device.verification_uri);
    let minutes = (device.expires_in.as_secs() / 60).clamp(1, 10);
    let waits = format!("Waiting for up to {minutes} minutes; Ctrl-C gives up.");
    match &device.verification_uri_complete {
        Some(complete) => format!(
            "daypass: to sign in to {server}, open on any device\n\n    {complete}\n\n\
             and check that it shows the code {code}; or open {uri} and type the code.\n{waits}"
        ),
        None => format!(
            "daypass: to sign in to {server}, open on any device\n\n    {uri}\n\nand type the code {code}.\n{waits}"
        ),
    }
}
