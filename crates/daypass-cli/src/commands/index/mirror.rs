//! The pages of a static mirror (PEP 503, 691): what is written, and under which relative links.
//!
//! Pages are made of what the index says, JSON as it is but for the links; HTML in the frozen form (PEP 833). A file lies at
//! `files/PROJECT/FILE`, and its metadata beside it (PEP 658).
//!
//! What is *not* here: fetching and writing.

#![expect(clippy::format_push_string, reason = "what is short to read matters more here than an allocation")]

use daypass_core::{
    digest::Sha256,
    names::{FileName, ProjectName},
};
use html_escape::{encode_double_quoted_attribute as attribute, encode_text as text};
use serde_json::{Map, Value, json};
use url::Url;

use crate::simple_page::{NotAPage, link};

/// A project's page, ready to be mirrored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MirroredPage {
    pub(super) project: ProjectName,
    /// The JSON page, with links into the mirror.
    pub(super) json: Value,
    pub(super) files: Vec<MirroredFile>,
}

/// A file that belongs into the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MirroredFile {
    pub(super) file: FileName,
    /// Where it is now.
    pub(super) url: Url,
    pub(super) sha256: Sha256,
    pub(super) size: Option<u64>,
    /// The digest of its metadata, where that is served.
    pub(super) metadata_sha256: Option<Sha256>,
}

impl MirroredPage {
    /// Reads a JSON page at `page`.
    pub(super) fn read(project: &ProjectName, page: &Url, body: &[u8]) -> Result<Self, NotAPage> {
        let mut json: Value = serde_json::from_slice(body).map_err(|_| NotAPage)?;
        let listed = json.get_mut("files").and_then(Value::as_array_mut).ok_or(NotAPage)?;
        let mut files = Vec::new();
        for members in listed {
            let members = members.as_object_mut().ok_or(NotAPage)?;
            files.push(rewrite(project, page, members)?);
        }
        Ok(Self { project: project.clone(), json, files })
    }

    /// The HTML page.
    pub(super) fn html(&self) -> String {
        let mut head = String::new();
        if let Some(status) = self.json.get("project-status") {
            let member = |name: &str| status.get(name).and_then(Value::as_str);
            for (name, value) in [("status", member("status")), ("status-reason", member("reason"))] {
                if let Some(value) = value {
                    let value = attribute(value);
                    head.push_str(&format!("<meta name=\"pypi:project-{name}\" content=\"{value}\">\n"));
                }
            }
        }
        let mut links = String::new();
        for file in self.json.get("files").and_then(Value::as_array).into_iter().flatten() {
            links.push_str(&anchor(file));
        }
        html(&format!("Links for {}", self.project), &head, &links)
    }
}

/// Has the members of a file say where it is in the mirror. What it is, and where it was.
fn rewrite(project: &ProjectName, page: &Url, members: &mut Map<String, Value>) -> Result<MirroredFile, NotAPage> {
    let member = |name: &str| members.get(name).and_then(Value::as_str);
    let sha256 = |value: Option<&Value>| value?.get("sha256")?.as_str()?.parse::<Sha256>().ok();
    let file: FileName = member("filename").and_then(|name| name.parse().ok()).ok_or(NotAPage)?;
    let (url, _) = member("url").and_then(|to| link(page, to)).ok_or(NotAPage)?;
    // Only our own server is believed with our credential.
    if url.origin() != page.origin() {
        return Err(NotAPage);
    }
    let found = MirroredFile {
        url,
        sha256: sha256(members.get("hashes")).ok_or(NotAPage)?,
        size: members.get("size").and_then(Value::as_u64),
        metadata_sha256: sha256(members.get("core-metadata")),
        file,
    };
    members.insert("url".to_owned(), format!("../../files/{project}/{}", found.file).into());
    // It leads to the server, which a mirror is to be without.
    members.remove("provenance");
    if found.metadata_sha256.is_none() {
        for name in ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"] {
            members.remove(name);
        }
    }
    Ok(found)
}

fn anchor(file: &Value) -> String {
    let member = |name: &str| file.get(name).and_then(Value::as_str);
    let sha256 = |name: &str| file.get(name).and_then(|value| value.get("sha256")).and_then(Value::as_str);
    let fragment = sha256("hashes").map(|digest| format!("#sha256={digest}")).unwrap_or_default();
    let href = format!("{}{fragment}", member("url").unwrap_or_default());
    let mut more = String::new();
    if let Some(requires) = member("requires-python") {
        more.push_str(&format!(" data-requires-python=\"{}\"", attribute(requires)));
    }
    if let Some(digest) = sha256("core-metadata") {
        let digest = attribute(digest);
        more.push_str(&format!(" data-core-metadata=\"sha256={digest}\" data-dist-info-metadata=\"sha256={digest}\""));
    }
    match file.get("yanked") {
        Some(Value::Bool(true)) => more.push_str(" data-yanked=\"\""),
        Some(Value::String(reason)) => more.push_str(&format!(" data-yanked=\"{}\"", attribute(reason))),
        _ => {}
    }
    format!("<a href=\"{}\"{more}>{}</a><br>\n", attribute(&href), text(member("filename").unwrap_or_default()))
}

