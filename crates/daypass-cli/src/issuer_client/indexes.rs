//! What the server is asked about the projects that its indexes host, and told to change.

use daypass_core::{
    Timestamp,
    digest::Sha256,
    names::{FileName, IndexName, ProjectName},
};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::policy::{Administration, escaped};
use crate::failure::Failure;

/// What of a project is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// One file.
    File(FileName),
    /// All files of a version.
    Release(String),
    /// All that it has.
    Whole,
}

/// An index as the server tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ListedIndex {
    pub(crate) name: String,
    pub(crate) url: String,
    /// Where it gets its projects from, in words.
    #[serde(default)]
    pub(crate) sources: Vec<String>,
}

/// A hosted project as the server tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HostedProject {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) files: Vec<HostedFile>,
}

/// A hosted file as the server tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HostedFile {
    pub(crate) file: FileName,
    pub(crate) version: String,
    pub(crate) sha256: Sha256,
    pub(crate) size: u64,
    pub(crate) upload_time: Timestamp,
    #[serde(default)]
    pub(crate) uploader: Option<String>,
    /// Why it is yanked, where it is; may be empty.
    #[serde(default)]
    pub(crate) yanked: Option<String>,
}

impl Administration<'_> {
    /// The indexes that the caller may see.
    pub(crate) fn indexes(&self) -> Result<Vec<Value>, Failure> {
        #[derive(Deserialize)]
        struct Listed {
            indexes: Vec<Value>,
        }
        let listed: Listed = self.read(self.ask(Method::GET, "/api/v1/indexes", &[], None)?)?;
        Ok(listed.indexes)
    }

    /// A hosted project, as the server tells it.
    pub(crate) fn project(&self, index: &IndexName, project: &ProjectName) -> Result<Value, Failure> {
        self.ask(Method::GET, &path(index, project, &Part::Whole, ""), &[], None)
    }

    /// A hosted project; `None` where nothing of that name is hosted.
    pub(crate) fn find_project(
        &self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Option<HostedProject>, Failure> {
        let answer = self.send(Method::GET, &path(index, project, &Part::Whole, ""), &[], None)?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(self.understood(&answer)?).map(Some)
    }

    /// Yanks a part of a project. What it is then.
    pub(crate) fn yank(
        &self,
        index: &IndexName,
        project: &ProjectName,
        part: &Part,
        reason: &str,
    ) -> Result<Value, Failure> {
        self.ask(Method::PUT, &path(index, project, part, "/yank"), &[], Some(&json!({ "reason": reason })))
    }

    /// Takes a yank back. What it is then.
    pub(crate) fn unyank(&self, index: &IndexName, project: &ProjectName, part: &Part) -> Result<Value, Failure> {
        self.ask(Method::DELETE, &path(index, project, part, "/yank"), &[], None)
    }

    /// Says what state a project is in. What it is then.
    pub(crate) fn set_status(
        &self,
        index: &IndexName,
        project: &ProjectName,
        status: &str,
        reason: &str,
    ) -> Result<Value, Failure> {
        let body = json!({ "status": status, "reason": reason });
        self.ask(Method::PUT, &path(index, project, &Part::Whole, "/status"), &[], Some(&body))
    }

    /// Deletes a part of a project for ever. What was deleted.
    pub(crate) fn delete_part(
        &self,
        index: &IndexName,
        project: &ProjectName,
        part: &Part,
        reason: &str,
    ) -> Result<Value, Failure> {
        let query = format!("?reason={}", segment(reason));
        self.ask(Method::DELETE, &path(index, project, part, &query), &[], None)
    }
}

fn path(index: &IndexName, project: &ProjectName, part: &Part, end: &str) -> String {
    let part = match part {
        Part::File(file) => format!("/files/{}", segment(file.as_str())),
        Part::Release(version) => format!("/releases/{}", segment(version)),
        Part::Whole => String::new(),
    };
    format!("/api/v1/indexes/{index}/projects/{project}{part}{end}")
}

/// A `/` in it is no separator, and a `+` no blank.
fn segment(text: &str) -> String {
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_version_or_a_reason_steers_no_path() {
        let (index, project) = ("python".parse().unwrap(), "acme".parse().unwrap());
        let release = Part::Release("1.0+a/../..".to_owned());
        assert_eq!(
            path(&index, &project, &release, "/yank"),
            "/api/v1/indexes/python/projects/acme/releases/1.0%2Ba%2F..%2F../yank"
        );
        assert_eq!(segment("a b&c=d?#"), "a%20b%26c%3Dd%3F%23");
    }
}
