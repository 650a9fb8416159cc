//! Moving files over the network, several at a time.
//!
//! Each thread has a connection of its own, which lasts as long as it has work. What fails for a moment is tried again;
//! every wait has an end that grows with the size of what is moved.
//!
//! What is *not* here: what is moved, and what a refusal means.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek as _, Write as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use daypass_core::{
    digest::{Sha256, Sha256Hasher},
    secret::Secret,
};
use daypass_oidc::http::{Answer, HttpClient, HttpError, HttpOptions, Reach, next_chunk, read_bounded};
use http::{HeaderMap, Method, StatusCode, header};
use tokio::runtime::Runtime;
use url::Url;

use crate::{
    failure::{Failure, Status},
    progress::{Progress, REDRAW},
};

pub(crate) mod form;

/// How long an answer may take at least.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many bytes per second are moved at least, on average: what is slower is given up.
const SLOWEST: u64 = 16 * 1024;

/// How long it is waited before something is tried again, each time.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// The longest wait that a server may ask for (`Retry-After`).
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Who asks. What belongs to one server is shown to no other.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// Nobody in particular.
    Nobody,
    /// An access token of ours (RFC 6750).
    Bearer(Secret),
    /// User name and password (RFC 7617).
    Basic(String, Secret),
}

/// The network, for one thread.
#[derive(Debug)]
pub(crate) struct Wire {
    runtime: Runtime,
    http: HttpClient,
}

/// A file that came.
#[derive(Debug)]
pub(crate) struct Downloaded {
    pub(crate) sha256: Sha256,
    pub(crate) size: u64,
}

/// Why nothing came or went.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server said no.
    Answered(StatusCode, Box<Answer>),
    /// There was no answer.
    Network(HttpError),
    /// This machine's disk.
    Disk(io::Error),
}

