//! The screen: stdout is data, stderr is for people.
//!
//! `println!` panics when the reader has gone; these do not. Nothing else in the crate writes to either.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::{Failure, without_tokens};

/// Writes data to stdout. A reader that has gone away is no error: it has what it wanted.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::local(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes `value` to stdout as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
    data(&format!("{line}\n"))
}

/// Tells a person something, in one line on stderr.
pub(crate) fn note(text: &str) {
    plain(&format!("{}\n", without_tokens(text)));
}

/// Warns a person, in one line on stderr.
pub(crate) fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Tells a person why it failed.
pub(crate) fn failure(failure: &Failure) {
    plain(&failure.to_string());
}

/// Writes one line over the one that a terminal shows last.
pub(crate) fn over(line: &str) {
    plain(&format!("\r\u{1b}[K{}", without_tokens(line)));
}

fn plain(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
