//! Bad surroundings: each is one sentence, a hint, a non-zero exit, and what was there before is still there.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use daypass_testkit::{oidc::unix_now, upstream::Trouble};
use serde_json::json;

use crate::{
    http::get,
    installers::text,
    server::daypassd_to_its_end,
    stage::Stage,
    world::{PUBLIC, World},
};

/// One sentence, a hint, a non-zero exit.
fn fails_well(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(output.status.code().is_some(), "ended by a signal");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(said.lines().any(|line| line.starts_with("hint: ")), "no hint: {said}");
    assert!(!said.contains("panicked") && !said.contains(".rs:"), "{said}");
    said
}

fn serve(world: &World, data: &Path) -> Output {
    let (data, policy) = (data.to_str().unwrap(), world.path("policy.toml"));
    daypassd_to_its_end(&[
        "serve",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data,
        "--policy",
        policy.to_str().unwrap(),
    ])
}

#[test]
fn a_port_that_is_taken() {
    let world = World::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = world.path("another");
    let said =
        fails_well(&daypassd_to_its_end(&["serve", "--dev", "--listen", &address, "--data", data.to_str().unwrap()]));
    assert!(said.contains(&address), "{said}");
}

#[test]
fn an_address_that_is_not_of_this_machine_alone_is_no_place_for_dev() {
    let world = World::start();
    let data = world.path("another");
    fails_well(&daypassd_to_its_end(&["serve", "--dev", "--listen", "0.0.0.0:0", "--data", data.to_str().unwrap()]));
}

