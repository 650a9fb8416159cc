//! What is shown, in order.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::world::World;
use crate::{
    command::{Finished, finish, run},
    say::say,
    wheel,
};

/// Tells the story; an end that is not as promised is an error.
pub(super) fn tell(world: &World) -> Result<String> {
    say("\n1. A private index, on this machine");
    say(format_args!("   {} (ready after {} ms)", world.index_url, world.cold_start.as_millis()));
    say("   behind it: the index that your pip uses by itself, pulled through; in front of it: no password to be had");

    let venv = new_venv(world, "venv")?;
    without_credential(world, &venv)?;
    let outside_token = world.job_token()?;
    as_a_job(world, &venv, &outside_token)?;
    a_private_wheel(world, &venv, &outside_token)?;
    with_uv(world, &venv, &outside_token)?;
    what_was_recorded(world)?;
    Ok(outside_token)
}

fn new_venv(world: &World, name: &str) -> Result<std::path::PathBuf> {
    let venv = world.folder().join(name);
    fs::create_dir_all(world.folder().join("home"))?;
    run(world.python.command().args(["-m", "venv"]).arg(&venv).env_remove("PYTHONDONTWRITEBYTECODE"))?;
    Ok(venv)
}

fn without_credential(world: &World, venv: &Path) -> Result<()> {
    say("\n2. Without a credential nothing comes out");
    typed("pip install -vv --no-input --index-url $INDEX requests");
    let mut pip = world.clean(venv.join("bin/pip"));
    let finished = finish(pip_install(world, &mut pip).args(["-vv", "--no-input", "requests"]))?;
    // Why a page could not be had, pip says only when it is asked to be talkative.
    let said = format!("{}{}", finished.stdout, finished.stderr);
    let refused: Vec<_> = said.lines().filter(|line| line.contains(" 401 ")).take(1).collect();
    if finished.status.success() || refused.is_empty() {
        return Err(unexpected("pip without a credential should have been refused with 401", &finished));
    }
    let end = said.lines().rfind(|line| line.starts_with("ERROR:"));
    quoted(refused.into_iter().chain(end));
    Ok(())
}

fn as_a_job(world: &World, venv: &Path, outside_token: &str) -> Result<()> {
    say("\n3. The same as a CI job, with the keyring wheel: the job's own identity opens the door");
    typed("pip install keyrings-daypass");
    // With this machine's own settings: keyring comes from wherever pip gets its packages here.
    run(world.python.pip(venv).args(["install", "--quiet"]).arg(&world.wheel))
        .context("the wheel could not be installed")?;
    typed("pip install --index-url $INDEX requests");
    let mut pip = world.job(venv.join("bin/pip"), outside_token);
    let finished = finish(pip_install(world, &mut pip).arg("requests"))?;
    installed(&finished, "Successfully installed")?;
    answers(&mut world.clean(venv.join("bin/python")), "import requests; print('requests', requests.__version__)")
}

fn a_private_wheel(world: &World, venv: &Path, outside_token: &str) -> Result<()> {
    say("\n4. A private package, built just now, from the same index");
    let made = wheel::acme_hello(&world.python, world.folder(), 0)?;
    typed("daypassd import --data DIR acme_hello-1.0-py3-none-any.whl");
    let mut import = world.clean(world.binaries.join("daypassd"));
    let finished = finish(import.arg("import").arg("--data").arg(world.data()).arg(&made))?;
    installed(&finished, "imported")?;
    typed("pip install --index-url $INDEX acme-hello");
    let mut pip = world.job(venv.join("bin/pip"), outside_token);
    let finished = finish(pip_install(world, &mut pip).arg("acme-hello"))?;
    installed(&finished, "Successfully installed")?;
    answers(&mut world.clean(venv.join("bin/python")), "import acme_hello; print(acme_hello.hello())")
}

