//! The file that says that requests are answered.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use daypass_core::{names::IndexName, public_url::PublicUrl};
use serde_json::json;

use crate::failure::Failure;

/// Writes `{"url", "index_url", "pid"}`, all at once: whoever sees the file sees it whole.
pub(crate) fn write(path: &Path, url: &PublicUrl, index: &IndexName) -> Result<(), Failure> {
    let content = json!({"url": url, "index_url": url.index_url(index), "pid": std::process::id()});
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    // `create_new` follows no link that somebody put there.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(format!("{content}\n").as_bytes()))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|error| Failure::data(format!("could not write the ready file {}: {error}", path.display())))
}
