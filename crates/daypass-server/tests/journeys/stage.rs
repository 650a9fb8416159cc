//! What `cargo xtask test` prepared: pip in several versions, uv, keyring with our wheel, what people need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The installers, as files on this machine.
pub(crate) struct Stage(Value);

impl Stage {
    /// Reads what `DAYPASS_TEST_TOOLS` names.
    pub(crate) fn find() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one variable of the journeys")]
        let told = std::env::var_os("DAYPASS_TEST_TOOLS");
        let told = told.expect("this journey needs pip, uv and the wheel: run `cargo xtask test`");
        Self(serde_json::from_slice(&fs::read(told).unwrap()).unwrap())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0[key].as_str().unwrap_or_else(|| panic!("no `{key}`: run `cargo xtask test`")).into()
    }

    /// Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.path("python")
    }

    /// uv.
    pub(crate) fn uv(&self) -> PathBuf {
        self.path("uv")
    }

    /// The folder whose `keyring` is found on `PATH` by pip's and uv's `subprocess` provider, and whose `daypass` came
    /// with the wheel.
    pub(crate) fn client(&self) -> PathBuf {
        self.path("client").join("bin")
    }

    /// libfaketime.
    pub(crate) fn faketime(&self) -> PathBuf {
        self.path("faketime")
    }

    /// Our wheel.
    pub(crate) fn wheel(&self) -> PathBuf {
        self.path("wheel")
    }

    /// The wheels that ours needs.
    pub(crate) fn wheelhouse(&self) -> PathBuf {
        self.path("wheelhouse")
    }

    /// The scripts of `tests/people`, beside the Node packages they need.
    pub(crate) fn people(&self) -> PathBuf {
        self.path("people")
    }

    /// poetry, which has our wheel.
    pub(crate) fn poetry(&self) -> PathBuf {
        self.path("poetry")
    }

    /// twine, which has our wheel.
    pub(crate) fn twine(&self) -> PathBuf {
        self.path("twine")
    }

    /// pdm.
    pub(crate) fn pdm(&self) -> PathBuf {
        self.path("pdm")
    }

    /// pipenv.
    pub(crate) fn pipenv(&self) -> PathBuf {
        self.path("pipenv")
    }

    /// bandersnatch.
    pub(crate) fn bandersnatch(&self) -> PathBuf {
        self.path("bandersnatch")
    }

    /// The folder with devpi's programs.
    pub(crate) fn devpi(&self) -> PathBuf {
        self.path("devpi")
    }

    /// A Python that judges schemas.
    pub(crate) fn schemas(&self) -> PathBuf {
        self.path("schemas")
    }

    /// A script of `tests/publishing`, ready for its arguments, with what it needs.
    pub(crate) fn publishing(&self, script: &str) -> [PathBuf; 2] {
        let told = |key: &str| PathBuf::from(self.0["publishing"][key].as_str().expect("run `cargo xtask test`"));
        [told("python"), told("scripts").join(script)]
    }

    /// A Python with authlib.
    pub(crate) fn authlib(&self) -> PathBuf {
        self.path("authlib")
    }

    /// A script of `tests/aws`, ready for its arguments, with what it needs.
    pub(crate) fn aws(&self, script: &str) -> Command {
        let told = |key: &str| PathBuf::from(self.0["aws"][key].as_str().expect("run `cargo xtask test`"));
        let mut command = Command::new(told("python"));
        // None of this machine's own settings of AWS, and no folder of byte code in the source.
        command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1").env("PATH", "/usr/bin:/bin");
        command.arg(told("scripts").join(script));
        command
    }

    /// The scripts of `tests/workloads`, beside the toolkit of GitHub's Actions.
    pub(crate) fn workloads(&self) -> PathBuf {
        self.path("workloads")
    }

    /// A Python with other people's clients of CIs and clouds.
    pub(crate) fn judges(&self) -> PathBuf {
        self.path("judges")
    }

    /// A signed release of what was built, and the Action and its siblings that install it.
    pub(crate) fn dist(&self) -> PathBuf {
        self.path("dist")
    }

    /// The scripts of `tests/ci`, beside the Node packages they need.
    pub(crate) fn ci(&self) -> PathBuf {
        self.0["ci"]["scripts"].as_str().expect("run `cargo xtask test`").into()
    }

    /// GitHub's emulator of a runner, beside what stands between it and the Action.
    pub(crate) fn emulator(&self) -> PathBuf {
        self.path("emulator")
    }

    /// A Python that reads YAML.
    pub(crate) fn yaml(&self) -> PathBuf {
        self.0["ci"]["python"].as_str().expect("run `cargo xtask test`").into()
    }

    /// Where pictures of pages go.
    pub(crate) fn screenshots(&self) -> PathBuf {
        self.path("screenshots")
    }

    /// A `PATH` with Python on it.
    pub(crate) fn path_with_python(&self) -> String {
        format!("{}:/usr/bin:/bin", self.python().parent().unwrap().display())
    }

    /// A fresh environment in `folder` with this version of pip in it.
    pub(crate) fn venv(&self, folder: &Path, pip: &str) -> Venv {
        let made = Command::new(self.python()).args(["-m", "venv", "--without-pip"]).arg(folder).status().unwrap();
        assert!(made.success());
        let venv = Venv { folder: folder.to_path_buf() };
        let source = PathBuf::from(self.0["pips"][pip].as_str().expect("this version of pip is prepared"));
        for entry in fs::read_dir(&source).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name == "pip" || name.starts_with("pip-") {
                link_all(&entry.path(), &venv.packages().join(&name));
            }
        }
        venv
    }

    /// Installs our wheel, with keyring, as a user would: by the environment's own pip.
    pub(crate) fn install_wheel(&self, venv: &Venv) {
        let mut pip = Command::new(venv.python());
        pip.env_clear().args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]);
        let output = pip.arg("--find-links").arg(self.wheelhouse()).arg(self.wheel()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A virtual environment.
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    fn packages(&self) -> PathBuf {
        let lib = fs::read_dir(self.folder.join("lib")).unwrap().flatten().next().unwrap();
        lib.path().join("site-packages")
    }
}

/// Hard links keep the times, so that Python trusts the byte code that lies beside the sources.
fn link_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link_all(&entry.path(), &target);
        } else if fs::hard_link(entry.path(), &target).is_err() {
            // Another file system.
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
