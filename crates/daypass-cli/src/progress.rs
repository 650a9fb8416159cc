//! How far a long work has come: one line on a terminal, which is written over; a line for each file elsewhere.

#![expect(clippy::format_push_string, reason = "what is short to read matters more here than an allocation")]

use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::output;

/// How often the line is written again.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);

/// How far it has come.
#[derive(Debug)]
pub(crate) struct Progress {
    files: usize,
    /// What is to be moved, as far as it is known.
    bytes: u64,
    done: AtomicUsize,
    /// Bytes that were moved; who moves them adds to it.
    pub(crate) moved: Arc<AtomicU64>,
    began: Instant,
    terminal: bool,
    /// Nobody writes between somebody's clearing of the line and what comes in its place.
    screen: Mutex<()>,
}

impl Progress {
    /// At the beginning of moving `files`, which have `bytes` together as far as that is known.
    pub(crate) fn begin(files: usize, bytes: u64) -> Self {
        Self {
            files,
            bytes,
            done: AtomicUsize::new(0),
            moved: Arc::default(),
            began: Instant::now(),
            terminal: io::stderr().is_terminal(),
            screen: Mutex::new(()),
        }
    }

    /// Another file is done. `sentence` is shown in a log, and on a terminal only if it is `news`.
    pub(crate) fn file_done(&self, sentence: &str, news: bool) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.terminal {
            if news {
                self.say(sentence);
            }
        } else {
            output::note(&format!("{done} of {}: {sentence}", self.files));
        }
    }

    /// Says something in a line of its own.
    pub(crate) fn say(&self, sentence: &str) {
        let _one = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.terminal {
            output::over("");
        }
        output::note(sentence);
    }

    /// Writes the line, on a terminal.
    pub(crate) fn draw(&self) {
        if self.terminal {
            let _one = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
            let (done, moved) = (self.done.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed));
            output::over(&line(done, self.files, moved, self.bytes, self.began.elapsed()));
        }
    }

    /// Takes the line away, on a terminal.
    pub(crate) fn end(&self) {
        if self.terminal {
            output::over("");
        }
    }
}

fn line(done: usize, files: usize, moved: u64, bytes: u64, took: Duration) -> String {
    let mut line = format!("{done} of {files} files, {}", size(moved));
    if bytes > 0 {
        line.push_str(&format!(" of {}", size(bytes.max(moved))));
    }
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let per_second = moved.saturating_mul(1000).checked_div(millis).unwrap_or(0);
    if per_second > 0 {
        line.push_str(&format!(", {}/s", size(per_second)));
        if let Some(left) = bytes.checked_sub(moved).filter(|left| *left > 0) {
            line.push_str(&format!(", {} left", time(left.div_ceil(per_second))));
        }
    }
    line
}

/// A number of bytes as people read it.
pub(crate) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_how_fast_and_how_long_still() {
        let seconds = Duration::from_secs;
        assert_eq!(line(0, 3, 0, 0, seconds(0)), "0 of 3 files, 0 B");
        assert_eq!(line(1, 3, 2_500, 0, seconds(1)), "1 of 3 files, 2.5 kB, 2.5 kB/s");
        assert_eq!(
            line(1, 3, 50_000_000, 150_000_000, seconds(10)),
            "1 of 3 files, 50.0 MB of 150.0 MB, 5.0 MB/s, 20 s left"
        );
        assert_eq!(
            line(2, 3, 1_000, 100_000_000, seconds(1)),
            "2 of 3 files, 1.0 kB of 100.0 MB, 1.0 kB/s, 27 h 46 min left"
        );
        assert_eq!(line(3, 3, 7, 7, seconds(1)), "3 of 3 files, 7 B of 7 B, 7 B/s");
    }
}
