//! `daypass admin index`: what indexes host, and what becomes of it.

#![expect(clippy::format_push_string, reason = "what is short to read matters more here than an allocation")]

use std::io::{self, BufRead as _, IsTerminal as _};

use daypass_core::names::{IndexName, ProjectName};
use daypass_oidc::shown::shown;
use serde_json::Value;

use super::There;
use crate::{
    arguments::{
        Format,
        index::{AdminIndex, DeleteFiles, ListIndexes, SetStatus, ShowProject, Unyank, Yank},
    },
    failure::{Failure, Status},
    issuer_client::{
        indexes::{HostedProject, ListedIndex, Part},
        policy::Administration,
    },
    output,
};

/// Runs `command`.
pub(super) fn run(there: &There<'_>, command: AdminIndex) -> Result<(), Failure> {
    match command {
        AdminIndex::List(arguments) => list(there, &arguments),
        AdminIndex::Show(arguments) => show(there, &arguments),
        AdminIndex::Yank(arguments) => yank(there, &arguments),
        AdminIndex::Unyank(arguments) => unyank(there, &arguments),
        AdminIndex::Status(arguments) => status(there, &arguments),
        AdminIndex::Delete(arguments) => delete(there, &arguments),
    }
}

fn list(there: &There<'_>, arguments: &ListIndexes) -> Result<(), Failure> {
    there.with(|server| {
        for index in server.indexes()? {
            if arguments.output == Format::Json {
                output::json(&index)?;
                continue;
            }
            let index: ListedIndex = server.read(index)?;
            let sources: Vec<String> = index.sources.iter().map(|source| shown(source)).collect();
            output::data(&format!("{:<20} {}  {}\n", shown(&index.name), shown(&index.url), sources.join(", then ")))?;
        }
        Ok(())
    })
}

fn show(there: &There<'_>, arguments: &ShowProject) -> Result<(), Failure> {
    let named = Named::project(&arguments.project)?;
    there.with(|server| {
        let answer = server.project(&named.index, &named.project)?;
        if arguments.output == Format::Json {
            return output::json(&answer);
        }
        let project: HostedProject = server.read(answer)?;
        let mut text = format!("{} is {}", named.project, shown(&project.status));
        if let Some(reason) = project.reason.filter(|reason| !reason.is_empty()) {
            text.push_str(&format!(": {}", shown(&reason)));
        }
        text.push('\n');
        for file in project.files {
            let by = file.uploader.map(|by| format!(" by {}", shown(&by))).unwrap_or_default();
            text.push_str(&format!("{}  {} bytes  {}{by}", file.file, file.size, file.upload_time));
            match file.yanked.as_deref() {
                None => {}
                Some("") => text.push_str("  yanked"),
                Some(reason) => text.push_str(&format!("  yanked: {}", shown(reason))),
            }
            text.push('\n');
        }
        output::data(&text)
    })
}

fn yank(there: &There<'_>, arguments: &Yank) -> Result<(), Failure> {
    let named = Named::release(&arguments.release, arguments.file.as_deref())?;
    let done = there.with(|server| {
        named.check(server)?;
        server.yank(&named.index, &named.project, &named.part, &arguments.reason)
    })?;
    tell(&done, arguments.output, &format!("yanked {named}: installers pass it over unless it is pinned"))
}

fn unyank(there: &There<'_>, arguments: &Unyank) -> Result<(), Failure> {
    let named = Named::release(&arguments.release, arguments.file.as_deref())?;
    let done = there.with(|server| {
        named.check(server)?;
        server.unyank(&named.index, &named.project, &named.part)
    })?;
    tell(&done, arguments.output, &format!("{named} is yanked no more"))
}

fn status(there: &There<'_>, arguments: &SetStatus) -> Result<(), Failure> {
    let named = Named::project(&arguments.project)?;
    let done =
        there.with(|server| server.set_status(&named.index, &named.project, &arguments.status, &arguments.reason))?;
    tell(&done, arguments.output, &format!("{named} is {} now", arguments.status))
}

