//! Project pages, as JSON (PEP 691, 700) and as HTML (PEP 503).

#![expect(
    clippy::format_push_string,
    clippy::indexing_slicing,
    reason = "what is short to read matters more here than an allocation; assigning to a JSON object's key cannot fail"
)]

use std::io::Write as _;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{Manner, Speaks, State, UpstreamFile, hex_sha256};

pub(super) fn render(state: &State, project: &str, headers: &HeaderMap) -> Option<Response> {
    let files = state.projects.get(project)?;
    let manner = &state.manner;
    let json = match manner.speaks {
        Speaks::Json => true,
        Speaks::Html => false,
        Speaks::Both => says(headers, "accept", "application/vnd.pypi.simple.v1+json"),
    };
    let (content_type, body) = if json {
        let status = state.statuses.get(project).map(String::as_str);
        ("application/vnd.pypi.simple.v1+json", json_page(project, files, manner, status).to_string())
    } else {
        ("text/html; charset=utf-8", html_page(project, files, manner))
    };
    let etag = format!("\"{}\"", hex_sha256(body.as_bytes()));
    if manner.etag && says(headers, "if-none-match", &etag) {
        return Some((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let mut response = if manner.gzip && says(headers, "accept-encoding", "gzip") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body.as_bytes()).ok()?;
        ([(header::CONTENT_ENCODING, "gzip")], encoder.finish().ok()?).into_response()
    } else {
        body.into_response()
    };
    response.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().ok()?);
    if manner.etag {
        response.headers_mut().insert(header::ETAG, etag.parse().ok()?);
    }
    Some(response)
}

fn says(headers: &HeaderMap, name: &str, what: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(what))
}

fn url(project: &str, file: &UpstreamFile, manner: &Manner) -> String {
    match &manner.file_host {
        None if manner.base_href => format!("{project}/{}", file.name),
        None => format!("../../files/{project}/{}", file.name),
        Some(host) => format!("{host}/files/{project}/{}", file.name),
    }
}

fn json_page(project: &str, files: &[UpstreamFile], manner: &Manner, status: Option<&str>) -> Value {
    let file = |file: &UpstreamFile| {
        let mut entry = json!({ "filename": file.name, "url": url(project, file, manner), "hashes": {} });
        if manner.hashes {
            let sha256 = file.claimed_sha256.clone().unwrap_or_else(|| file.sha256());
            entry["hashes"] = match manner.algorithm {
                "md5" => json!({ "md5": file.md5() }),
                "sha512" => json!({ "sha512": file.sha512() }),
                _ => json!({ "sha256": sha256, "sha512": file.sha512() }),
            };
        }
        if manner.details {
            entry["size"] = json!(file.bytes.len());
            entry["upload-time"] = json!(file.upload_time);
        }
        if let Some(specifier) = &file.requires_python {
            entry["requires-python"] = json!(specifier);
        }
        if let Some(reason) = &file.yanked {
            entry["yanked"] = if reason.is_empty() { json!(true) } else { json!(reason) };
        }
        if let Some(metadata) = file.metadata.as_ref().filter(|_| manner.core_metadata) {
            let digest = json!({ "sha256": hex_sha256(metadata.as_bytes()) });
            entry["core-metadata"] = if manner.metadata_digest { digest } else { json!(true) };
        }
        if file.provenance.is_some() {
            entry["provenance"] = json!(format!("../../provenance/{project}/{}", file.name));
        }
        entry["_private"] = json!("not for others");
        entry["for-the-future"] = json!({ "kept": true });
        entry
    };
    let mut page = json!({
        "meta": { "api-version": if manner.details { "1.4" } else { "1.0" } },
        "name": project,
        "files": files.iter().map(file).collect::<Vec<_>>(),
    });
    if manner.details {
        page["versions"] = json!(["1.0"]);
    }
    if let Some(status) = status {
        page["project-status"] = json!({ "status": status, "reason": "because" });
    }
    page
}

fn html_page(project: &str, files: &[UpstreamFile], manner: &Manner) -> String {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;");
    let anchor = |file: &UpstreamFile| {
        let mut href = url(project, file, manner);
        if manner.hashes {
            href += &match manner.algorithm {
                "md5" => format!("#md5={}", file.md5()),
                "sha512" => format!("#sha512={}", file.sha512()),
                _ => format!("#sha256={}", file.claimed_sha256.clone().unwrap_or_else(|| file.sha256())),
            };
        }
        let mut attributes = format!("href=\"{href}\"");
        if let Some(specifier) = &file.requires_python {
            attributes += &format!(" data-requires-python=\"{}\"", escape(specifier));
        }
        if let Some(reason) = &file.yanked {
            attributes += &format!(" data-yanked=\"{}\"", escape(reason));
        }
        if let Some(metadata) = file.metadata.as_ref().filter(|_| manner.core_metadata) {
            attributes += &format!(" data-dist-info-metadata=\"sha256={}\"", hex_sha256(metadata.as_bytes()));
        }
        format!("<a {attributes}>{}</a><br>\n", file.name)
    };
    let anchors: String = files.iter().map(anchor).collect();
    let base = if manner.base_href { "<base href=\"/files/\">" } else { "" };
    format!(
        "<!DOCTYPE html>\n<html><head>{base}<meta name=\"pypi:repository-version\" content=\"1.0\"></head><body>\n{anchors}</body></html>\n"
    )
}
