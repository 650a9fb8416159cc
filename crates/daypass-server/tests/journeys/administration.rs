//! Administration: an issuer and an identity are made with `daypass admin`, a job of theirs comes in, and what is taken
//! away bites within seconds; the same from files in git. Every command of the guides runs here.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use daypass_testkit::oidc::Provider;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{stage::Stage, world::World};

const PAGE: &str = "/python/simple/acme-hello/";

/// Within which a change must be felt.
const SOON: Duration = Duration::from_secs(5);

fn soon(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < deadline, "within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs `daypass admin` as the auditor, who administers the index and may pull.
fn admin(world: &World, arguments: &[&str]) -> Output {
    let mut daypass = world.in_job(World::daypass(), "desk", &world.outside_token_of("76"));
    daypass.env("DAYPASS_IDENTITY", "ci/auditor").arg("admin").args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(world: &World, arguments: &[&str]) -> String {
    let output = admin(world, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of a guide that are commands, with what a reader has in the place of what stands there.
fn commands(guide: &str, changes: &[(&str, &str)]) -> Vec<Vec<String>> {
    let path = format!("{}/../../docs/guides/{guide}", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
    for (from, to) in changes {
        assert!(text.contains(from), "{guide} has no `{from}` any more");
        text = text.replace(from, to);
    }
    let lines = text.lines().map(str::trim).filter_map(|line| line.strip_prefix("daypass admin "));
    lines.map(|line| line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()).collect()
}

#[test]
fn what_the_guide_makes_lets_a_job_in_and_what_it_takes_away_keeps_it_out() {
    let (world, runtime) = (World::start(), Runtime::new().unwrap());
    let other = runtime.block_on(Provider::start());
    let job = || other.token(json!({ "aud": world.url(), "sub": "job", "project_id": "20", "namespace_id": "72" }));
    let sample = world.path("sample.jwt");
    fs::write(&sample, job()).unwrap();
    let sample = sample.display().to_string();
    let changes = [("https://git.example.com", other.url()), ("sample.jwt", &sample)];
    let mut lines = commands("identities.md", &changes).into_iter();
    let mut run_until = |last: &str| {
        for line in lines.by_ref() {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            done(&world, &words);
            if words.join(" ").starts_with(last) {
                return;
            }
        }
        panic!("the guide has no `{last}` any more");
    };
    assert_eq!(world.exchange(&job()).status, 400, "nobody is trusted yet");
    run_until("identity create gitlab");
    soon("the job is let in", || world.exchange(&job()).status == 200);
    let access = world.access_token_for(&job());
    assert_eq!(world.fetch(PAGE, &access).status, 200);
    run_until("identity disable");
    soon("its access token is refused", || world.fetch(PAGE, &access).status != 200);
    assert_eq!(world.exchange(&job()).status, 400);
    run_until("identity enable");
    soon("it is let in again", || world.exchange(&job()).status == 200);

    // The log shows what it was and what it is.
    let updated = world.audit_of("identity.updated");
    assert_eq!(updated[0]["change"]["before"].get("enabled"), None);
    assert_eq!(updated[0]["change"]["after"]["enabled"], json!(false));
    assert_eq!(updated[0]["identity"], json!("ci/auditor"), "who did it");
    assert_eq!(world.audit_of("issuer.created")[0]["change"]["name"], json!("git"));

    // Nobody grants what they do not hold: the auditor may not push.
    let create = ["identity", "create", "gitlab", "--name", "x", "--outside-token", &sample, "--issuer", "git"];
    let output = admin(&world, &[&create[..], &["--index", "python", "--action", "push"]].concat());
    assert!(output.status.code() == Some(3) && told(&output).contains("you do not hold"), "{}", told(&output));
    // And what a file of the server says is not changed from elsewhere.
    let output = admin(&world, &["identity", "disable", "ci/app"]);
    assert!(told(&output).contains("defined by a policy file"), "{}", told(&output));
    run_until("identity delete");
    soon("the job is kept out", || world.exchange(&job()).status == 400);
}

#[test]
fn files_in_git_are_planned_and_applied_and_then_there_is_nothing_to_do() {
    let (mut world, runtime) = (World::start(), Runtime::new().unwrap());
    let other = runtime.block_on(Provider::start());
    let url = world.url();
    let job = || other.token(json!({ "aud": url, "sub": "job", "repository_id": "80" }));
    let folder = world.path("policy");
    fs::create_dir(&folder).unwrap();
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/policy-in-git.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, policy) = guide.split_once("```toml\n").unwrap();
    let policy = policy.split_once("```").unwrap().0.replace("https://ci.example.com", other.url());
    fs::write(folder.join("ci.toml"), &policy).unwrap();
    let lines = commands("policy-in-git.md", &[]);
    let words = |start: &str| -> Vec<&str> {
        let line = lines.iter().find(|line| line.join(" ").starts_with(start));
        line.unwrap_or_else(|| panic!("the guide has no `{start}` any more")).iter().map(String::as_str).collect()
    };
    let plan = admin(&world, &words("plan -f"));
    assert_eq!(plan.status.code(), Some(1), "{}", told(&plan));
    assert!(told(&plan).contains("+ issuer ci2"), "{}", told(&plan));
    assert_eq!(world.exchange(&job()).status, 400, "a plan changes nothing");
    done(&world, &words("apply -f"));
    soon("the job is let in", || world.exchange(&job()).status == 200);
    assert_eq!(done(&world, &words("plan -f")), "nothing to do\n");
    let before = world.audit().len();
    done(&world, &words("apply -f"));
    assert!(world.audit()[before..].iter().all(|event| event.get("change").is_none()), "nothing was changed");

    world.restart();
    assert_eq!(world.exchange(&job()).status, 200, "it is still so after a restart");
    fs::write(folder.join("ci.toml"), "").unwrap();
    done(&world, &words("apply -f"));
    soon("the job is kept out", || world.exchange(&job()).status == 400);
    assert_eq!(world.audit_of("identity.deleted").len(), 1);
}

#[test]
fn the_published_schemas_are_valid_and_accept_what_is_shown_to_people() {
    let (stage, world) = (Stage::find(), World::start());
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut python = Command::new(stage.schemas());
    python
        .arg(root.join("tests/schemas/check.py"))
        .arg(world.url())
        .arg(root.join("docs/reference/policy.schema.json"));
    for file in ["ci-job.md", "people.md", "policy-in-git.md", "tour-policy.toml"] {
        python.arg(root.join("docs/guides").join(file));
    }
    let output = python.arg(world.path("policy.toml")).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}
