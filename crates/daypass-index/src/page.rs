//! What a project page says, whatever the form it came in or goes out in (PEP 503, 592, 658, 691, 700, 714, 792).
//!
//! What is *not* here: HTTP, where pages come from, who may see them.

pub(crate) mod list;
pub(crate) mod prepared;
pub(crate) mod read_html;
pub(crate) mod read_json;
mod tags;
#[cfg(test)]
mod tests;
mod weight;
pub(crate) mod write_html;
pub(crate) mod write_json;

use std::collections::BTreeMap;

use daypass_core::{
    digest::Sha256,
    names::{FileName, ProjectName},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The newest minor version of the API that is written here: `1.4`.
///
/// PEP 833 freezes HTML at 1.4; 1.5 would promise namespaces (PEP 752).
pub(crate) const NEWEST_MINOR: u32 = 4;

/// The minor version of the API that pages keep to which speak of namespaces (PEP 752): `1.5`.
pub(crate) const NAMESPACES_MINOR: u32 = 5;

/// A project's files and what is said about them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProjectPage {
    /// The project.
    pub name: ProjectName,
    /// The minor version of the API that the page keeps to: what it promises is there.
    pub api_minor: u32,
    /// All versions (PEP 700); `None` where the source does not say.
    pub versions: Option<Vec<Box<str>>>,
    /// PEP 792.
    pub status: Option<ProjectStatus>,
    /// Grows with every change, for mirrors; `None` where the source does not say.
    #[serde(default)]
    pub serial: Option<i64>,
    /// The files, in the source's order.
    pub files: Vec<PageFile>,
    /// Our own URL under which the provenance of this project's files is, with a slash at the end. Without it none is
    /// written: a source's own URL is never passed on.
    #[serde(skip)]
    pub provenance_base: Option<Box<str>>,
    /// Further keys of the source's page, passed on as they are.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl ProjectPage {
    /// Our own URL of a file's provenance, if it has some.
    fn provenance_url(&self, file: &PageFile) -> Option<String> {
        file.provenance.as_ref()?;
        Some(format!("{}{}", self.provenance_base.as_ref()?, file.name.as_str().replace('+', "%2B")))
    }

    /// The file of that name.
    pub(crate) fn find(&self, file: &str) -> Option<&PageFile> {
        self.files.iter().find(|candidate| candidate.name.as_str() == file)
    }
}

/// PEP 792: `active`, `archived`, `quarantined` or `deprecated`, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProjectStatus {
    /// The status marker.
    pub status: Box<str>,
    /// An explanation for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Box<str>>,
}

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageFile {
    /// Its name.
    pub name: FileName,
    /// Where upstream has it, without credentials; `None` for files of our own.
    pub source: Option<Box<str>>,
    /// Digests in lower-case hexadecimal by algorithm, as the source gives them.
    #[serde(default)]
    pub hashes: BTreeMap<Box<str>, Box<str>>,
    /// Length in bytes (PEP 700).
    pub size: Option<u64>,
    /// Which Pythons it is for.
    pub requires_python: Option<Box<str>>,
    /// Whether `….metadata` is there (PEP 658, PEP 714).
    #[serde(default)]
    pub metadata: CoreMetadata,
    /// Why it is yanked (PEP 592); an empty text is a yank without a reason.
    pub yanked: Option<Box<str>>,
    /// When it was uploaded *there*, as the source writes it (PEP 700).
    pub upload_time: Option<Box<str>>,
    /// When it was first seen, in milliseconds since the Unix epoch, where the source gives no upload time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<i64>,
    /// Where the source has its provenance, without credentials (PEP 740). What is written is our own URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<str>>,
    /// Further keys of the source, passed on as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Box<Map<String, Value>>>,
}

impl PageFile {
    /// The SHA-256, if the source gives one.
    pub(crate) fn sha256(&self) -> Option<Sha256> {
        self.hashes.get("sha256")?.parse().ok()
    }
}

/// What a page says about a file's core metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CoreMetadata {
    /// There is none to be had.
    #[default]
    Absent,
    /// It is there, without a digest.
    Present,
    /// It is there; digests by algorithm.
    Hashed(BTreeMap<Box<str>, Box<str>>),
}

impl CoreMetadata {
    /// Whether `….metadata` is there.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Its SHA-256, if the source gives one.
    pub(crate) fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Hashed(hashes) => hashes.get("sha256")?.parse().ok(),
            Self::Absent | Self::Present => None,
        }
    }
}

/// Whether this may be passed on as a digest: lower-case letters and digits naming the algorithm, hexadecimal digits.
fn is_digest(algorithm: &str, digits: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    !algorithm.is_empty()
        && algorithm.bytes().all(plain)
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The minor version of an API version text such as `1.1`.
///
/// PEP 629: an unknown major version is an error, an unknown minor one is not.
fn api_minor(version: &str) -> Result<u32, UnknownPage> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(1), Ok(minor)) => Ok(minor.min(NEWEST_MINOR)),
        (Ok(0), Ok(_)) => Ok(0),
        _ => Err(UnknownPage::ApiVersion(version.chars().take(20).flat_map(char::escape_debug).collect())),
    }
}

/// Why a page of somebody else's index cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownPage {
    /// Not JSON, or not of PEP 691's shape.
    #[error("it is not JSON as PEP 691 describes it")]
    Json(#[source] serde_json::Error),
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
    /// More than is kept of one page.
    #[error("its files are too many")]
    TooHeavy,
    /// Another major version.
    #[error("its API version `{0}` is unknown")]
    ApiVersion(String),
    /// Neither JSON nor HTML.
    #[error("its content type `{0}` is unknown")]
    ContentType(String),
}
