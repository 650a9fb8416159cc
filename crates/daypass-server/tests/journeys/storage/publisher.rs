//! Who uploads, and how.

use daypass_testkit::wheel::Wheel;

use crate::{
    http::{Request, post},
    world::sha256,
};

/// The repository whose jobs may push.
pub(super) const PUBLISHER: &str = "77";

/// What lets them.
pub(super) const POLICY: &str = r#"
[[identity]]
name = "ci/publisher"
issuer = "ci"
claims = { repository_id = "77", ref = "refs/heads/main" }
grants = [ { index = "python", projects = ["*"], actions = ["pull", "push"] } ]
"#;

/// Where a wheel is served from.
pub(super) fn path_of(wheel: &Wheel) -> String {
    format!("/python/files/{}/{}", wheel.name(), wheel.file_name())
}

/// As twine sends it.
pub(super) fn upload(wheel: &Wheel, access_token: &str) -> Request {
    let (boundary, bytes) = ("daypass-journey", wheel.bytes());
    let digest = sha256(&bytes);
    let mut body = Vec::new();
    for (name, value) in [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", wheel.name()),
        ("version", wheel.version()),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("sha256_digest", &digest),
    ] {
        body.extend(
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
        );
    }
    let name = wheel.file_name();
    body.extend(
        format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"content\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        )
        .into_bytes(),
    );
    body.extend(bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    post("/python/legacy/", &format!("multipart/form-data; boundary={boundary}"), body).basic("_token", access_token)
}