#[test]
fn a_data_folder_that_cannot_be_made() {
    let world = World::start();
    let file = world.path("a-file");
    fs::write(&file, "precious").unwrap();
    for folder in [file.clone(), file.join("below"), PathBuf::from("/proc/daypass")] {
        let said = fails_well(&serve(&world, &folder));
        assert!(said.contains(folder.to_str().unwrap()), "{said}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_second_server_on_the_same_data() {
    let world = World::start();
    fails_well(&serve(&world, &world.data()));
    assert_eq!(world.send(&get("/healthz")).status, 200, "the first goes on");
}

#[test]
fn a_policy_that_is_missing_or_makes_no_sense() {
    let world = World::start();
    let (data, broken) = (world.path("another"), world.path("broken.toml"));
    fs::write(&broken, "[[identity]]\nname = \"x\"\nissuer = \"nobody\"\nclaims = {}\n").unwrap();
    for policy in [world.path("nowhere.toml"), broken] {
        let (data, policy) = (data.to_str().unwrap(), policy.to_str().unwrap());
        let arguments = ["serve", "--dev", "--listen", "127.0.0.1:0", "--data", data, "--policy", policy];
        let said = fails_well(&daypassd_to_its_end(&arguments));
        assert!(said.contains(policy), "{said}");
    }
}

#[test]
fn a_corrupt_database_is_left_as_it_is() {
    let mut world = World::start();
    world.access_token();
    world.kill();
    let database = database(&world);
    for remains in ["-wal", "-shm"] {
        let _none = fs::remove_file(format!("{}{remains}", database.display()));
    }
    let corrupt = "this is not a database. ".repeat(1_000).into_bytes();
    fs::write(&database, &corrupt).unwrap();
    let said = fails_well(&serve(&world, &world.data()));
    assert!(said.contains(database.to_str().unwrap()), "{said}");
    assert_eq!(fs::read(&database).unwrap(), corrupt);
}

#[test]
fn a_newer_database_is_left_as_it_is() {
    let (stage, mut world) = (Stage::find(), World::start());
    let access_token = world.access_token();
    world.kill();
    let database = database(&world);
    let sql = |statement: &str| {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        let done = Command::new(stage.python()).args(["-c", script]).arg(&database).arg(statement).status().unwrap();
        assert!(done.success());
    };
    sql("INSERT INTO _sqlx_migrations SELECT 99990101000000, 'from the future', installed_on, success, checksum, \
         execution_time FROM _sqlx_migrations LIMIT 1");
    let said = fails_well(&serve(&world, &world.data()));
    assert!(said.contains("newer"), "{said}");
    sql("DELETE FROM _sqlx_migrations WHERE version = 99990101000000");
    world.restart();
    assert_eq!(world.fetch("/python/simple/", &access_token).status, 200, "nothing was lost");
}

fn database(world: &World) -> PathBuf {
    let files = fs::read_dir(world.data()).unwrap().flatten().map(|entry| entry.path());
    let is_sqlite = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3"));
    files.filter(|path| path.is_file()).find(is_sqlite).expect("a database in the data folder")
}

#[test]
fn an_upstream_that_is_down_leaves_private_and_cached_packages() {
    let mut world = World::start();
    let access_token = world.access_token();
    let page = "/python/simple/sunny-lib/";
    let first = world.fetch(page, &access_token);
    let link = first.text().split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let file = crate::index::absolute(&link, page);
    let bytes = world.fetch(&file, &access_token).body;
    world.upstream.stop();
    world.restart();
    assert_eq!(world.fetch("/python/simple/acme-hello/", &access_token).status, 200, "private");
    assert_eq!(world.fetch(page, &access_token).status, 200, "cached page");
    assert_eq!(world.fetch(&file, &access_token).body, bytes, "cached file");
    let answer = world.fetch("/python/simple/never-seen/", &access_token);
    assert!(matches!(answer.status, 502..=504), "{}", answer.everything());
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.everything());
}

#[test]
fn an_upstream_that_answers_nonsense_is_not_believed() {
    let world = World::start();
    let access_token = world.access_token();
    world.upstream.set(|manner| manner.pages = Trouble::Garbage("<html>captive portal</html>".to_owned()));
    let answer = world.fetch("/python/simple/sunny-lib/", &access_token);
    assert!(matches!(answer.status, 502..=504), "{}", answer.everything());
    world.upstream.set(|manner| manner.pages = Trouble::None);
    assert_eq!(world.fetch("/python/simple/sunny-lib/", &access_token).status, 200);
    assert!(world.fetch("/python/simple/sunny-lib/", &access_token).text().contains(&PUBLIC.replace('-', "_")));
}

#[test]
fn a_server_whose_clock_is_ten_minutes_off_says_so_to_whoever_is_refused() {
    let (stage, mut world) = (Stage::find(), World::start());
    for (offset, word) in [("+10m", "expired"), ("-10m", "future")] {
        let mut command = world.serve();
        command.env("LD_PRELOAD", stage.faketime()).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        world.restart_as(command);
        let outside_token = world.outside_token();
        let answer = world.exchange(&outside_token);
        assert_eq!(answer.status, 400, "{offset}: {}", answer.everything());
        let advice = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(advice.contains("clock") || advice.contains(word), "{offset}: {advice}");
        let mut daypass = world.in_job(World::daypass(), "home", &outside_token);
        let said = fails_well(&daypass.arg("token").output().unwrap());
        assert!(said.contains("clock"), "{offset}: the hint names the clock: {said}");
    }
    world.restart();
    assert_eq!(world.exchange(&world.outside_token()).status, 200);
}

#[test]
fn a_client_whose_clock_is_ten_minutes_off_still_installs() {
    let (stage, world) = (Stage::find(), World::start());
    for (home, offset) in [("fast", "+10m"), ("slow", "-10m")] {
        let mut daypass = world.in_job(World::daypass(), home, &world.outside_token());
        daypass.env("LD_PRELOAD", stage.faketime()).env("FAKETIME", offset);
        let output = daypass.args(["token"]).output().unwrap();
        assert!(output.status.success(), "{offset}: {}", text(&output));
        let access_token = String::from_utf8(output.stdout).unwrap();
        assert_eq!(world.fetch("/python/simple/acme-hello/", access_token.trim()).status, 200, "{offset}");
    }
}

#[test]
fn without_a_network_the_cached_credential_is_handed_out_and_its_lack_is_explained() {
    let mut world = World::start();
    let outside_token = world.outside_token();
    let first = world.in_job(World::daypass(), "home", &outside_token).arg("token").output().unwrap();
    assert!(first.status.success(), "{}", text(&first));
    world.kill();
    let helper = |home: &str| {
        let mut daypass = world.in_job(World::daypass(), home, &outside_token);
        daypass.args(["helper", "keyring", "get", &world.index_url()]).output().unwrap()
    };
    let cached = helper("home");
    let access_token = String::from_utf8(first.stdout).unwrap();
    assert!(String::from_utf8(cached.stdout).unwrap().contains(access_token.trim()));
    let empty = helper("empty");
    assert!(!empty.status.success() && empty.stdout.is_empty());
    fails_well(&world.in_job(World::daypass(), "empty", &outside_token).arg("token").output().unwrap());
}

#[test]
fn an_outside_token_from_a_clock_that_is_off_is_refused_with_the_reason() {
    let world = World::start();
    let shifted = |seconds: i64| {
        let now = unix_now() + seconds;
        let mut claims = world.job();
        claims["iat"] = json!(now);
        claims["nbf"] = json!(now);
        claims["exp"] = json!(now + 300);
        world.provider.token(claims)
    };
    for (seconds, good) in [(-600, false), (-20, true), (20, true), (600, false)] {
        let answer = world.exchange(&shifted(seconds));
        assert_eq!(answer.status == 200, good, "{seconds}: {}", answer.everything());
    }
}
