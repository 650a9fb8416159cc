//! A terminal with somebody in front of it.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::stage::Stage;

/// A program in a pseudo-terminal; it is ended when this is dropped.
pub(crate) struct Terminal {
    child: Child,
    seen: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    /// Runs `command`, whose environment must be its own, in a new terminal.
    pub(crate) fn run(stage: &Stage, command: &Command) -> Self {
        let mut inside = Command::new(stage.python());
        inside.arg(stage.people().join("terminal.py")).arg(command.get_program()).args(command.get_args());
        inside.env_clear().env("TERM", "xterm").env("COLUMNS", "200").env("LINES", "50");
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        let mut child = inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let noted = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                noted.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, seen, reader: Some(reader) }
    }

    /// What was on the screen so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until `text` is on the screen.
    pub(crate) fn shows(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let seen = self.seen();
            if seen.contains(text) {
                return seen;
            }
            assert!(Instant::now() < deadline, "`{text}` is not on the screen:\n{seen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the program still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process in front of the terminal; the program is its child.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end: whether it succeeded, and all that was on the screen.
    pub(crate) fn end(mut self) -> (bool, String) {
        let deadline = Instant::now() + Duration::from_secs(90);
        while self.runs() {
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.seen());
            thread::sleep(Duration::from_millis(20));
        }
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status.success(), self.seen())
    }

    /// The program must succeed; what was on the screen.
    pub(crate) fn succeeds(self) -> String {
        let (success, seen) = self.end();
        assert!(success, "{seen}");
        seen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The terminal goes away, and with it whoever is in it (SIGHUP).
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
