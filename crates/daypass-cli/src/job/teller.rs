//! Telling a CI: what later steps get, what the job got, and what went wrong.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use daypass_core::{Timestamp, secret::Secret};

use super::{github, variables::Variable};
use crate::{
    ambient::machine::Machine,
    arguments::ci::How,
    failure::{Failure, without_tokens},
    output,
    private_folder::trouble,
};

/// The heading of what is said on GitHub.
const TITLE: &str = "daypass";

/// One CI, as it wants to be told.
pub(crate) enum Teller {
    /// GitHub Actions, and what understands its files.
    GitHub(Files),
    /// Whoever evaluates stdout.
    Shell {
        /// A program that strikes secrets out of the log.
        redactor: Option<PathBuf>,
    },
    /// The file that each later shell reads first.
    BashEnv(PathBuf),
}

/// The files in which GitHub's runner looks after a step.
#[derive(Debug, Default)]
pub(crate) struct Files {
    environment: Option<PathBuf>,
    path: Option<PathBuf>,
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
}

/// What the job got.
#[derive(Debug)]
pub(crate) struct Got<'a> {
    /// The identity's name.
    pub(crate) identity: &'a str,
    /// When the credential ends; the next one comes by itself.
    pub(crate) expires_at: Timestamp,
    /// The index.
    pub(crate) index_url: &'a str,
}

impl Teller {
    /// The one that was chosen, or that of this CI.
    pub(crate) fn find(how: Option<How>, machine: &dyn Machine) -> Result<Self, Failure> {
        let file = |name: &str| machine.variable(name).map(PathBuf::from);
        let bash_env = || file("BASH_ENV").filter(|path| path.is_absolute());
        let how = how.unwrap_or_else(|| {
            if file("GITHUB_ENV").is_some() && file("GITHUB_OUTPUT").is_some() {
                How::Github
            } else if machine.variable("CIRCLECI").is_some() && bash_env().is_some() {
                How::BashEnv
            } else {
                How::Shell
            }
        });
        Ok(match how {
            How::Github => Self::GitHub(Files {
                environment: file("GITHUB_ENV"),
                path: file("GITHUB_PATH"),
                output: file("GITHUB_OUTPUT"),
                summary: file("GITHUB_STEP_SUMMARY"),
            }),
            How::Shell => {
                Self::Shell { redactor: machine.variable("BUILDKITE").and_then(|_| machine.program("buildkite-agent")) }
            }
            How::BashEnv => Self::BashEnv(bash_env().ok_or_else(|| {
                Failure::usage("`--write bash-env` needs `BASH_ENV` to name a file by an absolute path")
            })?),
        })
    }

    /// Keeps `secret` out of the log, whoever prints it later.
    pub(crate) fn mask(&self, secret: &Secret) -> Result<(), Failure> {
        match self {
            Self::GitHub(_) => output::data(&github::mask(secret.expose())),
            Self::Shell { redactor: Some(program) } => {
                if redact(program, secret).is_err() {
                    // Older agents cannot; nothing of ours prints it.
                    output::note("this agent does not strike secrets out of its log");
                }
                Ok(())
            }
            Self::Shell { redactor: None } | Self::BashEnv(_) => Ok(()),
        }
    }

    /// Gives later steps the programs in `folder`, and `variables`.
    pub(crate) fn set(&self, folder: &Path, variables: &[Variable]) -> Result<(), Failure> {
        match self {
            Self::GitHub(files) => {
                append(files.path.as_deref(), &format!("{}\n", github::one_line(&folder.to_string_lossy())))?;
                let lines: String = variables.iter().map(|(name, value)| github::assignment(name, value)).collect();
                append(files.environment.as_deref(), &lines)
            }
            Self::Shell { .. } => output::data(&exports(folder, variables)),
            Self::BashEnv(file) => append(Some(file), &exports(folder, variables)),
        }
    }

    /// Says that the job is signed in.
    pub(crate) fn signed_in(&self, got: &Got<'_>) -> Result<(), Failure> {
        output::note(&format!("signed in as `{}` until {}; {}", got.identity, got.expires_at, got.index_url));
        let Self::GitHub(files) = self else { return Ok(()) };
        files.outputs(true, Some(got))?;
        let summary = format!(
            "### daypass\n\n| | |\n|---|---|\n| identity | {} |\n| index | {} |\n| first credential ends | {} |\n\n\
             The next one comes by itself, for as long as the job runs.\n",
            code(got.identity),
            code(got.index_url),
            code(&got.expires_at.to_string())
        );
        append(files.summary.as_deref(), &summary)
    }

