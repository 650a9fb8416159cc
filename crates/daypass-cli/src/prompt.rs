//! Telling a person something while another tool runs us.
//!
//! stdout is that tool's. stderr alone is not enough: pip swallows it, and uv shows it when it is too late. So it
//! goes to the terminal itself, and to stderr only where there is none.
//!
//! What is *not* here: asking. Nothing is ever read from the terminal.

use crate::{failure::without_tokens, output};

#[cfg(unix)]
#[path = "prompt/unix.rs"]
mod terminal;
#[cfg(windows)]
#[path = "prompt/windows.rs"]
mod terminal;

use terminal::Terminal;

/// Where a person reads.
#[derive(Debug)]
pub(crate) struct Prompt {
    terminal: Option<Terminal>,
}

impl Prompt {
    /// Looks for the terminal.
    pub(crate) fn open() -> Self {
        Self { terminal: Terminal::open() }
    }

    /// Whether there is a terminal that can be written to.
    pub(crate) fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Tells a person `text`, which may have several lines. Never blocks for longer than a second.
    pub(crate) fn tell(&self, text: &str) {
        let text = without_tokens(text);
        let written = self.terminal.as_ref().is_some_and(|terminal| terminal.write(&format!("{text}\n")));
        if !written {
            output::note(&text);
        }
    }
}
