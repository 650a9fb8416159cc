//! How many refreshes a second the store makes durable, what one costs in CPU time, and what many sessions and open
//! device codes take on disk and in memory.
//!
//! `cargo run --release -p daypass-store --example refresh_rate -- [STORE-URL] [CALLERS] [SECONDS] [SESSIONS] [DEVICES]`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an instrument, not a part of the product")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use daypass_core::{
    SignedDuration,
    access_token::Actor,
    audit::{AuditEvent, AuditKind, Outcome},
    clock::{Clock, SystemClock},
    digest::Sha256,
    person::{PersonId, SessionId},
};
use daypass_store::{
    AddDevice, NewCode, NewDevice, NewSession, Redeemed, Rotated, Rotation, RotationEvents, SeenPerson, Store,
};

const ISSUER: &str = "https://login.example.com";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir().unwrap();
    let url = arguments.next().unwrap_or_else(|| folder.path().join("daypass.db").display().to_string());
    let mut number = |default: u64| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (callers, seconds, sessions, devices) = (number(64), number(5), number(100_000), number(10_000));

    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    println!("at first: {}", weight(&url));
    refresh(&store, callers, seconds).await;
    // As many at once as an issuer would answer.
    at_once(256, sessions, |session| let_in(store.clone(), format!("idle-{session}"))).await;
    println!("with {sessions} sessions more: {}", weight(&url));
    at_once(256, devices, |device| ask(store.clone(), device)).await;
    println!("with {devices} open device codes: {}", weight(&url));
    refresh(&store, callers, seconds).await;
    store.close().await;
    println!("closed: {}", weight(&url));
}

