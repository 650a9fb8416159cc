//! How a command ends badly: one sentence, a hint, a stable exit status.

use std::{fmt::Display, io::Write, process::ExitCode};

/// Why a command failed, for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

/// The exit statuses; listed in `daypassd --help`.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Other = 1,
    Configuration = 3,
    Data = 4,
    Network = 5,
}

impl Failure {
    fn new(kind: Kind, message: impl Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// Something that has no status of its own.
    pub(crate) fn other(message: impl Display) -> Self {
        Self::new(Kind::Other, message)
    }

    /// A configuration or policy file, or a combination of flags, makes no sense.
    pub(crate) fn configuration(message: impl Display) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// The data folder or the database cannot be used.
    pub(crate) fn data(message: impl Display) -> Self {
        Self::new(Kind::Data, message)
    }

    /// An address cannot be listened on or reached.
    pub(crate) fn network(message: impl Display) -> Self {
        Self::new(Kind::Network, message)
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Tells the person at the terminal, and the exit status.
    pub(crate) fn report(self) -> ExitCode {
        let mut text = format!("error: {}\n", self.message);
        if let Some(hint) = self.hint {
            text = format!("{text}\nhint: {hint}\n");
        }
        // Nobody is left to tell when standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.kind as u8)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
