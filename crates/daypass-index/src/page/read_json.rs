//! Reads PEP 691 JSON pages of somebody else's index.
//!
//! Lenient towards single files (one that cannot be understood is left out, as the installers do), strict about the
//! page as a whole. `gpg-sig` and keys that begin with `_` (PEP 691: reserved for the server) are dropped, other
//! unknown keys are kept.

use std::collections::BTreeMap;

use daypass_core::names::ProjectName;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{CoreMetadata, PageFile, ProjectPage, ProjectStatus, UnknownPage, api_minor, is_digest};

#[derive(Deserialize)]
struct WrittenPage {
    meta: WrittenMeta,
    files: Vec<Map<String, Value>>,
    versions: Option<Vec<Box<str>>>,
    #[serde(rename = "project-status")]
    status: Option<ProjectStatus>,
    #[serde(rename = "name")]
    _name: Option<Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct WrittenMeta {
    #[serde(rename = "api-version")]
    api_version: String,
    #[serde(rename = "project-status")]
    status: Option<ProjectStatus>,
}

/// Reads the page of `name` that came from `base`, against which relative URLs are resolved.
pub(crate) fn read(name: &ProjectName, base: &Url, body: &[u8]) -> Result<ProjectPage, UnknownPage> {
    let written: WrittenPage = serde_json::from_slice(body).map_err(UnknownPage::Json)?;
    let mut extra = written.extra;
    // PEP 752: a repository that does not keep namespaces itself must not speak of them.
    extra.retain(|key, _| !key.starts_with('_') && key != "namespaces");
    Ok(ProjectPage {
        name: name.clone(),
        api_minor: api_minor(&written.meta.api_version)?,
        versions: written.versions,
        // PEP 792's own example puts it under `meta`, its text and the public index at the top.
        status: written.status.or(written.meta.status),
        files: written.files.into_iter().filter_map(|file| read_file(base, file)).collect(),
        extra,
    })
}

fn read_file(base: &Url, mut file: Map<String, Value>) -> Option<PageFile> {
    let name = text(file.remove("filename"))?.parse().ok()?;
    let source = super::read_html::source_url(base, &text(file.remove("url"))?)?;
    let metadata = ["core-metadata", "data-dist-info-metadata", "dist-info-metadata"]
        .map(|key| file.remove(key))
        .into_iter()
        .flatten()
        .next();
    file.remove("gpg-sig");
    let page_file = PageFile {
        name,
        source: Some(source),
        hashes: hashes(file.remove("hashes")),
        size: file.remove("size").as_ref().and_then(Value::as_u64),
        requires_python: text(file.remove("requires-python")),
        metadata: match metadata {
            Some(Value::Bool(true)) => CoreMetadata::Present,
            Some(Value::Object(digests)) if !digests.is_empty() => {
                CoreMetadata::Hashed(hashes(Some(Value::Object(digests))))
            }
            _ => CoreMetadata::Absent,
        },
        yanked: match file.remove("yanked") {
            Some(Value::Bool(true)) => Some("".into()),
            Some(Value::String(reason)) => Some(reason.into()),
            _ => None,
        },
        upload_time: text(file.remove("upload-time")),
        extra: None,
    };
    file.retain(|key, _| !key.starts_with('_'));
    let extra = (!file.is_empty()).then(|| Box::new(file));
    Some(PageFile { extra, ..page_file })
}

fn text(value: Option<Value>) -> Option<Box<str>> {
    match value {
        Some(Value::String(text)) => Some(text.into()),
        _ => None,
    }
}

fn hashes(value: Option<Value>) -> BTreeMap<Box<str>, Box<str>> {
    let Some(Value::Object(given)) = value else { return BTreeMap::new() };
    let good = |(algorithm, digits): (String, Value)| {
        let digits = digits.as_str()?.to_ascii_lowercase();
        is_digest(&algorithm, &digits).then(|| (algorithm.into(), digits.into()))
    };
    given.into_iter().filter_map(good).collect()
}