fn with_uv(world: &World, venv: &Path, outside_token: &str) -> Result<()> {
    say("\n5. The same with uv");
    let other = world.folder().join("uv-venv");
    world.python.bare_venv(&other)?;
    typed("uv pip install --keyring-provider subprocess --index-url http://_token@… requests acme-hello");
    let mut path = vec![venv.join("bin")];
    path.extend(crate::environment::search_path());
    let mut uv = world.job(&world.uv, outside_token);
    uv.args(["pip", "install", "--color", "never", "--keyring-provider", "subprocess", "--python"]).arg(&other);
    // uv asks keyring only where a user name is known.
    uv.args(["--index-url", &world.index_url.replacen("://", "://_token@", 1), "requests", "acme-hello"]);
    let finished = finish(uv.env("PATH", std::env::join_paths(path)?))?;
    installed(&finished, " + acme-hello")?;
    answers(&mut world.clean(other.join("bin/python")), "import acme_hello, requests; print(acme_hello.hello())")
}

fn what_was_recorded(world: &World) -> Result<()> {
    say("\n6. What the audit log says");
    typed("daypassd audit --data DIR");
    let events = world.audit()?;
    if !events.iter().any(|event| text(event, "kind") == "token.exchanged") {
        bail!("the audit log has no `token.exchanged`");
    }
    let mut lines: Vec<(String, usize)> = Vec::new();
    for line in events.iter().map(in_words) {
        // An installer may ask for a file in several parts, and each is an event.
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, times)) => *times += 1,
            None => lines.push((line, 1)),
        }
    }
    for (line, times) in lines {
        say(if times > 1 { format!("   {line}  ({times} times)") } else { format!("   {line}") });
    }
    Ok(())
}

/// When, what, who, as what, until when; of a download, which file.
fn in_words(event: &Value) -> String {
    let who = event.get("actor").and_then(|actor| actor.get("sub")).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{:.19}  {:<16}", text(event, "time").replace('T', " "), text(event, "kind"));
    let until = text(event, "expires_at").get(11..19).unwrap_or_default();
    let file: String = text(event, "file").chars().take(40).collect();
    for (before, what) in [("", who), ("as ", text(event, "identity")), ("until ", until), ("", &file)] {
        if !what.is_empty() {
            line.extend(["  ", before, what]);
        }
    }
    line.trim_end().to_owned()
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn pip_install<'c>(world: &World, pip: &'c mut Command) -> &'c mut Command {
    pip.args(["install", "--index-url", &world.index_url])
}

fn typed(line: &str) {
    say(format_args!("   $ {line}"));
}

fn quoted<'a>(lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        say(format_args!("     {}", line.trim()));
    }
}

/// Shows the line that says that it worked.
fn installed(finished: &Finished, mark: &str) -> Result<()> {
    let both = [&finished.stdout, &finished.stderr];
    let lines: Vec<_> = both.iter().flat_map(|text| text.lines()).filter(|line| line.contains(mark)).collect();
    if !finished.status.success() || lines.is_empty() {
        return Err(unexpected("this should have worked", finished));
    }
    say(format_args!("     {}  ({:.1} s)", lines.concat().trim(), finished.took.as_secs_f64()));
    Ok(())
}

/// Shows that what was installed runs.
fn answers(python: &mut Command, script: &str) -> Result<()> {
    let finished = finish(python.args(["-c", script]))?;
    if !finished.status.success() {
        return Err(unexpected("what was installed does not run", &finished));
    }
    say(format_args!("     → {}", finished.stdout.trim()));
    Ok(())
}

fn unexpected(what: &str, finished: &Finished) -> anyhow::Error {
    let said = format!("{}\n{}", finished.stdout.trim(), finished.stderr.trim());
    let end: Vec<_> = said.lines().rev().take(15).collect();
    let end: Vec<_> = end.into_iter().rev().collect();
    anyhow::anyhow!("{what} ({}):\n{}", finished.status, end.join("\n"))
}
