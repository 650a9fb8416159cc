//! A package policy as real pip and uv meet it; and its guide, word for word.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use daypass_core::{
    SignedDuration,
    clock::{Clock as _, SystemClock},
};
use daypass_testkit::{
    upstream::{Upstream, UpstreamFile},
    wheel::Wheel,
};
use serde_json::{Value, json};

use crate::{
    installers::{path_with, succeeded, text},
    server::daypassd,
    stage::{Stage, Venv},
    world::{PUBLIC, World},
};

const PAGE: &str = "/python/simple/sunny-lib/";

/// Uploads a version of the public project a day ago.
fn upload_young(upstream: &Upstream, version: &str) -> UpstreamFile {
    let yesterday = SystemClock.now() - SignedDuration::from_hours(24);
    let wheel = Wheel::new(PUBLIC, version).module("shines = True\n");
    let file =
        UpstreamFile { upload_time: yesterday.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), ..UpstreamFile::of(&wheel) };
    upstream.add_file(PUBLIC, file.clone());
    file
}

/// The version of the public project in an environment.
fn installed(venv: &Venv) -> String {
    let script = "import importlib.metadata as m; print(m.version('sunny-lib'))";
    text(&Command::new(venv.python()).env_clear().args(["-c", script]).output().unwrap()).trim().to_owned()
}

fn pip(world: &World, stage: &Stage, venv: &Venv, outside_token: &str, arguments: &[&str]) -> Output {
    let mut command = world.in_job(venv.python(), "home", outside_token);
    command
        .args(["-m", "pip", "install", "--no-input", "--no-deps", "--index-url", &world.index_url()])
        .args(arguments);
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_KEYRING_PROVIDER", "subprocess");
    command.env("PATH", path_with(stage)).output().unwrap()
}

fn uv(world: &World, stage: &Stage, venv: &Venv, outside_token: &str, arguments: &[&str]) -> Output {
    let mut command = world.in_job(stage.uv(), "home", outside_token);
    command.env("PATH", path_with(stage)).env("UV_KEYRING_PROVIDER", "subprocess").env("UV_NO_PROGRESS", "1");
    command.args(["pip", "install", "--no-cache", "--no-deps", "--python"]).arg(venv.python());
    command.args(["--index-url", &world.index_url_as("_token")]).args(arguments).output().unwrap()
}

/// What the policies blocked, as an administrator sees it from elsewhere.
fn blocked(world: &World, arguments: &[&str]) -> String {
    let mut daypass = world.in_job(World::daypass(), "desk", &world.outside_token_of("76"));
    let output = daypass.env("DAYPASS_IDENTITY", "ci/auditor").args(["audit", "blocked"]).args(arguments).output();
    let output = output.unwrap();
    succeeded(&output);
    String::from_utf8(output.stdout).unwrap()
}

