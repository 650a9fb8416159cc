//! Reads PEP 691 JSON pages of somebody else's index.
//!
//! Lenient towards single files (one that cannot be understood is left out, as the installers do), strict about the
//! page as a whole. `gpg-sig` and keys that begin with `_` (PEP 691: reserved for the server) are dropped, other
//! unknown keys are kept, unless they are so long that nobody means them well.
//!
//! Read file by file: the whole page as JSON values would take many times its length.

use std::{collections::BTreeMap, fmt};

use daypass_core::names::ProjectName;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use url::Url;

use super::{CoreMetadata, PageFile, ProjectPage, ProjectStatus, UnknownPage, api_minor, is_digest, weight};

/// The longest entry of a file, the longest unknown key of a page, and the longest list of versions, in bytes of JSON.
const LONGEST_FILE: usize = 64 * 1024;
const LONGEST_EXTRA: usize = 16 * 1024;
const LONGEST_VERSIONS: usize = 1024 * 1024;

/// The heaviest unknown keys of a file, and of a page, in bytes of memory.
const HEAVIEST_FILE_EXTRA: usize = 16 * 1024;
const HEAVIEST_PAGE_EXTRA: usize = 256 * 1024;

#[derive(Default)]
struct WrittenPage {
    meta: Option<WrittenMeta>,
    files: Option<Vec<PageFile>>,
    versions: Option<Vec<Box<str>>>,
    status: Option<ProjectStatus>,
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
    let mut text = serde_json::Deserializer::from_slice(body);
    let written = text.deserialize_map(Page { base }).and_then(|page| text.end().map(|()| page));
    let WrittenPage { meta, files, versions, status, extra } = written.map_err(UnknownPage::Json)?;
    let missing = |field| UnknownPage::Json(serde_json::Error::missing_field(field));
    let meta = meta.ok_or_else(|| missing("meta"))?;
    Ok(ProjectPage {
        name: name.clone(),
        api_minor: api_minor(&meta.api_version)?,
        versions,
        // PEP 792's own example puts it under `meta`, its text and the public index at the top.
        status: status.or(meta.status),
        // Another index counts for itself.
        serial: None,
        files: files.ok_or_else(|| missing("files"))?,
        provenance_base: None,
        extra,
    })
}

/// Reads the page's object.
struct Page<'a> {
    base: &'a Url,
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = WrittenPage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a project page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WrittenPage, A::Error> {
        let mut page = WrittenPage::default();
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "meta" if page.meta.is_none() => page.meta = Some(map.next_value()?),
                "files" if page.files.is_none() => page.files = Some(map.next_value_seed(Files { base: self.base })?),
                "meta" | "files" => return Err(A::Error::custom(format_args!("`{key}` is there twice"))),
                "versions" => page.versions = map.next_value::<&RawValue>().and_then(versions)?,
                "project-status" => page.status = map.next_value()?,
                // PEP 752: a repository that does not keep namespaces itself must not speak of them.
                "name" | "namespaces" => drop(map.next_value::<IgnoredAny>()?),
                reserved if reserved.starts_with('_') => drop(map.next_value::<IgnoredAny>()?),
                _ => {
                    let raw = map.next_value::<&RawValue>()?.get();
                    if raw.len() <= LONGEST_EXTRA && weight::map(&page.extra) <= HEAVIEST_PAGE_EXTRA {
                        page.extra.insert(key, serde_json::from_str(raw).map_err(A::Error::custom)?);
                    }
                }
            }
        }
        Ok(page)
    }
}

fn versions<E: serde::de::Error>(raw: &RawValue) -> Result<Option<Vec<Box<str>>>, E> {
    if raw.get().len() > LONGEST_VERSIONS {
        return Err(E::custom("its list of versions is too long"));
    }
    serde_json::from_str(raw.get()).map_err(E::custom)
}

/// Reads the list of files.
struct Files<'a> {
    base: &'a Url,
}

impl<'de> DeserializeSeed<'de> for Files<'_> {
    type Value = Vec<PageFile>;

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<Vec<PageFile>, D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Files<'_> {
    type Value = Vec<PageFile>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<PageFile>, A::Error> {
        let (mut files, mut heavy) = (Vec::new(), 0);
        while let Some(raw) = list.next_element::<&RawValue>()?.map(RawValue::get) {
            if raw.len() > LONGEST_FILE {
                continue;
            }
            let file = serde_json::from_str(raw).map_err(A::Error::custom)?;
            let Some(file) = read_file(self.base, file) else { continue };
            heavy += file.weight();
            if heavy > weight::HEAVIEST_PAGE {
                return Err(A::Error::custom("its files are too many"));
            }
            files.push(file);
        }
        Ok(files)
    }
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
        first_seen: None,
        provenance: text(file.remove("provenance")).and_then(|url| super::read_html::source_url(base, &url)),
        extra: None,
    };
    file.retain(|key, _| !key.starts_with('_'));
    let extra = (!file.is_empty() && weight::map(&file) <= HEAVIEST_FILE_EXTRA).then(|| Box::new(file));
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
