//! One process at a time.
//!
//! The lock is the kernel's, on an empty file that is never removed: it is gone with the process that held it,
//! however that process ended, and two processes can never hold locks on two files of one name.
//!
//! A leader that found the server unreachable leaves a note in the file, so that those who waited share that
//! result too and do not each wait for a server that does not answer.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use daypass_core::{Timestamp, clock::Clock};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Status},
    output,
    private_folder::{open_private, trouble},
};

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_mins(1);

/// After how long a person is told what is being waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    /// The note of a leader who failed while this process waited.
    pub(crate) shared_failure: Option<Failure>,
}

/// What a leader leaves for those who waited. It holds no secret.
#[derive(Serialize, Deserialize)]
struct Note {
    failed_at: Timestamp,
    message: String,
    hint: Option<String>,
}

impl Lock {
    /// Takes the lock of `path`, waiting for whoever holds it. `purpose` completes "waiting for another `daypass` …".
    pub(crate) fn take(path: &Path, purpose: &str, clock: &dyn Clock) -> Result<Self, Failure> {
        let opened = open_private(path, OpenOptions::new().create(true).truncate(false));
        let mut file = opened.map_err(|error| trouble("cannot write", path, &error))?;
        let (asked_at, begun) = (clock.now(), Instant::now());
        let (mut pause, mut waited, mut told) = (Duration::from_millis(2), false, false);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(trouble("cannot lock", path, &error)),
            }
            waited = true;
            if begun.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                let message = format!("another `daypass` {purpose} and is not done after {seconds} seconds");
                return Err(Failure::local(message).hint(format!("`fuser '{}'` names the process", path.display())));
            }
            if begun.elapsed() > SILENCE && !told {
                output::note(&format!("waiting for another `daypass`, which {purpose}"));
                told = true;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let shared_failure = if waited { note_since(&mut file, asked_at) } else { None };
        Ok(Self { file, shared_failure })
    }

    /// Leaves `failure` for those who wait now, if it is one that they would run into too.
    pub(crate) fn share(&mut self, failure: &Failure, clock: &dyn Clock) {
        if failure.status != Status::Unreachable {
            return;
        }
        let note = Note { failed_at: clock.now(), message: failure.message.clone(), hint: failure.hint.clone() };
        // Without the note the others find out by themselves.
        let _ = serde_json::to_vec(&note).map_err(Into::into).and_then(|note| {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&note)
        });
    }
}

fn note_since(file: &mut File, asked_at: Timestamp) -> Option<Failure> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16 * 1024).read_to_string(&mut text).ok()?;
    let note: Note = serde_json::from_str(&text).ok()?;
    let failure = Failure { status: Status::Unreachable, message: note.message, hint: note.hint };
    (note.failed_at >= asked_at).then_some(failure)
}
