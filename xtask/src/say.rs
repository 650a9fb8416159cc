//! What is said to the person who typed the command: the only place that writes to the terminal.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// A line on stdout. A reader that went away is no reason to stop.
pub(crate) fn say(line: impl Display) {
    let _gone = writeln!(io::stdout().lock(), "{line}");
}

/// A line on stderr: progress and complaints.
pub(crate) fn complain(line: impl Display) {
    let _gone = writeln!(io::stderr().lock(), "{line}");
}
