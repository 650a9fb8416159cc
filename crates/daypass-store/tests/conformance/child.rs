//! Tests that need a process of their own: this test program, started again with an order.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use daypass_store::{Spend, Store, StoreUrl};

use crate::home::{Home, event, proof, refusal, variable, whole_log};

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

pub(crate) async fn what_was_acknowledged_is_there_after_kill_9(home: &Home) {
    let mut expected = Vec::new();
    for _ in 0..10 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments());
        let mut child = order("record", &home.text, command);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        // A random instant, from before it has opened the database to well under way.
        let pause = RandomState::new().hash_one(()) % 400;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        expected.extend(acknowledged(&reader.join().unwrap()));
    }
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
