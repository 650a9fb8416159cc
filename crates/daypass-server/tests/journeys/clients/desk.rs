//! A machine with installers, and a server to install from.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use daypass_testkit::{closure::closure, wheel::Wheel};

use crate::{
    installers::text,
    people::office::until,
    server::daypassd,
    stage::{Stage, Venv},
    world::World,
};

/// The project that is hosted here and needs 29 others.
pub(super) const PRIVATE_APP: &str = "acme-app";
/// The same, upstream.
pub(super) const PUBLIC_APP: &str = "sunny-app";
/// How many projects each of them is.
pub(super) const THIRTY: usize = 30;

/// The server with both, and what is needed to install from it.
pub(super) struct Desk {
    pub(super) stage: Stage,
    pub(super) world: World,
    access_token: String,
}

impl Desk {
    /// The usual server.
    pub(super) fn new() -> Self {
        Self::with(World::start())
    }

    pub(super) fn with(world: World) -> Self {
        let access_token = world.access_token();
        Self { stage: Stage::find(), world, access_token }
    }

    /// One that hosts thirty projects which need one another, and whose upstream has thirty more.
    pub(super) fn with_closures() -> Self {
        let desk = Self::new();
        desk.import(&closure(PRIVATE_APP, THIRTY));
        for wheel in closure(PUBLIC_APP, THIRTY) {
            desk.world.upstream.add_wheel(&wheel);
        }
        desk
    }

    /// Puts private wheels into the index, all at once.
    pub(super) fn import(&self, wheels: &[Wheel]) {
        let folder = tempfile::Builder::new().prefix("import-").tempdir_in(self.world.folder()).unwrap();
        for wheel in wheels {
            fs::write(folder.path().join(wheel.file_name()), wheel.bytes()).unwrap();
        }
        let mut import = daypassd();
        let output = import.args(["import", "--data"]).arg(self.world.data()).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let page = |wheel: &Wheel| format!("/python/simple/{}/", wheel.name());
        // The server notices within a second.
        let is_served =
            |wheel: &Wheel| self.world.fetch(&page(wheel), &self.access_token).text().contains(&wheel.file_name());
        soon("the imported files are served", || wheels.iter().all(is_served));
    }

    pub(super) fn access_token(&self) -> &str {
        &self.access_token
    }

    /// The index's URL with the credential in it.
    pub(super) fn index_url(&self) -> String {
        self.at(&self.world.authority())
    }

    /// The same by way of another address.
    pub(super) fn at(&self, authority: &str) -> String {
        format!("http://_token:{}@{authority}/python/simple/", self.access_token)
    }

    pub(super) fn venv(&self, name: &str, pip: &str) -> Venv {
        self.stage.venv(&self.world.path(name), pip)
    }

    /// `python -m pip …` with our index and no other.
    pub(super) fn pip(&self, venv: &Venv, arguments: &[&str]) -> Command {
        let mut pip = self.world.clean(venv.python(), "home");
        pip.args(["-m", "pip"]).args(arguments).env("PIP_INDEX_URL", self.index_url());
        pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_NO_INPUT", "1").env("PIP_KEYRING_PROVIDER", "disabled");
        pip
    }

    /// `uv …` with our index and no other.
    pub(super) fn uv(&self, arguments: &[&str]) -> Command {
        let mut uv = self.world.clean(self.stage.uv(), "home");
        uv.args(arguments).env("UV_DEFAULT_INDEX", self.index_url()).env("UV_NO_PROGRESS", "1");
        uv.env("UV_PYTHON", self.stage.python()).env("UV_PYTHON_DOWNLOADS", "never");
        uv
    }

    /// `uv pip …` into that environment.
    pub(super) fn uv_pip(&self, venv: &Venv, command: &str, arguments: &[&str]) -> Command {
        let mut uv = self.uv(&["pip", command]);
        uv.env("UV_PYTHON", venv.python()).args(arguments);
        uv
    }

    /// Which version of a project is installed.
    pub(super) fn version(&self, python: &Path, project: &str) -> Option<String> {
        let script = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))";
        let output = self.world.clean(python, "home").args(["-c", script, project]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// How many distributions are installed, pip aside.
    pub(super) fn installed(&self, python: &Path) -> usize {
        let script = "import importlib.metadata as m; print(sum(d.name != 'pip' for d in m.distributions()))";
        let output = self.world.clean(python, "home").args(["-c", script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    /// A folder with a project in it.
    pub(super) fn project(&self, name: &str, pyproject: &str) -> PathBuf {
        let folder = self.world.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pyproject.toml"), pyproject).unwrap();
        folder
    }

    /// Asserts that nothing which is hosted here was looked up outside.
    pub(super) fn nothing_private_was_asked_outside(&self) {
        let paths: Vec<_> = self.world.upstream.seen().into_iter().map(|request| request.path).collect();
        assert!(!paths.iter().any(|path| path.contains("acme")), "a private name was looked up outside: {paths:?}");
    }

    /// The paths of files, metadata aside, that upstream was asked for.
    pub(super) fn files_asked_outside(&self) -> Vec<String> {
        let seen = self.world.upstream.seen().into_iter().map(|request| request.path);
        seen.filter(|path| path.starts_with("/files/") && !path.ends_with(".metadata")).collect()
    }
}

/// Waits until it is so. Other people's servers take their time to start on a machine that is busy.
pub(super) fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, Duration::from_mins(3), || is_so().then_some(()));
}

/// What a command says that must succeed, on both of its outputs.
pub(super) fn says(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// What a command says that must fail.
pub(super) fn refused(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    let said = text(&output);
    assert!(!output.status.success(), "{command:?} should have failed: {said}");
    said
}
