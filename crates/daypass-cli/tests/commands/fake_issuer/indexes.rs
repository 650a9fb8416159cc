//! How the made-up server keeps an index: PEP 691 pages, the upload form of RFC 7578, and the administration of both.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use super::{FakeIssuer, Shared};

/// What was uploaded, and what was asked.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    files: BTreeMap<String, Kept>,
    uploads: Vec<BTreeMap<String, String>>,
    changes: Vec<String>,
    credentials: Vec<String>,
    /// File names that are refused, and how often each is still answered with 503 first.
    refused: BTreeMap<String, u16>,
    trouble: usize,
    damaged: Vec<String>,
}

#[derive(Debug, Clone)]
struct Kept {
    project: String,
    version: String,
    bytes: Vec<u8>,
    yanked: Option<String>,
}

impl FakeIssuer {
    /// Has the index hold a file.
    pub(crate) fn host(&self, project: &str, version: &str, file: &str, bytes: &[u8]) {
        let kept = Kept { project: project.into(), version: version.into(), bytes: bytes.to_vec(), yanked: None };
        self.shared.1.lock().unwrap().indexes.files.insert(file.into(), kept);
    }

    /// Has a file that is there be yanked.
    pub(crate) fn yank_hosted(&self, file: &str, reason: &str) {
        let mut seen = self.shared.1.lock().unwrap();
        seen.indexes.files.get_mut(file).unwrap().yanked = Some(reason.to_owned());
    }

    /// Refuses uploads of this file with a status.
    pub(crate) fn refuse_upload(&self, file: &str, status: u16) {
        self.shared.1.lock().unwrap().indexes.refused.insert(file.into(), status);
    }

    /// Answers the next so many uploads with 503.
    pub(crate) fn be_in_trouble(&self, times: usize) {
        self.shared.1.lock().unwrap().indexes.trouble = times;
    }

    /// Sends other bytes for this file than its page promises.
    pub(crate) fn damage(&self, file: &str) {
        self.shared.1.lock().unwrap().indexes.damaged.push(file.into());
    }

    /// The bytes of a file that is there.
    pub(crate) fn hosted(&self, file: &str) -> Option<Vec<u8>> {
        self.shared.1.lock().unwrap().indexes.files.get(file).map(|kept| kept.bytes.clone())
    }

    /// The fields of the forms that were sent.
    pub(crate) fn uploads(&self) -> Vec<BTreeMap<String, String>> {
        self.shared.1.lock().unwrap().indexes.uploads.clone()
    }

    /// What was changed: method, path, body.
    pub(crate) fn index_changes(&self) -> Vec<String> {
        self.shared.1.lock().unwrap().indexes.changes.clone()
    }

    /// The `Authorization` of every request about an index.
    pub(crate) fn index_credentials(&self) -> Vec<String> {
        self.shared.1.lock().unwrap().indexes.credentials.clone()
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/indexes", get(list))
        .route("/api/v1/indexes/{index}/projects/{*rest}", any(project))
        .route("/{index}/legacy/", post(upload))
        .route("/{index}/simple/", get(projects))
        .route("/{index}/simple/{project}/", get(page))
        .route("/{index}/files/{project}/{file}", get(file))
        .layer(DefaultBodyLimit::disable())
}

fn note(shared: &Shared, headers: &HeaderMap) {
    let said = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    shared.1.lock().unwrap().indexes.credentials.push(said.unwrap_or_default());
}

fn problem(status: u16, detail: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"detail": detail}))).into_response()
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Json<Value> {
    note(&shared, &headers);
    let url = format!("{}/python/simple/", shared.0);
    Json(
        json!({"indexes": [{"name": "python", "url": url, "sources": ["hosted here", "https://up.example.com/simple/"]}]}),
    )
}

