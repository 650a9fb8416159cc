//! Everything the story plays in: a folder, a CI's identity provider, the server. Gone when dropped.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    build::Built,
    command::{Running, answer, finish, pause, start, start_attended},
    environment, http,
    say::{complain, say},
    tools::{self, Python, UV},
    workspace::Workspace,
};

/// The world of the demo.
pub(crate) struct World {
    // Dropped in this order: the processes before the folder they write into.
    _server: Running,
    _ci: Running,
    folder: TempDir,
    /// The release binaries.
    pub(crate) binaries: PathBuf,
    /// The wheel of `keyrings-daypass`.
    pub(crate) wheel: PathBuf,
    /// The installed Python.
    pub(crate) python: Python,
    /// uv's program.
    pub(crate) uv: PathBuf,
    /// The server's public URL.
    pub(crate) url: String,
    /// The private index.
    pub(crate) index_url: String,
    /// The CI's issuer URL.
    issuer: String,
    /// From spawn to answering.
    pub(crate) cold_start: Duration,
}

const CONFIDENTIAL: u32 = 0o600;

impl World {
    /// Makes sure that the upstream can be reached, and starts everything.
    pub(crate) fn start(workspace: &Workspace, built: &Built) -> Result<Self> {
        let python = Python::find()?;
        let upstream = upstream(&python)?;
        let folder = tempfile::Builder::new().prefix("daypass-demo-").tempdir()?;
        reach(&python, folder.path())?;
        let uv = tools::environment(workspace, "uv", &[UV])?.join("uv");
        let (ci, issuer) = start_ci(built, folder.path())?;
        let policy = folder.path().join("policy.toml");
        fs::write(&policy, policy_text(&issuer))?;
        let began = Instant::now();
        let (server, ready) = start_server(built, folder.path(), &policy, &upstream)?;
        let cold_start = began.elapsed();
        let text = |key: &str| {
            let value = ready.get(key).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("the ready file has no `{key}`"))
        };
        let (url, index_url) = (text("url")?, text("index_url")?);
        Ok(Self {
            _server: server,
            _ci: ci,
            folder,
            binaries: built.binaries.clone(),
            wheel: built.wheel.clone(),
            python,
            uv,
            url,
            index_url,
            issuer,
            cold_start,
        })
    }

    /// The demo's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// A fresh outside token for a job, as its CI hands one out.
    pub(crate) fn job_token(&self) -> Result<String> {
        let answer = http::get(&format!("{}/token?audience={}", self.issuer, self.url))?;
        let answer: Value = serde_json::from_str(&answer).context("the CI answers no JSON")?;
        answer.get("value").and_then(Value::as_str).map(str::to_owned).context("the CI answers no token")
    }

    /// A program with nothing of this machine's settings: its home is in the demo's folder.
    pub(crate) fn clean(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for name in environment::personal_variables() {
            command.env_remove(name);
        }
        command.env("HOME", self.folder().join("home")).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command.current_dir(self.folder());
        command
    }

    /// The same as part of a job whose CI gave it `outside_token`.
    pub(crate) fn job(&self, program: impl AsRef<Path>, outside_token: &str) -> Command {
        let mut command = self.clean(program);
        command.env("DAYPASS_SERVER", &self.url).env("DAYPASS_IDENTITY_TOKEN", outside_token);
        command
    }

    /// What the audit log says, oldest first.
    pub(crate) fn audit(&self) -> Result<Vec<Value>> {
        let mut command = self.clean(self.binaries.join("daypassd"));
        let lines = answer(command.arg("audit").arg("--data").arg(self.data()).args(["--output", "json"]))?;
        lines.lines().map(|line| serde_json::from_str(line).context("an audit line is not JSON")).collect()
    }

    /// What to type next.
    pub(crate) fn explain_next(&self, workspace: &Workspace) {
        let shown = |path: &Path| path.strip_prefix(&workspace.root).unwrap_or(path).display().to_string();
        say("\nTo try it by hand:");
        say("  cargo xtask demo --stay        # the same, and the server keeps running until Ctrl-C");
        say("or begin with your own CI:");
        let daypassd = shown(&self.binaries.join("daypassd"));
        say(format_args!("  {daypassd} init                # writes daypassd.toml and policy.toml, commented"));
        say(format_args!("  {daypassd} serve --dev --upstream URL-OF-AN-INDEX --policy policy.toml"));
        say(format_args!("  pip install {}", shown(&self.wheel)));
    }

    /// How to use what keeps running.
    pub(crate) fn explain_by_hand(&self) {
        let home = self.folder().join("home");
        say("\nIt keeps running until Ctrl-C. In another terminal:");
        say(format_args!("  export HOME={} DAYPASS_SERVER={}", home.display(), self.url));
        say(format_args!("  . {}/bin/activate", self.folder().join("venv").display()));
        say(format_args!("  pip install --index-url {} flask", self.index_url));
        say("  daypass status");
        say(format_args!("  daypass helper keyring get {}", self.index_url));
        let daypassd = self.binaries.join("daypassd");
        say(format_args!("  {} audit --data {}", daypassd.display(), self.data().display()));
    }
}

