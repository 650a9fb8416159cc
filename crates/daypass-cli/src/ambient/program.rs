//! Asking a provider's own program, within limits.
//!
//! Nothing secret is among the arguments. What the program writes to stderr is told where it fails, shortened.

use std::{io, path::Path, process::Stdio, time::Duration};

use daypass_core::secret::Secret;
use daypass_oidc::shown::shown;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

use crate::{
    failure::{Failure, Status},
    identity_token::LONGEST,
    issuer_client::run,
};

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What `program`, which was found there, writes to stdout when it is called with `arguments`, without white space around
/// it.
pub(super) fn output(program: &Path, arguments: &[&str]) -> Result<Secret, Failure> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let failure = |status, why: &str| Failure::new(status, format!("`{name}` gives no identity token: {why}"));
    let done = run(async { timeout(PATIENCE, call(program, arguments)).await })?;
    let done = done.map_err(|_| failure(Status::Unreachable, "it takes longer than 15 seconds"))?;
    let done = done.map_err(|error| failure(Status::SignInNeeded, &error.to_string()))?;
    if !done.success {
        let said = shown(String::from_utf8_lossy(&done.stderr).trim());
        let why = if said.is_empty() { "it fails without a word" } else { &said };
        return Err(failure(Status::SignInNeeded, why));
    }
    let text = String::from_utf8(done.stdout).map_err(|_| failure(Status::SignInNeeded, "what it says is not text"))?;
    let whole = Secret::new(text);
    Ok(Secret::new(whole.expose().trim()))
}

struct Done {
    success: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn call(program: &Path, arguments: &[&str]) -> io::Result<Done> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = tokio::join!(bounded(stdout), bounded(stderr), child.wait());
    Ok(Done { success: status?.success(), stdout: stdout?, stderr: stderr? })
}

/// The beginning of what comes; the rest is read and dropped, so that the program can end.
async fn bounded(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(LONGEST + 1).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_taken_whole_and_bounded() {
        assert_eq!(output(Path::new("printf"), &["a b\n"]).unwrap(), Secret::new("a b"));
        let long = output(Path::new("head"), &["-c", "300000", "/dev/zero"]).unwrap();
        assert_eq!(long.expose().len() as u64, LONGEST + 1);
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_gives_nothing() {
        for (program, arguments, why) in [
            ("sh", &["-c", "echo 'no such job' >&2; exit 1"][..], "no such job"),
            ("false", &[], "without a word"),
            ("no-such-program-of-anybody", &[], "No such file"),
        ] {
            let failure = output(Path::new(program), arguments).unwrap_err();
            assert_eq!(failure.status, Status::SignInNeeded);
            assert!(failure.message.contains(why), "{failure}");
        }
    }
}
