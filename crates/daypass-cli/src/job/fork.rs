//! Whether this job runs what a stranger wrote: CI systems give such a job no identity, and that is as it should be.

use std::{fs, io::Read, path::Path};

use serde::Deserialize;

use crate::ambient::machine::Machine;

/// GitHub's events are smaller.
const LARGEST: u64 = 32 * 1024 * 1024;

/// The events that run with what the pull request brought. (`pull_request_target` runs with what was there before.)
const OF_PULL_REQUESTS: [&str; 3] = ["pull_request", "pull_request_review", "pull_request_review_comment"];

#[derive(Deserialize)]
struct Event {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    /// None when it was deleted since.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: Option<u64>,
    full_name: Option<String>,
}

impl Repository {
    fn is(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (Some(id), Some(other)) => id == other,
            _ => self.full_name.is_some() && self.full_name == other.full_name,
        }
    }
}

/// Whether this job is a pull request's from a fork, as far as the CI says. Where it says that it is a pull request's and
/// not from where, it counts as one.
pub(crate) fn is_one(machine: &dyn Machine) -> bool {
    if let Some(event) = machine.variable("GITHUB_EVENT_NAME") {
        return OF_PULL_REQUESTS.contains(&event.as_str()) && !from_the_same_repository(machine);
    }
    let another = |of_request: &str, own: &str| {
        let origin = |name| machine.variable(name).map(|url| repository(&url));
        origin(of_request).is_some_and(|asks| Some(asks) != origin(own))
    };
    machine.variable("CIRCLE_PR_USERNAME").is_some() || another("BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO")
}

/// A repository by whatever URL: `git@HOST:a/b.git`, `git://HOST/a/b`, `https://HOST/a/b.git`.
fn repository(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.trim_end_matches('/').trim_end_matches(".git").replacen(':', "/", 1).to_ascii_lowercase()
}

fn from_the_same_repository(machine: &dyn Machine) -> bool {
    let event = machine.variable("GITHUB_EVENT_PATH").and_then(|path| read(Path::new(&path)));
    let Some(PullRequest { head: Side { repo: Some(head) }, base: Side { repo: Some(base) } }) = event else {
        return false;
    };
    head.is(&base)
}

fn read(path: &Path) -> Option<PullRequest> {
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok().map(|Event { pull_request }| pull_request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::machine::fake::FakeMachine;

    fn of_github(event: &str, payload: Option<&str>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        if let Some(payload) = payload {
            fs::write(&path, payload).unwrap();
        }
        let path = path.to_str().unwrap();
        is_one(&FakeMachine::with(&[("GITHUB_EVENT_NAME", event), ("GITHUB_EVENT_PATH", path)]))
    }

    #[test]
    fn a_pull_request_from_a_fork_is_known_by_its_repository() {
        let payload = |head: &str| {
            format!(r#"{{"pull_request": {{"head": {{"repo": {head}}}, "base": {{"repo": {{"id": 74}}}}}}}}"#)
        };
        assert!(of_github("pull_request", Some(&payload(r#"{"id": 75, "full_name": "octo-org/octo-repo"}"#))));
        assert!(of_github("pull_request", Some(&payload("null"))), "the fork was deleted since");
        assert!(!of_github("pull_request", Some(&payload(r#"{"id": 74}"#))));
        assert!(!of_github("pull_request_target", Some(&payload(r#"{"id": 75}"#))));
        assert!(!of_github("push", None));
        for unknown in [None, Some("{"), Some("[]"), Some(r#"{"pull_request": {}}"#)] {
            assert!(of_github("pull_request", unknown), "{unknown:?}");
        }
    }

    #[test]
    fn others_say_it_by_variables() {
        let is_fork = |variables: &[(&str, &str)]| is_one(&FakeMachine::with(variables));
        assert!(is_fork(&[("CIRCLE_PR_USERNAME", "mallory")]));
        let own = ("BUILDKITE_REPO", "git@example.com:acme/app.git");
        assert!(is_fork(&[own, ("BUILDKITE_PULL_REQUEST_REPO", "git@example.com:mallory/app.git")]));
        assert!(!is_fork(&[own, ("BUILDKITE_PULL_REQUEST_REPO", "git@example.com:acme/app.git")]));
        assert!(!is_fork(&[own, ("BUILDKITE_PULL_REQUEST_REPO", "git://example.com/acme/app.git")]), "spelt otherwise");
        assert!(is_fork(&[own, ("BUILDKITE_PULL_REQUEST_REPO", "git://example.com/mallory/app.git")]));
        assert!(!is_fork(&[own]));
        assert!(!is_fork(&[]));
    }
}
