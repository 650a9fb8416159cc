//! How a command fails: a kind, which fixes the exit status, one sentence, and what to do next.
//!
//! What is *not* here: the help text that lists the statuses for people (`arguments.rs`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Nothing to give: not our host, or no identity matches. Helpers say it without a word.
    Nothing,
    /// The command line cannot be understood.
    Usage,
    /// The server understood and said no.
    Refused,
    /// The server said no because this proof was spent before. A [`Status::Refused`] for scripts.
    Replayed,
    /// Nobody is signed in and there is no identity token.
    SignInNeeded,
    /// The server cannot be reached, or answers nonsense.
    Unreachable,
    /// The configuration or the cache on this machine.
    Local,
}

impl Status {
    /// The exit status. Scripts depend on it: it never changes its meaning.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Nothing => 1,
            Self::Usage => 2,
            Self::Refused | Self::Replayed => 3,
            Self::SignInNeeded => 4,
            Self::Unreachable => 5,
            Self::Local => 6,
        }
    }
}

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Fixes the exit status.
    pub(crate) status: Status,
    /// One sentence without a period. Empty: fail without a word.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure of the kind `status`, told in one sentence.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None }
    }

    /// The silent no of a helper.
    pub(crate) fn silent() -> Self {
        Self::new(Status::Nothing, "")
    }

    /// A command line that cannot be understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Trouble with the configuration or the cache.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(Status::Local, message)
    }

    /// The same, with the next step.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return Ok(());
        }
        writeln!(f, "error: {}", without_tokens(&self.message))?;
        match &self.hint {
            Some(hint) => writeln!(f, "\nhint: {}", without_tokens(hint)),
            None => Ok(()),
        }
    }
}

/// How JWTs and the opaque secrets of our servers begin.
const SECRETS: [&str; 6] = ["eyJ", "daypass_rt_", "daypass_ac_", "daypass_dc_", "daypass_iv_", "daypass_pt_"];

/// `text` with everything that looks like a JWT or like a secret of our servers struck out.
///
/// The last line of defence: no message of ours contains a token, but a person may paste one where a server or a
/// file name belongs, and it would be quoted back at them, into the log of a CI job.
pub(crate) fn without_tokens(text: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = SECRETS.into_iter().filter_map(|beginning| rest.find(beginning)).min() {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !belongs(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        safe.push_str(before);
        safe.push_str(if run.len() < 20 { run } else { "[secret]" });
        rest = after;
    }
    safe.push_str(rest);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_sentence_and_a_hint() {
        let failure = Failure::local("it broke").hint("mend it");
        assert_eq!(failure.to_string(), "error: it broke\n\nhint: mend it\n");
        assert_eq!(Failure::silent().to_string(), "");
    }

    #[test]
    fn a_token_pasted_in_the_wrong_place_is_not_quoted_back() {
        let failure = Failure::usage("`eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl` is not a URL");
        assert_eq!(failure.to_string(), "error: `[secret]` is not a URL\n");
        assert_eq!(without_tokens("eyJ and `keyJar`"), "eyJ and `keyJar`");
        assert_eq!(without_tokens("a daypass_rt_0123456789abcdef b"), "a [secret] b");
        assert_eq!(without_tokens("a daypass_pt_0123456789abcdef b"), "a [secret] b");
    }
}
