//! Running other programs so that none of them outlives this one.
//!
//! Each gets a process group of its own. Ctrl-C then reaches only this process, which ends the group of whatever is
//! running, returns an error, and so lets every `Drop` on the way tidy up.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The variable with the password of the key that releases are signed with.
pub(crate) const SIGNING_PASSWORD: &str = "DAYPASS_SIGNING_PASSWORD";

static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (and SIGTERM, SIGHUP) stops the running program instead of this one.
pub(crate) fn stop_on_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")
}

/// A program that runs in the background; it and its children end when this is dropped.
pub(crate) struct Running {
    child: Child,
    name: String,
    /// How it is asked to end.
    signal: &'static str,
}

/// What a program said and how it ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// From spawn to reap.
    pub(crate) took: Duration,
}

/// Starts `command` in the background, without standard input.
pub(crate) fn start(command: &mut Command) -> Result<Running> {
    spawn(command.stdin(Stdio::null()))
}

/// Starts `command` in the background, for as long as this process keeps its standard input open.
pub(crate) fn start_attended(command: &mut Command) -> Result<Running> {
    spawn(command.stdin(Stdio::piped()))
}

fn spawn(command: &mut Command) -> Result<Running> {
    if STOP.load(Ordering::Relaxed) {
        bail!("stopped");
    }
    let name = command.get_program().to_string_lossy().into_owned();
    // For this process alone: a build runs other people's code.
    command.env_remove(SIGNING_PASSWORD);
    let child = command.process_group(0).spawn().with_context(|| format!("`{name}` cannot be started"))?;
    Ok(Running { child, name, signal: "TERM" })
}

/// Runs `command` with its output on the terminal; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let mut running = start(command)?;
    let status = running.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs `command` and keeps what it says, however it ends.
pub(crate) fn finish(command: &mut Command) -> Result<Finished> {
    let began = Instant::now();
    let mut running = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = running.child.stdout.take().map(read_in_background);
    let stderr = running.child.stderr.take().map(read_in_background);
    let status = running.wait()?;
    let took = began.elapsed();
    let text = |reader: Option<thread::JoinHandle<String>>| reader.and_then(|r| r.join().ok()).unwrap_or_default();
    Ok(Finished { status, stdout: text(stdout), stderr: text(stderr), took })
}

/// What `command` says on stdout, without the line's end; anything but success is an error that quotes stderr.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let finished = finish(command)?;
    if !finished.status.success() {
        bail!("`{}` failed ({}): {}", shown(command), finished.status, finished.stderr.trim());
    }
    Ok(finished.stdout.trim_end().to_owned())
}

/// The command as it would be typed, short enough to read. No secret is ever passed on a command line.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

fn read_in_background(mut source: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _cut_short = source.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Sleeps unless Ctrl-C was pressed, which is an error.
pub(crate) fn pause(time: Duration) -> Result<()> {
    if STOP.load(Ordering::Relaxed) {
        bail!("stopped");
    }
    thread::sleep(time);
    Ok(())
}

impl Running {
    /// Its standard output, if that was piped; once.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard input, if that was piped; once. Dropping it closes it.
    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for `{}`", self.name))
    }

    /// Waits for its end; on Ctrl-C it is ended.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        let mut nap = Duration::from_micros(100);
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            pause(nap)?;
            nap = (nap * 5 / 4).min(Duration::from_millis(20));
        }
    }

    /// It wants another signal than SIGTERM to end soon.
    pub(crate) fn ended_by(mut self, signal: &'static str) -> Self {
        self.signal = signal;
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Reaped already: the id may belong to somebody else by now.
        if let Ok(Some(_status)) = self.child.try_wait() {
            return;
        }
        signal_group(self.signal, self.id());
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if let Ok(Some(_status)) = self.child.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        signal_group("KILL", self.id());
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The shell's `kill` knows process groups, which the standard library does not.
fn signal_group(signal: &str, group: u32) {
    let script = r#"kill -s "$0" -- -"$1""#;
    let _gone = Command::new("sh")
        .args(["-c", script, signal, &group.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_signing_key_reaches_no_child() {
        let mut shell = Command::new("sh");
        shell.env(SIGNING_PASSWORD, "correct horse").env("OTHER", "there");
        let heard = answer(shell.args(["-c", "echo ${DAYPASS_SIGNING_PASSWORD-none} $OTHER"])).unwrap();
        assert_eq!(heard, "none there");
    }
}
