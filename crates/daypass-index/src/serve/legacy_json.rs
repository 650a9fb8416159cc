//! `/{index}/pypi/{project}/json` and `/{index}/pypi/{project}/{version}/json`: the JSON API of before PEP 691, as mirrors
//! and updaters read it.
//!
//! Made of the page and of the newest file's metadata, when it is asked for: installers do not. Files are named under
//! `/packages/`, because a mirror (bandersnatch) takes no other path for one.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, Method, header, request::Parts},
    response::Response,
};
use daypass_core::{
    digest::Sha256,
    names::{IndexName, ProjectName},
    public_url::PublicUrl,
};
use mailparse::{MailHeader, MailHeaderMap as _};
use pep440_rs::Version;
use serde_json::{Map, Value, json};

use super::{Asking, shown::Shown};
use crate::{
    error::Refusal,
    file_store::{Blob, blocking},
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
    let seen = Arc::new(asking.shown(source, name).await?);
    let serial = seen.page().page.serial;
    let (page, version) = (Arc::clone(&seen), version.map(ToOwned::to_owned));
    let whole = version.is_none();
    let chosen = in_turn(asking, move || choose(&page, version.as_deref())).await?;
    let metadata = match chosen.metadata {
        Some(digest) => metadata(asking, digest).await?,
        None => Vec::new(),
    };
    let place = Place { public_url: asking.shared.public_url.clone(), index: (*asking.index).clone() };
    let text = in_turn(asking, move || Ok(Text::of(&write(&seen, &place, &chosen.version, whole, &metadata)))).await?;
    let mut response = text.answer(asking.request, HeaderValue::from_static("application/json"));
    if let Some(serial) = serial {
        response.headers_mut().insert("x-pypi-last-serial", serial.into());
    }
    Ok(response)
}

/// Runs `work` where it may block, when it is its turn. It keeps its turn until it is done, even if nobody waits for it
/// any more.
async fn in_turn<T: Send + 'static>(
    asking: &Asking<'_>,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let turn = Arc::clone(&asking.shared.legacy).acquire_owned().await;
    let work = move || {
        let done = work();
        drop(turn);
        Ok(done)
    };
    blocking(work).await.map_err(|_| Refusal::NotReady("its page cannot be read"))?
}

/// What the answer is about.
struct Chosen {
    /// The version, as the names of its files write it.
    version: String,
    /// The metadata of a wheel of it, if one has some.
    metadata: Option<Sha256>,
}

fn choose(seen: &Shown, version: Option<&str>) -> Result<Chosen, Refusal> {
    let releases = releases(&seen.page().page);
    let wanted = match version {
        Some(text) => {
            let parsed: Option<Version> = text.parse().ok();
            let is_meant = |there: &&&str| **there == text || (parsed.is_some() && there.parse().ok() == parsed);
            *releases.keys().find(is_meant).ok_or(Refusal::NotFound)?
        }
        None => newest(&releases).unwrap_or_default(),
    };
    let metadata = match &seen.project {
        Project::Hosted(page) => {
            let files = releases.get(wanted).into_iter().flatten();
            let mut hosted = files.filter_map(|file| page.find(file.name.as_str()));
            hosted.find_map(|file| file.metadata_sha256)
        }
        // What upstream has of a version is in its files; none is fetched for this.
        Project::Upstream(..) => None,
    };
    Ok(Chosen { version: wanted.to_owned(), metadata })
}

/// Where the project is shown.
struct Place {
    public_url: PublicUrl,
    index: IndexName,
}

/// Writes the answer; `whole` with all releases.
fn write(seen: &Shown, place: &Place, wanted: &str, whole: bool, metadata: &[u8]) -> Value {
    let page = &seen.page().page;
    let releases = releases(page);
    let files = |version: &str| -> Vec<Value> {
        releases.get(version).into_iter().flatten().map(|file| shown(place, page, file)).collect()
    };
    let mut answer = Map::new();
    answer.insert("info".to_owned(), info(place, page, wanted, releases.get(wanted), metadata));
    answer.insert("last_serial".to_owned(), page.serial.unwrap_or_default().into());
    if whole {
        let all = releases.keys().map(|version| ((*version).to_owned(), Value::from(files(version))));
        answer.insert("releases".to_owned(), Value::Object(all.collect()));
    }
    answer.insert("urls".to_owned(), files(wanted).into());
    answer.insert("vulnerabilities".to_owned(), Value::from(Vec::<Value>::new()));
    Value::Object(answer)
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

/// The metadata of a wheel; of a size that is kept in memory.
async fn metadata(asking: &Asking<'_>, digest: Sha256) -> Result<Vec<u8>, Refusal> {
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

fn info(place: &Place, page: &ProjectPage, version: &str, files: Option<&Vec<&PageFile>>, metadata: &[u8]) -> Value {
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
    let here = place.public_url.join(&format!("/{}/simple/{}/", place.index, page.name));
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

fn shown(place: &Place, page: &ProjectPage, file: &PageFile) -> Value {
    let name = file.name.as_str();
    let path = format!("/packages/{}/{}/{}", place.index, page.name, name.replace('+', "%2B"));
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
        "url": place.public_url.join(&path),
        "yanked": file.yanked.is_some(),
        "yanked_reason": file.yanked.as_deref().filter(|reason| !reason.is_empty()),
    })
}

/// JSON that is made for one answer.
pub(super) fn json_answer(request: &Parts, value: &Value, content_type: HeaderValue) -> Response {
    Text::of(value).answer(request, content_type)
}

/// JSON as it is sent, and its tag.
struct Text {
    text: String,
    etag: HeaderValue,
}

impl Text {
    fn of(value: &Value) -> Self {
        let text = value.to_string();
        let etag = crate::content::etag(&Sha256::of(&text));
        Self { text, etag }
    }

    fn answer(self, request: &Parts, content_type: HeaderValue) -> Response {
        let Self { text, etag } = self;
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
