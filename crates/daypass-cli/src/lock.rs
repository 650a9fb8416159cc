//! One process at a time.
//!
//! The lock is the kernel's, on an empty file that is never removed: it is gone with the process that held it,
//! however that process ended, and two processes can never hold locks on two files of one name.
//!
//! Beside it there may be a note of the leader's for those who wait: that a person is signing in, which takes its
//! time, or how it failed, so that they share that result and do not each ask a server that does not answer, or open
//! another tab for somebody who has just said no. It is a file of its own because Windows lets nobody read a locked one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use daypass_core::{SignedDuration, Timestamp, clock::Clock};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Status},
    output,
    private_folder::{open_private, trouble},
    prompt::Prompt,
};

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait for one that waits for a person: as long as that takes, and what comes before and after it.
const PATIENCE_FOR_A_PERSON: Duration = Duration::from_mins(12);

/// After how long a person is told what is being waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// For how long a failed sign-in speaks for those who come later. pip and uv ask up to three times, in a row, for one
/// install: for the index, for its host, for its host with the scheme.
const STILL_NO: SignedDuration = SignedDuration::from_secs(5);

/// How often the leader's note is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    note: PathBuf,
    /// The note of a leader who failed while this process waited.
    pub(crate) shared_failure: Option<Failure>,
    /// How the last sign-in failed, a moment ago.
    pub(crate) still_no: Option<Failure>,
}

/// Who waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// A person, who may be told something and has time.
    Person,
    /// Nobody is there: waiting for somebody to sign in would be waiting for ever.
    Program,
}

/// What a leader leaves for those who wait. It holds no secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Note {
    SigningIn { pid: u32 },
    Failed { at: Timestamp, by_person: bool, failure: Failure },
}

impl Lock {
    /// Takes the lock of `path`, waiting for whoever holds it. `purpose` completes "waiting for another `daypass` …".
    pub(crate) fn take(path: &Path, purpose: &str, waiter: Waiter, clock: &dyn Clock) -> Result<Self, Failure> {
        let opened = open_private(path, OpenOptions::new().create(true).truncate(false));
        let file = opened.map_err(|error| trouble("cannot write", path, &error))?;
        let note = path.with_extension("note");
        let (asked_at, begun) = (clock.now(), Instant::now());
        let (mut pause, mut had_to_wait) = (Duration::from_millis(2), false);
        let mut wait =
            Wait { purpose, waiter, note: &note, looked: None, leader: None, since: begun, told: Vec::new() };
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => had_to_wait = true,
                Err(TryLockError::Error(error)) => return Err(trouble("cannot lock", path, &error)),
            }
            wait.go_on(path, begun)?;
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let (mut shared_failure, mut still_no) = (None, None);
        if let Some(Note::Failed { at, by_person, failure }) = read(&note) {
            let age = clock.now().duration_since(at);
            if had_to_wait && at >= asked_at {
                shared_failure = Some(failure);
            } else if by_person && !age.is_negative() && age < STILL_NO {
                still_no = Some(failure);
            }
        }
        Ok(Self { _file: file, note, shared_failure, still_no })
    }

    /// Takes back what this or an earlier leader said.
    pub(crate) fn clear(&mut self) {
        let _ = fs::remove_file(&self.note);
    }

    /// Tells those who wait that a person is signing in.
    pub(crate) fn say_that_a_person_signs_in(&mut self) {
        self.leave(&Note::SigningIn { pid: std::process::id() });
    }

    /// Leaves `failure` for those who wait now, if it is one that they would run into too.
    pub(crate) fn share(&mut self, failure: &Failure, clock: &dyn Clock) {
        if failure.status == Status::Unreachable {
            self.leave(&Note::Failed { at: clock.now(), by_person: false, failure: failure.clone() });
        }
    }

    /// Leaves the `failure` of a sign-in for those who wait now, whatever it is: a person has been asked, and is not
    /// asked again for each of them.
    pub(crate) fn share_with_all(&mut self, failure: &Failure, clock: &dyn Clock) {
        self.leave(&Note::Failed { at: clock.now(), by_person: true, failure: failure.clone() });
    }

    fn leave(&mut self, note: &Note) {
        // Without the note the others find out by themselves.
        let opened = open_private(&self.note, OpenOptions::new().create(true).truncate(true));
        let _ = opened.and_then(|mut file| file.write_all(&serde_json::to_vec(note)?));
    }
}

/// One process waiting for another.
struct Wait<'a> {
    purpose: &'a str,
    waiter: Waiter,
    note: &'a Path,
    /// When the leader's note was last looked at.
    looked: Option<Instant>,
    /// Who has a person sign in.
    leader: Option<u32>,
    /// Since when that is so.
    since: Instant,
    /// Of which leaders a person has been told.
    told: Vec<Option<u32>>,
}

impl Wait<'_> {
    /// Whether to go on waiting, which began at `begun`; now and then that is told to a person.
    fn go_on(&mut self, path: &Path, begun: Instant) -> Result<(), Failure> {
        self.look();
        let patience = match (self.leader, self.waiter) {
            (Some(pid), Waiter::Program) if is_alive(pid) => return Err(somebody_else_is_asked(pid)),
            (Some(_), Waiter::Person) => PATIENCE_FOR_A_PERSON,
            (None, _) | (_, Waiter::Program) => PATIENCE,
        };
        if self.since.elapsed() > patience {
            let (purpose, seconds) = (self.purpose, patience.as_secs());
            let message = format!("another `daypass` {purpose} and is not done after {seconds} seconds");
            return Err(Failure::local(message).hint(format!("`fuser '{}'` names the process", path.display())));
        }
        if begun.elapsed() > SILENCE && !self.told.contains(&self.leader) {
            match self.leader {
                Some(pid) => Prompt::open()
                    .tell(&format!("daypass: waiting for the sign-in that PID {pid} began; Ctrl-C gives up")),
                None => output::note(&format!("waiting for another `daypass`, which {}", self.purpose)),
            }
            self.told.push(self.leader);
        }
        Ok(())
    }

    /// Looks who the leader is. Each new one has time of its own.
    fn look(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        let leader = match read(self.note) {
            Some(Note::SigningIn { pid }) => Some(pid),
            _ => None,
        };
        if leader != self.leader {
            (self.leader, self.since) = (leader, Instant::now());
        }
    }
}

fn somebody_else_is_asked(pid: u32) -> Failure {
    let message = format!("a person is asked to sign in by PID {pid}, and nobody can wait for it here");
    Failure::new(Status::SignInNeeded, message).hint("try again when they have signed in")
}

/// Whether the process is there: what one left that was killed says nothing about the present leader.
#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // `EPERM` is an answer too: it is there, and somebody else's.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}

fn read(note: &Path) -> Option<Note> {
    let mut text = String::new();
    File::open(note).ok()?.take(16 * 1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
