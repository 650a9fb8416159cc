//! The world of one journey: a folder, a CI's identity provider, an upstream index, the server.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use daypass_testkit::{oidc::Provider, upstream::Upstream, wheel::Wheel};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    http::{self, Answer, Request, get},
    server::{Server, daypassd},
};

/// The private project that every journey may install.
pub(crate) const PRIVATE: &str = "acme-hello";
/// The project that only upstream has.
pub(crate) const PUBLIC: &str = "sunny-lib";

/// Everything runs until it is dropped: the server first, the folder last.
pub(crate) struct World {
    server: Option<Server>,
    pub(crate) upstream: Upstream,
    pub(crate) provider: Provider,
    _runtime: Runtime,
    port: u16,
    more: Vec<String>,
    folder: TempDir,
}

/// How a world is to be; begin with [`World::plan`].
pub(crate) struct Plan {
    upstream: Upstream,
    policy: Option<String>,
    config: Option<String>,
    folder: TempDir,
    port: u16,
}

impl Plan {
    /// The server's public URL, for whoever must know it beforehand.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// On this port.
    pub(crate) fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The world's folder, in which the policy file will be.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// More lines for the policy file.
    pub(crate) fn policy(mut self, text: &str) -> Self {
        self.policy = Some(text.to_owned());
        self
    }

    /// A configuration file with this content.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Starts it all.
    pub(crate) fn start(self) -> World {
        let folder = self.folder;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let provider = runtime.block_on(Provider::start());
        let policy = format!("{}\n{}", policy(provider.url()), self.policy.unwrap_or_default());
        fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let mut more = Vec::new();
        if let Some(config) = self.config {
            let path = folder.path().join("daypassd.toml");
            fs::write(&path, config).unwrap();
            more.extend(["--config".to_owned(), path.display().to_string()]);
        }
        let (port, upstream) = (self.port, self.upstream);
        let mut world = World { server: None, upstream, provider, _runtime: runtime, port, more, folder };
        world.import(&Wheel::new(PRIVATE, "1.0").module("def hello():\n    return 'hello from a private package'\n"));
        world.restart();
        world
    }
}

impl World {
    /// The usual world.
    pub(crate) fn start() -> Self {
        Self::plan().start()
    }

    /// The usual world, to be changed before it starts.
    pub(crate) fn plan() -> Plan {
        let upstream = Upstream::start();
        upstream.add_wheel(&Wheel::new(PUBLIC, "2.5").module("shines = True\n"));
        // Whoever installs this one has been tricked: the private project has the same name.
        upstream.add_wheel(&Wheel::new(PRIVATE, "99.0").module("def hello():\n    return 'stolen'\n"));
        let folder = tempfile::Builder::new().prefix("daypass-journey-").tempdir().unwrap();
        Plan { upstream, policy: None, config: None, folder, port: free_port() }
    }

    /// The command line of the server.
    pub(crate) fn serve(&self) -> Command {
        let mut command = daypassd();
        command.args(["serve", "--dev", "--listen", &self.authority(), "--upstream", &self.upstream.url(), "--data"]);
        command.arg(self.data()).arg("--policy").arg(self.path("policy.toml")).args(&self.more);
        command
    }

    /// Starts the server again, on the same port with the same data.
    pub(crate) fn restart(&mut self) {
        self.server = None;
        self.server = Some(Server::start(self.serve(), self.folder.path()));
    }

    /// Starts it by another command line, for another environment.
    pub(crate) fn restart_as(&mut self, command: Command) {
        self.server = None;
        self.server = Some(Server::start(command, self.folder.path()));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// What its commands are told besides.
    pub(crate) fn more(&self) -> &[String] {
        &self.more
    }

    /// Something in the world's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's public URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    pub(crate) fn index_url(&self) -> String {
        format!("{}/python/simple/", self.url())
    }

    /// The index's URL with a user name in it, as older pips and uv need it to ask keyring.
    pub(crate) fn index_url_as(&self, user: &str) -> String {
        self.index_url().replacen("://", &format!("://{user}@"), 1)
    }

    /// Puts a private wheel into the index.
    pub(crate) fn import(&self, wheel: &Wheel) {
        self.import_file(&wheel.file_name(), &wheel.bytes());
    }

