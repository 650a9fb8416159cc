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

use daypass_core::{Timestamp, clock::Clock};
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

/// How often the leader's note is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    note: PathBuf,
    /// The note of a leader who failed while this process waited.
    pub(crate) shared_failure: Option<Failure>,
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
    Failed { at: Timestamp, failure: Failure },
}

impl Lock {
    /// Takes the lock of `path`, waiting for whoever holds it. `purpose` completes "waiting for another `daypass` …".
    pub(crate) fn take(path: &Path, purpose: &str, waiter: Waiter, clock: &dyn Clock) -> Result<Self, Failure> {
        let opened = open_private(path, OpenOptions::new().create(true).truncate(false));
        let file = opened.map_err(|error| trouble("cannot write", path, &error))?;
        let note = path.with_extension("note");
        let (asked_at, begun) = (clock.now(), Instant::now());
        let (mut pause, mut had_to_wait, mut looked) = (Duration::from_millis(2), false, None);
        let mut signing_in = None;
        let (mut told, mut told_of_person) = (false, false);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => had_to_wait = true,
                Err(TryLockError::Error(error)) => return Err(trouble("cannot lock", path, &error)),
            }
            if looked.is_none_or(|at: Instant| at.elapsed() > LOOK) {
                looked = Some(Instant::now());
                signing_in = match read(&note) {
                    Some(Note::SigningIn { pid }) => Some(pid),
                    _ => None,
                };
            }
            let patience = match (signing_in, waiter) {
                (Some(pid), Waiter::Program) => return Err(somebody_else_is_asked(pid)),
                (Some(_), Waiter::Person) => PATIENCE_FOR_A_PERSON,
                (None, _) => PATIENCE,
            };
            if begun.elapsed() > patience {
                let seconds = patience.as_secs();
                let message = format!("another `daypass` {purpose} and is not done after {seconds} seconds");
                return Err(Failure::local(message).hint(format!("`fuser '{}'` names the process", path.display())));
            }
            if begun.elapsed() > SILENCE {
                match signing_in {
                    Some(pid) if !told_of_person => {
                        let text = format!("daypass: waiting for the sign-in that PID {pid} began; Ctrl-C gives up");
                        Prompt::open().tell(&text);
                        told_of_person = true;
                    }
                    None if !told => {
                        output::note(&format!("waiting for another `daypass`, which {purpose}"));
                        told = true;
                    }
                    _ => {}
                }
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let shared_failure = match read(&note) {
            Some(Note::Failed { at, failure }) if had_to_wait && at >= asked_at => Some(failure),
            _ => None,
        };
        Ok(Self { _file: file, note, shared_failure })
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
            self.share_all(failure, clock);
        }
    }

    /// Leaves `failure` for those who wait now, whatever it is: a person has been asked, and is not asked again for
    /// each of them.
    pub(crate) fn share_all(&mut self, failure: &Failure, clock: &dyn Clock) {
        self.leave(&Note::Failed { at: clock.now(), failure: failure.clone() });
    }

    fn leave(&mut self, note: &Note) {
        // Without the note the others find out by themselves.
        let opened = open_private(&self.note, OpenOptions::new().create(true).truncate(true));
        let _ = opened.and_then(|mut file| file.write_all(&serde_json::to_vec(note)?));
    }
}

fn somebody_else_is_asked(pid: u32) -> Failure {
    Failure::new(
        Status::SignInNeeded,
        format!("a person is asked to sign in by PID {pid}, and nobody can wait for it here"),
    )
    .hint("try again when they have signed in")
}

fn read(note: &Path) -> Option<Note> {
    let mut text = String::new();
    File::open(note).ok()?.take(16 * 1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
