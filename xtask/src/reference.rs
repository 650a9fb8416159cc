//! `cargo xtask reference`: the reference of the commands and files, made from the programs themselves.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    build,
    workspace::{Profile, Workspace},
};

/// Writes `docs/reference`.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let built = build::everything(workspace, Profile::Dev)?;
    for (path, text) in pages(&workspace.root, &built.binaries)? {
        fs::write(&path, &text)?;
    }
    Ok(())
}

/// Fails if `docs/reference` is not what would be written. The binaries have been built.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let built = build::everything(workspace, Profile::Dev)?;
    for (path, text) in pages(&workspace.root, &built.binaries)? {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{} is not what the programs say; run `cargo xtask reference` and commit it", path.display());
        }
    }
    Ok(())
}

fn pages(root: &Path, binaries: &Path) -> Result<Vec<(PathBuf, String)>> {
    let folder = root.join("docs/reference");
    fs::create_dir_all(&folder)?;
    let mut pages = Vec::new();
    for name in ["daypass", "daypassd"] {
        let mut text = format!("# `{name}`\n\nMade by `cargo xtask reference` from `{name} --help`.\n");
        describe(&mut text, &binaries.join(name), &mut vec![name.to_owned()])?;
        pages.push((folder.join(format!("{name}.md")), text));
    }
    let mut files = String::from(
        "# Configuration and policy files\n\n\
         Made by `cargo xtask reference` from the files that `daypassd init` writes.\n",
    );
    for name in ["daypassd.toml", "policy.toml"] {
        let example = fs::read_to_string(root.join("crates/daypass-server/src/config").join(name))?;
        write!(files, "\n## `{name}`\n\n```toml\n{example}```\n")?;
    }
    pages.push((folder.join("files.md"), files));
    Ok(pages)
}

/// The help of a command, then that of the commands below it.
fn describe(text: &mut String, binary: &Path, words: &mut Vec<String>) -> Result<()> {
    let help = help_of(binary, words.get(1..).unwrap_or_default())?;
    let level = "#".repeat(words.len().min(5) + 1);
    if words.len() > 1 {
        write!(text, "\n{level} `{}`\n", words.join(" "))?;
    }
    write!(text, "\n```text\n{}\n```\n", help.trim_end())?;
    for below in commands_in(&help) {
        words.push(below);
        describe(text, binary, words)?;
        words.pop();
    }
    Ok(())
}

fn help_of(binary: &Path, words: &[String]) -> Result<String> {
    let output = Command::new(binary)
        .args(words)
        .arg("--help")
        .env("COLUMNS", "100")
        .output()
        .with_context(|| format!("could not run {}", binary.display()))?;
    ensure!(output.status.success(), "`{} {} --help` failed", binary.display(), words.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// The names under `Commands:`, without `help`.
fn commands_in(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let entries = lines.take_while(|line| line.starts_with("  "));
    let names = entries.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(ToOwned::to_owned).collect()
}