async fn project(
    State(shared): State<Shared>,
    method: Method,
    Path((index, rest)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    note(&shared, &headers);
    let mut seen = shared.1.lock().unwrap();
    if let Some((status, body)) = &seen.behaviour.refusal {
        return (StatusCode::from_u16(*status).unwrap(), Json(body.clone())).into_response();
    }
    if method != Method::GET {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let query = query.get("reason").map(|reason| format!(" ?reason={reason}")).unwrap_or_default();
        seen.indexes.changes.push(format!("{method} {index}/{rest}{query} {body}").trim_end().to_owned());
        return Json(json!({"files": ["acme-1.0.tar.gz"]})).into_response();
    }
    let files: Vec<Value> = seen
        .indexes
        .files
        .iter()
        .filter(|(_, kept)| kept.project == rest)
        .map(|(file, kept)| {
            json!({"file": file, "version": kept.version, "sha256": sha256(&kept.bytes), "size": kept.bytes.len(),
                "upload_time": "2026-11-23T10:00:00Z", "uploader": "ada@example.com\u{1b}[31m", "yanked": kept.yanked})
        })
        .collect();
    if files.is_empty() {
        return problem(404, "there is no such project or file here");
    }
    Json(json!({"index": index, "project": rest, "status": "deprecated", "reason": "use acme-next", "files": files}))
        .into_response()
}

async fn upload(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    note(&shared, &headers);
    let mut seen = shared.1.lock().unwrap();
    if seen.indexes.trouble > 0 {
        seen.indexes.trouble -= 1;
        return problem(503, "not now");
    }
    assert_eq!(headers[header::CONTENT_LENGTH].to_str().unwrap().parse::<usize>().unwrap(), body.len());
    let kind = headers[header::CONTENT_TYPE].to_str().unwrap();
    let (mut fields, content) = read_form(kind.strip_prefix("multipart/form-data; boundary=").unwrap(), &body);
    assert_eq!(fields["sha256_digest"], sha256(&content));
    let file = fields["filename"].clone();
    if let Some(status) = seen.indexes.refused.get(&file) {
        return problem(*status, "its metadata says otherwise\u{1b}[31m");
    }
    let kept = Kept {
        project: fields["name"].clone(),
        version: fields["version"].clone(),
        bytes: content,
        yanked: fields.get("daypass_yanked").cloned(),
    };
    seen.indexes.files.insert(file, kept);
    fields.remove("sha256_digest");
    seen.indexes.uploads.push(fields);
    "OK".into_response()
}

/// RFC 7578, as far as uploads use it: fields, then `content`.
fn read_form(boundary: &str, body: &[u8]) -> (BTreeMap<String, String>, Vec<u8>) {
    let find = |from: &[u8], what: &[u8]| from.windows(what.len()).position(|window| window == what);
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = [b"\r\n", body].concat();
    let (mut fields, mut content) = (BTreeMap::new(), None);
    loop {
        assert_eq!(find(&rest, delimiter.as_bytes()), Some(0));
        rest.drain(..delimiter.len());
        if rest == b"--\r\n" {
            return (fields, content.unwrap());
        }
        let head_ends = find(&rest, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(rest[..head_ends].to_vec()).unwrap();
        rest.drain(..head_ends + 4);
        let ends = find(&rest, delimiter.as_bytes()).unwrap();
        let value: Vec<u8> = rest.drain(..ends).collect();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        if name == "content" {
            let file = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap();
            fields.insert("filename".to_owned(), file.to_owned());
            content = Some(value);
        } else {
            assert!(content.is_none(), "fields come first");
            fields.insert(name, String::from_utf8(value).unwrap());
        }
    }
}

const PAGE: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/vnd.pypi.simple.v1+json")];

async fn projects(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    note(&shared, &headers);
    let seen = shared.1.lock().unwrap();
    let mut names: Vec<&str> = seen.indexes.files.values().map(|kept| &*kept.project).collect();
    names.dedup();
    let names: Vec<Value> = names.into_iter().map(|name| json!({"name": name})).collect();
    (PAGE, json!({"meta": {"api-version": "1.4"}, "projects": names}).to_string()).into_response()
}

async fn page(
    State(shared): State<Shared>,
    Path((_, project)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    note(&shared, &headers);
    let seen = shared.1.lock().unwrap();
    let of_project = seen.indexes.files.iter().filter(|(_, kept)| kept.project == project);
    let files: Vec<Value> = of_project
        .map(|(file, kept)| {
            json!({"filename": file, "url": format!("../../files/{project}/{file}"), "size": kept.bytes.len(),
                "hashes": {"sha256": sha256(&kept.bytes)}, "upload-time": "2020-01-02T03:04:05.000006Z",
                "yanked": kept.yanked.as_ref().map_or(json!(false), |reason| json!(reason))})
        })
        .collect();
    let page = json!({"meta": {"api-version": "1.4"}, "name": project, "versions": [], "files": files});
    (PAGE, page.to_string()).into_response()
}

async fn file(
    State(shared): State<Shared>,
    Path((_, _, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    note(&shared, &headers);
    let seen = shared.1.lock().unwrap();
    match seen.indexes.files.get(&file) {
        Some(kept) if seen.indexes.damaged.contains(&file) => {
            kept.bytes.iter().rev().copied().collect::<Vec<_>>().into_response()
        }
        Some(kept) => kept.bytes.clone().into_response(),
        None => problem(404, "there is no such project or file here"),
    }
}
