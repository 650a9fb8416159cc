//! `CONOUT$`: the console of this process, wherever its standard streams go.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

/// The console.
#[derive(Debug)]
pub(super) struct Terminal(File);

impl Terminal {
    /// The console, if there is one.
    pub(super) fn open() -> Option<Self> {
        OpenOptions::new().read(true).write(true).open("CONOUT$").ok().map(Self)
    }

    /// Writes `text`. Whether all of it went out.
    pub(super) fn write(&self, text: &str) -> bool {
        let crlf = text.replace('\n', "\r\n");
        (&self.0).write_all(crlf.as_bytes()).is_ok()
    }
}