impl Wire {
    /// Prepares; connects to nobody yet. `follow`: whether redirects are followed.
    pub(crate) fn new(follow: bool) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::local(format!("cannot start the network: {error}")))?;
        let http = HttpClient::new(HttpOptions {
            connect_timeout: Duration::from_secs(10),
            total_timeout: None,
            follow_redirects: follow,
            use_system_proxy: true,
            ..HttpOptions::new(Reach::AnyServer)
        });
        Ok(Self { runtime, http })
    }

    /// Gets `url`, with an answer of at most `limit` bytes.
    pub(crate) fn get(
        &self,
        url: &Url,
        accept: &str,
        credential: &Credential,
        limit: usize,
    ) -> Result<Answer, Trouble> {
        self.again_and_again(|| async {
            let request = self.http.request(Method::GET, url)?.timeout(PATIENCE).header(header::ACCEPT, accept);
            read_bounded(self.http.send(credential.on(request)).await?, limit).await.map_err(Trouble::Network)
        })
    }

    /// Gets the file at `url` into `into`, from its beginning on; of at most `limit` bytes.
    pub(crate) fn download(
        &self,
        url: &Url,
        credential: &Credential,
        into: &File,
        limit: u64,
        moved: &AtomicU64,
    ) -> Result<Downloaded, Trouble> {
        patiently(|| {
            into.set_len(0).map_err(Trouble::Disk)?;
            (&mut &*into).rewind().map_err(Trouble::Disk)?;
            let mut counted = 0;
            let done = self.runtime.block_on(self.download_once(url, credential, into, limit, |more| {
                counted += more;
                moved.fetch_add(more, Ordering::Relaxed);
            }));
            if done.is_err() {
                moved.fetch_sub(counted, Ordering::Relaxed);
            }
            done
        })
    }

    async fn download_once(
        &self,
        url: &Url,
        credential: &Credential,
        mut into: &File,
        limit: u64,
        mut moved: impl FnMut(u64),
    ) -> Result<Downloaded, Trouble> {
        // As it is: what is counted and hashed are the file's own bytes.
        let request = self.http.request(Method::GET, url)?.header(header::ACCEPT_ENCODING, "identity");
        let request = credential.on(request.timeout(time_for(limit)));
        let mut response = self.http.send(request).await?;
        if response.status() != StatusCode::OK {
            let answer = read_bounded(response, 64 * 1024).await?;
            return Err(Trouble::Answered(answer.status, Box::new(answer)));
        }
        let (mut hasher, mut size) = (Sha256Hasher::new(), 0_u64);
        while let Some(chunk) = next_chunk(&mut response).await? {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            size = size.saturating_add(length);
            if size > limit {
                return Err(Trouble::Disk(io::Error::other(format!("the file is larger than {limit} bytes"))));
            }
            hasher.update(&chunk);
            into.write_all(&chunk).map_err(Trouble::Disk)?;
            moved(length);
        }
        into.flush().map_err(Trouble::Disk)?;
        Ok(Downloaded { sha256: hasher.finish(), size })
    }

    /// Posts a form with a file in it. Sent again it does no harm: an index takes the same file twice.
    pub(crate) fn post(
        &self,
        url: &Url,
        credential: &Credential,
        form: &form::Form<'_>,
        moved: &Arc<AtomicU64>,
    ) -> Result<Answer, Trouble> {
        patiently(|| {
            let counted = Arc::new(AtomicU64::new(0));
            let done = self.runtime.block_on(async {
                let body = form.body(Arc::clone(moved), Arc::clone(&counted)).map_err(Trouble::Disk)?;
                let request = self.http.request(Method::POST, url)?.timeout(time_for(form.length()));
                let request = request
                    .header(header::CONTENT_TYPE, form.content_type())
                    .header(header::CONTENT_LENGTH, form.length())
                    .header(header::ACCEPT, "application/problem+json, application/json;q=0.9, */*;q=0.1")
                    .body(body);
                let answer = self.http.send(credential.on(request)).await?;
                let answer = read_bounded(answer, 64 * 1024).await?;
                if answer.status.is_success() { Ok(answer) } else { Err(answered(answer)) }
            });
            if done.is_err() {
                moved.fetch_sub(counted.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            done
        })
    }

    fn again_and_again<F: Future<Output = Result<Answer, Trouble>>>(
        &self,
        mut ask: impl FnMut() -> F,
    ) -> Result<Answer, Trouble> {
        patiently(|| {
            let answer = self.runtime.block_on(ask())?;
            if answer.status.is_success() { Ok(answer) } else { Err(answered(answer)) }
        })
    }
}

/// Does it, and does it again where that may help.
fn patiently<T>(mut once: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    for pause in PAUSES {
        let trouble = match once() {
            Err(trouble) if trouble.may_pass() => trouble,
            done => return done,
        };
        thread::sleep(trouble.pause().unwrap_or(pause).min(LONGEST_PAUSE));
    }
    once()
}

fn answered(answer: Answer) -> Trouble {
    Trouble::Answered(answer.status, Box::new(answer))
}

/// How long it may take to move so many bytes.
fn time_for(bytes: u64) -> Duration {
    PATIENCE + Duration::from_secs(bytes / SLOWEST)
}

impl Credential {
    fn on(&self, request: daypass_oidc::http::RequestBuilder) -> daypass_oidc::http::RequestBuilder {
        match self {
            Self::Nobody => request,
            Self::Bearer(access_token) => request.bearer_auth(access_token.expose()),
            Self::Basic(username, password) => request.basic_auth(username, Some(password.expose())),
        }
    }
}

impl Trouble {
    /// Whether it may be over in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Answered(_, answer) => answer.is_try_later(),
            Self::Network(error) => {
                !matches!(error, HttpError::NotAllowed { .. } | HttpError::TooLarge { .. } | HttpError::Setup(_))
            }
            Self::Disk(_) => false,
        }
    }

    /// How long the server wants to be left alone (RFC 9110 §10.2.3).
    fn pause(&self) -> Option<Duration> {
        let Self::Answered(_, answer) = self else { return None };
        retry_after(&answer.headers)
    }

    /// As a failure of the whole command, about `whom`.
    pub(crate) fn failure(&self, whom: &str) -> Failure {
        match self {
            Self::Answered(status, answer) => {
                let kind = if answer.is_try_later() { Status::Unreachable } else { Status::Refused };
                Failure::new(kind, format!("{whom}: {}", said(*status, answer)))
            }
            Self::Network(error @ HttpError::Setup(_)) => Failure::local(format!("{whom}: {error}")),
            Self::Network(error) => Failure::new(Status::Unreachable, format!("{whom}: {error}")),
            Self::Disk(error) => Failure::local(format!("cannot write what came from {whom}: {error}")),
        }
    }
}

/// What a server said no with, in its own words where it has some (RFC 9457).
pub(crate) fn said(status: StatusCode, answer: &Answer) -> String {
    let problem = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    match detail.map(daypass_oidc::shown::shown).filter(|detail| !detail.is_empty()) {
        Some(detail) => detail,
        None => format!("status {}", status.as_u16()),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        Self::Network(error)
    }
}

/// Does `each` with everything in `work`, `jobs` at a time. The first failure ends it, once what others have begun is done.
pub(crate) fn in_parallel<T: Send>(
    jobs: u8,
    work: Vec<T>,
    follow: bool,
    progress: &Progress,
    each: impl Fn(&Wire, T) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let queue = Mutex::new(VecDeque::from(work));
    let failed = Mutex::new(None);
    let (over, waiting) = mpsc::channel::<()>();
    let take = || {
        let stop = failed.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if stop { None } else { queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() }
    };
    let work_on = || -> Result<(), Failure> {
        let wire = Wire::new(follow)?;
        while let Some(piece) = take() {
            each(&wire, piece)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| {
                    if let Err(failure) = work_on() {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            while waiting.recv_timeout(REDRAW) == Err(mpsc::RecvTimeoutError::Timeout) {
                progress.draw();
            }
            progress.end();
        });
        for worker in workers {
            if worker.join().is_err() {
                let failure = Failure::local("a thread of this command has died");
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            }
        }
        drop(over);
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
