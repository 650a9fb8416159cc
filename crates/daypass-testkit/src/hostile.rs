//! Distributions that must be refused, each wrong in one way, and good twins that must be taken.
//!
//! The writers here know every byte of their formats, and can lie about each. They share nothing with what reads them.

#![expect(clippy::expect_used, reason = "writing to memory does not fail; a test kit that does should stop the test")]
#![expect(clippy::too_many_lines, reason = "a table has as many lines as it has rows")]

mod metadata;
pub mod tar;
mod tars;
mod wheels;
pub mod zip;
mod zips;

/// A file as somebody uploads it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What is special about it.
    pub what: &'static str,
    /// Its name.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// A part of the sentence that it must be refused with. Empty for a good one.
    pub reason: &'static str,
}

/// The files that must be refused.
pub fn refused() -> Vec<Sample> {
    [zips::refused(), wheels::refused(), metadata::refused(), tars::refused()].concat()
}

/// The files that must be taken.
pub fn taken() -> Vec<Sample> {
    [zips::taken(), wheels::taken(), tars::taken()].concat()
}

/// The project of all samples.
pub const PROJECT: &str = "acme-hello";

const WHEEL: &str = "acme_hello-1.0-py3-none-any.whl";
const SDIST: &str = "acme_hello-1.0.tar.gz";
const METADATA: &str = "Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0\n";

fn sample(what: &'static str, file: &str, bytes: Vec<u8>, reason: &'static str) -> Sample {
    Sample { what, file: file.to_owned(), bytes, reason }
}
