//! The body of an upload, with an eye on how fast it comes, and on whether anything comes of it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream},
    http::{header, request::Parts},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};

use crate::options::Pace;

/// As many bytes may come before the reader of the form gets on: the head of a field, the line between two fields.
const WITHOUT_PROGRESS: u64 = 256 * 1024;

/// Why a body ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    /// Nothing came for long, or all of it comes too slowly.
    #[error("it comes too slowly")]
    Slow,
    /// The connection is gone.
    #[error("it ends in the middle")]
    Broken,
    /// Bytes come, but the form does not go on.
    #[error("it is no form")]
    NoForm,
}

/// The body. It gives at most one piece at a time, so that whoever reads it cannot hold more than that in memory.
pub(super) struct Metered {
    body: BodyDataStream,
    pace: Pace,
    began: Instant,
    silence: Pin<Box<Sleep>>,
    came: u64,
    /// What may still come before there is progress.
    allowance: Arc<AtomicU64>,
    pause: bool,
}

/// Tells the body that the form goes on.
#[derive(Clone)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn made(&self) {
        self.0.store(WITHOUT_PROGRESS, Ordering::Relaxed);
    }
}

impl Metered {
    pub(super) fn new(body: Body, pace: Pace) -> Self {
        Self {
            body: body.into_data_stream(),
            pace,
            began: Instant::now(),
            silence: Box::pin(sleep(pace.idle)),
            came: 0,
            allowance: Arc::new(AtomicU64::new(WITHOUT_PROGRESS)),
            pause: false,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.allowance))
    }

    /// How long the body says that it is.
    #[expect(clippy::unused_self, reason = "it is the body that says so, in its request's head")]
    pub(super) fn announced(&self, request: &Parts) -> u64 {
        let length = request.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        length.and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    /// Reads on and throws away, at most so much.
    pub(super) async fn pour_away(mut self, most: u64) {
        let mut poured = 0;
        while poured < most
            && let Some(Ok(piece)) = self.body.next().await
        {
            poured += piece.len() as u64;
        }
    }

    fn is_slow(&self) -> bool {
        let took = self.began.elapsed();
        let needed = Duration::from_secs(self.came / self.pace.slowest.max(1));
        took > self.pace.settled && took > needed + self.pace.settled
    }
}

impl Stream for Metered {
    type Item = Result<Bytes, Cut>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.allowance.load(Ordering::Relaxed) == 0 {
            return Poll::Ready(Some(Err(Cut::NoForm)));
        }
        match self.body.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(piece))) => {
                self.came += piece.len() as u64;
                if self.is_slow() {
                    return Poll::Ready(Some(Err(Cut::Slow)));
                }
                let idle = self.pace.idle;
                self.silence.as_mut().reset(Instant::now() + idle);
                let left = self.allowance.load(Ordering::Relaxed).saturating_sub(piece.len() as u64);
                self.allowance.store(left, Ordering::Relaxed);
                self.pause = true;
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Cut::Broken))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.silence.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Cut::Slow))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
