//! Writes project pages as PEP 691 JSON.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use super::{CoreMetadata, PageFile, ProjectPage, ProjectStatus};

#[derive(Serialize)]
struct Page<'a> {
    meta: Meta,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<&'a [Box<str>]>,
    #[serde(rename = "project-status", skip_serializing_if = "Option::is_none")]
    status: Option<&'a ProjectStatus>,
    files: Vec<File<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
pub(super) struct Meta {
    #[serde(rename = "api-version")]
    api_version: String,
    /// For mirrors; a key of our own (PEP 691 leaves those that begin with `_` to the server).
    #[serde(rename = "_last-serial", skip_serializing_if = "Option::is_none")]
    serial: Option<i64>,
}

impl Meta {
    pub(super) fn minor(minor: u32, serial: Option<i64>) -> Self {
        Self { api_version: format!("1.{minor}"), serial }
    }
}

/// The page's JSON text.
pub(crate) fn write(page: &ProjectPage) -> Vec<u8> {
    let files = page.files.iter().map(|file| File { page, file }).collect();
    let written = Page {
        meta: Meta::minor(page.api_minor, page.serial),
        name: page.name.as_str(),
        versions: page.versions.as_deref(),
        status: page.status.as_ref(),
        files,
        extra: &page.extra,
    };
    // Maps with text keys and no foreign `Serialize`: this cannot fail.
    serde_json::to_vec(&written).unwrap_or_default()
}

struct File<'a> {
    page: &'a ProjectPage,
    file: &'a PageFile,
}

impl Serialize for File<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = self.file;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("filename", &file.name)?;
        map.serialize_entry("url", &super::write_html::href(self.page.name.as_str(), file))?;
        map.serialize_entry("hashes", &file.hashes)?;
        if let Some(size) = file.size {
            map.serialize_entry("size", &size)?;
        }
        if let Some(time) = &file.upload_time {
            map.serialize_entry("upload-time", time)?;
        }
        if let Some(specifier) = &file.requires_python {
            map.serialize_entry("requires-python", specifier)?;
        }
        match file.yanked.as_deref() {
            None => map.serialize_entry("yanked", &false)?,
            Some("") => map.serialize_entry("yanked", &true)?,
            Some(reason) => map.serialize_entry("yanked", reason)?,
        }
        // PEP 714, and the alias that the public index gives. Not `dist-info-metadata`: old pips read it wrongly.
        for key in ["core-metadata", "data-dist-info-metadata"] {
            match &file.metadata {
                CoreMetadata::Absent => map.serialize_entry(key, &false)?,
                CoreMetadata::Present => map.serialize_entry(key, &true)?,
                CoreMetadata::Hashed(hashes) => map.serialize_entry::<_, BTreeMap<_, _>>(key, hashes)?,
            }
        }
        if let Some(provenance) = self.page.provenance_url(file) {
            map.serialize_entry("provenance", &provenance)?;
        }
        for (key, value) in file.extra.iter().flat_map(|extra| extra.iter()) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
