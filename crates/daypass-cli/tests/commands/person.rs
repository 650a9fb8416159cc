//! Somebody with a home of their own, who runs the command.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_issuer::{FakeIssuer, OUTSIDE_TOKEN};

pub(crate) struct Person {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self { home: TempDir::new().unwrap(), variables: Vec::new() }
    }

    /// Somebody who signed in to `issuer` with an identity token in a file.
    pub(crate) fn signed_in(issuer: &FakeIssuer) -> Self {
        let person = Self::new();
        let path = person.write("job.jwt", OUTSIDE_TOKEN);
        let done = person.run(["login", issuer.url(), "--identity", "ci/app", "--identity-token", path.as_str()]);
        assert!(done.status.success(), "{}", told(&done, &[]));
        person
    }

    /// The same, with a variable set from now on.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.home().join(".cache/daypass")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.home().join(".config/daypass/config.toml")
    }

    /// Writes a file into the home, and returns its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.home().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn write_config(&self, content: &str) {
        let folder = self.config().parent().unwrap().to_owned();
        fs::create_dir_all(&folder).unwrap();
        fs::write(self.config(), content).unwrap();
    }

    /// The command, in an environment with nothing in it but the home and what was set.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.program(env!("CARGO_BIN_EXE_daypass"), arguments)
    }

    /// Another program in the same environment, such as one that runs the command in turn.
    pub(crate) fn program<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", self.home()).current_dir(self.home());
        // Nobody is there, even where the tests are run from a terminal; see `terminal.rs` for the others.
        command.env("CI", "true");
        // Nor does the machine that the tests run on vouch for anybody; see `ambient.rs` for those that do.
        command.env("DAYPASS_AMBIENT", "off");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run_with_stdin<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        stdin: &str,
    ) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What the person sees: exit code, stdout, stderr; with what differs between two runs replaced.
    pub(crate) fn sees<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        self.told(&self.run(arguments))
    }

    pub(crate) fn told(&self, done: &Output) -> String {
        told(done, &[(self.home().to_str().unwrap(), "[HOME]")])
    }

    /// A text with what differs between two runs replaced.
    pub(crate) fn told_text(&self, text: &str) -> String {
        masked(&text.replace(self.home().to_str().unwrap(), "[HOME]"))
    }

    /// The only entry in the cache.
    pub(crate) fn entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        let Ok(listed) = fs::read_dir(self.cache()) else { return Vec::new() };
        let paths = listed.map(|item| item.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
    }

    /// Changes the entry in the cache: how long ago it was obtained, and how long it lives, both in seconds.
    pub(crate) fn age_entry(&self, age: i64, life: i64) {
        let path = self.entry();
        let mut entry: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let obtained_at = now() - jiff::SignedDuration::from_secs(age);
        entry["obtained_at"] = json!(obtained_at.to_string());
        entry["expires_at"] = json!((obtained_at + jiff::SignedDuration::from_secs(life)).to_string());
        fs::write(&path, entry.to_string()).unwrap();
    }

    /// Makes the cache folder, closed to others.
    pub(crate) fn make_cache(&self) -> PathBuf {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.cache()).unwrap();
        self.cache()
    }
}

#[expect(clippy::disallowed_methods, reason = "the real binary goes by the real clock")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn told(done: &Output, replace: &[(&str, &str)]) -> String {
    let text = |bytes: &[u8]| {
        let mut text = String::from_utf8(bytes.to_vec()).unwrap();
        for (from, to) in replace {
            text = text.replace(from, to);
        }
        masked(&text)
    };
    let code = done.status.code().map_or("signal".to_owned(), |code| code.to_string());
    format!("exit code: {code}\n----- stdout\n{}----- stderr\n{}", text(&done.stdout), text(&done.stderr))
}

/// Replaces ports, times, hashes and access tokens.
fn masked(text: &str) -> String {
    let text = replace_runs(text, "127.0.0.1:", |c| c.is_ascii_digit(), "[SERVER]");
    let text = replace_runs(&text, "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9", |c| c != '"' && c != '\n', "[ACCESS]");
    let text = replace_runs(&text, "daypass/", |c| c.is_ascii_hexdigit(), "daypass/[HASH]");
    without_times(&text)
}

/// Replaces RFC 3339 instants.
fn without_times(text: &str) -> String {
    let is_date = |from: &str| {
        let digits = |range: std::ops::Range<usize>| from.as_bytes()[range].iter().all(u8::is_ascii_digit);
        from.len() > 19 && from.is_char_boundary(19) && digits(0..4) && digits(5..7) && from.as_bytes()[10] == b'T'
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if is_date(rest) {
            out.push_str("[TIME]");
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "-:.T".contains(c)).trim_start_matches('Z');
        } else {
            out.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    out
}

fn replace_runs(text: &str, start: &str, belongs: impl Fn(char) -> bool, with: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (before, from) = rest.split_at(at);
        let tail = &from[start.len()..];
        let end = tail.find(|c| !belongs(c)).unwrap_or(tail.len());
        // A path such as `daypass/config.toml` is no hash.
        let whole = end >= 4 || start.starts_with("127") && end > 0;
        out.push_str(before);
        out.push_str(if whole { with } else { &from[..start.len() + end] });
        rest = &tail[end..];
    }
    out + rest
}
