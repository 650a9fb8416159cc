//! How much memory a page takes, and how much it may.
//!
//! Upstream writes its pages, and what is short to write may be long to keep: `{}` in JSON is a map in memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CoreMetadata, PageFile, ProjectPage};

/// The heaviest page that is read, in bytes. A page of 20 MiB of JSON, the longest known, weighs about twice as much.
pub(super) const HEAVIEST_PAGE: usize = 96 * 1024 * 1024;

/// What an allocation costs beside its bytes.
const ALLOCATION: usize = 16;

/// What an entry of a map costs beside its key and value.
const ENTRY: usize = 64;

impl ProjectPage {
    /// Bytes of memory it takes, roughly, and rather too many than too few.
    pub(crate) fn weight(&self) -> usize {
        let versions: usize = self.versions.iter().flatten().map(|version| text(version)).sum();
        let status = self.status.as_ref().map_or(0, |status| text(&status.status) + optional(status.reason.as_deref()));
        let files: usize = self.files.iter().map(PageFile::weight).sum();
        size_of::<Self>() + versions + status + files + optional(self.provenance_base.as_deref()) + map(&self.extra)
    }
}

impl PageFile {
    /// The same of one file.
    pub(super) fn weight(&self) -> usize {
        let metadata = match &self.metadata {
            CoreMetadata::Hashed(hashes) => digests(hashes),
            CoreMetadata::Absent | CoreMetadata::Present => 0,
        };
        let texts = [&self.source, &self.requires_python, &self.yanked, &self.upload_time, &self.provenance];
        size_of::<Self>()
            + text(self.name.as_str())
            + texts.into_iter().map(|text| optional(text.as_deref())).sum::<usize>()
            + digests(&self.hashes)
            + metadata
            + self.extra.as_ref().map_or(0, |extra| map(extra))
    }
}

/// Bytes of memory that a JSON object takes.
pub(super) fn map(object: &Map<String, Value>) -> usize {
    object.iter().map(|(key, inner)| ENTRY + text(key) + value(inner)).sum()
}

fn value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(string) => text(string),
            Value::Array(values) => ALLOCATION + values.iter().map(self::value).sum::<usize>(),
            Value::Object(object) => ALLOCATION + map(object),
        }
}

fn digests(digests: &BTreeMap<Box<str>, Box<str>>) -> usize {
    digests.iter().map(|(algorithm, digits)| ENTRY + text(algorithm) + text(digits)).sum()
}

fn text(text: &str) -> usize {
    size_of::<Box<str>>() + ALLOCATION + text.len()
}

fn optional(optional: Option<&str>) -> usize {
    optional.map_or(0, text)
}