    /// Says that the job goes on without a credential.
    pub(crate) fn not_signed_in(&self, failure: &Failure) -> Result<(), Failure> {
        let told = sentence(failure);
        let Self::GitHub(files) = self else {
            output::warn(&format!("this job goes on without a credential: {told}"));
            return Ok(());
        };
        output::data(&github::annotation("warning", TITLE, &format!("this job goes on without a credential: {told}")))?;
        files.outputs(false, None)?;
        append(files.summary.as_deref(), &format!("### daypass\n\nNo credential for this job: {}\n", code(&told)))
    }

    /// Says why the job cannot go on. What is returned fails without another word where the CI has been told.
    pub(crate) fn failed(&self, failure: Failure) -> Failure {
        let Self::GitHub(files) = self else { return failure };
        let told = sentence(&failure);
        let said = output::data(&github::annotation("error", TITLE, &told))
            .and_then(|()| files.outputs(false, None))
            .and_then(|()| append(files.summary.as_deref(), &format!("### daypass\n\nFailed: {}\n", code(&told))));
        match said {
            Ok(()) => Failure::new(failure.status, ""),
            Err(_) => failure,
        }
    }
}

impl Files {
    fn outputs(&self, authenticated: bool, got: Option<&Got<'_>>) -> Result<(), Failure> {
        let expires_at = got.map(|got| got.expires_at.to_string());
        let lines = [
            ("authenticated", if authenticated { "true" } else { "false" }),
            ("identity", got.map_or("", |got| got.identity)),
            ("expires-at", expires_at.as_deref().unwrap_or_default()),
            ("index-url", got.map_or("", |got| got.index_url)),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        let lines: String = lines.iter().map(|(name, value)| github::assignment(name, value)).collect();
        append(self.output.as_deref(), &lines)
    }
}

/// A failure in one line.
fn sentence(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    without_tokens(&format!("{}{hint}", failure.message))
}

/// A text as it is, in Markdown. Nothing in it can end the span: its own backticks are made quotes.
fn code(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    format!("`{}`", text.replace('`', "'").replace('|', "¦"))
}

fn exports(folder: &Path, variables: &[Variable]) -> String {
    let mut lines = format!("export PATH={}\"${{PATH:+:$PATH}}\"\n", quoted(&folder.to_string_lossy()));
    for (name, value) in variables {
        lines.extend(["export ", name, "=", &quoted(value), "\n"]);
    }
    lines
}

/// A word for any shell of POSIX's, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn append(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let written = OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| {
        // In one piece: others may be appending too.
        file.write_all(text.as_bytes())
    });
    written.map_err(|error| trouble("cannot write", path, &error))
}

/// Gives the agent a secret to strike out, on stdin.
fn redact(program: &Path, secret: &Secret) -> io::Result<()> {
    let mut agent = Command::new(program)
        .args(["redactor", "add"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let given = agent.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(secret.expose().as_bytes()));
    let status = agent.wait()?;
    given.and(if status.success() { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let hostile = "a'b\"c $(touch x) `y` \\ z";
        let lines = exports(Path::new("/job/o'ne"), &[("VALUE", hostile.to_owned())]);
        let shell = |script: &str| {
            let done = Command::new("sh").args(["-euc", script]).env("PATH", "/usr/bin:/bin").output().unwrap();
            String::from_utf8(done.stdout).unwrap()
        };
        let read = shell(&format!("{lines}printf '%s\\n' \"$PATH\" \"$VALUE\""));
        assert_eq!(read, format!("/job/o'ne:/usr/bin:/bin\n{hostile}\n"));
        assert_eq!(shell(&format!("unset PATH\n{lines}echo \"$PATH\"")), "/job/o'ne\n");
    }

    #[test]
    fn nothing_ends_a_span_of_the_summary() {
        assert_eq!(code("a`b|c\nd"), "`a'b¦c d`");
    }
}
