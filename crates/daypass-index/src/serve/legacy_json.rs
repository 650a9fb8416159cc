//! `/{index}/pypi/{project}/json` and `/{index}/pypi/{project}/{version}/json`: the JSON API of before PEP 691, as mirrors
//! and updaters read it.
//!
//! Made of the page and of the newest file's metadata, when it is asked for: installers do not. Files are named under
//! `/packages/`, because a mirror (bandersnatch) takes no other path for one.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderValue, Method, header, request::Parts},
    response::Response,
};
use daypass_core::names::ProjectName;
use mailparse::{MailHeader, MailHeaderMap as _};
use pep440_rs::Version;
use serde_json::{Map, Value, json};

use super::Asking;
use crate::{
    error::Refusal,
    file_store::Blob,
    memory::SMALL,
    negotiate::is_unchanged,
    page::{PageFile, ProjectPage},
    source::{Project, Source},
};

/// Fields of the metadata that are one text, and what they are called here.
const TEXTS: [(&str, &str); 13] = [
    ("author", "Author"),
    ("author_email", "Author-email"),
    ("description_content_type", "Description-Content-Type"),
    ("download_url", "Download-URL"),
    ("home_page", "Home-page"),
    ("keywords", "Keywords"),
    ("license", "License"),
    ("license_expression", "License-Expression"),
    ("maintainer", "Maintainer"),
    ("maintainer_email", "Maintainer-email"),
    ("platform", "Platform"),
    ("requires_python", "Requires-Python"),
    ("summary", "Summary"),
];

/// Fields that may be there several times.
const LISTS: [(&str, &str); 5] = [
    ("classifiers", "Classifier"),
    ("dynamic", "Dynamic"),
    ("license_files", "License-File"),
    ("provides_extra", "Provides-Extra"),
    ("requires_dist", "Requires-Dist"),
];

/// The answer.
pub(super) async fn project(
    asking: &Asking<'_>,
    source: &Source,
    name: &ProjectName,
    version: Option<&str>,
) -> Result<Response, Refusal> {
    let seen = asking.shown(source, name).await?;
    let (found, page) = (&seen.project, &seen.page().page);
    let releases = releases(page);
    let wanted = match version {
        Some(text) => {
            let parsed: Option<Version> = text.parse().ok();
            let is_meant = |there: &&&str| **there == text || (parsed.is_some() && there.parse().ok() == parsed);
            *releases.keys().find(is_meant).ok_or(Refusal::NotFound)?
        }
        None => newest(&releases).unwrap_or_default(),
    };
    let files = |version: &str| -> Vec<Value> {
        releases.get(version).into_iter().flatten().map(|file| shown(asking, page, file)).collect()
    };
    let metadata = match found {
        Project::Hosted(_) => {
            metadata(asking, found, releases.get(wanted).map(Vec::as_slice).unwrap_or_default()).await?
        }
        // What upstream has of a version is in its files; none is fetched for this.
        Project::Upstream(..) => Vec::new(),
    };
    let mut answer = Map::new();
    answer.insert("info".to_owned(), info(asking, page, wanted, releases.get(wanted), &metadata));
    answer.insert("last_serial".to_owned(), page.serial.unwrap_or_default().into());
    if version.is_none() {
        let all = releases.keys().map(|version| ((*version).to_owned(), Value::from(files(version))));
        answer.insert("releases".to_owned(), Value::Object(all.collect()));
    }
    answer.insert("urls".to_owned(), files(wanted).into());
    answer.insert("vulnerabilities".to_owned(), Value::from(Vec::<Value>::new()));
    let mut response = json_answer(asking.request, &answer.into(), HeaderValue::from_static("application/json"));
    if let Some(serial) = page.serial {
        response.headers_mut().insert("x-pypi-last-serial", serial.into());
    }
    Ok(response)
}

