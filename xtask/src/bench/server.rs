//! A server to be measured, on a core of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    build::Built,
    command::{Running, pause, start, start_attended},
};

/// The core of what is measured.
pub(super) const SERVER_CORE: &str = "0";
/// The core of what measures.
pub(super) const CLIENT_CORE: &str = "1";

/// `program`, kept on one core.
pub(super) fn on_core(core: &str, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]).arg(program.as_ref());
    command
}

/// A running `daypassd`.
pub(super) struct Daypassd {
    process: Running,
    pub(super) url: String,
    pub(super) index_url: String,
    /// From spawn to answering.
    pub(super) cold_start: Duration,
}

impl Daypassd {
    /// Starts one in `folder` that trusts `issuer`.
    pub(super) fn start(built: &Built, folder: &Path, issuer: &str) -> Result<Self> {
        Self::start_with(built, folder, issuer, "")
    }

    /// Starts one with these policy files.
    pub(super) fn start_with_policies(built: &Built, folder: &Path, policies: &[String]) -> Result<Self> {
        Self::begin(built, folder, policies, "")
    }

    /// The same with a configuration file.
    pub(super) fn start_with(built: &Built, folder: &Path, issuer: &str, config: &str) -> Result<Self> {
        Self::begin(built, folder, &[policy_text(issuer)], config)
    }

    /// The same with both.
    pub(super) fn start_with_both(built: &Built, folder: &Path, policies: &[String], config: &str) -> Result<Self> {
        Self::begin(built, folder, policies, config)
    }

    fn begin(built: &Built, folder: &Path, policies: &[String], config: &str) -> Result<Self> {
        let ready_file = folder.join("ready.json");
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let log = fs::File::create(folder.join("daypassd.log"))?;
        let mut command = on_core(SERVER_CORE, built.binaries.join("daypassd"));
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        for (number, text) in policies.iter().enumerate() {
            let policy = folder.join(format!("policy-{number}.toml"));
            fs::write(&policy, text)?;
            command.arg("--policy").arg(&policy);
        }
        command.arg("--ready-file").arg(&ready_file);
        let settings = folder.join("daypassd.toml");
        fs::write(&settings, config)?;
        command.arg("--config").arg(&settings);
        let began = Instant::now();
        let mut process = start(command.stdout(Stdio::null()).stderr(log))?;
        let ready: Value = loop {
            if let Ok(text) = fs::read_to_string(&ready_file) {
                break serde_json::from_str(&text)?;
            }
            if process.ended()?.is_some() || began.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(folder.join("daypassd.log")).unwrap_or_default();
                bail!("`daypassd serve` did not get ready: {}", log.trim());
            }
            pause(Duration::from_micros(500))?;
        };
        let cold_start = began.elapsed();
        let text = |key: &str| {
            let value = ready.get(key).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("the ready file has no `{key}`"))
        };
        Ok(Self { process, url: text("url")?, index_url: text("index_url")?, cold_start })
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What it has used of its core so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        cpu(self.process.id())
    }

    /// The most memory it ever had, in MB.
    pub(super) fn peak_memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes / 1000.0)
    }
}

/// User and system time of a process (proc(5), `stat`): in hundredths of a second on every Linux.
pub(super) fn cpu(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no process")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// A policy with one identity, which the load matches.
pub(super) fn policy_text(issuer: &str) -> String {
    format!(
        "[[issuer]]\nname = \"ci\"\nurl = \"{issuer}\"\nkeys = {{ discovery = true }}\n\n\
         [[identity]]\nname = \"ci/load\"\nissuer = \"ci\"\nclaims = {{ repository_id = \"74\" }}\n\
         grants = [ {{ index = \"python\", projects = [\"*\"], actions = [\"pull\"] }} ]\n"
    )
}

/// The load generator, which is a CI's identity provider too.
pub(super) struct Load {
    // Dropped first: its end tells the process to end.
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Running,
    pub(super) issuer: String,
}

impl Load {
    pub(super) fn start(built: &Built) -> Result<Self> {
        Self::of_an_issuer(built, "exchange")
    }

    /// One that sends forged tokens of an issuer of its own.
    pub(super) fn flooding(built: &Built) -> Result<Self> {
        Self::of_an_issuer(built, "flood")
    }

    fn of_an_issuer(built: &Built, what: &str) -> Result<Self> {
        let mut load = Self::run(built, what)?;
        let said = load.hear()?;
        said.get("issuer").and_then(Value::as_str).context("no issuer")?.clone_into(&mut load.issuer);
        Ok(load)
    }

    /// One that refreshes these sessions, instead of exchanging outside tokens.
    pub(super) fn refreshing(built: &Built, refresh_tokens: &[String]) -> Result<Self> {
        let mut load = Self::run(built, "refresh")?;
        writeln!(load.orders, "{}", json!({ "refresh_tokens": refresh_tokens }))?;
        load.hear()?;
        Ok(load)
    }

    /// One that takes orders, and says nothing before.
    pub(super) fn ordered(built: &Built, what: &str) -> Result<Self> {
        Self::run(built, what)
    }

    fn run(built: &Built, what: &str) -> Result<Self> {
        let program: PathBuf = built.binaries.join("load");
        let mut process = start_attended(on_core(CLIENT_CORE, program).arg(what).stdout(Stdio::piped()))?;
        let (orders, answers) = (process.stdin().context("no stdin")?, process.stdout().context("no stdout")?);
        Ok(Self { orders, answers: BufReader::new(answers), _process: process, issuer: String::new() })
    }

    /// Signs so many outside tokens for the server, if that is what it does; they are sent by [`Load::go`].
    pub(super) fn prepare(&mut self, url: &str, count: usize, connections: usize) -> Result<()> {
        writeln!(self.orders, "{}", json!({ "url": url, "count": count, "connections": connections }))?;
        self.hear().map(|_signed| ())
    }

    /// Sends what was prepared, and says how that went.
    pub(super) fn go(&mut self) -> Result<Value> {
        writeln!(self.orders, "{}", json!("go"))?;
        self.hear()
    }

    /// Gives an order.
    pub(super) fn order(&mut self, order: &Value) -> Result<()> {
        Ok(writeln!(self.orders, "{order}")?)
    }

    /// What it says next.
    pub(super) fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).context("the load generator gave up")
    }
}
