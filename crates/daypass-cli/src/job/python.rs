//! The keyring backend in the job's own Python, for tools that import it: twine, poetry, pip's `import` provider.
//!
//! What it needs besides comes from the job's index, by the credential that the job has already. A Python that does not
//! want to be written into (PEP 668), or none at all, is no failure: pip and uv need neither.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::variables::Variable;
use crate::{ambient::machine::Machine, failure::Failure, output};

/// How long an installation may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// As much of what the installer says is told.
const MOST_SAID: u64 = 64 * 1024;
/// How often it is looked after.
const PAUSE: Duration = Duration::from_millis(20);

/// Says how the Python is to be written into: `-I`, so that nothing in the current folder is run.
const LOOK: &str = "\
import importlib.util, os, sys, sysconfig
managed = sys.prefix == sys.base_prefix and os.path.exists(os.path.join(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED'))
print('managed' if managed else 'pip' if importlib.util.find_spec('pip') else 'bare')";

/// Installs `wheel` into the Python on `PATH`. What stands in the way of that, if it is no failure.
pub(crate) fn install(
    wheel: &Path,
    machine: &impl Machine,
    programs: &Path,
    variables: &[Variable],
) -> Result<Option<String>, Failure> {
    let Some(python) = machine.program("python").or_else(|| machine.program("python3")) else {
        return Ok(Some("there is no `python` on `PATH`".to_owned()));
    };
    let shown = python.display();
    let failed = |what: &str| Failure::local(format!("{what} with `{shown}`"));
    let run = |command: &mut Command| finish(command, machine, programs, variables);
    let mut look = Command::new(&python);
    look.args(["-I", "-c", LOOK]).stdout(Stdio::piped());
    let (status, said) = run(&mut look).map_err(|error| failed(&format!("cannot look at Python ({error})")))?;
    let mut installer = match said.trim() {
        _ if !status.success() => return Err(failed("Python does not run")),
        "managed" => return Ok(Some(format!("`{shown}` is externally managed (PEP 668)"))),
        "pip" => {
            let mut pip = Command::new(&python);
            pip.args(["-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"]);
            pip
        }
        _ => match machine.program("uv") {
            Some(uv) => {
                let mut uv = Command::new(uv);
                uv.args(["pip", "install", "--quiet", "--python"]).arg(&python);
                uv
            }
            None => return Ok(Some(format!("`{shown}` has no pip, and there is no uv"))),
        },
    };
    // What it says is for people: stdout may be a shell's to evaluate, and a line that a package wrote must not be a
    // command to the CI.
    let said = tempfile::tempfile().map_err(|error| failed(&format!("no temporary file ({error})")))?;
    let to = || said.try_clone().map(Stdio::from);
    let (stdout, stderr) = to().and_then(|stdout| Ok((stdout, to()?))).map_err(|error| failed(&error.to_string()))?;
    let done = run(installer.arg(wheel).stdout(stdout).stderr(stderr));
    tell(said);
    match done {
        Ok((status, _)) if status.success() => Ok(None),
        Ok(_) => Err(failed("keyrings-daypass could not be installed")
            .hint("its one requirement, `keyring`, must be in the job's index")),
        Err(error) => Err(failed(&format!("keyrings-daypass could not be installed ({error})"))),
    }
}

/// Tells people what the installer said.
fn tell(mut said: File) {
    let mut text = Vec::new();
    let read = said.rewind().and_then(|()| said.take(MOST_SAID).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text).replace("::", ": :").replace("##[", "# #[");
    if read.is_ok() && !text.trim().is_empty() {
        output::note(text.trim_end());
    }
}

/// Runs `command` in what will be the environment of later steps, and waits for it. What it wrote, where that is kept.
fn finish(
    command: &mut Command,
    machine: &impl Machine,
    programs: &Path,
    variables: &[Variable],
) -> io::Result<(ExitStatus, String)> {
    command.stdin(Stdio::null()).env("PATH", in_front(programs, machine)?);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn()?;
    let mut left = PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if left.is_zero() {
            return Err(give_up(child));
        }
        std::thread::sleep(PAUSE);
        left = left.saturating_sub(PAUSE);
    };
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(1024).read_to_string(&mut said)?;
    }
    Ok((status, said))
}

fn give_up(mut child: Child) -> io::Error {
    // It may have ended in this moment.
    let _ = child.kill();
    let _ = child.wait();
    io::Error::new(io::ErrorKind::TimedOut, "it takes longer than five minutes")
}

fn in_front(programs: &Path, machine: &impl Machine) -> io::Result<OsString> {
    let path = machine.variable("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(programs)).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(io::Error::other)
}
