//! What a person waits for: from `pip install` to the first byte of the wheel, against a password in the URL; and how
//! fast sessions refresh.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    refresh,
    server::{Daypassd, Load},
    statistics::{Sample, Table},
};
use crate::{
    build::Built,
    command::{answer, finish, pause, run},
    tools::{KEYRING, Python},
    wheel,
    workspace::Workspace,
};

const ROUNDS: usize = 15;
const NAME: &str = "ada";
const PASSWORD: &str = "four-words-in-a-row";

/// An access token that is good for this long is handed out for three quarters of it.
const SHORT_LIFE: &str = "[session]\naccess_token = \"4s\"\n";
/// After this it is refreshed.
const OLD: Duration = Duration::from_millis(1_200);

/// A server with somebody who is signed in to it, and where they are at home.
pub(super) struct Office {
    pub(super) server: Daypassd,
    folder: tempfile::TempDir,
    script: PathBuf,
    daypassd: PathBuf,
}

impl Office {
    /// Opens one with this configuration.
    pub(super) fn open(workspace: &Workspace, built: &Built, issuer: &str, config: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
        let server = Daypassd::start_with(built, folder.path(), issuer, config)?;
        let script = workspace.root.join("tests/people/person.py");
        let office = Self { server, folder, script, daypassd: built.binaries.join("daypassd") };
        let said = answer(office.daypassd().args(["user", "add", NAME, "--data"]).arg(office.data()))?;
        let (_, rest) = said.split_once("/invite/").context("no invite link")?;
        let secret: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let invite = format!("{}/invite/{secret}", office.server.url);
        run(office.person()?.args(["welcome", &invite, PASSWORD]))?;
        Ok(office)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn daypassd(&self) -> Command {
        Command::new(&self.daypassd)
    }

    fn person(&self) -> Result<Command> {
        let mut person = Python::find()?.command();
        person.arg(&self.script);
        Ok(person)
    }

    /// The refresh tokens of so many new sessions.
    pub(super) fn sessions(&self, count: usize) -> Result<Vec<String>> {
        let count = count.to_string();
        let said = answer(self.person()?.args(["sessions", NAME, PASSWORD, &self.server.url, &count]))?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// `program` at home.
    fn clean(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("HOME", self.folder.path()).env("LANG", "C.UTF-8");
        command.env("DAYPASS_SERVER", &self.server.url).env("PATH", "/usr/bin:/bin");
        command
    }

    /// Signs in by `daypass login`, and gives the access token.
    fn sign_in(&self, built: &Built) -> Result<String> {
        let python = Python::find()?;
        let browser = format!("{} {} sign-in {NAME} {PASSWORD}", python.path().display(), self.script.display());
        let mut login = self.clean(built.binaries.join("daypass"));
        let finished = finish(login.args(["login", &self.server.url]).env("BROWSER", browser).env("DISPLAY", ":99"))?;
        ensure!(finished.status.success(), "`daypass login` failed: {}", finished.stderr.trim());
        answer(self.clean(built.binaries.join("daypass")).arg("token"))
    }

    /// When each file was handed out so far, in milliseconds since 1970.
    fn downloads(&self) -> Result<Vec<f64>> {
        let said = answer(self.daypassd().args(["audit", "--since", "1h", "-o", "json", "--data"]).arg(self.data()))?;
        let mut times = Vec::new();
        for line in said.lines() {
            let event: Value = serde_json::from_str(line)?;
            if event.get("kind").and_then(Value::as_str) == Some("file.downloaded") {
                let time = event.get("time").and_then(Value::as_str).context("an event without a time")?;
                times.push(milliseconds(time.parse::<jiff::Timestamp>()?.into()));
            }
        }
        Ok(times)
    }

    /// From the start of `pip` to the first byte of the wheel, in milliseconds.
    fn time(&self, pip: &mut Command) -> Result<f64> {
        let before = self.downloads()?.len();
        #[expect(clippy::disallowed_methods, reason = "compared with what the server's own clock showed")]
        let began = milliseconds(SystemTime::now());
        let finished = finish(pip)?;
        if !finished.status.success() {
            bail!("pip failed: {}", finished.stderr.trim());
        }
        let downloads = self.downloads()?;
        ensure!(downloads.len() == before + 1, "one install is one download");
        Ok(downloads.last().context("no download")? - began)
    }
}

fn milliseconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

pub(super) fn measure(workspace: &Workspace, built: &Built) -> Result<String> {
    let python = Python::find()?;
    let load = Load::start(built)?;
    let office = Office::open(workspace, built, &load.issuer, "")?;
    let hasty = Office::open(workspace, built, &load.issuer, SHORT_LIFE)?;
    for office in [&office, &hasty] {
        let private = wheel::acme_hello(&python, office.folder.path(), 0)?;
        run(office.daypassd().arg("import").arg("--data").arg(office.data()).arg(&private).stdout(Stdio::null()))?;
    }
    let access_token = office.sign_in(built)?;
    hasty.sign_in(built)?;
    let ours = office.folder.path().join("ours");
    python.bare_venv(&ours)?;
    run(python.pip(&ours).args(["install", "--quiet", KEYRING, "pip"]).arg(&built.wheel))?;
    let pip = |office: &Office, provider: &str, index_url: &str| {
        let mut command = office.clean(ours.join("bin/python"));
        command.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir", "--no-deps", "--upgrade"]);
        command.arg("--target").arg(office.folder.path().join("target")).arg("acme-hello");
        command.env("PIP_INDEX_URL", index_url).env("PIP_KEYRING_PROVIDER", provider);
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command
    };
    let with_password = office.server.index_url.replacen("://", &format!("://_token:{access_token}@"), 1);
    let mut samples = [Sample::default(), Sample::default(), Sample::default()];
    for round in 0..=ROUNDS {
        pause(OLD)?;
        let times = [
            hasty.time(&mut pip(&hasty, "import", &hasty.server.index_url))?,
            office.time(&mut pip(&office, "import", &office.server.index_url))?,
            office.time(&mut pip(&office, "disabled", &with_password))?,
        ];
        // The first round warms the caches.
        if round > 0 {
            for (sample, time) in samples.iter_mut().zip(times) {
                sample.add(time);
            }
        }
    }
    let [refreshed, cached, fixed] = samples;
    let mut table =
        Table::new("From `pip install` to the first byte of the wheel", &["what", "median", "noise", "extra"]);
    for (name, sample) in [
        ("a password in the URL", &fixed),
        ("signed in, cached", &cached),
        ("signed in, expired: refreshed", &refreshed),
    ] {
        let extra = format!("{:+.0} ms", sample.median() - fixed.median());
        table.row(&[name.to_owned(), format!("{:.0} ms", sample.median()), sample.noise(), extra]);
    }
    drop((hasty, fs::remove_dir_all(&ours)));
    Ok(format!("{}{}", table.text(), refresh::measure(built, &office, load)?))
}
