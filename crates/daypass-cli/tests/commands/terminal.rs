//! A terminal: util-linux' `script` runs the command in a pseudo-terminal that controls it, while its standard streams
//! go elsewhere, as pip and uv do it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{browser::wait_for, person::Person};

/// A command that runs in a terminal.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
}

/// What it left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    /// What stood in the terminal.
    pub(crate) screen: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command in a terminal of its own. `name` tells several apart.
pub(crate) fn run(person: &Person, name: &str, arguments: &[&str]) -> Running {
    run_after(person, name, "true", arguments)
}

/// The same, after a line of shell.
pub(crate) fn run_after(person: &Person, name: &str, before: &str, arguments: &[&str]) -> Running {
    let folder = person.home().join(format!("terminal-{name}"));
    fs::create_dir(&folder).unwrap();
    let line = format!(
        "{before}; echo $$ > {0}/pid; exec {1} {2} > {0}/stdout 2> {0}/stderr < /dev/null",
        folder.display(),
        env!("CARGO_BIN_EXE_daypass"),
        arguments.iter().map(|argument| format!("'{argument}'")).collect::<Vec<_>>().join(" "),
    );
    let mut command = person.program("script", ["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.env_remove("CI").env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
    command.stdout(File::create(folder.join("screen")).unwrap()).stderr(Stdio::null());
    Running { child: command.spawn().unwrap(), folder }
}

impl Running {
    /// What stands in the terminal now.
    pub(crate) fn screen(&self) -> String {
        self.text("screen")
    }

    /// Waits until `text` stands in the terminal.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_for(text, || self.screen().contains(text).then_some(()));
    }

    /// Sends the command a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        wait_for("it is running", || self.text("pid").trim().parse().ok())
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let status = self.child.wait().unwrap();
        Done { status, screen: self.screen(), stdout: self.text("stdout"), stderr: self.text("stderr") }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default().replace("\r\n", "\n")
    }
}
