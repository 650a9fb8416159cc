//! What the pages of a simple index say (PEP 503, 691, 700): which projects there are, and which files each has.
//!
//! They come from servers that are not ours, too, so nothing of them is believed that is not checked: names are parsed,
//! links lead over HTTP only, and a file without a sound name is passed over.
//!
//! What is *not* here: fetching.

use std::collections::BTreeSet;

use daypass_core::{
    Timestamp,
    digest::Sha256,
    names::{FileName, ProjectName},
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

mod html;

/// What to accept of a simple index: JSON first.
pub(crate) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// JSON alone.
pub(crate) const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A file that a page lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) file: FileName,
    /// Where it is, without a fragment.
    pub(crate) url: Url,
    pub(crate) sha256: Option<Sha256>,
    pub(crate) size: Option<u64>,
    pub(crate) upload_time: Option<Timestamp>,
    /// Why it is yanked, where it is; may be empty.
    pub(crate) yanked: Option<String>,
}

/// Why a page cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPage;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    files: Vec<JsonFile>,
    #[serde(default)]
    projects: Vec<JsonProject>,
}

#[derive(Deserialize)]
struct JsonProject {
    name: String,
}

#[derive(Deserialize)]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: serde_json::Map<String, Value>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "upload-time")]
    upload_time: Option<String>,
    #[serde(default)]
    yanked: Value,
}

impl Page {
    /// PEP 691: an object. `serde` would also take its members' values in a row.
    fn read(body: &[u8]) -> Result<Self, NotAPage> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(NotAPage);
        }
        serde_json::from_slice(body).map_err(|_| NotAPage)
    }
}

/// The files that the page of a project lists.
pub(crate) fn files(content_type: &str, body: &[u8], page: &Url) -> Result<Vec<Listed>, NotAPage> {
    if is_json(content_type) {
        let read = Page::read(body)?;
        return Ok(read.files.into_iter().filter_map(|file| file.listed(page)).collect());
    }
    let text = std::str::from_utf8(body).map_err(|_| NotAPage)?;
    Ok(html::anchors(text).into_iter().filter_map(|anchor| anchor.listed(page)).collect())
}

/// The projects that the list names.
pub(crate) fn projects(content_type: &str, body: &[u8]) -> Result<Vec<ProjectName>, NotAPage> {
    let names: Vec<String> = if is_json(content_type) {
        let read = Page::read(body)?;
        read.projects.into_iter().map(|project| project.name).collect()
    } else {
        let text = std::str::from_utf8(body).map_err(|_| NotAPage)?;
        html::anchors(text).into_iter().map(|anchor| anchor.text).collect()
    };
    let names: BTreeSet<ProjectName> = names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(names.into_iter().collect())
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.ends_with("+json") || media_type == "application/json"
}

/// Where a link of `page` leads, and its fragment; over HTTP only, and from HTTPS to HTTPS only.
pub(crate) fn link(page: &Url, to: &str) -> Option<(Url, Option<String>)> {
    let mut url = page.join(to).ok()?;
    let fragment = url.fragment().map(ToOwned::to_owned);
    url.set_fragment(None);
    let good = url.scheme() == page.scheme() || (page.scheme() == "http" && url.scheme() == "https");
    good.then_some((url, fragment))
}

impl JsonFile {
    fn listed(self, page: &Url) -> Option<Listed> {
        let (url, _) = link(page, &self.url)?;
        Some(Listed {
            file: self.filename.parse().ok()?,
            url,
            sha256: self.hashes.get("sha256").and_then(Value::as_str).and_then(|hex| hex.parse().ok()),
            size: self.size,
            upload_time: self.upload_time.and_then(|time| time.parse().ok()),
            yanked: match self.yanked {
                Value::Bool(true) => Some(String::new()),
                Value::String(reason) => Some(reason),
                _ => None,
            },
        })
    }
}

impl html::Anchor {
    fn listed(self, page: &Url) -> Option<Listed> {
        let (url, fragment) = link(page, &self.href)?;
        let sha256 = fragment.as_deref().and_then(|fragment| fragment.strip_prefix("sha256="));
        Some(Listed {
            file: self.text.parse().ok()?,
            sha256: sha256.and_then(|hex| hex.parse().ok()),
            url,
            size: None,
            upload_time: None,
            yanked: self.yanked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_all_there_is_to_know() {
        let page = "https://old.example.com/simple/acme/".parse().unwrap();
        let digest = "a".repeat(64);
        let body = serde_json::json!({"files": [
            {"filename": "acme-1.0.tar.gz", "url": "../../files/acme-1.0.tar.gz", "hashes": {"sha256": digest},
             "size": 3, "upload-time": "2020-01-02T03:04:05.000006Z", "yanked": "bad"},
            {"filename": "acme-2.0.tar.gz", "url": "https://files.example.com/x", "hashes": {}, "yanked": true},
            {"filename": "../evil.tar.gz", "url": "x", "hashes": {}},
            {"filename": "acme-3.0.tar.gz", "url": "file:///etc/passwd", "hashes": {}},
        ]});
        let files =
            files("application/vnd.pypi.simple.v1+json; charset=utf-8", body.to_string().as_bytes(), &page).unwrap();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(files[0].url.as_str(), "https://old.example.com/files/acme-1.0.tar.gz");
        assert_eq!((files[0].size, files[0].sha256), (Some(3), Some(digest.parse().unwrap())));
        assert_eq!(files[0].upload_time, Some("2020-01-02T03:04:05.000006Z".parse().unwrap()));
        assert_eq!((files[0].yanked.as_deref(), files[1].yanked.as_deref()), (Some("bad"), Some("")));
        assert_eq!(files_of("application/json", b"[]"), Err(NotAPage));
    }

    fn files_of(content_type: &str, body: &[u8]) -> Result<Vec<Listed>, NotAPage> {
        files(content_type, body, &"https://old.example.com/simple/acme/".parse().unwrap())
    }

    #[test]
    fn html_says_the_same_in_links() {
        let digest = "b".repeat(64);
        let body = format!(
            "<!DOCTYPE html><html><body><a href=\"/f/acme-1.0.tar.gz#sha256={digest}\" data-yanked=\"a &amp; b\">\
             acme-1.0.tar.gz</a><br>\n<A HREF='acme-2.0.tar.gz' data-yanked>acme-2.0.tar.gz</A><a>x</a></body></html>"
        );
        let files = files_of("text/html", body.as_bytes()).unwrap();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!((files[0].sha256, files[0].yanked.as_deref()), (Some(digest.parse().unwrap()), Some("a & b")));
        assert_eq!(files[0].url.as_str(), "https://old.example.com/f/acme-1.0.tar.gz");
        assert_eq!((files[1].sha256, files[1].yanked.as_deref()), (None, Some("")));
        // From https nothing leads to http.
        assert!(files_of("text/html", b"<a href=\"http://x.example.com/a-1.zip\">a-1.zip</a>").unwrap().is_empty());
    }

    #[test]
    fn a_list_names_projects_in_either_form() {
        let acme: Vec<ProjectName> = vec!["acme".parse().unwrap(), "b-c".parse().unwrap()];
        assert_eq!(
            projects("application/vnd.pypi.simple.v1+json", br#"{"projects":[{"name":"B_c"},{"name":"acme"}]}"#),
            Ok(acme.clone())
        );
        assert_eq!(projects("text/html", b"<a href='acme/'>acme</a><a href=b>B.c</a><a href=x>-</a>"), Ok(acme));
    }
}