/// What pip asks when nobody tells it otherwise. Never written down: pip is asked.
fn upstream(python: &Python) -> Result<String> {
    let told = answer(python.command().args(["-m", "pip", "config", "get", "global.index-url"])).ok();
    let told = environment::variable("PIP_INDEX_URL").and_then(|url| url.into_string().ok()).or(told);
    let upstream = if let Some(url) = told {
        url
    } else {
        let script = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
        answer(python.command().args(["-c", script])).context("the installed pip does not tell its index")?
    };
    if upstream.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@')) {
        bail!("the index that your pip uses has a password in its URL, which this demo will not pass on");
    }
    Ok(upstream)
}

/// Fails in one sentence, before anything is started, where the network is closed.
fn reach(python: &Python, folder: &Path) -> Result<()> {
    let mut pip = python.command();
    pip.args(["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--no-cache-dir"]);
    pip.args(["--retries", "1", "--timeout", "10", "--dest"]).arg(folder.join("reached")).arg("idna");
    if !finish(&mut pip)?.status.success() {
        bail!("the package index that your pip uses cannot be reached, and the demo installs real packages from it");
    }
    Ok(())
}

fn start_ci(built: &Built, folder: &Path) -> Result<(Running, String)> {
    let mut ci = start_attended(
        Command::new(built.binaries.join("fake-ci")).arg("--attended").current_dir(folder).stdout(Stdio::piped()),
    )?;
    let mut line = String::new();
    BufReader::new(ci.stdout().context("fake-ci has no output")?).read_line(&mut line)?;
    let said: Value = serde_json::from_str(&line).context("fake-ci does not say where it is")?;
    let issuer = said.get("issuer").and_then(Value::as_str).context("fake-ci names no issuer")?.to_owned();
    Ok((ci, issuer))
}

fn policy_text(issuer: &str) -> String {
    format!(
        r#"[[issuer]]
name = "demo-ci"
url = "{issuer}"
keys = {{ discovery = true }}

[[identity]]
name = "ci/app"
issuer = "demo-ci"
claims = {{ repository_id = "74", ref = "refs/heads/main" }}
grants = [ {{ index = "python", projects = ["*"], actions = ["pull"] }} ]
ttl = "1h"
"#
    )
}

fn start_server(built: &Built, folder: &Path, policy: &Path, upstream: &str) -> Result<(Running, Value)> {
    let ready_file = folder.join("ready.json");
    let log_path = folder.join("daypassd.log");
    let log = fs::OpenOptions::new().create(true).append(true).mode(CONFIDENTIAL).open(&log_path)?;
    let mut command = Command::new(built.binaries.join("daypassd"));
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--upstream", upstream, "--data"]);
    command.arg(folder.join("data")).arg("--policy").arg(policy).arg("--ready-file").arg(&ready_file);
    let mut server = start(command.current_dir(folder).stdout(Stdio::null()).stderr(log))?;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(text) = fs::read_to_string(&ready_file) {
            return Ok((server, serde_json::from_str(&text).context("the ready file is not JSON")?));
        }
        if server.ended()?.is_some() || Instant::now() > deadline {
            complain(fs::read_to_string(&log_path).unwrap_or_default().trim());
            bail!("`daypassd serve` did not get ready");
        }
        pause(Duration::from_millis(1))?;
    }
}