fn delete(there: &There<'_>, arguments: &DeleteFiles) -> Result<(), Failure> {
    let named = match (arguments.what.contains("=="), &arguments.file) {
        (true, file) => Named::release(&arguments.what, file.as_deref())?,
        (false, None) => Named::project(&arguments.what)?,
        (false, Some(_)) => return Err(Failure::usage("`--file` needs the version, too: `INDEX/PROJECT==VERSION`")),
    };
    if arguments.reason.trim().is_empty() {
        return Err(Failure::usage("`--reason` is empty: say why, for the audit log"));
    }
    let done = there.with(|server| {
        named.check(server)?;
        if !arguments.yes {
            confirm(&named)?;
        }
        server.delete_part(&named.index, &named.project, &named.part, &arguments.reason)
    })?;
    tell(&done, arguments.output, &format!("deleted {named}: its file names can never be used again"))
}

fn confirm(named: &Named) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("nobody is here to confirm that {named} is to be deleted"))
            .hint("`--yes` deletes without asking; `daypass admin index yank` breaks nobody's build"));
    }
    output::note(&format!("delete {named} for ever? Only `yes` does:"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::local(format!("cannot read the answer: {error}")))?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::new(Status::Nothing, "nothing was deleted")) }
}

/// JSON for programs, a sentence for people.
fn tell(done: &Value, format: Format, sentence: &str) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(done),
        Format::Text => {
            output::note(sentence);
            Ok(())
        }
    }
}

/// What a person named.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    index: IndexName,
    project: ProjectName,
    part: Part,
    /// The version that was named with a file.
    version: Option<String>,
}

impl Named {
    /// `INDEX/PROJECT`.
    fn project(text: &str) -> Result<Self, Failure> {
        let (index, project) = text.split_once('/').ok_or_else(|| {
            Failure::usage(format!("`{text}` does not name a project of an index: write `INDEX/PROJECT`"))
        })?;
        Ok(Self {
            index: index.parse().map_err(wrong)?,
            project: project.parse().map_err(wrong)?,
            part: Part::Whole,
            version: None,
        })
    }

    /// `INDEX/PROJECT==VERSION`, and perhaps a file of it.
    fn release(text: &str, file: Option<&str>) -> Result<Self, Failure> {
        let (project, version) =
            text.split_once("==").filter(|(_, version)| !version.trim().is_empty()).ok_or_else(|| {
                Failure::usage(format!("`{text}` does not name a release: write `INDEX/PROJECT==VERSION`"))
            })?;
        let named = Self::project(project)?;
        let version = version.trim().to_owned();
        match file {
            Some(file) => Ok(Self { part: Part::File(file.parse().map_err(wrong)?), version: Some(version), ..named }),
            None => Ok(Self { part: Part::Release(version), ..named }),
        }
    }

    /// Whether a file that was named with a version is of that version: who mistypes one of them must not hit another.
    fn check(&self, server: &Administration<'_>) -> Result<(), Failure> {
        let (Part::File(file), Some(version)) = (&self.part, &self.version) else { return Ok(()) };
        let there = server.find_project(&self.index, &self.project)?.map(|there| there.files).unwrap_or_default();
        let found = there.iter().find(|there| there.file == *file);
        match found {
            Some(found) if found.version == *version => Ok(()),
            Some(found) => Err(Failure::usage(format!("`{file}` belongs to version {}", shown(&found.version)))),
            None => Err(Failure::new(Status::Refused, format!("project `{}` has no file `{file}`", self.project))),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn wrong(error: daypass_core::names::InvalidName) -> Failure {
    Failure::usage(error.to_string())
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.part {
            Part::Whole => write!(f, "project `{}`", self.project),
            Part::Release(version) => write!(f, "`{}=={version}`", self.project),
            Part::File(file) => write!(f, "`{file}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_an_index_a_project_and_a_part_of_it() {
        let named = Named::release("python/Acme_Tools==1.0+local", None).unwrap();
        assert_eq!(named.to_string(), "`acme-tools==1.0+local`");
        assert_eq!(named.part, Part::Release("1.0+local".to_owned()));
        let named = Named::release("python/acme==1", Some("acme-1.tar.gz")).unwrap();
        assert_eq!(named.part, Part::File("acme-1.tar.gz".parse().unwrap()));
        assert_eq!(Named::project("python/acme").unwrap().part, Part::Whole);
        for text in ["acme", "acme==1", "python/acme", "python/acme==", "api/acme==1", "python/a b==1"] {
            assert!(Named::release(text, None).is_err(), "{text}");
        }
    }
}