/// The files by version, as their names say it; what has no version is left out.
fn releases(page: &ProjectPage) -> BTreeMap<&str, Vec<&PageFile>> {
    let mut releases: BTreeMap<&str, Vec<&PageFile>> = BTreeMap::new();
    for file in &page.files {
        if let Some(version) = version_of(file.name.as_str()) {
            releases.entry(version).or_default().push(file);
        }
    }
    releases
}

fn version_of(file: &str) -> Option<&str> {
    if let Some(stem) = file.strip_suffix(".whl") {
        return stem.split('-').nth(1);
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tgz"].into_iter().find_map(|end| file.strip_suffix(end))?;
    stem.rsplit_once('-').map(|(_, version)| version)
}

/// The version that most people mean: the greatest that is final and not yanked, or else the greatest of what there is.
fn newest<'a>(releases: &BTreeMap<&'a str, Vec<&PageFile>>) -> Option<&'a str> {
    let rank = |version: &str, files: &[&PageFile]| {
        let version: Option<Version> = version.parse().ok();
        let offered = files.iter().any(|file| file.yanked.is_none());
        let last = version.as_ref().is_some_and(|version| !version.any_prerelease());
        (offered && last, offered, version)
    };
    let ranked = releases.iter().map(|(version, files)| (rank(version, files), *version));
    ranked.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, version)| version)
}

/// The metadata of a wheel among these, if one has some; of a size that is kept in memory.
async fn metadata(asking: &Asking<'_>, found: &Project, files: &[&PageFile]) -> Result<Vec<u8>, Refusal> {
    let Project::Hosted(page) = found else { return Ok(Vec::new()) };
    let mut hosted = files.iter().filter_map(|file| page.find(file.name.as_str()));
    let Some(digest) = hosted.find_map(|file| file.metadata_sha256) else { return Ok(Vec::new()) };
    let (blob, sender) = (Blob::hosted(digest), &asking.shared.sender);
    let size = sender.size_of(&blob).await?;
    if size > SMALL {
        return Ok(Vec::new());
    }
    let bytes = sender.small.get(&sender.files, &blob, size).await.map_err(|error| {
        tracing::error!(%error, "the metadata of a hosted file cannot be read");
        Refusal::NotReady("its file store does not work")
    })?;
    Ok(bytes.to_vec())
}

fn info(
    asking: &Asking<'_>,
    page: &ProjectPage,
    version: &str,
    files: Option<&Vec<&PageFile>>,
    metadata: &[u8],
) -> Value {
    let (headers, body) = mailparse::parse_headers(metadata).unwrap_or_default();
    let text = |name: &str| headers.get_first_value(name).filter(|text| !text.is_empty());
    let mut info = Map::new();
    for (key, name) in TEXTS {
        info.insert(key.to_owned(), text(name).into());
    }
    for (key, name) in LISTS {
        let all = headers.get_all_values(name);
        info.insert(key.to_owned(), if all.is_empty() { Value::Null } else { all.into() });
    }
    let body = metadata.get(body..).map(|body| String::from_utf8_lossy(body).into_owned());
    let description = text("Description").or(body.filter(|body| !body.trim().is_empty()));
    info.insert("description".to_owned(), description.unwrap_or_default().into());
    info.insert("project_urls".to_owned(), urls(&headers));
    let files = files.map(Vec::as_slice).unwrap_or_default();
    if metadata.is_empty() {
        let requires_python = files.iter().find_map(|file| file.requires_python.as_deref());
        info.insert("requires_python".to_owned(), requires_python.into());
    }
    let yanked = !files.is_empty() && files.iter().all(|file| file.yanked.is_some());
    let reason = files.iter().find_map(|file| file.yanked.as_deref().filter(|_| yanked)).filter(|it| !it.is_empty());
    let here = asking.shared.public_url.join(&format!("/{}/simple/{}/", asking.index, page.name));
    for (key, value) in [
        ("name", Value::from(page.name.as_str())),
        ("version", version.into()),
        ("yanked", yanked.into()),
        ("yanked_reason", reason.into()),
        ("package_url", here.as_str().into()),
        ("project_url", here.as_str().into()),
        ("release_url", here.as_str().into()),
    ] {
        info.insert(key.to_owned(), value);
    }
    Value::Object(info)
}

