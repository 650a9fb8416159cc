//! No secret leaks: whatever was written, said or shown during a journey is searched for the tokens in play.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    http::{base64, get, post_form},
    installers::{path_with, text},
    server::log_of,
    stage::Stage,
    world::{PRIVATE, PUBLIC, World, exchange_form, exchange_request},
};

/// As much log as there can be.
const TRACE: &str = "[log]\nlevel = \"trace\"\n\n[[index]]\nname = \"python\"\n";

#[test]
fn no_log_error_file_or_command_line_holds_a_token() {
    let (stage, world) = (Stage::find(), World::plan().config(TRACE).start());
    let watch = Watch::start();
    let outside_token = world.outside_token();
    let mut said = Vec::new();

    let venv = stage.venv(&world.path("venv"), "newest");
    stage.install_wheel(&venv);
    for provider in ["import", "subprocess"] {
        let mut pip = world.in_job(venv.python(), "home", &outside_token);
        pip.args([
            "-m",
            "pip",
            "install",
            "-vvv",
            "--force-reinstall",
            "--index-url",
            &world.index_url(),
            PRIVATE,
            PUBLIC,
        ]);
        pip.env("PIP_KEYRING_PROVIDER", provider).env("PATH", path_with(&stage));
        let output = pip.output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        said.push(("pip".to_owned(), text(&output)));
    }
    let mut uv = world.in_job(stage.uv(), "home", &outside_token);
    uv.args(["pip", "install", "-vv", "--keyring-provider", "subprocess", "--python"]).arg(venv.python());
    uv.args(["--reinstall", "--index-url", &world.index_url_as("_token"), PRIVATE, PUBLIC]);
    let output = uv.env("PATH", path_with(&stage)).env("RUST_LOG", "trace").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    said.push(("uv".to_owned(), text(&output)));

    let token = world.in_job(World::daypass(), "home", &outside_token).arg("token").output().unwrap();
    let access_token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    assert!(access_token.starts_with("eyJ"), "{}", String::from_utf8_lossy(&token.stderr));
    for arguments in [&["status"][..], &["status", "-o", "json"], &["login"], &["helper", "keyring", "get", "nonsense"]]
    {
        let output = world.in_job(World::daypass(), "home", &outside_token).args(arguments).output().unwrap();
        said.push((arguments.join(" "), text(&output)));
    }
    // Tokens in the wrong places: they come back nowhere.
    let mut mistaken = world.clean(World::daypass(), "other");
    mistaken.env("DAYPASS_SERVER", &access_token).env("DAYPASS_IDENTITY", &outside_token);
    said.push(("mistaken".to_owned(), text(&mistaken.arg("token").output().unwrap())));
    let mut doubled = exchange_form(&outside_token).to_vec();
    doubled.push(("subject_token", &outside_token));
    for request in [
        exchange_request(&outside_token),
        post_form("/oauth/token", &doubled),
        post_form("/oauth/token", &[("grant_type", &outside_token)]),
        post_form(&format!("/oauth/token?subject_token={outside_token}"), &[("grant_type", "x")]),
        get(format!("/python/simple/?token={access_token}")),
        get(format!("/python/simple/{access_token}/")).basic("_token", &access_token),
        get(format!("/{access_token}/simple/")).bearer(&access_token),
        get("/python/simple/").basic(&access_token, ""),
        get("/python/simple/acme-hello/").bearer(&format!("{access_token}x")),
    ] {
        said.push(("an answer".to_owned(), world.send(&request).everything()));
    }
    said.push(("the audit log".to_owned(), world.audit().iter().map(ToString::to_string).collect()));

    let access_tokens = [access_token];
    let secrets = secrets(&access_tokens, &[outside_token]);
    assert!(fs::metadata(log_of(world.folder())).unwrap().len() > 1_000, "the log was written");
    for (what, words) in &said {
        assert_eq!(found(words, &secrets), None, "in {what}");
    }
    for line in watch.stop() {
        assert_eq!(found(&String::from_utf8_lossy(&line), &secrets), None, "on a command line");
    }
    let kept = files_with(world.folder(), &secrets);
    let cache = world.path("home/.cache/daypass");
    for (path, secret) in &kept {
        assert!(path.starts_with(&cache), "{} holds {secret}", path.display());
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    assert!(!kept.is_empty(), "the search itself works: the cache holds the credential");
}

#[test]
fn nothing_the_server_or_the_command_writes_is_open_to_others_under_umask_000() {
    let world = World::start();
    let script = format!("umask 000; exec \"{}\" token", World::daypass().display());
    let mut shell = world.in_job("/bin/sh", "home", &world.outside_token());
    let output = shell.args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for folder in [world.path("home/.cache"), world.data()] {
        for path in all_files(&folder) {
            let private = path.ancestors().take_while(|above| above.starts_with(&folder)).any(|part| {
                let mode = fs::metadata(part).unwrap().permissions().mode();
                mode & 0o077 == 0
            });
            assert!(private, "{} is open to others", path.display());
        }
    }
}

/// The tokens in every form they travel in, and their signatures alone.
fn secrets(access_tokens: &[String], outside_tokens: &[String]) -> BTreeMap<String, &'static str> {
    let mut secrets = BTreeMap::new();
    for token in outside_tokens {
        secrets.insert(token.clone(), "an outside token");
    }
    for token in access_tokens {
        secrets.insert(token.clone(), "an access token");
        for user in ["_token", "__token__"] {
            // The end of the base64 text depends on what stands before it by three places only.
            secrets.insert(base64(format!("{user}:{token}").as_bytes()), "a Basic credential");
        }
    }
    for token in access_tokens.iter().chain(outside_tokens) {
        secrets.insert(token.rsplit('.').next().unwrap().to_owned(), "a signature");
    }
    secrets
}

fn found(text: &str, secrets: &BTreeMap<String, &'static str>) -> Option<&'static str> {
    secrets.iter().find(|(secret, _)| text.contains(secret.as_str())).map(|(_, what)| *what)
}

fn files_with(folder: &Path, secrets: &BTreeMap<String, &'static str>) -> Vec<(PathBuf, &'static str)> {
    let hit = |path: PathBuf| {
        let bytes = fs::read(&path).ok()?;
        Some((path, found(&String::from_utf8_lossy(&bytes), secrets)?))
    };
    all_files(folder).into_iter().filter_map(hit).collect()
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

/// Reads the command lines of all processes, again and again.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    reader: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let reader = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    seen.extend(fs::read(entry.path().join("cmdline")).ok());
                }
                thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { stop, reader }
    }

    pub(crate) fn stop(self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.join().unwrap()
    }
}