/// The list of projects, in HTML and in JSON.
pub(super) fn list(projects: &[ProjectName]) -> (String, Value) {
    let mut links = String::new();
    for name in projects {
        links.push_str(&format!("<a href=\"{name}/\">{name}</a><br>\n"));
    }
    let names: Vec<Value> = projects.iter().map(|name| json!({ "name": name })).collect();
    (html("Simple index", "", &links), json!({ "meta": { "api-version": "1.4" }, "projects": names }))
}

fn html(title: &str, head: &str, links: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"1.4\">\n{head}<title>{title}</title>\n</head>\n<body>\n\
         {links}</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn read(files: &Value) -> Result<MirroredPage, NotAPage> {
        let page = "https://packages.example.com/python/simple/acme/".parse().unwrap();
        let status = json!({"status": "deprecated", "reason": "use <b> \"next\""});
        let body = json!({"meta": {"api-version": "1.4", "_last-serial": 3}, "name": "acme", "versions": ["1.0"],
            "project-status": status, "files": files});
        MirroredPage::read(&"acme".parse().unwrap(), &page, body.to_string().as_bytes())
    }

    #[test]
    fn links_lead_into_the_mirror_and_all_else_stays() {
        let digest = "a".repeat(64);
        let page = read(&json!([
            {"filename": "acme-1.0-py3-none-any.whl", "url": "../../files/acme/acme-1.0-py3-none-any.whl",
             "hashes": {"sha256": digest}, "size": 3, "requires-python": ">=3.9,<4", "yanked": "bad & \"worse\"",
             "core-metadata": {"sha256": digest}, "provenance": "https://packages.example.com/x"},
            {"filename": "acme-1.0.tar.gz", "url": "/python/files/acme/acme-1.0.tar.gz", "hashes": {"sha256": digest},
             "core-metadata": true, "yanked": true},
        ]))
        .unwrap();
        assert_eq!(
            page.files[0].url.as_str(),
            "https://packages.example.com/python/files/acme/acme-1.0-py3-none-any.whl"
        );
        assert_eq!((page.files[0].size, page.files[0].metadata_sha256.is_some()), (Some(3), true));
        assert_eq!(page.files[1].metadata_sha256, None);
        assert_eq!(page.json["meta"]["_last-serial"], 3);
        assert_eq!(page.json["files"][0]["url"], "../../files/acme/acme-1.0-py3-none-any.whl");
        assert!(
            page.json["files"][0].get("provenance").is_none() && page.json["files"][1].get("core-metadata").is_none()
        );
        assert_snapshot!(page.html().replace(&digest, "[DIGEST]"), @r#"
        <!DOCTYPE html>
        <html>
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.4">
        <meta name="pypi:project-status" content="deprecated">
        <meta name="pypi:project-status-reason" content="use &lt;b&gt; &quot;next&quot;">
        <title>Links for acme</title>
        </head>
        <body>
        <a href="../../files/acme/acme-1.0-py3-none-any.whl#sha256=[DIGEST]" data-requires-python="&gt;=3.9,&lt;4" data-core-metadata="sha256=[DIGEST]" data-dist-info-metadata="sha256=[DIGEST]" data-yanked="bad &amp; &quot;worse&quot;">acme-1.0-py3-none-any.whl</a><br>
        <a href="../../files/acme/acme-1.0.tar.gz#sha256=[DIGEST]" data-yanked="">acme-1.0.tar.gz</a><br>
        </body>
        </html>
        "#);
    }

    #[test]
    fn a_page_that_leads_elsewhere_is_not_followed() {
        let digest = "a".repeat(64);
        for (name, url) in [
            ("acme-1.0.tar.gz", "https://evil.example.com/acme-1.0.tar.gz"),
            ("../acme-1.0.tar.gz", "acme-1.0.tar.gz"),
            ("acme-1.0.tar.gz", "http://packages.example.com/acme-1.0.tar.gz"),
        ] {
            assert_eq!(
                read(&json!([{"filename": name, "url": url, "hashes": {"sha256": digest}}])),
                Err(NotAPage),
                "{url}"
            );
        }
        assert_eq!(read(&json!([{"filename": "acme-1.0.tar.gz", "url": "x", "hashes": {}}])), Err(NotAPage));
    }
}
