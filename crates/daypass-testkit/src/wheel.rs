//! Real Python distributions, built in memory: a wheel that every installer takes, and the sdist of the same project.
//!
//! What is *not* here: reading wheels, compiled extensions, signatures.

#![expect(clippy::format_push_string, reason = "what is short to read matters more here than an allocation")]

mod archive;
mod sdist;

pub(crate) use archive::record_line;
use archive::zip;

/// A small pure-Python project, and the files it is distributed in.
#[derive(Debug, Clone)]
pub struct Wheel {
    name: String,
    version: String,
    module: String,
    requires_dist: Vec<String>,
    requires_python: Option<String>,
    padding: usize,
    about: String,
}

impl Wheel {
    /// A project with one module, called like the project, in which `__version__` is `version`.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            module: format!("__version__ = \"{version}\"\n"),
            requires_dist: Vec::new(),
            requires_python: Some(">=3.9".to_owned()),
            padding: 0,
            about: "\nBuilt by daypass-testkit.\n".to_owned(),
        }
    }

    /// The module's source text.
    #[must_use]
    pub fn module(mut self, source: &str) -> Self {
        source.clone_into(&mut self.module);
        self
    }

    /// One more dependency, as PEP 508 writes it: `acme-base>=1`.
    #[must_use]
    pub fn requires_dist(mut self, requirement: &str) -> Self {
        self.requires_dist.push(requirement.to_owned());
        self
    }

    /// Which Pythons it is for (`>=3.9` unless said otherwise); `None` leaves the field out.
    #[must_use]
    pub fn requires_python(mut self, specifier: Option<&str>) -> Self {
        self.requires_python = specifier.map(ToOwned::to_owned);
        self
    }

    /// Adds a data file of so many bytes that do not compress: for wheels of a given size.
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// What ends the metadata instead: more headers, an empty line and a description, as somebody wrote them.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        text.clone_into(&mut self.about);
        self
    }

    /// The project's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The project's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name under which Python imports it: `acme_hello` for `Acme.Hello`.
    pub fn module_name(&self) -> String {
        self.name.to_lowercase().replace(['-', '.'], "_")
    }

    /// The wheel's file name: `acme_hello-1.0-py3-none-any.whl` (PEP 427).
    pub fn file_name(&self) -> String {
        format!("{}-{}-py3-none-any.whl", self.module_name(), self.version)
    }

    /// The sdist's file name: `acme_hello-1.0.tar.gz` (PEP 625).
    pub fn sdist_name(&self) -> String {
        format!("{}-{}.tar.gz", self.module_name(), self.version)
    }

    /// The text of `METADATA` and `PKG-INFO`.
    pub fn metadata(&self) -> String {
        let mut text = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        text.push_str("Summary: A project of the test kit\n");
        if let Some(specifier) = &self.requires_python {
            text += &format!("Requires-Python: {specifier}\n");
        }
        for requirement in &self.requires_dist {
            text += &format!("Requires-Dist: {requirement}\n");
        }
        text.push_str(&self.about);
        text
    }

    /// The wheel. The same project gives the same bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let dist_info = format!("{}-{}.dist-info", self.module_name(), self.version);
        let mut files = vec![
            (format!("{}.py", self.module_name()), self.module.clone().into_bytes()),
            (format!("{dist_info}/METADATA"), self.metadata().into_bytes()),
            (
                format!("{dist_info}/WHEEL"),
                b"Wheel-Version: 1.0\nGenerator: daypass-testkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_vec(),
            ),
        ];
        if self.padding > 0 {
            files.push((format!("{}_padding.bin", self.module_name()), noise(self.padding)));
        }
        let mut record: String = files.iter().map(|(path, bytes)| record_line(path, bytes)).collect();
        record += &format!("{dist_info}/RECORD,,\n");
        files.push((format!("{dist_info}/RECORD"), record.into_bytes()));
        zip(&files)
    }

    /// The sdist. It installs without the network: its build backend is inside and needs nothing.
    pub fn sdist_bytes(&self) -> Vec<u8> {
        sdist::build(self)
    }
}

/// Bytes that look random and are always the same (xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;

    #[test]
    fn the_wheel_holds_what_an_installer_looks_for() {
        let wheel = Wheel::new("Acme.Hello", "1.0").requires_dist("acme-base>=1");
        assert_eq!(wheel.file_name(), "acme_hello-1.0-py3-none-any.whl");
        let mut archive = zip::ZipArchive::new(Cursor::new(wheel.bytes())).unwrap();
        let mut metadata = String::new();
        archive.by_name("acme_hello-1.0.dist-info/METADATA").unwrap().read_to_string(&mut metadata).unwrap();
        assert_eq!(metadata, wheel.metadata());
        assert!(metadata.contains("Name: Acme.Hello\n") && metadata.contains("Requires-Dist: acme-base>=1\n"));
        let mut record = String::new();
        archive.by_name("acme_hello-1.0.dist-info/RECORD").unwrap().read_to_string(&mut record).unwrap();
        assert!(record.starts_with("acme_hello.py,sha256="), "{record}");
    }

    #[test]
    fn the_same_project_gives_the_same_bytes_and_padding_makes_it_big() {
        let wheel = Wheel::new("a", "1").padding(100_000);
        assert_eq!(wheel.bytes(), wheel.bytes());
        assert!(wheel.bytes().len() > 100_000);
        assert_eq!(wheel.sdist_bytes(), wheel.sdist_bytes());
    }
}
