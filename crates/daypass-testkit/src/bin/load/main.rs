//! Load for measurements: of the issuer `load exchange`, `load refresh`, `load flood` and `load floor`; of indexes
//! `load content`, `load open`, `load first-byte` and `load upload`, each described in the file of its name.
//!
//! `load exchange` runs a CI's identity provider and says where: `{"issuer": URL}`. Then, for each line
//! `{"url": SERVER, "count": N, "connections": C}` on standard input, it signs N outside tokens, says
//! `{"signed": N}`, waits for one more line, exchanges each of them once over C connections that stay open, and says
//! how that went. Signing is not part of the measurement: it costs more than verifying.
//!
//! `load refresh` reads `{"refresh_tokens": […]}`, and then takes the same orders: each connection refreshes
//! sessions of its own, again and again.
//!
//! `load flood` sends forged tokens at a given rate; see `flood.rs`.
//!
//! `load floor` says how often per second one core can verify RS256 and sign ES256: no exchange can be faster.

#![expect(clippy::expect_used, clippy::panic, reason = "test code fails by panicking")]

mod connection;
mod content;
mod exchange;
mod first_byte;
mod flood;
mod floor;
mod open;
mod order;
mod refresh;
mod upload;
mod wire;

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use serde_json::Value;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("exchange") => on_one_thread(exchange::run()),
        Some("flood") => on_one_thread(flood::run()),
        Some("refresh") => on_one_thread(refresh::run()),
        Some("floor") => say(&floor::measure()),
        Some("content") => content::run(),
        Some("open") => open::run(),
        Some("first-byte") => first_byte::run(),
        Some("upload") => upload::run(),
        _ => {
            let _ = writeln!(io::stderr(), "usage: load exchange|refresh|flood|floor|content|open|first-byte|upload");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn on_one_thread(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, work);
}

fn say(value: &Value) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{value}").and_then(|()| stdout.flush());
}

/// The next line of standard input, without holding up what else runs.
async fn hear() -> Option<Value> {
    let read = || {
        let mut line = String::new();
        (io::stdin().lock().read_line(&mut line).ok()? > 0).then_some(line)
    };
    let line = tokio::task::spawn_blocking(read).await.ok().flatten()?;
    Some(serde_json::from_str(&line).expect("a line of JSON"))
}

/// What is to be measured.
struct Order {
    /// The server, `http://ADDRESS:PORT`.
    url: String,
    /// How many requests in all.
    count: usize,
    /// Over how many connections.
    connections: usize,
}

impl Order {
    /// The next order.
    async fn hear() -> Option<Self> {
        let order = hear().await?;
        let number = |key: &str| order.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let url = order.get("url").and_then(Value::as_str).expect("a `url`").to_owned();
        let (count, connections) = (number("count").expect("a `count`"), number("connections").expect("`connections`"));
        Some(Self { url, count, connections })
    }
}
