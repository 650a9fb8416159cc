//! One `daypassd serve`, started and stopped as an operator would.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// The binary under test.
pub(crate) const DAYPASSD: &str = env!("CARGO_BIN_EXE_daypassd");

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// What the ready file said.
    pub(crate) ready: Value,
}

/// `daypassd` with none of this machine's settings.
pub(crate) fn daypassd() -> Command {
    let mut command = Command::new(DAYPASSD);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs `daypassd` to its end, which must come soon.
pub(crate) fn daypassd_to_its_end(arguments: &[&str]) -> Output {
    let mut child = daypassd().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("`daypassd {}` should have ended", arguments.join(" "));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

impl Server {
    /// Starts `command`, which has its arguments but for `--ready-file`, and waits until it answers.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        let ready_file = folder.join("ready.json");
        // A server that was killed has left its own behind.
        let _none = fs::remove_file(&ready_file);
        let log = File::options().create(true).append(true).open(log_of(folder)).unwrap();
        command.arg("--ready-file").arg(&ready_file);
        let mut child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            // Written all at once: whoever sees it sees it whole.
            if let Ok(text) = fs::read_to_string(&ready_file) {
                return Self { child, ready: serde_json::from_str(&text).unwrap() };
            }
            let ended = child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let _gone = child.kill();
                panic!("daypassd did not get ready ({ended:?}):\n{}", fs::read_to_string(log_of(folder)).unwrap());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as the kernel does it: nothing is flushed, nothing said goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Where the server's log of `folder` is.
pub(crate) fn log_of(folder: &Path) -> PathBuf {
    folder.join("daypassd.log")
}
