//! How many exchanges a second the store makes durable, and what one costs in CPU time.
//!
//! `cargo run --release -p daypass-store --example exchange_rate -- [STORE-URL] [CALLERS] [SECONDS]`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an instrument, not a part of the product")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use daypass_core::{
    SignedDuration, Timestamp,
    access_token::Actor,
    audit::{AuditEvent, AuditKind, Outcome},
    clock::{Clock, SystemClock},
    digest::Sha256,
    issuer::Replay,
};
use daypass_store::{SpentProof, Store};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir().unwrap();
    let url = arguments.next().unwrap_or_else(|| folder.path().join("daypass.db").display().to_string());
    let callers: u64 = arguments.next().map_or(128, |text| text.parse().unwrap());
    let seconds: u64 = arguments.next().map_or(5, |text| text.parse().unwrap());

    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    let (done, slowest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (begun, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (store, done, slowest) = (store.clone(), Arc::clone(&done), Arc::clone(&slowest));
            tokio::spawn(async move {
                let mut number = 0_u64;
                while begun.elapsed() < Duration::from_secs(seconds) {
                    number += 1;
                    let (proof, granted, replayed) = exchange(caller, number);
                    let asked = Instant::now();
                    store.record_exchange(proof, granted, replayed).await.unwrap();
                    let micros = u64::try_from(asked.elapsed().as_micros()).unwrap();
                    slowest.fetch_max(micros, Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (took, cpu, done) = (begun.elapsed(), cpu_time().saturating_sub(cpu), done.load(Ordering::Relaxed));
    store.close().await;
    let per_exchange = Duration::from_nanos(u64::try_from(cpu.as_nanos()).unwrap() / done.max(1));
    println!(
        "{callers} callers: {} exchanges/s, {per_exchange:?} CPU each (all threads), {} a second and core, slowest {:?}",
        u128::from(done) * 1000 / took.as_millis(),
        1_000_000_000 / per_exchange.as_nanos().max(1),
        Duration::from_micros(slowest.load(Ordering::Relaxed)),
    );
}

/// As an issuer would write it.
fn exchange(caller: u64, number: u64) -> (SpentProof, AuditEvent, AuditEvent) {
    let now = SystemClock.now();
    let id = format!("{}-{caller}-{number}", std::process::id());
    let mut granted = AuditEvent::new(now, AuditKind::TokenExchanged, Outcome::Success, id.clone());
    granted.actor = Some(Actor {
        iss: "https://token.actions.example.com".to_owned(),
        sub: "repo:acme/app:ref:refs/heads/main".to_owned(),
    });
    granted.identity = Some("ci/app".to_owned());
    granted.token_sha256 = Some(Sha256::of(&id));
    granted.subject_token_sha256 = granted.token_sha256;
    granted.token_id = Some(id.clone());
    granted.expires_at = Some(now + SignedDuration::from_hours(1));
    granted.source = Some("127.0.0.1".to_owned());
    granted.user_agent = Some("daypass/0.1.0 (linux; x86_64)".to_owned());
    let replayed = AuditEvent::new(now, AuditKind::TokenRefused, Outcome::Refused, id.clone());
    let until: Timestamp = now + SignedDuration::from_mins(10);
    let proof = SpentProof {
        issuer: "https://token.actions.example.com".to_owned(),
        proof: format!("jti:{id}"),
        until,
        replay: Replay::Once,
    };
    (proof, granted, replayed)
}

/// User and system time of all threads so far: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
