//! The index with authentication against nginx without, serving the same bytes from disk; one core for each server.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{
    helper::sign_in,
    server::{CLIENT_CORE, Daypassd, Load, SERVER_CORE, cpu, on_core},
    statistics::{Sample, Table},
};
use crate::{
    build::Built,
    command::{Running, answer, finish, pause, run, start},
    system,
    tools::Python,
    wheel,
    workspace::Workspace,
};

const ROUNDS: usize = 5;
const SECONDS: u32 = 4;
const WHEEL_BYTES: usize = 20_000_000;

/// One way to ask for one thing.
struct Target {
    name: &'static str,
    url: String,
    script: Option<PathBuf>,
    connections: u32,
    process: u32,
    rate: Sample,
    per_core: Sample,
    p99: Sample,
}

pub(super) fn measure(_workspace: &Workspace, built: &Built) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let folder = folder.path();
    let (wrk, nginx) = (system::require("wrk", "wrk")?, system::require("nginx", "nginx-light")?);
    let load = Load::start(built)?;
    let server = Daypassd::start(built, folder, &load.issuer)?;
    let private = wheel::acme_hello(&Python::find()?, folder, WHEEL_BYTES)?;
    run(Command::new(built.binaries.join("daypassd"))
        .arg("import")
        .arg("--data")
        .arg(folder.join("data"))
        .arg(&private)
        .stdout(Stdio::null()))?;
    let access_token = sign_in(built, folder, &server, &load.issuer)?.access_token;
    let page_url = format!("{}acme-hello/", server.index_url);
    let page = fetch(&page_url, &access_token)?;
    let link =
        page.split_once("href=\"").context("a page without a link")?.1.split(['"', '#']).next().unwrap_or_default();
    let file_url = resolved(link, &page_url, &server.url);

    let (other, origin) = Nginx::start(&nginx, folder, &page, &private)?;
    // A script, because others can read command lines.
    let script = folder.join("authorization.lua");
    fs::write(&script, format!("wrk.headers[\"Authorization\"] = \"Bearer {access_token}\"\n"))?;
    let target = |name, url, script: Option<&PathBuf>, connections, process| Target {
        name,
        url,
        script: script.cloned(),
        connections,
        process,
        rate: Sample::default(),
        per_core: Sample::default(),
        p99: Sample::default(),
    };
    let ours = server.process_id();
    let mut targets = [
        target("page, nginx without authentication", format!("{origin}/page.html"), None, 32, other.worker()?),
        target("page, daypassd with", page_url, Some(&script), 32, ours),
        target("20 MB wheel, nginx without", format!("{origin}/wheel.whl"), None, 4, other.worker()?),
        target("20 MB wheel, daypassd with", file_url, Some(&script), 4, ours),
    ];
    for round in 0..=ROUNDS {
        for target in &mut targets {
            // The first round is a short one that warms the caches.
            target.measure(&wrk, if round == 0 { 1 } else { SECONDS }, round > 0)?;
        }
    }
    let mut table = Table::new(
        &format!("The index against nginx, one core for each server, page of {} bytes", page.len()),
        &["what", "per second", "noise", "per second of CPU time", "p99", "ratio", "ratio per CPU time"],
    );
    for pair in targets.chunks(2) {
        let [nginx, ours] = pair else { bail!("targets come in pairs") };
        for target in [nginx, ours] {
            table.row(&[
                target.name.to_owned(),
                format!("{:.0}", target.rate.median()),
                target.rate.noise(),
                format!("{:.0}", target.per_core.median()),
                format!("{:.2} ms", target.p99.median()),
                format!("{:.2}", target.rate.median() / nginx.rate.median()),
                format!("{:.2}", target.per_core.median() / nginx.per_core.median()),
            ]);
        }
    }
    Ok(table.text())
}

impl Target {
    fn measure(&mut self, wrk: &Path, seconds: u32, counts: bool) -> Result<()> {
        let mut command = on_core(CLIENT_CORE, wrk);
        command.args(["--threads", "1", "--latency", "--timeout", "30s"]);
        command.args(["--connections", &self.connections.to_string(), "--duration", &format!("{seconds}s")]);
        if let Some(script) = &self.script {
            command.arg("--script").arg(script);
        }
        let before = cpu(self.process)?;
        let finished = finish(command.arg(&self.url))?;
        let used = cpu(self.process)?.saturating_sub(before).as_secs_f64();
        let said = finished.stdout;
        if !finished.status.success() || said.contains("Non-2xx") || said.contains("Socket errors") {
            bail!("wrk on {}: {said}", self.name);
        }
        let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
        let rate: f64 = field("Requests/sec:").context("no rate")?.parse()?;
        let done: f64 = said
            .lines()
            .find_map(|line| line.trim().split_once(" requests in"))
            .and_then(|(count, _)| count.parse().ok())
            .context("no count")?;
        if counts {
            self.rate.add(rate);
            self.per_core.add(done / used.max(0.01));
            self.p99.add(milliseconds(field("99%").context("no p99")?)?);
        }
        Ok(())
    }
}

/// wrk writes `850.00us`, `1.25ms`, `2.01s`.
fn milliseconds(text: &str) -> Result<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    bail!("`{text}` is no time")
}

/// The body of `GET url`, with the credential.
fn fetch(url: &str, access_token: &str) -> Result<String> {
    let script = "import sys, urllib.request\n\
                  request = urllib.request.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.stdin.readline().strip()})\n\
                  sys.stdout.write(urllib.request.urlopen(request).read().decode())";
    let mut shell = Command::new("sh");
    shell.args(["-c", "printf '%s\\n' \"$DAYPASS_BENCH\" | python3 -c \"$0\" \"$1\"", script, url]);
    answer(shell.env("DAYPASS_BENCH", access_token))
}

fn resolved(link: &str, page_url: &str, origin: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    if link.starts_with('/') {
        return format!("{origin}{link}");
    }
    let mut base: Vec<&str> = page_url.trim_end_matches('/').split('/').collect();
    for part in link.split('/') {
        match part {
            ".." => drop(base.pop()),
            "." => {}
            part => base.push(part),
        }
    }
    base.join("/")
}

struct Nginx(Running);

impl Nginx {
    fn start(nginx: &Path, folder: &Path, page: &str, wheel: &Path) -> Result<(Self, String)> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let root = folder.join("static");
        fs::create_dir(&root)?;
        fs::write(root.join("page.html"), page)?;
        fs::copy(wheel, root.join("wheel.whl"))?;
        let place = folder.display();
        let user = if system::is_root() { "user root;" } else { "" };
        let config = format!(
            "{user} worker_processes 1; daemon off; pid {place}/nginx.pid; error_log {place}/nginx.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=100;\n\
             client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3;\n\
             uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;\n\
             server {{ listen 127.0.0.1:{port}; root {}; }} }}\n",
            root.display()
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config)?;
        let mut command = on_core(SERVER_CORE, nginx);
        let process = start(command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()))?;
        for _ in 0..500 {
            if std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok((Self(process), format!("http://127.0.0.1:{port}")));
            }
            pause(Duration::from_millis(10))?;
        }
        bail!("nginx does not listen: {}", fs::read_to_string(folder.join("nginx.log")).unwrap_or_default())
    }

    /// The process that answers.
    fn worker(&self) -> Result<u32> {
        let id = self.0.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        children.split_whitespace().next().and_then(|id| id.parse().ok()).context("nginx has no worker")
    }
}
