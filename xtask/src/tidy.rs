//! Rules that no other tool holds.
//!
//! The walls between our crates are held by their `Cargo.toml`s; here is the list that a new arrow must be added to
//! on purpose.

use std::{collections::HashSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    command::{answer, finish},
    say::complain,
    tools::Python,
    workspace::Workspace,
};

/// Which of our crates may name which others. Tests may use more: `daypass-testkit`, for one.
const ARROWS: [(&str, &[&str]); 10] = [
    ("daypass-core", &[]),
    ("daypass-testkit", &[]),
    ("daypass-oidc", &["daypass-core"]),
    ("daypass-store", &["daypass-core"]),
    ("daypass-issuer", &["daypass-core", "daypass-oidc", "daypass-store"]),
    ("daypass-index", &["daypass-core", "daypass-oidc", "daypass-store"]),
    ("daypass-cli", &["daypass-core", "daypass-oidc"]),
    ("daypass-server", &["daypass-core", "daypass-oidc", "daypass-store", "daypass-issuer", "daypass-index"]),
    ("daypass-fuzz", &["daypass-core", "daypass-oidc"]),
    ("xtask", &[]),
];

/// The longest a Rust file may be, without its tests.
const LONGEST_FILE: usize = 400;

/// Checks all rules and says every breach.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tracked = answer(Command::new("git").current_dir(&workspace.root).args(["ls-files", "-z"]))
        .context("this is not a git checkout")?;
    let tracked: Vec<&str> = tracked.split_terminator('\0').collect();
    let mut breaches = arrows(&workspace.metadata)?;
    breaches.extend(long_files(&workspace.root, &tracked));
    breaches.extend(written_down(workspace)?);
    breaches.extend(attacks_without_a_test(&workspace.root, &tracked)?);
    for breach in &breaches {
        complain(breach);
    }
    if breaches.is_empty() { Ok(()) } else { bail!("{} breaches", breaches.len()) }
}

fn arrows(metadata: &Value) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let name = |value: &Value| value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    for package in packages {
        let from = name(package);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == from) else {
            breaches.push(format!("{from}: a new crate; say in xtask/src/tidy.rs which of ours it may use"));
            continue;
        };
        let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        for dependency in dependencies {
            let to = name(dependency);
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            if ARROWS.iter().any(|(known, _)| *known == to) && !for_tests && !allowed.contains(&to.as_str()) {
                breaches.push(format!("{from} may not use {to}: it would open a wall of the design"));
            }
        }
    }
    Ok(breaches)
}

/// The tests that the catalogue of attacks names are there.
fn attacks_without_a_test(root: &Path, tracked: &[&str]) -> Result<Vec<String>> {
    const CATALOGUE: &str = "docs/reference/attacks.md";
    let mut tests = HashSet::new();
    for path in tracked.iter().filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "rs")) {
        let text = fs::read_to_string(root.join(path)).unwrap_or_default();
        let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
        tests.extend(names.map(str::to_owned));
    }
    let text = fs::read_to_string(root.join(CATALOGUE))?;
    let rows = text.lines().filter_map(|line| line.rsplit_once(" | ").filter(|_| line.starts_with("| ")));
    let named = rows.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2)).filter(|name| name.contains('_'));
    Ok(named
        .filter(|name| !tests.contains(*name))
        .map(|name| format!("{CATALOGUE}: there is no test `{name}`"))
        .collect())
}

fn long_files(root: &Path, tracked: &[&str]) -> Vec<String> {
    let sources = tracked
        .iter()
        .filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "rs") && !path.contains("/tests/"));
    sources
        .filter_map(|path| {
            let text = fs::read_to_string(root.join(path)).ok()?;
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
            (lines > LONGEST_FILE).then(|| format!("{path}: {lines} lines are more than one idea ({LONGEST_FILE})"))
        })
        .collect()
}

/// Package registries are asked for at run time and machines differ: neither stands in a file.
fn written_down(workspace: &Workspace) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    let mut patterns = registry_hosts()?;
    // The folder for temporary files says nothing about a machine: examples name it.
    let says_where = |above: &&Path| above.components().count() > 1 && *above != std::env::temp_dir();
    let above = workspace.root.parent().filter(says_where);
    patterns.extend(above.map(|above| format!("{}/", above.display())));
    for pattern in patterns {
        let mut grep = Command::new("git");
        grep.current_dir(&workspace.root).args(["grep", "--line-number", "-I", "--fixed-strings", "-e", &pattern]);
        // Lock files say where a package comes from; that is what they are for.
        let found = finish(grep.args(["--", ".", ":!*.lock", ":!*package-lock.json"]))?;
        for line in found.stdout.lines() {
            let line: String = line.chars().take(160).collect();
            breaches.push(format!("a registry's host or a path of this machine is written down: {line}"));
        }
    }
    // In two parts each, so that this list does not find itself.
    let unfinished = [("todo", "!("), ("unimplemented", "!("), ("#[", "ignore]"), ("pytest.mark", ".skip")];
    let mut grep = Command::new("git");
    grep.current_dir(&workspace.root).args(["grep", "--line-number", "-I", "--fixed-strings"]);
    for (begin, end) in unfinished {
        grep.arg("-e").arg(format!("{begin}{end}"));
    }
    let found = finish(grep.args(["--", "*.rs", "*.py"]))?;
    breaches.extend(found.stdout.lines().map(|line| format!("unfinished or skipped: {line}")));
    Ok(breaches)
}

/// The hosts that this machine's clients install from.
fn registry_hosts() -> Result<Vec<String>> {
    let script = "from pip._internal.models.index import PyPI; print(PyPI.netloc); print(PyPI.file_storage_domain)";
    let mut hosts: Vec<String> =
        answer(Python::find()?.command().args(["-c", script]))?.lines().map(str::to_owned).collect();
    if let Ok(registry) = answer(Command::new("npm").args(["config", "get", "registry"])) {
        hosts.extend(host_of(&registry).map(str::to_owned));
    }
    let apt = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    for file in apt.chain(["/etc/apt/sources.list".into()]) {
        let text = fs::read_to_string(file).unwrap_or_default();
        hosts.extend(text.split_whitespace().filter_map(host_of).map(str::to_owned));
    }
    hosts.retain(|host| host.contains('.') && !host.starts_with("127."));
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

fn host_of(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_opens_a_wall_is_named() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "daypass-cli", "dependencies": [{ "name": "daypass-store", "kind": null }] },
            { "name": "daypass-index", "dependencies": [{ "name": "daypass-testkit", "kind": "dev" }] },
        ]});
        let breaches = arrows(&metadata).unwrap();
        assert_eq!(breaches, ["daypass-cli may not use daypass-store: it would open a wall of the design"]);
    }

    #[test]
    fn a_host_is_found_in_an_address() {
        assert_eq!(host_of("https://packages.example.com/simple/"), Some("packages.example.com"));
        assert_eq!(host_of("bookworm"), None);
    }
}
