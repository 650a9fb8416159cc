//! What the keyring adds to a `pip install`, against a password in the URL.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Result, bail};

use super::{
    helper::{SignedIn, sign_in},
    server::{Daypassd, Load},
    statistics::{Sample, Table},
};
use crate::{
    build::Built,
    command::{finish, run},
    tools::{self, KEYRING, Python},
    wheel,
    workspace::Workspace,
};

const ROUNDS: usize = 15;

/// What is measured: its name, how it is started, how long it took.
type Row<'a> = (&'static str, Box<dyn Fn() -> Command + 'a>, Sample);

pub(super) fn measure(workspace: &Workspace, built: &Built) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("daypass-bench-").tempdir()?;
    let folder = folder.path();
    let python = Python::find()?;
    let load = Load::start(built)?;
    let server = Daypassd::start(built, folder, &load.issuer)?;
    let private = wheel::acme_hello(&python, folder, 0)?;
    run(Command::new(built.binaries.join("daypassd"))
        .arg("import")
        .arg("--data")
        .arg(folder.join("data"))
        .arg(&private)
        .stdout(Stdio::null()))?;
    let SignedIn { outside_token, access_token } = sign_in(built, folder, &server, &load.issuer)?;

    // keyring alone shows what is its own; with our wheel it is what pip meets.
    let alone = tools::environment(workspace, "bench-keyring", &[KEYRING, "pip"])?;
    let ours = folder.join("ours");
    python.bare_venv(&ours)?;
    run(python.pip(&ours).args(["install", "--quiet", KEYRING, "pip"]).arg(&built.wheel))?;
    let ours = ours.join("bin");

    let with_password = server.index_url.replacen("://", &format!("://_token:{access_token}@"), 1);
    let clean = |program: PathBuf| {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", folder).env("DAYPASS_SERVER", &server.url).env("LANG", "C.UTF-8");
        command.env("DAYPASS_IDENTITY_TOKEN", &outside_token);
        command
    };
    let pip = |programs: &Path, provider: &str, index_url: &str| {
        let mut command = clean(programs.join("python"));
        command.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir", "--no-deps", "--upgrade"]);
        command.arg("--target").arg(folder.join("target")).arg("acme-hello");
        command.env("PIP_INDEX_URL", index_url).env("PIP_KEYRING_PROVIDER", provider);
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PATH", format!("{}:/usr/bin:/bin", ours.display()));
        command
    };
    let script = format!("import keyring; keyring.get_credential({:?}, None)", "https://packages.example.com/");
    let mut rows: Vec<Row<'_>> = vec![
        ("pip, password in the URL", Box::new(|| pip(&alone, "disabled", &with_password)), Sample::default()),
        ("pip, `import`", Box::new(|| pip(&ours, "import", &server.index_url)), Sample::default()),
        ("pip, `subprocess`", Box::new(|| pip(&alone, "subprocess", &server.index_url)), Sample::default()),
        ("Python, nothing", Box::new(|| with(clean(alone.join("python")), &["-c", "pass"])), Sample::default()),
        (
            "Python, keyring's own work for `import`",
            Box::new(|| with(clean(alone.join("python")), &["-c", &script])),
            Sample::default(),
        ),
        (
            "keyring's own program",
            Box::new(|| {
                let arguments = ["--mode=creds", "--output=json", "get", "https://packages.example.com/"];
                with(clean(alone.join("keyring")), &arguments)
            }),
            Sample::default(),
        ),
    ];
    for round in 0..=ROUNDS {
        for (name, command, sample) in &mut rows {
            let milliseconds = time(&mut command(), !name.starts_with("keyring"))?;
            // The first round warms the caches.
            if round > 0 {
                sample.add(milliseconds);
            }
        }
    }
    let median = |wanted: &str| rows.iter().find(|(name, ..)| *name == wanted).map_or(0.0, |(.., s)| s.median());
    let (static_password, nothing) = (median("pip, password in the URL"), median("Python, nothing"));
    let mut table =
        Table::new("pip install of one small package", &["what", "median", "noise", "extra", "keyring's own"]);
    for (name, _, sample) in &rows {
        let (extra, own) = match *name {
            "pip, `import`" => {
                (sample.median() - static_password, median("Python, keyring's own work for `import`") - nothing)
            }
            "pip, `subprocess`" => (sample.median() - static_password, median("keyring's own program")),
            _ => (0.0, 0.0),
        };
        let shown = |value: f64| if own > 0.0 { format!("{value:.0} ms") } else { String::new() };
        table.row(&[
            (*name).to_owned(),
            format!("{:.0} ms", sample.median()),
            sample.noise(),
            shown(extra),
            shown(own),
        ]);
    }
    Ok(table.text())
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

fn time(command: &mut Command, must_succeed: bool) -> Result<f64> {
    let began = Instant::now();
    let finished = finish(command)?;
    let took = began.elapsed();
    if must_succeed && !finished.status.success() {
        bail!("a measured program failed: {}", finished.stderr.trim());
    }
    Ok(took.as_secs_f64() * 1000.0)
}
