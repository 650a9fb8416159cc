//! Real twine and real uv publish from a job on GitHub, with nothing secret in its settings; and their attestations are
//! judged by the reference implementation.
//!
//! The job is as on GitHub down to its issuer's name: the issuer's keys come from a file. A proxy ends TLS in front of
//! the server, because none of these tools exchanges a token over anything else.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use daypass_core::clock::{Clock as _, SystemClock};
use daypass_testkit::{
    sigstore::{Order, Sigstore, Workflow},
    wheel::Wheel,
    workload::{Cloud, Kind},
};
use serde_json::{Value, json};

use crate::{
    installers::{succeeded, text},
    stage::Stage,
    world::{World, free_port, sha256},
};

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A repository on GitHub, and the server that it publishes to.
struct Repository {
    world: World,
    cloud: Cloud,
    stage: Stage,
    sigstore: Sigstore,
    front: Child,
    port: u16,
}

impl Repository {
    fn open() -> Self {
        let (stage, plan, port) = (Stage::find(), World::plan(), free_port());
        let url = format!("https://127.0.0.1:{port}");
        let cloud = Cloud::start(Kind::GitHub, plan.folder(), &stage.python(), &url);
        cloud.change(json!({ "iss": GITHUB }));
        fs::write(plan.folder().join("github.json"), cloud.jwks().to_string()).unwrap();
        let sigstore = Sigstore::new();
        fs::write(plan.folder().join("trusted_root.json"), sigstore.trusted_root().to_string()).unwrap();
        let config = format!("public_url = \"{url}\"\n[attestations]\ntrusted_root = \"trusted_root.json\"\n");
        let policy = r#"
            [[issuer]]
            name = "github"
            preset = "github"
            keys = { jwks = "github.json" }
            [[identity]]
            name = "ci/build"
            issuer = "github"
            claims = { repository_id = "74" }
            grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
            [[identity]]
            name = "ci/release"
            issuer = "github"
            claims = { repository_id = "74", ref = "refs/heads/main" }
            grants = [ { index = "python", projects = ["acme-*"], actions = ["pull", "push"] } ]
        "#;
        let world = plan.policy(policy).config(&config).start();
        let target = world.authority().rsplit_once(':').unwrap().1.to_owned();
        let [python, script] = stage.publishing("tls_front.py");
        let mut front = world.clean(python, "front");
        front.arg(script).args([port.to_string(), target]).arg(world.path("ca.pem"));
        let mut front = front.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(front.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self { world, cloud, stage, sigstore, front, port }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// A wheel of this project, to be published.
    fn wheel(&self, project: &str, version: &str) -> PathBuf {
        let wheel = Wheel::new(project, version);
        let folder = self.world.path("dist");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(wheel.file_name());
        fs::write(&path, wheel.bytes()).unwrap();
        path
    }

    /// An attestation of that file by the job's workflow, named as twine and uv want it.
    fn attest(&self, file: &Path, workflow: Workflow) -> PathBuf {
        let now = SystemClock.now().as_second();
        let name = file.file_name().unwrap().to_str().unwrap();
        let order = Order::of(name, &sha256(fs::read(file).unwrap()), workflow, now);
        let path = file.with_file_name(format!("{name}.publish.attestation"));
        fs::write(&path, self.sigstore.attest(&order).to_string()).unwrap();
        path
    }

    /// A program in a fresh job, with what its runner gave it, and whom to believe.
    fn job(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.world.clean(program, "home");
        command.envs(self.cloud.job().variables);
        command.env("SSL_CERT_FILE", self.world.path("ca.pem")).env("REQUESTS_CA_BUNDLE", self.world.path("ca.pem"));
        command
    }

    fn script(&self, script: &str) -> Command {
        let [python, script] = self.stage.publishing(script);
        let mut command = self.job(python);
        command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn uv(&self, files: &[&Path], more: &[&str]) -> Output {
        let mut uv = self.job(self.stage.uv());
        uv.args(["publish", "--trusted-publishing", "always", "--publish-url", &self.url("/python/legacy/")]);
        uv.args(more).args(files).env("UV_NO_PROGRESS", "1").output().unwrap()
    }

    fn twine(&self, files: &[&Path], more: &[&str]) -> Output {
        let url = self.url("/python/legacy/");
        let mut twine = self.script("twine_there.py");
        twine.args([&url, "upload", "--disable-progress-bar", "--non-interactive", "--repository-url", &url]);
        twine.args(more).args(files).output().unwrap()
    }

    /// The access token of somebody who may read everything.
    fn reader(&self) -> String {
        let mut job = self.world.job();
        job["aud"] = json!(self.url(""));
        self.world.access_token_for(&self.world.provider.token(job))
    }

    /// The page's entry of a file, as whoever may pull sees it.
    fn listed(&self, project: &str, file: &Path) -> Option<Value> {
        let token = self.reader();
        let page =
            self.world.fetch(&format!("/python/simple/{project}/?format=application/vnd.pypi.simple.v1+json"), &token);
        if page.status == 404 {
            return None;
        }
        assert_eq!(page.status, 200, "{}", page.everything());
        let name = file.file_name().unwrap().to_str().unwrap();
        page.json()["files"].as_array().unwrap().iter().find(|listed| listed["filename"] == name).cloned()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _gone = self.front.kill();
        let _reaped = self.front.wait();
    }
}

fn refused(output: &Output, reason: &str) {
    assert!(!output.status.success(), "{}", text(output));
    // Lines are broken to fit a terminal.
    let seen = text(output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seen.contains(reason), "{seen}");
}

#[test]
fn uv_publishes_from_a_job_with_no_secret() {
    let repository = Repository::open();
    let wheel = repository.wheel("acme-new", "1.0");
    succeeded(&repository.uv(&[&wheel], &[]));
    assert_eq!(repository.listed("acme-new", &wheel).unwrap()["hashes"]["sha256"], sha256(fs::read(&wheel).unwrap()));
    let exchanged = repository.world.audit_of("token.exchanged");
    assert_eq!(exchanged[0]["identity"], "ci/release", "{exchanged:?}");
    let uploaded = repository.world.audit_of("file.uploaded");
    assert_eq!((&uploaded[0]["identity"], &uploaded[0]["project"]), (&json!("ci/release"), &json!("acme-new")));

    // uv gave its access token back.
    let revoked = repository.world.audit_of("token.revoked");
    assert_eq!(revoked[0]["token_sha256"], uploaded[0]["token_sha256"], "{revoked:?}");

    // The same file again is fine.
    succeeded(&repository.uv(&[&wheel], &[]));
    assert_eq!(repository.world.audit_of("file.uploaded").len(), 1);

    // Somebody else's project is not this job's to publish.
    let other = repository.wheel("sunny-new", "1.0");
    refused(&repository.uv(&[&other], &[]), "403 Forbidden");
    assert_eq!(repository.listed("sunny-new", &other), None);
}

#[test]
fn uv_says_why_a_job_may_not_publish() {
    let repository = Repository::open();
    let wheel = repository.wheel("acme-new", "1.0");
    for (claims, reason) in [
        (json!({ "iss": GITHUB, "repository_id": "75" }), "no identity matches the claims of this token"),
        (json!({ "iss": GITHUB, "ref": "refs/heads/feature" }), "identity `ci/build` is not granted `push` anywhere"),
        (json!({ "iss": GITHUB, "event_name": "pull_request_target" }), "claim `event_name` is not accepted"),
    ] {
        repository.cloud.change(claims);
        refused(&repository.uv(&[&wheel], &[]), reason);
    }
    assert_eq!(repository.listed("acme-new", &wheel), None);
    assert_eq!(repository.world.audit_of("token.refused").len(), 3);
}

#[test]
fn twine_publishes_from_a_job_with_no_secret() {
    let repository = Repository::open();
    let (one, two) = (repository.wheel("acme-new", "1.0"), repository.wheel("acme-new", "1.1"));
    succeeded(&repository.twine(&[&one, &two], &[]));
    assert!(repository.listed("acme-new", &one).is_some() && repository.listed("acme-new", &two).is_some());
    assert_eq!(repository.cloud.minted(), 1, "one access token for both files");

    repository.cloud.change(json!({ "iss": GITHUB, "repository_id": "75" }));
    let three = repository.wheel("acme-new", "1.2");
    refused(&repository.twine(&[&three], &[]), "`invalid-publisher`: no identity matches the claims of this token");
    assert_eq!(repository.listed("acme-new", &three), None);
}

#[test]
fn what_the_publish_action_asks_for_lets_twine_publish_and_nothing_else() {
    let repository = Repository::open();
    let exchanged = repository.script("exchange.py").arg(repository.url("/python/legacy/")).output().unwrap();
    succeeded(&exchanged);
    let token = String::from_utf8(exchanged.stdout).unwrap().trim().to_owned();
    let [python, _] = repository.stage.publishing("");
    let wheel = repository.wheel("acme-new", "1.0");
    let mut twine = repository.world.clean(python, "elsewhere");
    twine.args(["-m", "twine", "upload", "--disable-progress-bar", "--non-interactive", "--repository-url"]);
    twine.arg(repository.url("/python/legacy/")).arg(&wheel).env("REQUESTS_CA_BUNDLE", repository.world.path("ca.pem"));
    succeeded(&twine.env("TWINE_USERNAME", "__token__").env("TWINE_PASSWORD", &token).output().unwrap());
    assert!(repository.listed("acme-new", &wheel).is_some());
    // The identity may pull `acme-*` only, and neither may the access token.
    assert_eq!(repository.world.fetch("/python/simple/acme-new/", &token).status, 200);
    assert_eq!(repository.world.fetch("/python/simple/sunny-lib/", &token).status, 403);

    repository.cloud.change(json!({ "iss": GITHUB, "ref": "refs/heads/feature" }));
    let refused_ = repository.script("exchange.py").arg(repository.url("/python/legacy/")).output().unwrap();
    refused(&refused_, "`invalid-publisher`: identity `ci/build` is not granted `push` anywhere");
}

#[test]
fn attestations_are_verified_kept_and_found_good_by_the_reference_implementation() {
    let repository = Repository::open();
    let workflow = || Workflow::github("octo-org/octo-repo", "release.yml");
    let wheel = repository.wheel("acme-new", "1.0");
    let attestation = repository.attest(&wheel, workflow());
    succeeded(&repository.twine(&[&wheel, &attestation], &["--attestations"]));
    let other = repository.wheel("acme-new", "1.1");
    let attestation = repository.attest(&other, workflow());
    succeeded(&repository.uv(&[&other, &attestation], &[]));

    for file in [&wheel, &other] {
        let name = file.file_name().unwrap().to_str().unwrap();
        let listed = repository.listed("acme-new", file).unwrap();
        assert_eq!(listed["provenance"], repository.url(&format!("/python/provenance/acme-new/{name}")));
        let path = listed["provenance"].as_str().unwrap().replacen(&repository.url(""), "", 1);
        assert_eq!(repository.world.fetch(&path, "nobody's").status, 401, "guarded as the file is");
        let served = repository.world.fetch(&path, &repository.reader());
        assert_eq!(served.status, 200, "{}", served.everything());
        assert_eq!(served.header("content-type"), "application/vnd.pypi.integrity.v1+json");
        let provenance = repository.world.path("provenance.json");
        fs::write(&provenance, &served.body).unwrap();
        let judged = judge(&repository, &provenance, file);
        succeeded(&judged);
        assert!(text(&judged).starts_with("GitHub octo-org/octo-repo release.yml "), "{}", text(&judged));
        // The judge can say no.
        let not = repository.wheel("acme-other", "1.0");
        refused(&judge(&repository, &provenance, &not), "Verification failed");
    }
    let html = repository.world.fetch("/python/simple/acme-new/?format=text/html", &repository.reader());
    assert!(html.text().contains("data-provenance=\"https://127.0.0.1:"), "{}", html.text());
}

#[test]
fn attestations_of_another_workflow_are_refused_and_the_file_with_them() {
    let repository = Repository::open();
    for (file, workflow, reason) in [
        ("1.0", Workflow::github("evil/octo-repo", "release.yml"), "the repository differs"),
        ("1.1", Workflow::github("octo-org/octo-repo", "test.yml"), "the workflow file differs"),
    ] {
        let wheel = repository.wheel("acme-new", file);
        let attestation = repository.attest(&wheel, workflow);
        refused(&repository.twine(&[&wheel, &attestation], &["--attestations"]), reason);
        refused(&repository.uv(&[&wheel, &attestation], &[]), reason);
        assert_eq!(repository.listed("acme-new", &wheel), None);
    }
}

fn judge(repository: &Repository, provenance: &Path, file: &Path) -> Output {
    let mut judge = repository.script("judge.py");
    judge.arg(repository.world.path("trusted_root.json")).arg(provenance).arg(file).output().unwrap()
}