/// Refreshes one session per caller as fast as it goes, as the issuer does: it reads the session, then rotates.
async fn refresh(store: &Store, callers: u64, seconds: u64) {
    let run = SystemClock.now().as_nanosecond();
    at_once(callers, callers, |caller| let_in(store.clone(), format!("{run}-{caller}-0"))).await;
    let (done, slowest) = (AtomicU64::new(0), AtomicU64::new(0));
    let (begun, cpu) = (Instant::now(), cpu_time());
    let counters = Arc::new((done, slowest));
    at_once(callers, callers, |caller| {
        let (store, counters) = (store.clone(), Arc::clone(&counters));
        async move {
            let mut number = 0_u64;
            while begun.elapsed() < Duration::from_secs(seconds) {
                let (presented, next) = (format!("{run}-{caller}-{number}"), format!("{run}-{caller}-{}", number + 1));
                number += 1;
                let asked = Instant::now();
                let stored = store.session_by_refresh(&Sha256::of(&presented)).await.unwrap().unwrap();
                let (rotation, events) = rotation(&presented, &next, stored.id);
                assert_eq!(store.rotate(rotation, events).await.unwrap(), Rotated::Refreshed);
                counters.1.fetch_max(u64::try_from(asked.elapsed().as_micros()).unwrap(), Ordering::Relaxed);
                counters.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    let (took, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu));
    let (done, slowest) = (counters.0.load(Ordering::Relaxed), counters.1.load(Ordering::Relaxed));
    let per_refresh = Duration::from_nanos(u64::try_from(cpu.as_nanos()).unwrap() / done.max(1));
    println!(
        "{callers} sessions at once: {} refreshes/s, {per_refresh:?} CPU each (all threads), slowest {:?}",
        u128::from(done) * 1000 / took.as_millis(),
        Duration::from_micros(slowest),
    );
}

/// Does `work` for 0, 1, … below `count`, `callers` at the same time.
async fn at_once<F: Future<Output = ()> + Send + 'static>(callers: u64, count: u64, work: impl Fn(u64) -> F) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        if tasks.len() as u64 >= callers {
            tasks.join_next().await.unwrap().unwrap();
        }
        tasks.spawn(work(number));
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// A sign-in to its end; the refresh token is `name`.
async fn let_in(store: Store, name: String) {
    let (now, person) = (SystemClock.now(), PersonId::of(ISSUER, &name));
    let seen = SeenPerson {
        id: person,
        provider: "corp".parse().unwrap(),
        issuer: ISSUER.to_owned(),
        subject: name.clone(),
        name: "Ada Lovelace".to_owned(),
        email: Some("ada.lovelace@example.com".to_owned()),
    };
    store.record_person(seen, now).await.unwrap();
    let groups = vec!["engineering".to_owned(), "platform".to_owned(), "on-call".to_owned()];
    let code = NewCode {
        code: Sha256::of(&name),
        client_id: "daypass-cli".parse().unwrap(),
        redirect_uri: "http://127.0.0.1:53682/callback".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        person,
        groups: groups.clone(),
        expires_at: now + SignedDuration::from_mins(1),
    };
    store.add_code(code).await.unwrap();
    let session = NewSession {
        id: SessionId::random(),
        person,
        client_id: "daypass-cli".parse().unwrap(),
        audience: "https://packages.example.com".to_owned(),
        groups,
        refresh_token: Sha256::of(&name),
        access_token_id: SessionId::random().to_string(),
        role: None,
        access_token_expires_at: now + SignedDuration::from_hours(1),
        created_at: now,
        idle_until: now + SignedDuration::from_hours(12),
        expires_at: now + SignedDuration::from_hours(12),
        source: Some("192.0.2.1".to_owned()),
        user_agent: Some("daypass/0.1.0 (linux; x86_64)".to_owned()),
    };
    let (opened, replayed) =
        (event(AuditKind::SessionCreated, session.id), event(AuditKind::SessionReused, session.id));
    let redeemed = store.redeem_code(&Sha256::of(&name), session, opened, replayed).await.unwrap();
    assert_eq!(redeemed, Redeemed::Opened);
}

/// A device that asks and waits.
async fn ask(store: Store, number: u64) {
    let now = SystemClock.now();
    let device = NewDevice {
        device_code: Sha256::of(format!("device {number}")),
        user_code: format!("{number:08}"),
        client_id: "daypass-cli".parse().unwrap(),
        source: Some("192.0.2.1".to_owned()),
        user_agent: Some("daypass/0.1.0 (linux; x86_64)".to_owned()),
        provider_hint: None,
        created_at: now,
        expires_at: now + SignedDuration::from_mins(10),
    };
    assert_eq!(store.add_device(device, u32::MAX, now).await.unwrap(), AddDevice::Added);
}

fn rotation(presented: &str, next: &str, session: SessionId) -> (Rotation, RotationEvents) {
    let now = SystemClock.now();
    let rotation = Rotation {
        presented: Sha256::of(presented),
        next: Sha256::of(next),
        access_token_id: SessionId::random().to_string(),
        role: None,
        access_token_expires_at: now + SignedDuration::from_hours(1),
        now,
        idle_until: now + SignedDuration::from_hours(12),
    };
    let refreshed = event(AuditKind::SessionRefreshed, session);
    let replayed = event(AuditKind::SessionReused, session);
    (rotation, RotationEvents { reissued: refreshed.clone(), refreshed, replayed })
}

/// As an issuer would write it.
fn event(kind: AuditKind, session: SessionId) -> AuditEvent {
    let now = SystemClock.now();
    let mut event = AuditEvent::new(now, kind, Outcome::Success, SessionId::random().to_string());
    event.actor = Some(Actor { iss: ISSUER.to_owned(), sub: "00u1abcdefghijklmnop".to_owned() });
    event.person = Some("ada.lovelace@example.com".to_owned());
    event.session = Some(session);
    event.token_sha256 = Some(Sha256::of(session.to_string()));
    event.token_id = Some(SessionId::random().to_string());
    event.expires_at = Some(now + SignedDuration::from_hours(1));
    event.source = Some("192.0.2.1".to_owned());
    event.user_agent = Some("daypass/0.1.0 (linux; x86_64)".to_owned());
    event
}

/// What the database takes on disk (where it is a file), and this process in memory.
fn weight(url: &str) -> String {
    let path = Path::new(url.strip_prefix("sqlite:").unwrap_or(url));
    let mib = |bytes: u64| bytes / 1024 / 1024;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
    match fs::metadata(path) {
        Ok(file) => {
            let log = fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
            format!("{} MiB file, {} MiB log, {rss} resident", mib(file.len()), mib(log))
        }
        Err(_) => format!("{rss} resident"),
    }
}

/// User and system time of all threads so far: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
