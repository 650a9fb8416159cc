//! Tests that need a process of their own: this test program, started again with an order.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use daypass_core::digest::Sha256;
use daypass_store::{Rotated, Spend, Store, StoreUrl};

use crate::{
    guests,
    home::{Home, event, proof, refusal, variable, whole_log},
};

const ORDER: &str = "DAYPASS_TEST_CHILD_ORDER";
const PLACE: &str = "DAYPASS_TEST_CHILD_STORE";

/// Does nothing unless it is the child.
#[test]
fn child_obeys_its_order() {
    let (Some(order), Some(place)) = (variable(ORDER), variable(PLACE)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let url: StoreUrl = place.parse().unwrap();
        match &*order {
            "record" => record_until_the_end(&url).await,
            "refresh" => refresh_until_the_end(&url).await,
            "open_and_list" => open_and_list(&url).await,
            other => panic!("unknown order {other}"),
        }
    });
}

/// Prints a line at once: what was printed was acknowledged.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Records exchanges and says each one that was acknowledged; ends on the first error, and says that too.
async fn record_until_the_end(url: &StoreUrl) {
    let store = Store::open(url).await.unwrap();
    let run = std::process::id();
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let id = format!("{run}-{task}-{number}");
                    match store.record_exchange(proof(&id), event(&id), refusal(&id)).await {
                        Ok(Spend::First) => say(&format!("acknowledged {id}")),
                        Ok(Spend::Replayed) => panic!("{id} was never spent"),
                        Err(error) => return say(&format!("failed {error}")),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Begins sessions, refreshes each as fast as it goes and says each refresh token that was acknowledged.
async fn refresh_until_the_end(url: &StoreUrl) {
    let store = Store::open(url).await.unwrap();
    let run = std::process::id();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut presented = format!("{run}-{task} 0");
                guests::let_in(&store, &presented, &format!("{run}-{task}")).await;
                say(&format!("acknowledged {presented}"));
                for number in 1.. {
                    let next = format!("{run}-{task} {number}");
                    assert_eq!(guests::rotate(&store, &presented, &next, guests::minutes(1)).await, Rotated::Refreshed);
                    say(&format!("acknowledged {next}"));
                    presented = next;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn open_and_list(url: &StoreUrl) {
    use std::os::unix::fs::PermissionsExt;

    let store = Store::open(url).await.unwrap();
    store.record(event("a")).await.unwrap();
    for entry in url.path().unwrap().parent().unwrap().read_dir().unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        say(&format!("file {mode:o} {}", entry.file_name().display()));
    }
    store.close().await;
}

fn order(order: &str, place: &str, mut command: Command) -> Child {
    command.env(ORDER, order).env(PLACE, place).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn arguments() -> [&'static str; 3] {
    ["--exact", "child::child_obeys_its_order", "--nocapture"]
}

/// Runs the order to its end in a shell that was prepared by `preparation`; returns what was printed.
pub(crate) fn run_under_shell(preparation: &str, what: &str, place: &Path) -> String {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command.arg("-c").arg(format!("{preparation}; exec \"$0\" \"$@\"")).arg(program).args(arguments());
    let output = order(what, &place.display().to_string(), command).wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What a child acknowledged, of all that it printed.
pub(crate) fn acknowledged(output: &str) -> Vec<String> {
    output.lines().filter_map(|line| line.strip_prefix("acknowledged ")).map(str::to_owned).collect()
}

/// Gives the order again and again, and kills whoever obeys in the middle of it: what was acknowledged.
async fn acknowledged_before_kill_9(home: &Home, what: &str) -> Vec<String> {
    let mut expected = Vec::new();
    for round in 0..10 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments());
        let mut child = order(what, &home.text, command);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, said) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            for line in lines.map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                let _nobody_waits = sender.send(());
            }
            text
        });
        // A random instant: from before it has opened the database, and, however slow the machine, well under way.
        for _ in 0..if round % 2 == 0 { 30 } else { 0 } {
            said.recv_timeout(Duration::from_mins(1)).unwrap();
        }
        let pause = RandomState::new().hash_one(()) % 400;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        expected.extend(acknowledged(&reader.join().unwrap()));
    }
    expected
}

pub(crate) async fn what_was_acknowledged_is_there_after_kill_9(home: &Home) {
    let expected = acknowledged_before_kill_9(home, "record").await;
    assert!(expected.len() > 100, "only {} exchanges before the kills", expected.len());
    let store = home.open().await;
    let log = whole_log(&store).await;
    let there: HashSet<_> = log.iter().map(|row| &*row.event.request_id).collect();
    for id in &expected {
        assert!(there.contains(id.as_str()), "{id} was acknowledged and is lost");
    }
    // Whole or not at all: a proof is spent if and only if its event is there.
    assert_eq!(home.number("SELECT COUNT(*) FROM spent_proof").await, i64::try_from(log.len()).unwrap());
    let last = expected.last().unwrap();
    let again = store.record_exchange(proof(last), event("again"), refusal("again")).await.unwrap();
    assert_eq!(again, Spend::Replayed);
}

pub(crate) async fn every_acknowledged_refresh_token_is_known_and_no_session_lost_after_kill_9(home: &Home) {
    let expected = acknowledged_before_kill_9(home, "refresh").await;
    assert!(expected.len() > 100, "only {} refresh tokens before the kills", expected.len());
    let store = home.open().await;
    // What a server of PostgreSQL was asked last may still be under way: this waits for it.
    store.record(event("barrier")).await.unwrap();
    // The last refresh token that each session's owner has.
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for refresh_token in &expected {
        let known = store.session_by_refresh(&Sha256::of(refresh_token)).await.unwrap();
        assert!(known.is_some_and(|session| !session.ended), "{refresh_token}");
        let (session, number) = refresh_token.split_once(' ').unwrap();
        last.insert(session, number.parse().unwrap());
    }
    // Whole or not at all: there is an event for each refresh token, and a refresh token for each generation.
    let refresh_tokens = home.number("SELECT COUNT(*) FROM refresh_token").await;
    assert_eq!(1 + refresh_tokens, i64::try_from(whole_log(&store).await.len()).unwrap());
    assert_eq!(refresh_tokens, home.number("SELECT CAST(SUM(generation) AS BIGINT) FROM session").await);
    for (session, number) in last {
        // Either it is in force, or its successor is, whose answer was lost in the crash.
        let (presented, in_flight) = (format!("{session} {number}"), format!("{session} {}", number + 1));
        let was_written = store.session_by_refresh(&Sha256::of(&in_flight)).await.unwrap().is_some();
        let expected = if was_written { Rotated::Reissued } else { Rotated::Refreshed };
        let next = format!("{session} after the crash");
        assert_eq!(guests::rotate(&store, &presented, &next, guests::minutes(2)).await, expected, "{presented}");
        assert_eq!(guests::rotate(&store, &next, &format!("{next} 2"), guests::minutes(3)).await, Rotated::Refreshed);
    }
}
