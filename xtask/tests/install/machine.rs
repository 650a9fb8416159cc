//! A machine that has some tools and not others.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use daypass_testkit::release::ReleaseHost;
use tempfile::TempDir;

use crate::release::{Release, VERSION, target};

/// What every machine has.
const BASIC: [&str; 15] = [
    "cat",
    "chmod",
    "dd",
    "find",
    "gzip",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sha256sum",
    "sleep",
    "tar",
    "timeout",
    "uname",
    "wc",
];

/// The shells that the script runs in.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["bash"], &["busybox", "sh"]];

/// A `PATH` of its own, and a folder to install into.
pub(crate) struct Machine {
    programs: TempDir,
    folder: TempDir,
    shell: Vec<PathBuf>,
    node: Option<PathBuf>,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    /// With the basic programs and these.
    pub(crate) fn with(tools: &[&str]) -> Self {
        let machine = Self::bare(tools);
        for name in BASIC {
            machine.link(name, &found(name));
        }
        machine
    }

    /// With these and nothing else.
    pub(crate) fn bare(tools: &[&str]) -> Self {
        let (programs, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let machine = Self { programs, folder, shell: vec![found("dash")], node: None };
        for name in tools {
            match name.strip_prefix("busybox:") {
                Some(applet) => machine.link(applet, &found("busybox")),
                None => machine.link(name, &found(name)),
            }
        }
        machine
    }

    /// With busybox for everything, and these.
    pub(crate) fn of_busybox(tools: &[&str]) -> Self {
        let mut machine = Self::bare(tools);
        for name in BASIC {
            machine.link(name, &found("busybox"));
        }
        machine.shell = vec![found("busybox"), "sh".into()];
        machine
    }

    pub(crate) fn in_shell(mut self, shell: &[&str]) -> Self {
        let (program, words) = shell.split_first().unwrap();
        self.shell = [found(program)].into_iter().chain(words.iter().map(PathBuf::from)).collect();
        self
    }

    /// `DAYPASS_NODE` names a Node that is not on `PATH`.
    pub(crate) fn with_node_of_the_runner(mut self) -> Self {
        self.node = Some(found("node"));
        self
    }

    fn link(&self, name: &str, to: &Path) {
        symlink(to, self.programs.path().join(name)).unwrap();
    }

    /// Where it installs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the version of the tests is to be found then.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder().join(format!("{VERSION}-{}", target()))
    }

    /// The program, installed.
    pub(crate) fn program(&self) -> PathBuf {
        self.home().join("daypass")
    }

    /// The script with exactly these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.shell[0]);
        command.env_clear().env("PATH", self.programs.path()).env("HOME", self.folder()).current_dir(self.folder());
        command.envs(self.node.iter().map(|node| ("DAYPASS_NODE", node)));
        command.args(&self.shell[1..]).arg(script()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).spawn().unwrap())
    }

    /// Starts an installation of the version of the tests.
    pub(crate) fn start(&self, host: &ReleaseHost, release: &Release, more: &[&str]) -> Child {
        let to = self.folder().to_str().unwrap();
        let mut all = vec!["--version", VERSION, "--to", to, "--release-url", host.url(), "--public-key", &release.key];
        all.extend(more);
        self.command(&all).spawn().unwrap()
    }

    pub(crate) fn install(&self, host: &ReleaseHost, release: &Release, more: &[&str]) -> Ended {
        ended(self.start(host, release, more))
    }

    /// What is left in the folder, besides the version's own.
    pub(crate) fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder()).unwrap().flatten();
        names.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

impl Ended {
    /// It was refused with this code, in one line with these words, and printed no path.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.contains("error: ")).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        assert!(errors[0].contains(words), "no `{words}` in {}", self.stderr);
    }

    /// It succeeded, and printed this.
    #[track_caller]
    pub(crate) fn printed(&self, path: &Path) {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stdout, format!("{}\n", path.display()));
    }
}

pub(crate) fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The script as it is in git: with no key and no version.
pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../action/install.sh")
}

/// A program of this machine, at its real place: a shim needs more than it shows.
pub(crate) fn found(name: &str) -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    let ask = |arguments: &[&str]| {
        let output = Command::new(name).args(arguments).output().unwrap();
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    };
    match name {
        "python3" => PYTHON.get_or_init(|| ask(&["-c", "import sys; print(sys.executable)"])).clone(),
        "node" => NODE.get_or_init(|| ask(&["-p", "process.execPath"])).clone(),
        _ => {
            let places = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
            let found = places.into_iter().find(|path| path.is_file());
            found.unwrap_or_else(|| panic!("there is no {name}: run `cargo xtask test`"))
        }
    }
}
