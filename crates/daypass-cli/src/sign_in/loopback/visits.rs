//! Who is being heard at the loopback port: so many at once, and always the newest.
//!
//! Whoever wants to keep a browser from being heard needs nothing but connections that say nothing. So nobody ever
//! waits for a place: the one who has been silent for longest loses theirs, and where all have said something, whoever
//! has been there for longest. A browser needs its place for a millisecond.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::{AbortHandle, JoinSet};

/// How many visitors are heard at once.
const MOST: usize = 32;

/// The visits that go on, each of which ends with a `T`.
#[derive(Debug)]
pub(super) struct Visits<T> {
    tasks: JoinSet<T>,
    /// The oldest first.
    guests: VecDeque<Guest>,
}

#[derive(Debug)]
struct Guest {
    visit: AbortHandle,
    voice: Voice,
}

/// Whether a visitor has said something.
#[derive(Debug, Clone, Default)]
pub(super) struct Voice(Arc<AtomicBool>);

impl Voice {
    /// The visitor has said something.
    pub(super) fn is_heard(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was_heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Default for Visits<T> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), guests: VecDeque::new() }
    }
}

impl<T: Send + 'static> Visits<T> {
    /// Begins a visit. Where there are too many, another one ends.
    pub(super) fn begin<F: Future<Output = T> + Send + 'static>(&mut self, visit: impl FnOnce(Voice) -> F) {
        self.guests.retain(|guest| !guest.visit.is_finished());
        if self.guests.len() >= MOST {
            let silent = self.guests.iter().position(|guest| !guest.voice.was_heard());
            if let Some(guest) = self.guests.remove(silent.unwrap_or(0)) {
                guest.visit.abort();
            }
        }
        let voice = Voice::default();
        let visit = self.tasks.spawn(visit(voice.clone()));
        self.guests.push_back(Guest { visit, voice });
    }

    /// The end of the next visit that comes to its own. Never resolves to `Some` for one that was ended.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            if let Ok(done) = self.tasks.join_next().await? {
                return Some(done);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn number(number: usize) -> impl FnOnce(Voice) -> std::future::Ready<usize> {
        move |_| std::future::ready(number)
    }

    #[tokio::test]
    async fn the_oldest_who_is_silent_makes_room_and_then_the_oldest() {
        let mut visits = Visits::default();
        let mut voices = Vec::new();
        for _ in 0..MOST {
            visits.begin(|voice| {
                voices.push(voice);
                pending::<usize>()
            });
        }
        let gone = |visits: &Visits<usize>| {
            let stay = |voice: &Voice| visits.guests.iter().any(|guest| Arc::ptr_eq(&guest.voice.0, &voice.0));
            voices.iter().enumerate().filter(|(_, voice)| !stay(voice)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        for (at, voice) in voices.iter().enumerate() {
            if at != 2 && at != 4 {
                voice.is_heard();
            }
        }
        for (done, expected) in [(7, &[2][..]), (8, &[2, 4]), (9, &[0, 2, 4])] {
            // Something else keeps the places.
            let others = visits.guests.len();
            visits.begin(number(done));
            assert_eq!(visits.next().await, Some(done));
            assert_eq!(gone(&visits), expected);
            assert_eq!(visits.guests.len(), others);
            visits.begin(|voice| {
                voice.is_heard();
                pending()
            });
        }
    }

    #[tokio::test]
    async fn whoever_has_come_to_the_end_is_heard_however_many_come_after() {
        let mut visits = Visits::default();
        visits.begin(number(7));
        tokio::task::yield_now().await;
        for _ in 0..5 * MOST {
            visits.begin(|_| pending());
        }
        assert_eq!(visits.next().await, Some(7));
        assert_eq!(visits.guests.len(), MOST);
    }
}