/// `Project-URL: label, url`.
fn urls(headers: &[MailHeader<'_>]) -> Value {
    let all = headers.get_all_values("Project-URL");
    let pairs = all.iter().filter_map(|text| text.split_once(','));
    let urls: Map<String, Value> =
        pairs.map(|(label, url)| (label.trim().to_owned(), Value::from(url.trim()))).collect();
    if urls.is_empty() { Value::Null } else { Value::Object(urls) }
}

fn shown(asking: &Asking<'_>, page: &ProjectPage, file: &PageFile) -> Value {
    let name = file.name.as_str();
    let path = format!("/packages/{}/{}/{}", asking.index, page.name, name.replace('+', "%2B"));
    let (kind, python) = match name.strip_suffix(".whl") {
        Some(stem) => ("bdist_wheel", stem.rsplit('-').nth(2).unwrap_or_default()),
        None => ("sdist", "source"),
    };
    let time = file.upload_time.as_deref();
    let digest = |name: &str| file.hashes.get(name).map(|digest| &**digest);
    json!({
        "comment_text": "",
        "digests": file.hashes,
        "downloads": -1,
        "filename": name,
        "has_sig": false,
        "md5_digest": digest("md5"),
        "packagetype": kind,
        "python_version": python,
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": time.map(|time| time.split(['.', 'Z']).next().unwrap_or_default()),
        "upload_time_iso_8601": time,
        "url": asking.shared.public_url.join(&path),
        "yanked": file.yanked.is_some(),
        "yanked_reason": file.yanked.as_deref().filter(|reason| !reason.is_empty()),
    })
}

/// JSON that is made for one answer.
pub(super) fn json_answer(request: &Parts, value: &Value, content_type: HeaderValue) -> Response {
    let text = value.to_string();
    let etag = crate::content::etag(&daypass_core::digest::Sha256::of(&text));
    let unchanged = is_unchanged(&request.headers, &etag);
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if unchanged {
        *response.status_mut() = axum::http::StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, text.len().into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if request.method == Method::GET {
        *response.body_mut() = Body::from(text);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_greatest_that_people_should_take() {
        let file = |yanked: Option<&str>| PageFile {
            name: "a-1.zip".parse().unwrap(),
            source: None,
            hashes: BTreeMap::new(),
            size: None,
            requires_python: None,
            metadata: crate::page::CoreMetadata::Absent,
            yanked: yanked.map(Into::into),
            upload_time: None,
            first_seen: None,
            provenance: None,
            extra: None,
        };
        let (offered, yanked) = (file(None), file(Some("")));
        let newest = |all: &[(&'static str, bool)]| {
            let pick = |gone: bool| vec![if gone { &yanked } else { &offered }];
            newest(&all.iter().map(|(version, gone)| (*version, pick(*gone))).collect())
        };
        assert_eq!(newest(&[("1.9", false), ("1.10", false), ("2.0rc1", false), ("3.0", true)]), Some("1.10"));
        assert_eq!(newest(&[("1.0rc1", false), ("1.0", true)]), Some("1.0rc1"));
        assert_eq!(newest(&[("1.0", true), ("1.1", true)]), Some("1.1"));
        assert_eq!(newest(&[]), None);
    }

    #[test]
    fn a_version_is_read_from_the_name() {
        for (name, version) in [
            ("a_b-1.0-py3-none-any.whl", Some("1.0")),
            ("a-b-1.0+x.1.tar.gz", Some("1.0+x.1")),
            ("a-1.0.zip", Some("1.0")),
            ("a-1.0.exe", None),
        ] {
            assert_eq!(version_of(name), version, "{name}");
        }
    }
}
