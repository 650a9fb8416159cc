//! The Action in an emulator, and its siblings, as `cargo xtask dist` makes them, each in its CI: emulated by somebody
//! else's program or by a harness of `tests/ci`, with a release host, the CI's identity tokens, real pip, and what the
//! guides show.

mod buildkite;
mod circleci;
mod emulator;
mod gitlab;
mod image;
mod other;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use daypass_testkit::{release::ReleaseHost, workload::Kind};

use crate::{
    installers::text,
    secrets::Watch,
    stage::Stage,
    workloads::place::Place,
    world::{World, sha256},
};

/// What pip says when all went well.
pub(crate) const INSTALLED: &str = "Successfully installed acme-hello-1.0";
/// What is said when the job is over.
pub(crate) const GIVEN_BACK: &str = "cleaned up: the credential was revoked";

/// A CI whose jobs the server knows, and the host of a release.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) host: ReleaseHost,
    watch: Option<Watch>,
}

impl Site {
    fn of(kind: Kind) -> Self {
        Self::at(Place::of(kind))
    }

    pub(crate) fn at(place: Place) -> Self {
        let host = release(&place.stage);
        tools(&place.stage, &place.world);
        Self { place, host, watch: Some(Watch::start()) }
    }

    /// Something that `cargo xtask dist` made.
    pub(crate) fn dist(&self, name: &str) -> PathBuf {
        self.place.stage.dist().join(name)
    }

    /// A program of the runner's, with what the CI gives to a job, and pip on `PATH`.
    pub(crate) fn run(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.place.world.clean(program, "home");
        command.envs(self.place.job.variables.iter().map(|(name, value)| (name, value)));
        command.env("PATH", self.place.path(&path(&self.place.world))).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        fs::create_dir_all(self.place.world.path("tmp")).unwrap();
        command.env("TMPDIR", self.place.world.path("tmp"));
        command
    }

    /// A guide's example, for this server and this release host.
    fn example(&self, guide: &str, mark: &str) -> String {
        let example = example(guide, mark);
        assert!(example.contains("https://packages.example.com"), "{example}");
        example.replace("https://packages.example.com", &self.place.world.url())
    }

    pub(crate) fn exchanged(&self) -> usize {
        self.place.world.audit_of("token.exchanged").len()
    }

    pub(crate) fn revoked(&self) -> usize {
        self.place.world.audit_of("token.revoked").len()
    }

    /// Nothing that was said, put into `files` or seen on a command line is a token of this place.
    fn nothing_leaked(&mut self, outputs: &[&Output], files: &[PathBuf]) {
        let secrets: BTreeSet<String> = self
            .place
            .world
            .audit_of("token.exchanged")
            .iter()
            .flat_map(|event| [event["token_sha256"].clone(), event["subject_token_sha256"].clone()])
            .map(|digest| digest.as_str().unwrap().to_owned())
            .collect();
        assert!(!secrets.is_empty(), "there was something to leak");
        let holds_none = |what: &str, words: &str| {
            for token in tokens_in(words) {
                assert!(!secrets.contains(&sha256(token)), "{what} holds a token");
            }
        };
        for output in outputs {
            holds_none("the output", &text(output));
            assert_eq!(tokens_in(&text(output)).count(), 0, "{}", text(output));
        }
        for file in files {
            holds_none(&file.display().to_string(), &fs::read_to_string(file).unwrap());
        }
        for line in self.watch.take().unwrap().stop() {
            holds_none("a command line", &String::from_utf8_lossy(&line));
        }
    }
}

/// A release host with what `cargo xtask dist` made.
fn release(stage: &Stage) -> ReleaseHost {
    let folder = stage.dist().join("release");
    let files = fs::read_dir(folder).unwrap().flatten();
    let named = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    ReleaseHost::with(&files.map(named).collect::<BTreeMap<_, _>>())
}

/// An environment with a program `pip`, as a job finds one.
fn tools(stage: &Stage, world: &World) {
    let venv = stage.venv(&world.path("venv"), "newest");
    script(&world.path("venv/bin/pip"), &format!("exec '{}' -m pip \"$@\"", venv.python().display()));
}

/// A program of a few lines.
pub(crate) fn script(path: &Path, lines: &str) {
    fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn path(world: &World) -> String {
    format!("{}:/usr/bin:/bin", world.path("venv/bin").display())
}

/// What looks like a token.
pub(crate) fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    // At the end of a sentence, too.
    words.map(|word| word.trim_matches('.')).filter(|word| word.starts_with("eyJ") && word.matches('.').count() == 2)
}

/// The example of a guide that stands after `<!-- mark -->`.
pub(crate) fn example(guide: &str, mark: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(guide);
    let guide = fs::read_to_string(path).unwrap();
    let (_, rest) = guide.split_once(&format!("<!-- {mark} -->\n")).expect("the guide has the example");
    let fence = rest.lines().next().unwrap();
    let indentation = fence.len() - fence.trim_start().len();
    let lines = rest.lines().skip(1).take_while(|line| !line.trim_start().starts_with("```"));
    lines.flat_map(|line| [line.get(indentation..).unwrap_or_default(), "\n"]).collect()
}

#[test]
fn a_token_is_found_wherever_it_stands() {
    let found: Vec<_> = tokens_in("a=eyJa.b-c.d_e. eyJno 'eyJx.y.z'").collect();
    assert_eq!(found, ["eyJa.b-c.d_e", "eyJx.y.z"]);
}