    /// Puts a private file into the index.
    pub(crate) fn import_file(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        let mut import = daypassd();
        import.args(["import", "--data"]).arg(self.data()).arg(&path).args(&self.more);
        let output = import.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The claims of a job that the identity `ci/app` lets in.
    pub(crate) fn job(&self) -> Value {
        json!({ "aud": self.url(), "sub": "repo:acme/app:ref:refs/heads/main", "repository_id": "74", "ref": "refs/heads/main" })
    }

    /// A fresh outside token of that job.
    pub(crate) fn outside_token(&self) -> String {
        self.provider.token(self.job())
    }

    /// A fresh outside token of a job of another repository.
    pub(crate) fn outside_token_of(&self, repository_id: &str) -> String {
        let mut claims = self.job();
        claims["repository_id"] = json!(repository_id);
        self.provider.token(claims)
    }

    /// Sends a request; the answer must arrive whole.
    pub(crate) fn send(&self, request: &Request) -> Answer {
        request.send(&self.authority()).unwrap()
    }

    /// Exchanges an outside token.
    pub(crate) fn exchange(&self, outside_token: &str) -> Answer {
        self.send(&exchange_request(outside_token))
    }

    /// An access token of the usual job.
    pub(crate) fn access_token(&self) -> String {
        self.access_token_for(&self.outside_token())
    }

    /// An access token for an outside token that is good.
    pub(crate) fn access_token_for(&self, outside_token: &str) -> String {
        let answer = self.exchange(outside_token);
        assert_eq!(answer.status, 200, "{}", answer.everything());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A page or file of the index, as pip asks for it.
    pub(crate) fn fetch(&self, path: &str, access_token: &str) -> Answer {
        self.send(&get(path).basic("_token", access_token))
    }

    /// The audit log, oldest first, as the operator reads it on the server's machine.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let output = daypassd().arg("audit").arg("--data").arg(self.data()).args(["-o", "json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The audit events of one kind.
    pub(crate) fn audit_of(&self, kind: &str) -> Vec<Value> {
        self.audit().into_iter().filter(|event| event["kind"] == kind).collect()
    }

    /// SHA-256 of every access token that was handed out, as the audit log has it.
    pub(crate) fn audited_tokens(&self) -> BTreeSet<String> {
        let events = self.audit_of("token.exchanged");
        events.iter().map(|event| event["token_sha256"].as_str().unwrap().to_owned()).collect()
    }

    /// A program with nothing of this machine's settings, at home in `home` of the world's folder.
    pub(crate) fn clean(&self, program: impl AsRef<Path>, home: &str) -> Command {
        let home = self.path(home);
        fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("HOME", home).env("LANG", "C.UTF-8").env("PATH", "/usr/bin:/bin");
        command.current_dir(self.folder.path());
        command
    }

    /// The same as part of a CI job that was given `outside_token`.
    pub(crate) fn in_job(&self, program: impl AsRef<Path>, home: &str, outside_token: &str) -> Command {
        let mut command = self.clean(program, home);
        command.env("DAYPASS_SERVER", self.url()).env("DAYPASS_IDENTITY_TOKEN", outside_token);
        command
    }

    /// The `daypass` that was built beside `daypassd`.
    pub(crate) fn daypass() -> PathBuf {
        let path = Path::new(crate::server::DAYPASSD).with_file_name("daypass");
        assert!(path.exists(), "`daypass` is not built: run `cargo xtask test`");
        path
    }
}

pub(crate) fn exchange_request(outside_token: &str) -> Request {
    http::post_form("/oauth/token", &exchange_form(outside_token))
}

pub(crate) fn exchange_form(outside_token: &str) -> [(&'static str, &str); 3] {
    [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", outside_token),
    ]
}

/// The lower-case hexadecimal SHA-256, as the audit log writes it.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap());
    Sha256::digest(bytes.as_ref()).iter().flat_map(digits).collect()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn policy(issuer: &str) -> String {
    let identity = |name: &str, repository_id: &str, projects: &str, actions: &str| {
        format!(
            r#"
[[identity]]
name = "{name}"
issuer = "ci"
claims = {{ repository_id = "{repository_id}", ref = "refs/heads/main" }}
grants = [ {{ index = "python", projects = ["{projects}"], actions = [{actions}] }} ]
ttl = "1h"
"#
        )
    };
    format!(
        "[[issuer]]\nname = \"ci\"\nurl = \"{issuer}\"\nkeys = {{ discovery = true }}\n{}{}{}",
        identity("ci/app", "74", "*", r#""pull""#),
        identity("ci/acme-only", "75", "acme-*", r#""pull""#),
        identity("ci/auditor", "76", "*", r#""pull", "admin""#),
    )
}
