//! Pull tokens: a person makes one with `daypass`, pip pulls with it, and it ends by hand, by time and with its maker.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::{
    http::{Answer, Request, get, post, post_form},
    installers::text,
    people::office::{until, write_secret},
    server::daypassd,
    stage::{Stage, Venv},
    world::{PRIVATE, World, sha256},
};

const PASSWORD: &str = "four words in a row";
const PAGE: &str = "/python/simple/acme-hello/";
const SOON: std::time::Duration = std::time::Duration::from_secs(5);

/// A browser that follows our pages: cookies and forms, nothing else.
struct Tab<'w> {
    world: &'w World,
    cookies: BTreeMap<String, String>,
}

impl<'w> Tab<'w> {
    fn open(world: &'w World) -> Self {
        Self { world, cookies: BTreeMap::new() }
    }

    fn send(&mut self, request: Request) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.world.send(&request.header("cookie", cookies.join("; ")));
        for cookie in answer.header("set-cookie").split(", ") {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Fills in the form of a page, which carries what is sealed in it along.
    fn fills_in(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> Answer {
        let body = page.text();
        let found = body.split_once("name=\"request\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        let sealed = found.unwrap_or_else(|| panic!("no form: {}", page.everything())).0;
        let sealed = sealed.replace("&#43;", "+").replace("&#61;", "=");
        self.send(post_form(action, &[&[("request", &*sealed)], fields].concat()))
    }
}

fn user(world: &World, arguments: &[&str]) -> String {
    let output = daypassd().arg("user").args(arguments).arg("--data").arg(world.data()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a built-in account and signs it in at `home`, with a code on another device.
fn signs_in(world: &World, name: &str, home: &str) {
    let invite = user(world, &["add", name, "--role", "publisher"]);
    let path = invite.trim().strip_prefix(&world.url()).unwrap_or_else(|| panic!("{invite}")).to_owned();
    let mut tab = Tab::open(world);
    let page = tab.send(get(&path));
    let done = tab.fills_in(&page, &path, &[("password", PASSWORD), ("again", PASSWORD)]);
    assert!(done.text().contains("Your account is ready"), "{}", done.everything());

    let mut login = world.clean("setsid", home);
    login.arg("--wait").arg(World::daypass()).args(["login", &world.url(), "--device"]).stdin(Stdio::null());
    let mut login = login.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(login.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("/device?user_code=") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it showed no code");
    }
    let path = line.trim().strip_prefix(&world.url()).unwrap().to_owned();
    let mut tab = Tab::open(world);
    let page = tab.send(get(&path));
    let page = tab.fills_in(&page, "/oauth/sign-in/password", &[("name", name), ("password", PASSWORD)]);
    let done = tab.fills_in(&page, "/device/confirm", &[("decision", "allow")]);
    assert!(done.text().contains("The device is signed in"), "{}", done.everything());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(login.wait().unwrap().success(), "{rest}");
}

fn daypass(world: &World, home: &str, arguments: &[&str]) -> Output {
    world.clean(World::daypass(), home).arg("pull-token").args(arguments).output().unwrap()
}

/// Makes a pull token at `home`.
fn made(world: &World, home: &str, arguments: &[&str]) -> String {
    let output = daypass(world, home, &[&["create"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output));
    let secret = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(secret.starts_with("daypass_pt_"), "stdout is the secret and nothing else: {secret}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("last resort") && said.contains("keyrings-daypass") && !said.contains(&secret), "{said}");
    secret
}

fn listed(world: &World, home: &str) -> Vec<Value> {
    let output = daypass(world, home, &["list", "-o", "json"]);
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("daypass_pt_"), "never shown again: {said}");
    serde_json::from_str::<Value>(&said).unwrap()["pull_tokens"].as_array().unwrap().clone()
}

/// What the index says of a pull token: nothing when it lets it in, else the stable word.
fn refusal(world: &World, secret: &str) -> Option<String> {
    let answer = world.fetch(PAGE, secret);
    (answer.status != 200).then(|| answer.json()["code"].as_str().unwrap().to_owned())
}

fn is_refused_soon(world: &World, secret: &str, code: &str) {
    until(code, SOON, || (refusal(world, secret).as_deref() == Some(code)).then_some(()));
}

/// A new pull token is known everywhere within the same time.
fn works_soon(world: &World, secret: &str) {
    until("it works", SOON, || refusal(world, secret).is_none().then_some(()));
}

/// pip without keyring, and with an index URL that has no password in it unless `index_url` has one.
fn pip(world: &World, venv: &Venv, home: &str, index_url: &str) -> Output {
    let mut pip = world.clean(venv.python(), home);
    pip.args(["-m", "pip", "install", "--no-input", "--no-cache-dir", "--force-reinstall", "--index-url", index_url]);
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_KEYRING_PROVIDER", "disabled").arg(PRIVATE);
    pip.output().unwrap()
}

#[test]
fn pip_pulls_with_it_until_it_is_revoked() {
    let (stage, world) = (Stage::find(), World::start());
    signs_in(&world, "ada", "desk");
    let secret = made(&world, "desk", &["scanner", "--expires", "7d", "--index", "python", "--project", "acme-*"]);
    works_soon(&world, &secret);
    assert_eq!(listed(&world, "desk")[0]["state"], "active");

    // On a machine that has no `daypass`: in the URL, and in a netrc.
    let venv = stage.venv(&world.path("venv"), "newest");
    let in_url = world.index_url().replacen("://", &format!("://_token:{secret}@"), 1);
    let output = pip(&world, &venv, "elsewhere", &in_url);
    assert!(output.status.success(), "{}", text(&output));
    fs::create_dir_all(world.path("scanner")).unwrap();
    write_secret(&world.path("scanner/.netrc"), &format!("machine 127.0.0.1 login _token password {secret}\n"));
    let output = pip(&world, &venv, "scanner", &world.index_url());
    assert!(output.status.success(), "{}", text(&output));
    let events = until("the downloads are recorded", SOON, || {
        let events = world.audit_of("file.downloaded");
        (events.len() >= 2).then_some(events)
    });
    for event in events {
        assert_eq!((&event["pull_token"], &event["person"]), (&"scanner".into(), &"ada".into()), "{event}");
        assert_eq!(event["token_sha256"], sha256(&secret), "{event}");
    }
    until("its last use is known", SOON, || listed(&world, "desk")[0]["last_used_at"].is_string().then_some(()));

    let output = daypass(&world, "desk", &["revoke", "scanner"]);
    assert!(output.status.success(), "{}", text(&output));
    is_refused_soon(&world, &secret, "pull_token_revoked");
    let output = pip(&world, &venv, "scanner", &world.index_url());
    assert!(!output.status.success(), "{}", text(&output));
    assert_eq!(listed(&world, "desk")[0]["state"], "revoked");
    let audit = fs::read_to_string(crate::server::log_of(world.folder())).unwrap() + &format!("{:?}", world.audit());
    assert!(!audit.contains(&secret), "the secret is in the log");
    for kind in ["pull_token.created", "pull_token.revoked"] {
        assert_eq!(world.audit_of(kind).len(), 1, "{kind}");
    }
}

#[test]
fn it_pulls_what_it_was_made_for_and_does_nothing_else() {
    let world = World::start();
    signs_in(&world, "ada", "desk");
    let secret = made(&world, "desk", &["narrow", "--index", "python", "--project", "acme-*"]);
    works_soon(&world, &secret);
    let other = world.fetch("/python/simple/sunny-lib/", &secret);
    assert_eq!(other.status, 403, "{}", other.everything());
    // Its maker may push. It may not, nor make another, nor look at anything else.
    for path in ["/python/legacy/", "/python/simple/", "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl"] {
        let answer = world.send(&post(path, "application/octet-stream", "x").basic("_token", &secret));
        assert!(matches!(answer.status, 401 | 403 | 404 | 405), "{path}: {}", answer.everything());
    }
    for path in ["/api/v1/session", "/api/v1/audit", "/api/v1/pull-tokens"] {
        assert_eq!(world.send(&get(path).bearer(&secret)).status, 401, "{path}");
    }
    let more = post("/api/v1/pull-tokens", "application/json", r#"{"name":"more"}"#).bearer(&secret);
    assert_eq!(world.send(&more).status, 401);
    // A job makes none.
    let mut job = world.in_job(World::daypass(), "job", &world.outside_token());
    let output = job.args(["pull-token", "create", "for-ever", "--expires", "365d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(output.stdout.is_empty() && text(&output).contains("only a person"), "{}", text(&output));
}

#[test]
fn it_ends_with_its_maker_within_5_seconds() {
    let world = World::start();
    for (name, home) in [("ada", "desk"), ("bob", "other-desk")] {
        signs_in(&world, name, home);
    }
    let (hers, his) = (made(&world, "desk", &["laptop"]), made(&world, "other-desk", &["laptop"]));
    for secret in [&hers, &his] {
        works_soon(&world, secret);
    }
    user(&world, &["disable", "ada"]);
    is_refused_soon(&world, &hers, "pull_token_revoked");
    assert_eq!(refusal(&world, &his), None);
    // Let in again, she makes a new one; the old one stays worthless.
    user(&world, &["enable", "ada"]);
    std::thread::sleep(SOON);
    assert_eq!(refusal(&world, &hers).as_deref(), Some("pull_token_revoked"));
}

#[test]
fn its_time_is_over_when_it_was_said_to_be() {
    let (stage, mut world) = (Stage::find(), World::start());
    signs_in(&world, "ada", "desk");
    let secret = made(&world, "desk", &["month"]);
    works_soon(&world, &secret);
    for (offset, expected) in
        [("+29d", None), ("+30d", Some("pull_token_expired")), ("+32d", Some("pull_token_unknown"))]
    {
        let mut command = world.serve();
        command.env("LD_PRELOAD", stage.faketime()).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        world.restart_as(command);
        assert_eq!(refusal(&world, &secret).as_deref(), expected, "{offset}");
    }
}
