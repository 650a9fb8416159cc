//! Uploads, one after the other, as twine sends them.

use std::fmt::Write as _;

use daypass_testkit::wheel::Wheel;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    order::{Orders, lines, number, text},
    say,
    wire::{Wire, percentiles},
};

const BOUNDARY: &str = "----------------daypass-load";

/// For each `{"url": …, "headers": [LINE, …], "project": …, "first": N, "count": K}` uploads the versions `1.N`, … of the
/// project, and says how long each took.
pub(crate) fn run() {
    for order in Orders {
        let (url, headers, project) = (text(&order, "url"), lines(&order), text(&order, "project"));
        let (first, count) = (number(&order, "first"), number(&order, "count"));
        let mut wire = Wire::to(url);
        let (mut times, mut statuses) = (Vec::new(), Vec::new());
        for version in first..first + count {
            let request = request(url, &headers, &Wheel::new(project, &format!("1.{version}")));
            let answer = wire.ask(&request);
            if matches!(answer.status, 200 | 201) {
                times.push(answer.took);
            } else {
                statuses.push(answer.status);
            }
        }
        let mut said = percentiles(times);
        if let Some(said) = said.as_object_mut() {
            said.insert("failed".to_owned(), json!(statuses.len()));
            said.insert("status".to_owned(), statuses.first().map_or(Value::Null, |status| json!(status)));
        }
        say(&said);
    }
}

/// The legacy upload form: a field for each line of the metadata, and the file.
fn request(url: &str, headers: &str, wheel: &Wheel) -> Vec<u8> {
    let bytes = wheel.bytes();
    let digest: String = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let mut body = Vec::new();
    for (name, value) in [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", wheel.name()),
        ("version", wheel.version()),
        ("summary", "A project of the test kit"),
        ("requires_python", ">=3.9"),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("sha256_digest", &digest),
    ] {
        let field = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(field.as_bytes());
    }
    let file = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        wheel.file_name()
    );
    body.extend_from_slice(file.as_bytes());
    body.extend_from_slice(&bytes);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-type: multipart/form-data; boundary={BOUNDARY}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}
