//! What the Action adds to a job: its main step with an empty tool cache and with the program kept there, and its post
//! step; beside an Action that does nothing. The release host and the server are on this machine.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{
    server::{CLIENT_CORE, Daypassd, Load, on_core},
    statistics::{Sample, Table},
};
use crate::{
    build::Built,
    command::{Running, finish, start},
    dist, system,
    tools::Python,
    workspace::{Profile, Workspace},
};

const ROUNDS: usize = 9;

pub(super) fn measure(workspace: &Workspace, built: &Built, profile: Profile) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let release = dist::of_built(workspace, built, profile, &folder.path().join("dist"))?;
    let host = Host::start(&release.join("release"))?;
    let load = Load::start(built)?;
    let server = Daypassd::start(built, folder.path(), &load.issuer)?;
    let action = release.join("action");
    let job = Job {
        node: system::require("node", "nodejs")?,
        folder: folder.path(),
        inputs: inputs(&action, &server.url, &host.url)?,
        id_tokens: format!("{}/token?api-version=2.0", load.issuer),
    };
    let nothing = folder.path().join("nothing.mjs");
    fs::write(&nothing, "")?;

    let [mut floor, mut new, mut kept, mut post] = std::array::from_fn(|_| Sample::default());
    for round in 0..=ROUNDS {
        let tools = job.folder.join("tools");
        if tools.exists() {
            fs::remove_dir_all(&tools)?;
        }
        let nothing = job.step(&nothing, None)?;
        let (with_download, first_end) = (job.signs_in(&action)?, job.ends(&action)?);
        let (without, second_end) = (job.signs_in(&action)?, job.ends(&action)?);
        // The first round warms the caches of the system.
        if round > 0 {
            floor.add(nothing.as_secs_f64());
            new.add(with_download.as_secs_f64());
            kept.add(without.as_secs_f64());
            post.add(first_end.as_secs_f64());
            post.add(second_end.as_secs_f64());
        }
    }

    let size = fs::metadata(archive(&release.join("release"))?)?.len();
    let title = format!(
        "What the Action adds to a job; the archive has {}.{} MB, and comes from this machine",
        size / 1_000_000,
        size % 1_000_000 / 100_000
    );
    let mut table = Table::new(&title, &["step", "median", "least to most", "noise", "beyond an empty Action"]);
    for (name, sample) in [
        ("an Action that does nothing", &floor),
        ("main, nothing in the tool cache", &new),
        ("main, the program in the tool cache", &kept),
        ("post", &post),
    ] {
        table.row(&[
            name.to_owned(),
            format!("{:.2} s", sample.median()),
            format!("{:.2} to {:.2} s", sample.least(), sample.most()),
            sample.noise(),
            format!("{:+.2} s", sample.median() - floor.median()),
        ]);
    }
    Ok(table.text())
}

/// The inputs as a runner gives them: what `action.yml` has as defaults, and these two.
fn inputs(action: &Path, server: &str, release_url: &str) -> Result<BTreeMap<String, String>> {
    let metadata = fs::read_to_string(action.join("action.yml"))?;
    let lines = metadata.lines().skip_while(|line| *line != "inputs:").take_while(|line| *line != "outputs:");
    let (mut name, mut inputs) = ("", BTreeMap::new());
    for line in lines {
        if let Some(default) = line.strip_prefix("    default: ") {
            inputs.insert(variable(name), default.trim_matches('"').to_owned());
        } else if let Some(input) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            name = input.trim_end_matches(':');
        }
    }
    ensure!(inputs.len() > 3, "`action.yml` is written in another way than is read here");
    inputs.extend([(variable("server"), server.to_owned()), (variable("release-url"), release_url.to_owned())]);
    Ok(inputs)
}

/// How a runner names an input.
fn variable(input: &str) -> String {
    format!("INPUT_{}", input.to_uppercase())
}

/// A job that uses the Action.
struct Job<'a> {
    node: PathBuf,
    folder: &'a Path,
    inputs: BTreeMap<String, String>,
    /// Where its runner gives identity tokens.
    id_tokens: String,
}

impl Job<'_> {
    /// The main step: how long it took. It must have left a credential.
    fn signs_in(&self, action: &Path) -> Result<Duration> {
        let took = self.step(&action.join("main.mjs"), None)?;
        let outputs = fs::read_to_string(self.folder.join("GITHUB_OUTPUT"))?;
        ensure!(outputs.lines().any(|line| line == "authenticated=true"), "the Action did not sign in: {outputs}");
        Ok(took)
    }

    /// The post step: how long it took. It must leave nothing of what the main step told it of.
    fn ends(&self, action: &Path) -> Result<Duration> {
        let state = fs::read_to_string(self.folder.join("GITHUB_STATE"))?;
        let folder = state.lines().find_map(|line| line.strip_prefix("folder="));
        let folder = folder.context("the main step told its post step nothing")?;
        let took = self.step(&action.join("post.mjs"), Some(folder))?;
        ensure!(!Path::new(folder).exists(), "the post step left {folder}");
        Ok(took)
    }

    /// Runs one script as a runner does: how long it took.
    fn step(&self, script: &Path, state: Option<&str>) -> Result<Duration> {
        let mut node = Command::new(&self.node);
        node.arg(script).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder).current_dir(self.folder);
        node.env("GITHUB_ACTIONS", "true").env("GITHUB_REPOSITORY", "octo-org/octo-repo").env("GITHUB_RUN_ID", "1");
        node.env("RUNNER_TEMP", self.folder).env("RUNNER_TOOL_CACHE", self.folder.join("tools")).envs(&self.inputs);
        node.env("ACTIONS_ID_TOKEN_REQUEST_URL", &self.id_tokens).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner");
        for name in ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"] {
            let file = self.folder.join(name);
            fs::write(&file, "")?;
            node.env(name, file);
        }
        if let Some(folder) = state {
            node.env("STATE_folder", folder);
        }
        let finished = finish(&mut node)?;
        ensure!(
            finished.status.success(),
            "{} failed: {}",
            script.display(),
            // It says on stdout what a runner shows at the top.
            finished.stdout.lines().chain(finished.stderr.lines()).last().unwrap_or_default()
        );
        Ok(finished.took)
    }
}

/// The archive of the program in a release.
fn archive(release: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(release)?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "gz")).context("no archive")
}

/// A release host.
struct Host {
    url: String,
    _process: Running,
}

impl Host {
    /// Python's own server of a folder, which takes the port that is free.
    fn start(folder: &Path) -> Result<Self> {
        let mut python = on_core(CLIENT_CORE, Python::find()?.path());
        python.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(folder);
        let mut process = start(python.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let mut line = String::new();
        BufReader::new(process.stdout().context("no stdout")?).read_line(&mut line)?;
        let mut words = line.split_whitespace().skip_while(|word| *word != "port");
        let port: u16 = words.nth(1).and_then(|word| word.parse().ok()).context("the release host names no port")?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), _process: process })
    }
}
