//! Requests at a fixed rate, whatever the answers take: what a server feels like to somebody who is not alone.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    order::{Orders, lines, number, text},
    say,
    wire::{Wire, get, percentiles},
};

/// How many threads share the requests. A server that falls behind is asked by all of them at once.
const THREADS: u32 = 4;

/// For each `{"url": …, "headers": [LINE, …], "rate": PER_SECOND, "seconds": S}` asks so, and says how long the answers
/// took from the moment at which each request was due (so a server that stalls is not asked less, and looks no better).
pub(crate) fn run() {
    for order in Orders {
        let (url, headers) = (text(&order, "url").to_owned(), lines(&order));
        let (rate, seconds) = (number(&order, "rate"), number(&order, "seconds"));
        say(&measure(&url, &headers, rate, seconds));
    }
}

fn measure(url: &str, headers: &str, rate: u64, seconds: u64) -> Value {
    let request = get(url, headers);
    let every = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
    let count = u32::try_from(rate * seconds).unwrap_or(u32::MAX);
    let began = Instant::now() + Duration::from_millis(50);
    let one = |thread: u32| {
        let (mut wire, mut times, mut failed) = (Wire::to(url), Vec::new(), 0_usize);
        // Opens the connection, which an installer does once.
        wire.ask(&request);
        for turn in (thread..count).step_by(THREADS as usize) {
            let due = began + every * turn;
            wait_until(due);
            let answer = wire.ask(&request);
            failed += usize::from(answer.status != 200);
            times.push(due.elapsed());
        }
        (times, failed)
    };
    let (mut times, mut failed) = (Vec::new(), 0);
    thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || one(thread))).collect();
        for thread in threads {
            let (more, bad) = thread.join().expect("a thread does not panic");
            times.extend(more);
            failed += bad;
        }
    });
    let mut said = percentiles(times);
    if let Some(said) = said.as_object_mut() {
        said.insert("failed".to_owned(), json!(failed));
    }
    said
}

/// Sleeps, and looks at the clock for the last moment: a sleep is over some time after it should be.
fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    thread::sleep(left.saturating_sub(Duration::from_micros(150)));
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
