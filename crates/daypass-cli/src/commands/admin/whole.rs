//! `daypass admin plan` and `apply`: all that is stored, as files in git say.

use std::{
    fs,
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use daypass_core::policy::Objects;
use serde_json::{Map, Value};

use super::{There, shown};
use crate::{
    arguments::{Apply, Format, Plan},
    failure::Failure,
    issuer_client::policy::Planned,
    output,
    private_folder::trouble,
};

/// The largest policy file that is read, in bytes.
const LARGEST_FILE: u64 = 8 * 1024 * 1024;

/// Shows what would change, and fails without a word when something would.
pub(super) fn plan(there: &There<'_>, arguments: &Plan) -> Result<(), Failure> {
    let wanted = read(&arguments.file)?;
    let planned: Planned = there.with(|server| {
        let answer = server.plan(&wanted)?;
        if arguments.output == Format::Json {
            output::json(&answer)?;
        }
        server.read(answer)
    })?;
    if arguments.output == Format::Text {
        tell(&planned)?;
    }
    if planned.changes.is_empty() { Ok(()) } else { Err(Failure::silent()) }
}

/// Changes it, once it was seen.
pub(super) fn apply(there: &There<'_>, arguments: &Apply) -> Result<(), Failure> {
    let wanted = read(&arguments.file)?;
    there.with(|server| {
        let planned: Planned = server.read(server.plan(&wanted)?)?;
        if arguments.output == Format::Text {
            tell(&planned)?;
        }
        if !planned.changes.is_empty() && !arguments.yes {
            if arguments.output == Format::Json {
                // stdout is a program's, but whoever is asked must see what.
                output::note(&shown_plan(&planned));
                tell_findings(&planned);
            }
            confirm()?;
        }
        let answer = server.apply(&wanted, planned.version, arguments.allow_broad)?;
        match arguments.output {
            Format::Json => output::json(&answer),
            Format::Text if planned.changes.is_empty() => Ok(()),
            Format::Text => {
                let applied: Planned = server.read(answer)?;
                output::note(&format!("applied: the policy is at version {}", applied.version));
                Ok(())
            }
        }
    })
}

/// The plan for people, on stdout; what is too broad in it on stderr.
fn tell(planned: &Planned) -> Result<(), Failure> {
    output::data(&format!("{}\n", shown_plan(planned)))?;
    tell_findings(planned);
    Ok(())
}

fn shown_plan(planned: &Planned) -> String {
    let mut text: String = planned.changes.iter().map(shown::change).collect();
    text.push_str(&shown::sum(&planned.changes));
    text
}

fn tell_findings(planned: &Planned) {
    for finding in &planned.findings {
        output::warn(&shown::finding(finding));
    }
}

fn confirm() -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage("nobody is here to confirm the plan").hint("`--yes` applies it without asking"));
    }
    output::note("apply it? Only `yes` does:");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::local(format!("cannot read the answer: {error}")))?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Failure::new(crate::failure::Status::Nothing, "nothing was changed"))
    }
}

/// All files as one document, in the form of the policy file.
fn read(paths: &[PathBuf]) -> Result<Value, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = fs::read_dir(path).map_err(|error| trouble("cannot read", path, &error))?;
            let mut toml = policies(found.map(|entry| entry.map(|entry| entry.path())))
                .map_err(|error| trouble("cannot read", path, &error))?;
            if toml.is_empty() {
                return Err(Failure::local(format!("the folder `{}` has no `.toml` files", path.display()))
                    .hint("an empty file says that nothing is to be stored"));
            }
            toml.sort();
            files.append(&mut toml);
        } else {
            files.push(path.clone());
        }
    }
    let mut all = Map::new();
    for path in &files {
        for (kind, bodies) in read_file(path)? {
            match (all.entry(kind).or_insert_with(|| Value::Array(Vec::new())), bodies) {
                (Value::Array(all), Value::Array(mut bodies)) => all.append(&mut bodies),
                (place, other) => *place = other,
            }
        }
    }
    let all = Value::from(all);
    // Everything that can be told without the server is told without it; the names of roles are made here, too.
    Objects::read(&all).map(|objects| objects.to_json()).map_err(|error| Failure::local(format!("the policy: {error}")))
}

/// The policy files among what is in a folder. One that cannot be read is an error: what it says would be deleted.
fn policies(found: impl Iterator<Item = io::Result<PathBuf>>) -> io::Result<Vec<PathBuf>> {
    let is_policy = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "toml");
    found.filter(|path| path.as_ref().map_or(true, is_policy)).collect()
}

fn read_file(path: &Path) -> Result<Map<String, Value>, Failure> {
    let size = fs::metadata(path).map_err(|error| trouble("cannot read", path, &error))?.len();
    if size > LARGEST_FILE {
        return Err(Failure::local(format!("`{}` is larger than 8 MiB", path.display())));
    }
    let text = fs::read_to_string(path).map_err(|error| trouble("cannot read", path, &error))?;
    let senseless = |error: String| Failure::local(format!("policy `{}`: {}", path.display(), error.trim_end()));
    let value: Value = toml::from_str(&text).map_err(|error| senseless(error.to_string()))?;
    Objects::read(&value).map_err(|error| senseless(error.to_string()))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_in_a_folder_is_not_taken_for_absent() {
        let found = || [Ok("a.toml".into()), Ok("README.md".into()), Ok("b.toml".into())].into_iter();
        assert_eq!(policies(found()).unwrap(), [PathBuf::from("a.toml"), "b.toml".into()]);
        assert!(policies(found().chain([Err(io::ErrorKind::PermissionDenied.into())])).is_err());
    }
}
