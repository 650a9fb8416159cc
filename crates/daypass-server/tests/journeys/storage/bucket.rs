//! A bucket of a real S3-compatible store (moto, which verifies signatures), with a proxy before it that can fail.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use daypass_testkit::faults::S3Faults;
use serde_json::Value;

use crate::{
    http::Answer,
    server::daypassd,
    stage::Stage,
    world::{Plan, World},
};

/// The store. Ends when dropped.
pub(super) struct Bucket {
    child: Child,
    told: Value,
    pub(super) faults: S3Faults,
}

impl Bucket {
    pub(super) fn start() -> Self {
        Self::start_as(&[])
    }

    /// One that verifies no signatures, so that requests can be changed on their way.
    pub(super) fn unsigned() -> Self {
        Self::start_as(&["unsigned"])
    }

    fn start_as(arguments: &[&str]) -> Self {
        let mut command = Stage::find().aws("s3.py");
        command.args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("moto says where it is");
        let to = told["url"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        Self { child, faults: S3Faults::before(to), told }
    }

    pub(super) fn secret(&self) -> &str {
        self.told["secret"].as_str().unwrap()
    }

    /// A world whose files are here.
    pub(super) fn plan(&self) -> Plan {
        let plan = World::plan();
        self.write_keys(plan.folder(), self.secret());
        plan.config(&self.config(""))
    }

    /// The two halves of a key, in a folder.
    pub(super) fn write_keys(&self, folder: &Path, secret: &str) {
        fs::write(folder.join("id"), self.told["id"].as_str().unwrap()).unwrap();
        fs::write(folder.join("secret"), secret).unwrap();
    }

    /// The configuration, with more of `[files]`.
    pub(super) fn config(&self, more: &str) -> String {
        format!(
            "[files]\n{more}\ns3 = {{ bucket = \"packages\", endpoint = \"{}\", prefix = \"day/pass\", allow_http = true, \
             access_key_id_file = \"id\", secret_access_key_file = \"secret\" }}\n",
            self.faults.url()
        )
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `daypassd` on the data of `world`, by its configuration.
pub(super) fn operate(world: &World, arguments: &[&str]) -> Command {
    let mut command = daypassd();
    command.args(arguments).arg("--data").arg(world.data()).args(world.more());
    command
}

/// The file of a project that has one, found by its page.
pub(super) fn file_path(world: &World, project: &str, access_token: &str) -> String {
    let page_path = format!("/python/simple/{project}/");
    let page = world.fetch(&page_path, access_token);
    assert_eq!(page.status, 200, "{}", page.everything());
    let text = page.text();
    let url = text.split_once("href=\"").unwrap().1.split('"').next().unwrap();
    crate::index::absolute(url, &page_path)
}

/// What came of a request: a whole answer, or `None` where the connection broke.
pub(super) fn try_fetch(world: &World, path: &str, access_token: &str) -> Option<Answer> {
    crate::http::get(path).basic("_token", access_token).send(&world.authority()).ok()
}

/// The beginning of an answer, for a message.
pub(super) fn beginning(answer: &Answer) -> String {
    answer.everything().chars().take(500).collect()
}
