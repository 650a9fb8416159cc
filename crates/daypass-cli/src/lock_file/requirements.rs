//! A requirements file of pip in which every version is pinned.
//!
//! What is *not* here: files that it includes (they are named one by one), and everything of a requirement but its name.

use std::collections::BTreeSet;

use daypass_core::names::ProjectName;

use super::{enough, project};

/// Options of a line of its own that say nothing about which packages there are.
const OPTIONS: [&str; 12] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "--no-index",
    "-f",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--prefer-binary",
    "--require-hashes",
    "--pre",
    "--trusted-host",
];

/// Options that name something that comes from no index.
const FROM_ELSEWHERE: [&str; 2] = ["-e", "--editable"];

/// The projects that the text names.
pub(super) fn read(text: &str) -> Result<BTreeSet<ProjectName>, String> {
    let mut projects = BTreeSet::new();
    for (number, line) in lines(text) {
        let said = requirement(&line).map_err(|why| format!("line {number}: {why}"))?;
        projects.extend(said);
        enough(&projects)?;
    }
    Ok(projects)
}

/// The lines with their numbers: joined where one ends with a backslash, without comments and blanks.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (position, line) in text.lines().enumerate() {
        let line = without_comment(line);
        let (line, more) = line.trim_end().strip_suffix('\\').map_or((line, false), |line| (line, true));
        match joined.last_mut().filter(|_| goes_on) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(line);
            }
            None => joined.push((position + 1, line.to_owned())),
        }
        goes_on = more;
    }
    let trimmed = joined.into_iter().map(|(number, line)| (number, line.trim().to_owned()));
    trimmed.filter(|(_, line)| !line.is_empty()).collect()
}

/// A `#` begins a comment at the beginning of a line, or after a blank: elsewhere it is part of a URL.
fn without_comment(line: &str) -> &str {
    let begins = |(at, char): (usize, char)| {
        let after_blank = line.get(..at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
        (char == '#' && after_blank).then_some(at)
    };
    line.char_indices().find_map(begins).and_then(|at| line.get(..at)).unwrap_or(line)
}

/// The project that one line is about, if it comes from an index.
fn requirement(line: &str) -> Result<Option<ProjectName>, String> {
    if line.starts_with('-') {
        let option = line.split([' ', '=']).next().unwrap_or_default();
        return match option {
            _ if OPTIONS.contains(&option) || FROM_ELSEWHERE.contains(&option) => Ok(None),
            "-r" | "--requirement" | "-c" | "--constraint" => {
                Err(format!("`{option}` names another file; name that one with another `--lock`"))
            }
            _ => Err("the option is not known".to_owned()),
        };
    }
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let name = project(name)?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        None => rest,
        Some(extras) => extras.split_once(']').ok_or("the extras have no end")?.1.trim_start(),
    };
    // PEP 508: a requirement with a URL of its own.
    if rest.starts_with('@') {
        return Ok(None);
    }
    if !rest.trim_start_matches('(').trim_start().starts_with("==") {
        return Err(format!("`{name}` is not pinned with `==`; only a lock file names all that an install needs"));
    }
    Ok(Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: &str = "\
# made by a tool
--index-url https://packages.example.com/python/simple/
--require-hashes

Acme_Hello[fast,more]==1.0 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb  # via something
requests == 2.32.0 ; python_version >= \"3.9\"  --hash=sha256:cccc
old.name (==1.0)
odd===1.0-made-up
here @ file:///srv/here
there @ https://files.example.com/there-1.0-py3-none-any.whl#sha256=dddd
-e ./mine
requests==2.32.0
";

    #[test]
    fn the_names_of_all_pinned_requirements_are_read_once_and_normalized() {
        let names: Vec<_> = read(LOCKED).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["acme-hello", "odd", "old-name", "requests"]);
        assert!(read("\n# nothing\n").unwrap().is_empty());
        assert_eq!(read("a==1\r\nb==2\r\n").unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_pinned_or_not_understood_is_refused_with_its_line() {
        for (line, why) in [
            ("requests", "`requests` is not pinned with `==`"),
            ("requests>=2", "`requests` is not pinned with `==`"),
            ("requests=2", "`requests` is not pinned with `==`"),
            ("requests[x", "the extras have no end"),
            ("-r other.txt", "`-r` names another file"),
            ("--constraint=c.txt", "`--constraint` names another file"),
            ("--made-up", "the option is not known"),
            ("https://files.example.com/x.whl", "`https` is not pinned with `==`"),
            ("./x.whl", "`.` is not a valid project name"),
            ("*==1", "`` is not a valid project name"),
            ("eyJ\u{e4}==1", "`eyj` is not pinned"),
        ] {
            let error = read(&format!("a==1\n\n{line}\n")).unwrap_err();
            assert!(error.starts_with(&format!("line 3: {why}")), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_that_goes_on_is_one_line() {
        let lines = lines("a \\\n b\n#c \\\nd");
        assert_eq!(lines, [(1, "a   b".to_owned()), (4, "d".to_owned())]);
    }
}
