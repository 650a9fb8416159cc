//! Asking AWS who signed a request.

use std::fmt;

use daypass_core::claims::Claims;
use http::{Method, StatusCode, header::HOST};
use tokio::sync::Semaphore;
use url::Url;

use super::{CallerRefused, CheckedCaller, ISSUER, LONGEST_AGE, QUERY, answer, request};
use crate::{
    http::{HttpClient, HttpOptions, Reach, read_bounded},
    verify::{Proven, SPEND_MARGIN},
};

/// How large an answer may be. AWS sends less than one kilobyte.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How many requests may be on their way at a time: a stranger can make us ask, so it must not be without end.
const MOST_AT_A_TIME: usize = 32;

/// How to reach AWS.
#[derive(Debug, Clone, Default)]
pub struct StsOptions {
    /// Asked instead of the regions' own hosts, which stay the ones that are signed: for tests, and for a server that
    /// is tried out beside a fake. A service in a private network, if it is not AWS, vouches for whatever it likes.
    pub endpoint: Option<Url>,
}

/// Asks the Security Token Service of AWS, in whichever region.
pub struct Sts {
    http: HttpClient,
    endpoint: Option<Url>,
    free: Semaphore,
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Sts {
    /// No redirects, no proxy, five seconds in all, and only public addresses unless an endpoint is given.
    pub fn new(options: StsOptions) -> Self {
        let reach = if options.endpoint.is_some() { Reach::PrivateToo } else { Reach::Public };
        Self {
            http: HttpClient::new(HttpOptions::new(reach)),
            endpoint: options.endpoint,
            free: Semaphore::new(MOST_AT_A_TIME),
        }
    }

    /// Sends the request that `caller` signed, once, and reads who AWS says it was.
    pub async fn ask(&self, caller: &CheckedCaller) -> Result<Proven, CallerRefused> {
        let _place = self.free.try_acquire().map_err(|_| CallerRefused::Busy)?;
        let caller = caller.caller();
        let host = caller.region.sts_host();
        let url = self.url(&host)?;
        let mut request = self.http.request(Method::POST, &url)?.body("");
        if self.endpoint.is_some() {
            request = request.header(HOST, &host);
        }
        for (name, value) in request::headers(caller) {
            request = request.header(name, value);
        }
        let answer = read_bounded(self.http.send(request).await?, MAX_ANSWER_BYTES).await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(answer.status, &answer.body));
        }
        let claims = answer::read(&answer.body, &caller.region)?;
        let expires_at = caller.signed_at + LONGEST_AGE;
        Ok(Proven {
            claims: Claims::proven(ISSUER, claims),
            expires_at,
            spend_until: expires_at + SPEND_MARGIN,
            replay_key: format!("sha256:{}", caller.digest()),
        })
    }

    fn url(&self, host: &str) -> Result<Url, CallerRefused> {
        let mut url = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Url::parse(&format!("https://{host}/"))
                .map_err(|_| CallerRefused::Malformed("`region` makes no host"))?,
        };
        url.set_path("/");
        url.set_query(Some(QUERY));
        Ok(url)
    }
}

/// What an answer other than 200 means.
fn refusal(status: StatusCode, body: &[u8]) -> CallerRefused {
    let code = error_code(body);
    let throttled =
        code.as_deref().is_some_and(|code| code.starts_with("Throttling") || code == "RequestLimitExceeded");
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || throttled {
        return CallerRefused::TryLater(status.as_u16());
    }
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            CallerRefused::RefusedByAws { status: status.as_u16(), code: code.unwrap_or_else(|| "no code".to_owned()) }
        }
        _ => CallerRefused::NotAnAnswer("its status is none that AWS gives"),
    }
}

/// The code in AWS's JSON for an error: `{"Error": {"Code": "…"}}`.
fn error_code(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = body.pointer("/Error/Code")?.as_str()?;
    let good = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    good.then(|| code.to_owned())
}

#[cfg(test)]
mod tests;
