//! `cargo xtask dist`: a signed release, and the Action and its siblings that install it.
//!
//! What is in git holds placeholders and no key: a release is what fills them in, so that an Action installs exactly
//! the version it was released with, from whoever signed it.

mod archive;
mod fill;
mod sign;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use sha2::{Digest as _, Sha256};

use self::fill::Filling;
use crate::{
    build::{self, Built},
    command::answer,
    say::complain,
    tools,
    workspace::{Profile, Workspace},
};

#[derive(Args)]
pub(crate) struct Options {
    /// The secret key to sign with, as `minisign -G` makes it. Without it, one is made on first use: for trying out.
    /// Its password is taken from `DAYPASS_SIGNING_PASSWORD`, or asked for.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where everything is put; `dist/` under cargo's target folder otherwise.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the files of `release/` will be: the folder of this one version. Users may still name another.
    #[arg(long, value_name = "URL")]
    release_url: Option<String>,
    /// An archive or a wheel of this version that was made on another kind of machine, to be signed with the rest.
    #[arg(long, value_name = "FILE")]
    also: Vec<PathBuf>,
    /// What is released.
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,
}

/// The version that is released: that of all our crates.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is in the folder of a release besides archives and wheels.
const OTHERS: [&str; 3] = ["SHA256SUMS", "SHA256SUMS.minisig", "install.sh"];

/// Builds, packs, signs and fills in.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let built = build::everything(workspace, options.profile)?;
    let out = make(workspace, options, &built)?;
    complain(format_args!("made {}", out.display()));
    Ok(())
}

/// The same of what is built already, for the tests; takes a moment when nothing changed.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<PathBuf> {
    let options = Options { key: None, out: None, release_url: None, also: Vec::new(), profile: Profile::Dev };
    let wheel = tools::only_file(&workspace.wheels(Profile::Dev), "keyrings_daypass-", ".whl")?;
    make(workspace, &options, &Built { binaries: workspace.binaries(Profile::Dev), wheel })
}

/// The same of what is built already, in a folder of somebody's own.
pub(crate) fn of_built(workspace: &Workspace, built: &Built, profile: Profile, out: &Path) -> Result<PathBuf> {
    let options = Options { key: None, out: Some(out.to_owned()), release_url: None, also: Vec::new(), profile };
    make(workspace, &options, built)
}

fn make(workspace: &Workspace, options: &Options, built: &Built) -> Result<PathBuf> {
    let out = options.out.clone().unwrap_or_else(|| workspace.target.join("dist"));
    let release = out.join("release");
    fs::create_dir_all(&release)?;
    let key = sign::Key::find(options.key.as_deref(), &out)?;
    if !key.is_given() {
        complain("signed with a key that was made for trying out: nobody should trust it");
    }

    let stem = format!("daypass-{VERSION}-{}", host()?);
    let mut files = vec![archive::pack(workspace, options.profile, &built.binaries, &out, &stem)?, built.wheel.clone()];
    files.extend(options.also.iter().cloned());
    let (mut sums, mut keep) = (Vec::new(), OTHERS.map(str::to_owned).to_vec());
    for file in &files {
        let (name, bytes) = (file_name(file)?, fs::read(file)?);
        sums.extend(listed(&name, &bytes).with_context(|| format!("{} cannot be released", file.display()))?);
        ensure!(!keep.contains(&name), "{name} is there twice");
        put(&release.join(&name), &bytes)?;
        keep.push(name);
    }
    sums.sort();
    let text = sums.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect::<Vec<_>>().concat();
    let signature = key.sign(text.as_bytes(), &format!("daypass {VERSION}"))?;
    put(&release.join("SHA256SUMS"), text.as_bytes())?;
    put(&release.join("SHA256SUMS.minisig"), signature.as_bytes())?;
    put(&out.join("minisign.pub"), key.public_file()?.as_bytes())?;

    let install = fs::read_to_string(workspace.root.join("action/install.sh"))?;
    let filling = Filling::new(VERSION, &key.public(), options.release_url.as_deref().unwrap_or_default(), &install)?;
    put(&release.join("install.sh"), filling.install().as_bytes())?;
    remove_others(&release, &keep)?;
    filling.folder(&workspace.root.join("action"), &out.join("action"))?;
    for entry in fs::read_dir(workspace.root.join("ci")).into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            filling.folder(&entry.path(), &out.join(entry.file_name()))?;
        }
    }
    Ok(out)
}

/// What `SHA256SUMS` says of a file: its digest, and that of the program inside an archive.
fn listed(name: &str, bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    ensure!(plain, "`{name}` is no name for a file of a release");
    let mut lines = vec![(name.to_owned(), digest(bytes))];
    if let Some(stem) = name.strip_suffix(".tar.gz") {
        ensure!(name.starts_with(&format!("daypass-{VERSION}-")), "it is not an archive of {VERSION}");
        lines.push(archive::program(stem, bytes)?);
    } else {
        let ours = name.starts_with(&format!("keyrings_daypass-{VERSION}-"));
        ensure!(
            ours && Path::new(name).extension().is_some_and(|kind| kind == "whl"),
            "it is not a wheel of {VERSION}"
        );
    }
    Ok(lines)
}

/// The triple of this machine. Another one's archive is made on a machine of its kind, as its wheel is.
fn host() -> Result<String> {
    let text = answer(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell the host")
}

/// SHA-256, as `sha256sum` writes it.
fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

fn file_name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).with_context(|| format!("{} has no name", path.display()))
}

/// Writes a file whole or not at all: a test may read the one before.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    let mut new = tempfile::Builder::new().permissions(readable()).tempfile_in(folder)?;
    std::io::Write::write_all(&mut new, bytes)?;
    new.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

/// Another version's files must not be published with this one's.
fn remove_others(folder: &Path, keep: &[String]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !keep.iter().any(|kept| name == kept.as_str()) {
            ensure!(entry.file_type()?.is_file(), "{} is not a file: remove it", entry.path().display());
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn what_is_not_of_this_version_is_not_signed() {
        let wheel = format!("keyrings_daypass-{VERSION}-py3-none-win_amd64.whl");
        assert_eq!(listed(&wheel, b"wheel").unwrap(), [(wheel.clone(), digest(b"wheel"))]);
        for name in
            ["keyrings_daypass-9.9.9-py3-none-win_amd64.whl", "daypass-9.9.9-any.tar.gz", "readme.txt", "key rings.whl"]
        {
            assert!(listed(name, b"").is_err(), "{name}");
        }
        assert!(listed(&format!("daypass-{VERSION}-any.tar.gz"), b"no archive").is_err());
    }

    #[test]
    fn the_guide_says_a_command_that_there_is() {
        let guide = include_str!("../../docs/guides/releases.md");
        let words = guide.split_once("<!-- dist -->").and_then(|(_, rest)| rest.split_once("$ cargo "));
        let line = words.and_then(|(_, rest)| rest.lines().next()).unwrap();
        let arguments = crate::Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let crate::Task::Dist(options) = arguments.task else { panic!("{line}") };
        assert!(options.key.is_some() && options.release_url.is_some());
    }
}
