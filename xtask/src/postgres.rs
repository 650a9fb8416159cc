//! A private PostgreSQL for the store's conformance suite: its own temporary folder, its own port on loopback, gone
//! when dropped.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    command::{Running, answer, pause, run, start},
    system,
};

/// A running server; ends when dropped.
pub(crate) struct Postgres {
    server: Running,
    port: u16,
    password: String,
    folder: TempDir,
}

impl Postgres {
    /// Starts one, installing PostgreSQL first where it is missing.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("daypass-postgres-").tempdir()?;
        let user = unprivileged_user();
        let password = random_password()?;
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password)?;
        if let Some(user) = &user {
            run(Command::new("chown").args(["-R", user]).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        run(run_as(user.as_deref(), &programs.join("initdb"))
            .args(["--auth=scram-sha-256", "--username=daypass", "--no-sync", "--no-locale", "--encoding=UTF8"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder.path())
            .stdout(Stdio::null()))
        .context("`initdb` failed")?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::File::create(folder.path().join("log"))?;
        let mut command = run_as(user.as_deref(), &programs.join("postgres"));
        command.arg("-D").arg(&data).current_dir(folder.path());
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
            // Nothing here must survive a power cut.
            "fsync=off".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        // SIGINT is PostgreSQL's "fast shutdown": it does not wait for its clients.
        let server = start(command.stdout(Stdio::null()).stderr(log))?.ended_by("INT");
        let mut postgres = Self { server, port, password, folder };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// The URL of its maintenance database, for a superuser: the suite makes its own databases.
    pub(crate) fn url(&self) -> String {
        format!("postgres://daypass:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            if let Some(status) = self.server.ended()? {
                bail!("PostgreSQL ended ({status}): {}", log.trim());
            }
            let ready = log.contains("ready to accept connections");
            if ready && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("PostgreSQL does not answer after 30 seconds: {}", log.trim());
            }
            pause(Duration::from_millis(20))?;
        }
    }
}

/// Other users of the machine can reach the port.
fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// The folder that holds `initdb` and `postgres`: Debian keeps them off `PATH`.
fn programs() -> Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    system::install("postgresql")?;
    installed().context("the package `postgresql` brought no `initdb`")
}

fn installed() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let versions = fs::read_dir("/usr/lib/postgresql").ok();
    let mut packaged: Vec<PathBuf> =
        versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).filter(complete).collect();
    packaged.sort();
    packaged.pop().or_else(|| {
        let real = fs::canonicalize(system::program("initdb")?).ok()?;
        real.parent().map(Path::to_path_buf).filter(complete)
    })
}

/// PostgreSQL refuses to run as root: its own user takes over, or nobody.
fn unprivileged_user() -> Option<String> {
    if !system::is_root() {
        return None;
    }
    let exists = |user: &str| answer(Command::new("id").args(["-u", user])).is_ok();
    ["postgres", "nobody"].into_iter().find(|user| exists(user)).map(str::to_owned)
}

fn run_as(user: Option<&str>, program: &Path) -> Command {
    match user {
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}
