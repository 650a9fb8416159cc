//! The other Python indexes, each as its own documentation starts it, with what makes it fast.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    super::server::{SERVER_CORE, on_core},
    ask::{ask, get},
    content::SMALL,
    site::{Site, free_port},
};
use crate::{
    command::{Running, pause, run, start},
    say::complain,
    tools,
    workspace::Workspace,
};

/// Where their programs are.
pub(super) struct Peers {
    pypiserver: PathBuf,
    devpi: PathBuf,
    proxpi: PathBuf,
    simple_repository: PathBuf,
}

impl Peers {
    /// Installs them, each into an environment of its own.
    pub(super) fn install(workspace: &Workspace) -> Result<Self> {
        let environment = |name: &str, needed: &[&str]| tools::environment(workspace, &format!("peer-{name}"), needed);
        Ok(Self {
            pypiserver: environment("pypiserver", &["pypiserver[passlib,cache]==2.4.2", "gunicorn==27.0.1"])?,
            devpi: environment("devpi", &["devpi-server==6.20.3"])?,
            proxpi: environment("proxpi", &["proxpi==1.3.1", "gunicorn==27.0.1"])?,
            simple_repository: environment("simple-repository", &["simple-repository-server==0.10.0"])?,
        })
    }

    /// pypiserver with a folder of files, that it remembers and watches.
    pub(super) fn pypiserver(&self, folder: &Path, flat: &Path, project: &str) -> Result<Site> {
        let port = free_port()?;
        let mut command = on_core(SERVER_CORE, self.pypiserver.join("pypi-server"));
        command.args(["run", "-i", "127.0.0.1", "-P", ".", "-a", ".", "--disable-fallback", "--log-stream", "none"]);
        command.args(["--backend", "cached-dir", "--server", "gunicorn", "-p", &port.to_string()]).arg(flat);
        let running = started(command, folder, "pypiserver")?;
        Site::started("pypiserver", format!("http://127.0.0.1:{port}/simple/"), running, project)
    }

    /// devpi as a mirror of `upstream`.
    pub(super) fn devpi(&self, folder: &Path, upstream: &str, project: &str) -> Result<Site> {
        let (running, origin) = self.devpi_server(folder)?;
        let _root = devpi_index(
            &origin,
            &json!({
                "type": "mirror", "mirror_url": upstream, "mirror_cache_expiry": 86_400, "volatile": true
            }),
        )?;
        Site::started("devpi-server", format!("{origin}/bench/index/+simple/"), running, project)
    }

    /// devpi with an index of its own; its origin, and the header that lets one upload.
    pub(super) fn devpi_stage(&self, folder: &Path) -> Result<(Running, String, String)> {
        let (running, origin) = self.devpi_server(folder)?;
        let credential = devpi_index(&origin, &json!({ "type": "stage", "bases": [], "volatile": true }))?;
        Ok((running, format!("{origin}/bench/index/"), credential))
    }

    fn devpi_server(&self, folder: &Path) -> Result<(Running, String)> {
        let (port, data) = (free_port()?, tempfile::Builder::new().prefix("devpi-").tempdir_in(folder)?.keep());
        let log = File::create(folder.join("devpi.log"))?;
        run(Command::new(self.devpi.join("devpi-init"))
            .args(["--no-root-pypi", "--serverdir"])
            .arg(&data)
            .stdout(log.try_clone()?)
            .stderr(log))?;
        let mut command = on_core(SERVER_CORE, self.devpi.join("devpi-server"));
        command.arg("--serverdir").arg(&data).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--threads", "8", "--enable-core-metadata"]);
        let mut running = started(command, folder, "devpi")?;
        let (origin, began) = (format!("http://127.0.0.1:{port}"), Instant::now());
        while !get(&format!("{origin}/+api"), &[]).is_ok_and(|answer| answer.status == 200) {
            if running.ended()?.is_some() || began.elapsed() > Duration::from_mins(3) {
                bail!("devpi-server did not get ready");
            }
            pause(Duration::from_millis(20))?;
        }
        Ok((running, origin))
    }

