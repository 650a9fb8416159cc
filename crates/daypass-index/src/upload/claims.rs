//! What the form says of the file: nothing of it is believed, but it must not contradict.

use std::collections::HashMap;

use daypass_core::{Timestamp, names::ProjectName};
use pep440_rs::Version;

use super::UploadRefusal;
use crate::archive::{Distribution, Kind, metadata::Metadata};

/// When the file came to the index that it is taken over from (`daypass index import`); ours alone.
const UPLOAD_TIME: &str = "daypass_upload_time";

/// Why it is yanked there; ours alone. A yank that came a moment later would have it installed in that moment.
const YANKED: &str = "daypass_yanked";

/// The longest reason of a yank that is kept, in characters.
const LONGEST_REASON: usize = 500;

/// The fields that are looked at, and how long each may be, in bytes. All others are passed over.
pub(super) const FIELDS: [(&str, usize); 13] = [
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
    (UPLOAD_TIME, 64),
    (YANKED, 4096),
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

    /// When it came to the index that it is taken over from, if the form says so.
    pub(super) fn upload_time(&self, now: Timestamp) -> Result<Option<Timestamp>, UploadRefusal> {
        let Some(said) = self.said(UPLOAD_TIME) else { return Ok(None) };
        match said.parse::<Timestamp>() {
            Ok(time) if time <= now => Ok(Some(time)),
            Ok(_) => Err(UploadRefusal::Field(UPLOAD_TIME, "lies in the future")),
            Err(_) => Err(UploadRefusal::Field(UPLOAD_TIME, "is no time such as `2026-01-02T03:04:05Z`")),
        }
    }

    /// Why it is yanked from the beginning, if the form says so; may be empty. One line, as it stands on pages.
    pub(super) fn yanked(&self) -> Option<String> {
        let plain = |char: char| if char.is_control() { ' ' } else { char };
        let reason = self.0.get(YANKED)?.trim();
        Some(reason.chars().map(plain).take(LONGEST_REASON).collect())
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
        if let Some(said) = self.said("metadata_version").filter(|said| *said != metadata.format) {
            return Err(differs("metadata_version", said, &format!("the file's is `{}`", metadata.format)));
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
