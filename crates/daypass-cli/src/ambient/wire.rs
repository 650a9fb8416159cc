//! Asking a provider over HTTP, within limits.
//!
//! | who is asked | how long at most | through a proxy |
//! |---|---|---|
//! | a CI's service | 15 s with all attempts | as the environment says |
//! | the machine itself: metadata, a socket | 2 s | never |
//!
//! HTTP/1.1 only: some of these services have answered HTTP/2 with a request to please come back without it.
//! Redirects are not followed. What is *not* here: who is asked for what.

use std::{path::Path, thread, time::Duration};

use daypass_core::secret::Secret;
use daypass_oidc::{
    http::{Answer, HttpClient, HttpError, HttpOptions, Reach, read_bounded},
    shown::shown,
};
use http::Method;
use serde_json::Value;
use url::Url;

use crate::{
    failure::{Failure, Status},
    issuer_client::run,
};

/// How long a CI's service may take for one answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The same where it is asked up to three times.
const PATIENCE_FOR_ONE_OF_THREE: Duration = Duration::from_secs(4);

/// The pauses before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// How long this machine may take to say who it is.
const PATIENCE_WITH_THE_MACHINE: Duration = Duration::from_secs(2);

/// An outside token in JSON, and a little more.
const LARGEST: usize = 128 * 1024;

/// The remedy where a provider has no better one.
const WHAT_TO_DO: &str = "`daypass ambient` shows who was asked and why; run the job again, and if it says the same, look \
                          at the provider's own pages for what lets a job have one";

/// Somebody who is asked for an outside token.
pub(super) struct Service {
    /// Who it is, for people.
    title: &'static str,
    http: HttpClient,
    attempts: usize,
}

/// One question.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: &'a [(&'static str, &'a str)],
    /// A JSON document to send.
    pub(super) json: Option<&'a Value>,
}

impl Service {
    /// A service of a CI system, which is asked once.
    pub(super) fn of_ci(title: &'static str) -> Self {
        Self { title, http: client(PATIENCE, Reach::AnyServer, true), attempts: 1 }
    }

    /// The same, which may be asked again where it does not answer: asking twice does it no harm.
    pub(super) fn of_ci_again_and_again(title: &'static str) -> Self {
        let http = client(PATIENCE_FOR_ONE_OF_THREE, Reach::AnyServer, true);
        Self { title, http, attempts: 1 + PAUSES.len() }
    }

    /// The metadata service of a cloud: on this machine or beside it, never through a proxy.
    pub(super) fn of_metadata(title: &'static str) -> Self {
        Self { title, http: client(PATIENCE_WITH_THE_MACHINE, Reach::Metadata, false), attempts: 1 }
    }

    /// A service behind a Unix socket.
    #[cfg(unix)]
    pub(super) fn of_socket(title: &'static str, path: &Path) -> Self {
        let options = options(PATIENCE_WITH_THE_MACHINE, Reach::Metadata, false);
        let http = HttpClient::new(HttpOptions { unix_socket: Some(path.to_owned()), ..options });
        Self { title, http, attempts: 1 }
    }

    /// There are none here.
    #[cfg(not(unix))]
    pub(super) fn of_socket(title: &'static str, _: &Path) -> Self {
        Self::of_metadata(title)
    }

    /// Asks, and returns the answer if it is a yes.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let mut pauses = PAUSES.into_iter();
        for _ in 1..self.attempts {
            match self.once(question)? {
                Ok(answer) if !answer.is_try_later() => return self.yes(answer),
                Err(HttpError::NotAllowed { .. } | HttpError::Setup(_)) => break,
                Ok(_) | Err(_) => thread::sleep(pauses.next().unwrap_or_default()),
            }
        }
        self.once(question)?.map_err(|error| self.no_answer(&error)).and_then(|answer| self.yes(answer))
    }

    fn once(&self, question: &Question<'_>) -> Result<Result<Answer, HttpError>, Failure> {
        run(async {
            let mut request = self.http.request(question.method.clone(), &question.url)?;
            for (name, value) in question.headers {
                request = request.header(*name, *value);
            }
            if let Some(json) = question.json {
                request = request.json(json);
            } else if question.method == Method::POST {
                request = request.header("content-length", "0");
            }
            read_bounded(self.http.send(request).await?, LARGEST).await
        })
    }

    fn yes(&self, answer: Answer) -> Result<Answer, Failure> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let said = said(&answer.body);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let status = if answer.is_try_later() { Status::Unreachable } else { Status::SignInNeeded };
        Err(Failure::new(
            status,
            format!("{} gives no identity token: status {}{said}", self.title, answer.status.as_u16()),
        )
        .hint(WHAT_TO_DO))
    }

    fn no_answer(&self, error: &HttpError) -> Failure {
        let status = match error {
            HttpError::NotAllowed { .. } => Status::SignInNeeded,
            HttpError::Setup(_) => Status::Local,
            _ => Status::Unreachable,
        };
        Failure::new(status, format!("{} gives no identity token: {error}", self.title)).hint(WHAT_TO_DO)
    }

    /// Nonsense in the place of an outside token.
    pub(super) fn nonsense(&self, what: &str) -> Failure {
        Failure::new(Status::Unreachable, format!("{} gives no identity token: {what}", self.title)).hint(WHAT_TO_DO)
    }

    /// The outside token that stands in a JSON answer under `name`.
    pub(super) fn member(&self, answer: &Answer, name: &str) -> Result<Secret, Failure> {
        let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let found = document.as_ref().and_then(|document| document.get(name)).and_then(Value::as_str);
        found.map(Secret::new).ok_or_else(|| self.nonsense(&format!("the answer has no `{name}`")))
    }

    /// The outside token that is the whole of an answer.
    pub(super) fn text(&self, answer: &Answer) -> Result<Secret, Failure> {
        let text = std::str::from_utf8(&answer.body).map_err(|_| self.nonsense("the answer is not text"))?;
        Ok(Secret::new(text.trim()))
    }
}

fn options(patience: Duration, reach: Reach, use_system_proxy: bool) -> HttpOptions {
    HttpOptions {
        connect_timeout: patience.min(Duration::from_secs(3)),
        total_timeout: Some(patience),
        http1_only: true,
        use_system_proxy,
        ..HttpOptions::new(reach)
    }
}

fn client(patience: Duration, reach: Reach, use_system_proxy: bool) -> HttpClient {
    HttpClient::new(options(patience, reach, use_system_proxy))
}

/// What a refusal says, in the words that these services have for it.
fn said(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    // Google puts it one step down.
    let places = ["/error_description", "/message", "/error/message", "/error"];
    places.into_iter().find_map(|place| document.pointer(place)?.as_str()).map(shown).unwrap_or_default()
}

/// A URL that the surroundings named. Its text may hold a secret: it is not quoted.
pub(super) fn url(title: &str, place: &str, text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|error| {
        Failure::new(Status::SignInNeeded, format!("{title} gives no identity token: `{place}` is not a URL: {error}"))
    })
}

#[cfg(test)]
pub(super) mod stub {
    //! The other end of a connection, for one question.

    use std::io::{Read, Write};

    /// Reads one request that ends with a JSON document, and answers it. Returns the request.
    pub(in super::super) fn answer_once(mut stream: impl Read + Write, status: &str, body: &str) -> String {
        let (mut request, mut piece) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"}") {
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&piece[..read]);
        }
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    }
}