    /// proxpi in front of `upstream`.
    pub(super) fn proxpi(&self, folder: &Path, upstream: &str, project: &str) -> Result<Site> {
        let port = free_port()?;
        let mut command = on_core(SERVER_CORE, self.proxpi.join("gunicorn"));
        command.args(["--bind", &format!("127.0.0.1:{port}"), "--threads", "2", "proxpi.server:app"]);
        command.env("PROXPI_INDEX_URL", upstream).env("PROXPI_CACHE_DIR", folder.join(format!("proxpi-{port}")));
        let running = started(command, folder, "proxpi")?;
        Site::started("proxpi", format!("http://127.0.0.1:{port}/index/"), running, project)
    }

    /// simple-repository-server with a folder for each project.
    pub(super) fn simple_repository(&self, folder: &Path, tree: &Path, project: &str) -> Result<Site> {
        let port = free_port()?;
        let mut command = on_core(SERVER_CORE, self.simple_repository.join("simple-repository-server"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).arg(tree);
        let running = started(command, folder, "simple-repository")?;
        Site::started("simple-repository-server", format!("http://127.0.0.1:{port}/simple/"), running, project)
    }

    /// All of them with the same content: a folder of files, a folder of folders, or another index. One that does not
    /// start is left out: the others are worth having all the same.
    pub(super) fn all(&self, folder: &Path, flat: &Path, tree: &Path, upstream: &str) -> Vec<Site> {
        let started = [
            self.pypiserver(folder, flat, SMALL),
            self.devpi(folder, upstream, SMALL),
            self.proxpi(folder, upstream, SMALL),
            self.simple_repository(folder, tree, SMALL),
        ];
        let complained = |error: &anyhow::Error| complain(format_args!("  left out: {error:#}"));
        started.into_iter().filter_map(|site| site.inspect_err(complained).ok()).collect()
    }
}

fn started(mut command: Command, folder: &Path, name: &str) -> Result<Running> {
    let log = File::create(folder.join(format!("{name}.log")))?;
    // Nothing of theirs is to be found by another run.
    let home = folder.join("home");
    fs::create_dir_all(&home)?;
    start(command.env("HOME", home).current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))
}

/// Makes the user `bench` and its index, and gives the header that devpi takes for a password.
fn devpi_index(origin: &str, index: &Value) -> Result<String> {
    let json_body = ["content-type: application/json".to_owned(), "accept: application/json".to_owned()];
    let send = |method: &str, path: &str, more: &[String], body: &Value| -> Result<Value> {
        let headers = [json_body.as_slice(), more].concat();
        let answer = ask(method, &format!("{origin}{path}"), &headers, body.to_string().as_bytes())?;
        if !(200..300).contains(&answer.status) {
            bail!("devpi answers {} to {method} {path}: {}", answer.status, answer.text());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    };
    send("PUT", "/bench", &[], &json!({ "password": "bench" }))?;
    let login = send("POST", "/+login", &[], &json!({ "user": "bench", "password": "bench" }))?;
    let password = login.pointer("/result/password").and_then(Value::as_str).context("devpi gave no session")?;
    let pair = base64(&format!("bench:{password}"));
    let own = format!("x-devpi-auth: {pair}");
    send("PUT", "/bench/index", std::slice::from_ref(&own), index)?;
    Ok(own)
}

/// RFC 4648 §4; nothing else here needs it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default());
        let number = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |at: usize| {
            let index = (number >> (18 - 6 * at)) & 63;
            if at > bytes.len() { '=' } else { char::from(DIGITS.get(index as usize).copied().unwrap_or(b'=')) }
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    text.as_bytes().chunks(3).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_filled_up() {
        assert_eq!(["", "f", "fo", "foo", "foob"].map(base64), ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