fn soon(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !done() {
        assert!(Instant::now() < deadline, "within five seconds: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pip_and_uv_take_the_elder_version_and_a_lock_of_the_young_one_is_told_why() {
    let (stage, world) = (Stage::find(), World::start());
    let young = upload_young(&world.upstream, "2.6");
    let outside_token = world.outside_token();
    let (by_pip, by_uv) = (stage.venv(&world.path("pip"), "newest"), stage.venv(&world.path("uv"), "newest"));
    // Without any policy file: seven days are the default.
    succeeded(&pip(&world, &stage, &by_pip, &outside_token, &[PUBLIC]));
    succeeded(&uv(&world, &stage, &by_uv, &outside_token, &[PUBLIC]));
    assert_eq!((installed(&by_pip).as_str(), installed(&by_uv).as_str()), ("2.5", "2.5"));

    // A lock file that was written elsewhere names the young file itself.
    let url = format!("{}/python/files/{PUBLIC}/{}", world.url(), young.name);
    let lock = world.path("lock.txt");
    fs::write(&lock, format!("{PUBLIC} @ {url} --hash=sha256:{}\n", young.sha256())).unwrap();
    let arguments = ["--require-hashes", "-r", lock.to_str().unwrap()];
    for output in [
        pip(&world, &stage, &by_pip, &outside_token, &arguments),
        uv(&world, &stage, &by_uv, &outside_token, &arguments),
    ] {
        let said = text(&output);
        assert!(!output.status.success() && said.contains("403"), "{said}");
    }
    let said = text(&pip(&world, &stage, &by_pip, &outside_token, &arguments));
    assert!(said.contains("index `python` waits 7 days: can be installed from"), "{said}");

    let listed = blocked(&world, &["-o", "json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_page = |event: &&Value| event.get("file").is_none();
    assert!(listed.iter().all(|event| event["identity"] == "ci/app" && event["project"] == PUBLIC), "{listed:?}");
    assert!(listed.iter().any(|event| of_page(&event)) && listed.iter().any(|event| event["file"] == young.name));
    assert_eq!(blocked(&world, &["--project", "acme-hello"]), "");
}

/// The guide's policies, the first of which is the whole one.
fn policies(guide: &str) -> Vec<&str> {
    let blocks = guide.split("```toml\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0).filter(|block| !block.contains("[[index]]")).collect()
}

/// The guide's commands that begin so.
fn commands<'a>(guide: &'a str, program: &str) -> Vec<Vec<&'a str>> {
    let lines = guide.lines().map(str::trim).filter_map(|line| line.strip_prefix(program)?.strip_prefix(' '));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

fn advisory(folder: &Path, id: &str, version: &str) {
    let advisory = json!({
        "id": id, "summary": "steals credentials",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": PUBLIC }, "versions": [version] }],
    });
    // As the guide says: written beside, then put in place.
    fs::write(folder.join(".new"), advisory.to_string()).unwrap();
    fs::rename(folder.join(".new"), folder.join(format!("{id}.json"))).unwrap();
}

#[test]
fn the_guide_holds_while_the_server_runs() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/package-policy.md");
    let guide = fs::read_to_string(guide).unwrap();
    let index =
        guide.split("```toml\n").find(|block| block.starts_with("[[index]]")).unwrap().split_once("```").unwrap().0;
    let written = policies(&guide);
    let plan = World::plan().config(index);
    let advisories = plan.folder().join("advisories");
    fs::create_dir(&advisories).unwrap();
    fs::write(plan.folder().join("python.policy.toml"), written[0]).unwrap();
    let world = plan.start();
    upload_young(&world.upstream, "2.6");
    upload_young(&world.upstream, "2.7");
    let access_token = world.access_token();
    let has = |version: &str| world.fetch(PAGE, &access_token).text().contains(&format!("sunny_lib-{version}-"));
    assert!(has("2.5") && has("2.6") && !has("2.7"), "2.6 is named as an exception");

    // What it means, before it holds.
    for arguments in commands(&guide, "daypassd check-config") {
        let output = daypassd().current_dir(world.folder()).arg("check-config").args(arguments).output().unwrap();
        succeeded(&output);
        let said = text(&output);
        assert!(said.contains("packages    python: files from upstream wait 7 days"), "{said}");
        assert!(said.contains("quarantined: `gloomy-lib` >=3"), "{said}");
    }

    // An advisory that comes while the server runs, and the exception of the guide for it.
    advisory(&advisories, "MAL-2026-0001", "2.5");
    soon("malware is gone", || !has("2.5"));
    let policy = world.path("python.policy.toml");
    fs::write(&policy, format!("{}\n{}", written[0], written[1])).unwrap();
    soon("the false alarm is lifted", || has("2.5"));

    // What makes no sense changes nothing.
    fs::write(&policy, "cooldown = \"a while\"").unwrap();
    fs::write(advisories.join("MAL-2026-0002.json"), "{").unwrap();
    thread::sleep(Duration::from_secs(3));
    assert!(has("2.5") && !has("2.7"));
    let log = fs::read_to_string(crate::server::log_of(world.folder())).unwrap();
    assert!(log.contains("the changed package policy is not valid"), "{log}");
    fs::remove_file(advisories.join("MAL-2026-0002.json")).unwrap();

    fs::write(&policy, format!("mode = \"preview\"\n{}", written[0])).unwrap();
    soon("preview withholds nothing", || has("2.5") && has("2.7"));

    for arguments in commands(&guide, "daypass audit blocked") {
        let listed = blocked(&world, &arguments);
        assert!(listed.contains("cooldown: uploaded on") && listed.contains("preview: "), "{arguments:?}: {listed}");
    }
    for arguments in commands(&guide, "daypassd audit") {
        let mut command = daypassd();
        let output = command.current_dir(world.folder()).arg("audit").args(arguments).arg("--data").arg(world.data());
        let said = text(&output.output().unwrap());
        assert!(said.contains("pull.blocked") && !said.contains("token.exchanged"), "{said}");
    }
}
