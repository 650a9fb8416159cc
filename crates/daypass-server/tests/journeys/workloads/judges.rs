//! The fakes before other people's clients: each gets a token out of the provider it was written for, and fails where
//! that provider would have answered otherwise. What our own client makes of them is not asked here.
//!
//! | judge | whose | of whom |
//! |---|---|---|
//! | `id` | PyPI's | GitHub, GitLab, Buildkite, `CircleCI`, Google |
//! | `@actions/core` | GitHub's | GitHub |
//! | `google-auth` | Google's | Google |
//! | `azure-identity` | Microsoft's | Azure |
//! | `spiffe` | the project's | the Workload API |

use std::process::{Command, Output};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_testkit::workload::{Audience, Cloud, Kind, Trouble};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::place::{agent, machine};
use crate::{installers::text, stage::Stage};

const SERVER: &str = "https://packages.example.com";

#[test]
fn id_on_github() {
    Court::of("id", Kind::GitHub).judges(&[Trouble::Forbidden, Trouble::WrongShape, Trouble::WrongAudience]);
}

#[test]
fn id_on_gitlab() {
    let court = Court::of("id", Kind::GitLab);
    court.judges(&[Trouble::WrongAudience]);
    // Its variable is named after the audience.
    assert!(!court.asks("https://other.example.com").status.success());
}

#[test]
fn id_on_buildkite() {
    Court::of("id", Kind::Buildkite).judges(&[Trouble::Forbidden, Trouble::WrongShape, Trouble::WrongAudience]);
}

#[test]
fn id_on_circleci() {
    Court::of("id", Kind::CircleCi).judges(&[Trouble::Forbidden, Trouble::WrongShape, Trouble::WrongAudience]);
}

#[test]
fn id_on_google() {
    let mut court = Court::of("id", Kind::Google);
    court.machine = Some(google_machine(&court.cloud));
    court.judges(&[Trouble::Forbidden, Trouble::WrongAudience]);
}

#[test]
fn the_toolkit_of_actions_on_github() {
    let court = Court::of("@actions/core", Kind::GitHub);
    court.judges(&[Trouble::Forbidden, Trouble::WrongShape]);
}

#[test]
fn google_auth_on_google() {
    // This one insists on the header that vouches for the answer.
    Court::of("google-auth", Kind::Google).judges(&[Trouble::Forbidden, Trouble::WrongShape]);
}

#[test]
fn azure_identity_in_an_app_service() {
    Court::of("azure-identity", Kind::AzureAppService).judges(&[Trouble::Forbidden, Trouble::WrongShape]);
}

#[test]
fn azure_identity_in_a_virtual_machine() {
    Court::of("azure-identity", Kind::AzureVm).judges(&[Trouble::WrongShape]);
}

#[test]
fn spiffe_s_own_client() {
    let court = Court::of("spiffe", Kind::Spiffe);
    let mut agent = agent(&court.stage, &court.cloud, court.folder.path());
    court.judges(&[Trouble::Forbidden]);
    agent.kill().unwrap();
    agent.wait().unwrap();
}

/// A machine of Google's, at the addresses and names that it has there.
pub(super) fn google_machine(cloud: &Cloud) -> Value {
    json!({
        "forward": { "169.254.169.254:80": cloud.api().trim_start_matches("http://") },
        "hosts": { "metadata.google.internal": "169.254.169.254", "metadata": "169.254.169.254" },
        "dmi": { "product_name": "Google Compute Engine" },
    })
}

/// A judge and whom it judges.
struct Court {
    judge: &'static str,
    cloud: Cloud,
    machine: Option<Value>,
    stage: Stage,
    folder: TempDir,
}

impl Court {
    fn of(judge: &'static str, kind: Kind) -> Self {
        let stage = Stage::find();
        let folder = tempfile::Builder::new().prefix("daypass-judge-").tempdir().unwrap();
        let cloud = Cloud::start(kind, folder.path(), &stage.python(), SERVER);
        let machine = machine(&cloud);
        Self { judge, cloud, machine, stage, folder }
    }

    /// The judge is content with the provider, and with none of these troubles.
    fn judges(&self, troubles: &[Trouble]) {
        let output = self.asks(SERVER);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let token = said.lines().filter_map(|line| line.strip_prefix("token=")).next_back();
        let token = token.unwrap_or_else(|| panic!("{}\n{:?}", text(&output), self.cloud.complaints()));
        assert!(output.status.success(), "{}", text(&output));
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
        if self.cloud.kind().audience() == Audience::AsAsked {
            let one = claims["aud"].as_array().map_or(&claims["aud"], |list| &list[0]);
            assert_eq!(one, SERVER);
        }
        assert_eq!(claims["sub"], self.cloud.claims()["sub"]);
        assert_eq!(self.cloud.complaints(), Vec::<String>::new());
        for trouble in troubles {
            self.cloud.set_trouble(*trouble);
            let output = self.asks(SERVER);
            assert!(!output.status.success(), "{} did not mind {trouble:?}: {}", self.judge, text(&output));
        }
        self.cloud.set_trouble(Trouble::None);
    }

    /// The judge asks for a token for `audience`.
    fn asks(&self, audience: &str) -> Output {
        let (program, script) = match self.judge {
            "@actions/core" => ("node".into(), "judge.mjs"),
            _ => (self.stage.judges(), "judge.py"),
        };
        let script = self.stage.workloads().join(script);
        let mut command = match &self.machine {
            None => Command::new(&program),
            Some(plan) => {
                let mut command = Command::new(self.stage.python());
                command.arg(self.stage.workloads().join("elsewhere.py")).arg(plan.to_string()).arg(&program);
                command
            }
        };
        command.arg(script);
        if self.judge != "@actions/core" {
            command.arg(self.judge);
        }
        let job = self.cloud.job();
        let folder = job.programs.map(|folder| format!("{}:", folder.display())).unwrap_or_default();
        command.arg(audience).env_clear().current_dir(self.folder.path()).envs(job.variables);
        command.env("PATH", format!("{folder}/usr/local/bin:/usr/bin:/bin")).env("HOME", self.folder.path());
        if let (None, Kind::Google) = (&self.machine, self.cloud.kind()) {
            // By which its libraries look whether they are in its cloud at all.
            command.env("GCE_METADATA_IP", self.cloud.api().trim_start_matches("http://"));
        }
        command.output().unwrap()
    }
}
