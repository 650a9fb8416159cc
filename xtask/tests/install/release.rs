//! Releases that are made with the tools anybody has: tar, sha256sum, minisign.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The version that most tests install.
pub(crate) const VERSION: &str = "1.2.3";

/// This machine's kind, as the script should find it.
pub(crate) fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// The archive's name.
pub(crate) fn archive(version: &str) -> String {
    format!("daypass-{version}-{}.tar.gz", target())
}

/// The wheel's name.
pub(crate) fn wheel(version: &str) -> String {
    format!("keyrings_daypass-{version}-py3-none-manylinux_2_34_{}.whl", std::env::consts::ARCH)
}

/// Somebody with a key.
pub(crate) struct Signer {
    folder: TempDir,
    /// The public half.
    pub(crate) key: String,
}

/// The files of a release, and the key it is signed with.
pub(crate) struct Release {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) key: String,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        minisign(folder.path(), &["-G", "-W", "-p", "key.pub", "-s", "key"]);
        let text = fs::read_to_string(folder.path().join("key.pub")).unwrap();
        Self { folder, key: text.lines().nth(1).unwrap().to_owned() }
    }

    /// A signature by `minisign -S`.
    pub(crate) fn sign(&self, bytes: &[u8], comment: &str, more: &[&str]) -> Vec<u8> {
        fs::write(self.folder.path().join("signed"), bytes).unwrap();
        let mut words = vec!["-S", "-W", "-s", "key", "-m", "signed", "-x", "signature", "-t", comment];
        words.extend(more);
        minisign(self.folder.path(), &words);
        fs::read(self.folder.path().join("signature")).unwrap()
    }

    /// A release of a program that says its version.
    pub(crate) fn release(&self, version: &str) -> Release {
        let program = format!("#!/bin/sh\necho daypass {version}\n");
        self.release_of(version, program.as_bytes(), |folder| {
            let path = folder.join("daypass");
            fs::write(&path, &program).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        })
    }

    /// A release whose archive holds what `fill` puts into its folder, and which promises `program`.
    pub(crate) fn release_of(&self, version: &str, program: &[u8], fill: impl FnOnce(&Path)) -> Release {
        let folder = tempfile::tempdir().unwrap();
        let stem = format!("daypass-{version}-{}", target());
        fs::create_dir(folder.path().join(&stem)).unwrap();
        fill(&folder.path().join(&stem));
        let packed = Command::new("tar").current_dir(&folder).args(["-czf", "packed", &stem]).status().unwrap();
        assert!(packed.success());
        self.release_with(version, program, fs::read(folder.path().join("packed")).unwrap())
    }

    /// A release with these bytes as its archive.
    pub(crate) fn release_with(&self, version: &str, program: &[u8], packed: Vec<u8>) -> Release {
        let wheel_bytes = format!("the wheel of {version}").into_bytes();
        let stem = format!("daypass-{version}-{}", target());
        let sums = [
            (archive(version), digest(&packed)),
            (format!("{stem}/daypass"), digest(program)),
            (wheel(version), digest(&wheel_bytes)),
        ];
        let sums = sums.map(|(name, digest)| format!("{digest}  {name}\n")).concat();
        let signature = self.sign(sums.as_bytes(), &format!("daypass {version}"), &[]);
        let files = [
            (archive(version), packed),
            (wheel(version), wheel_bytes),
            ("SHA256SUMS".to_owned(), sums.into_bytes()),
            ("SHA256SUMS.minisig".to_owned(), signature),
        ];
        Release { files: files.into(), key: self.key.clone() }
    }
}

/// By `sha256sum`.
fn digest(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn minisign(folder: &Path, words: &[&str]) {
    let program = super::machine::found("minisign");
    let done = Command::new(program).current_dir(folder).args(words).stdout(Stdio::null()).status().unwrap();
    assert!(done.success());
}

/// The same with another bit at `place`.
pub(crate) fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut other = bytes.to_vec();
    other[place] ^= 1;
    other
}
