//! What the form says of the file: nothing of it is believed, but it must not contradict.

use std::collections::HashMap;

use daypass_core::names::ProjectName;
use pep440_rs::Version;

use super::UploadRefusal;
use crate::archive::{Distribution, Kind, metadata::Metadata};

/// The fields that are looked at, and how long each may be, in bytes. All others are passed over.
pub(super) const FIELDS: [(&str, usize); 11] = [
    (":action", 64),
    ("protocol_version", 64),
    ("filetype", 64),
    ("name", 256),
    ("version", 256),
    ("metadata_version", 64),
    ("requires_python", 4096),
    ("sha256_digest", 128),
    ("blake2_256_digest", 128),
    ("md5_digest", 128),
    ("attestations", 1024 * 1024),
];

/// What the form says.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<&'static str, String>);

impl Claims {
    /// Takes a field in; a second one of the same name is refused.
    pub(super) fn take(&mut self, field: &'static str, text: String) -> Result<(), UploadRefusal> {
        match self.0.insert(field, text) {
            None => Ok(()),
            Some(_) => Err(UploadRefusal::Field(field, "is there twice")),
        }
    }

    /// A field that says something.
    fn said(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// A digest, in lower case.
    pub(super) fn digest(&self, field: &str) -> Option<String> {
        self.said(field).map(str::to_ascii_lowercase)
    }

    /// The attestations, if there are any.
    pub(super) fn attestations(&self) -> Option<&str> {
        self.said("attestations").filter(|text| *text != "[]")
    }

    /// Compares the form with the file's name.
    pub(super) fn check_name(&self, project: &ProjectName, distribution: &Distribution) -> Result<(), UploadRefusal> {
        if self.said(":action").is_some_and(|action| action != "file_upload") {
            return Err(UploadRefusal::Form("only the action `file_upload` works here"));
        }
        if self.said("protocol_version").is_some_and(|version| version != "1") {
            return Err(UploadRefusal::Form("only the protocol version 1 works here"));
        }
        let kind = match distribution.kind {
            Kind::Wheel => "bdist_wheel",
            Kind::Sdist => "sdist",
        };
        let file = &distribution.file;
        if let Some(said) = self.said("filetype").filter(|said| *said != kind) {
            return Err(differs("filetype", said, &format!("`{file}` is `{kind}`")));
        }
        if distribution.project != *project {
            return Err(differs("name", project.as_str(), &format!("`{file}` is of `{}`", distribution.project)));
        }
        let version = self.said("version").ok_or(UploadRefusal::Form("the form has no `version`"))?;
        if version.parse::<Version>().ok().as_ref() != Some(&distribution.version) {
            return Err(differs("version", version, &format!("`{file}` is of `{}`", distribution.version)));
        }
        Ok(())
    }

    /// Compares the form with the metadata in the file.
    pub(super) fn check_metadata(&self, metadata: &Metadata) -> Result<(), UploadRefusal> {
        if let Some(said) = self.said("metadata_version").filter(|said| *said != metadata.metadata_version) {
            return Err(differs("metadata_version", said, &format!("the file's is `{}`", metadata.metadata_version)));
        }
        let own = metadata.requires_python.as_deref().unwrap_or_default();
        match self.said("requires_python").filter(|said| !same(said, own)) {
            Some(said) => Err(differs("requires_python", said, &format!("the file's is `{own}`"))),
            None => Ok(()),
        }
    }
}

/// Whether two lists of specifiers are the same but for spaces.
fn same(one: &str, other: &str) -> bool {
    let dense = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
    dense(one) == dense(other)
}

fn differs(field: &str, said: &str, file: &str) -> UploadRefusal {
    let said: String = said.chars().take(100).flat_map(char::escape_debug).collect();
    UploadRefusal::Invalid(format!("the form says `{field}: {said}`, but {file}"))
}
