//! Our own answers, read again: what an installer gets is what people see.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A project page (PEP 691, 700, 714, 740, 792). What is not shown is not read.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(rename = "project-status", default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) files: Vec<File>,
}

/// PEP 792.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// A file on it.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) filename: String,
    #[serde(default)]
    pub(super) hashes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(rename = "upload-time", default)]
    pub(super) upload_time: Option<String>,
    #[serde(rename = "requires-python", default)]
    pub(super) requires_python: Option<String>,
    /// PEP 592: why; an empty text where no reason is given.
    #[serde(default, deserialize_with = "yanked")]
    pub(super) yanked: Option<String>,
    #[serde(rename = "core-metadata", default, deserialize_with = "is_there")]
    pub(super) metadata: bool,
    /// PEP 740: where its provenance is.
    #[serde(default)]
    pub(super) provenance: Option<String>,
}

fn yanked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(reason) => Some(reason),
        Value::Bool(true) => Some(String::new()),
        _ => None,
    })
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(matches!(Value::deserialize(deserializer)?, Value::Bool(true) | Value::Object(_)))
}

/// A provenance object (PEP 740): who vouches for a file.
#[derive(Debug, Deserialize)]
pub(super) struct Provenance {
    #[serde(default)]
    pub(super) attestation_bundles: Vec<Bundle>,
}

/// The attestations of one publisher.
#[derive(Debug, Deserialize)]
pub(super) struct Bundle {
    pub(super) publisher: Publisher,
}

/// A trusted publisher, as its kind names itself.
#[derive(Debug, Deserialize)]
pub(super) struct Publisher {
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) says: BTreeMap<String, Value>,
}

impl Publisher {
    /// What it is, and what it says of itself, in words.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let known = ["repository", "workflow", "workflow_filepath", "environment", "email"];
        let said = known.into_iter().filter_map(|key| Some((key, self.says.get(key)?.as_str()?)));
        let label = |key: &str| key.replace("_filepath", "").replace('_', " ");
        said.map(|(key, value)| (label(key), super::shown::short(value, 300))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_the_standards_write_it() {
        let page: Page = serde_json::from_str(
            r#"{"meta": {"api-version": "1.4"}, "name": "a", "versions": ["1"], "project-status": {"status": "archived"},
            "files": [{"filename": "a-1.tar.gz", "url": "x", "hashes": {}, "yanked": "bad", "core-metadata": false},
            {"filename": "a-2.whl", "url": "y", "hashes": {"sha256": "ab"}, "size": 3, "yanked": true,
             "core-metadata": {"sha256": "cd"}, "provenance": null, "new-key": []}]}"#,
        )
        .unwrap();
        assert_eq!(page.status.unwrap().status, "archived");
        assert_eq!(page.files[0].yanked.as_deref(), Some("bad"));
        assert_eq!(page.files[1].yanked.as_deref(), Some(""));
        assert!(!page.files[0].metadata && page.files[1].metadata);
    }

    #[test]
    fn a_publisher_says_where_a_file_was_built() {
        let provenance: Provenance = serde_json::from_str(
            r#"{"version": 1, "attestation_bundles": [{"publisher": {"kind": "GitHub", "repository": "acme/app",
            "workflow": "release.yml", "environment": null, "claims": {}}, "attestations": []}]}"#,
        )
        .unwrap();
        let publisher = &provenance.attestation_bundles[0].publisher;
        assert_eq!(publisher.kind, "GitHub");
        let facts = [("repository", "acme/app"), ("workflow", "release.yml")];
        assert_eq!(publisher.facts(), facts.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
