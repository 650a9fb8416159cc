//! Reads PEP 503 HTML pages of somebody else's index.
//!
//! HTML says less than JSON: no sizes, no upload times, no versions. Such a page keeps to API 1.0 whatever it claims.

use std::collections::BTreeMap;

use daypass_core::names::{FileName, ProjectName};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    CoreMetadata, PageFile, ProjectPage, ProjectStatus, UnknownPage, api_minor, is_digest,
    tags::{Tag, Tags},
    weight,
};

/// Reads the page of `name` that came from `base`.
pub(crate) fn read(name: &ProjectName, base: &Url, body: &[u8]) -> Result<ProjectPage, UnknownPage> {
    let html = std::str::from_utf8(body).map_err(UnknownPage::Utf8)?;
    if let Some(version) = meta(html, "pypi:repository-version") {
        api_minor(&version)?;
    }
    let href = Tags::of(html).filter(|tag| tag.is("base")).find_map(|tag| tag.attribute("href"));
    let base = href.and_then(|href| base.join(&href).ok()).unwrap_or(base.clone());
    let status = meta(html, "pypi:project-status")
        .map(|status| ProjectStatus { status, reason: meta(html, "pypi:project-status-reason") });
    let (mut files, mut heavy) = (Vec::new(), 0);
    for file in Tags::of(html).filter(|tag| tag.is("a")).filter_map(|anchor| read_anchor(&base, &anchor)) {
        heavy += file.weight();
        if heavy > weight::HEAVIEST_PAGE {
            return Err(UnknownPage::TooHeavy);
        }
        files.push(file);
    }
    Ok(ProjectPage {
        name: name.clone(),
        api_minor: 0,
        versions: None,
        status,
        serial: None,
        files,
        provenance_base: None,
        extra: serde_json::Map::new(),
    })
}

/// The absolute URL of a file, without fragment and without credentials. Only `http` and `https` are followed.
pub(super) fn source_url(base: &Url, href: &str) -> Option<Box<str>> {
    let mut url = base.join(href.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return None;
    }
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(String::from(url).into())
}

fn read_anchor(base: &Url, anchor: &Tag<'_>) -> Option<PageFile> {
    let href = anchor.attribute("href")?;
    let url = base.join(href.trim()).ok()?;
    // PEP 503: the anchor's text is the last path component; the installers trust the latter.
    let last = url.path_segments()?.next_back()?;
    let name: FileName = percent_decode_str(last).decode_utf8().ok()?.parse().ok()?;
    let metadata = anchor.attribute("data-core-metadata").or_else(|| anchor.attribute("data-dist-info-metadata"));
    Some(PageFile {
        name,
        source: Some(source_url(base, &href)?),
        hashes: url.fragment().map(digests).unwrap_or_default(),
        size: None,
        requires_python: anchor.attribute("data-requires-python").map(Into::into),
        metadata: match metadata.as_deref() {
            None | Some("false") => CoreMetadata::Absent,
            Some(value) => match digests(value) {
                digests if digests.is_empty() => CoreMetadata::Present,
                digests => CoreMetadata::Hashed(digests),
            },
        },
        yanked: anchor.attribute("data-yanked").map(Into::into),
        upload_time: None,
        first_seen: None,
        provenance: anchor.attribute("data-provenance").and_then(|url| source_url(base, &url)),
        extra: None,
    })
}

/// The digests in `sha256=…&egg=…`.
fn digests(text: &str) -> BTreeMap<Box<str>, Box<str>> {
    let good = |pair: &str| {
        let (algorithm, digits) = pair.split_once('=')?;
        // `egg=`, `subdirectory=` and the like are no digests, though their values may look like some.
        let known = matches!(algorithm, "sha256" | "sha384" | "sha512" | "sha224" | "sha1" | "md5");
        let digits = digits.to_ascii_lowercase();
        (known && is_digest(algorithm, &digits)).then(|| (algorithm.into(), digits.into()))
    };
    text.split('&').filter_map(good).collect()
}

fn meta(html: &str, name: &str) -> Option<Box<str>> {
    let mut metas = Tags::of(html).filter(|tag| tag.is("meta"));
    metas.find(|tag| tag.attribute("name").is_some_and(|found| found == name))?.attribute("content").map(Into::into)
}
