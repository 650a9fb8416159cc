//! `entry_points.txt`: which commands an installer makes (the entry points specification).
//!
//! A command is a file that an installer writes into a folder of programs, under a name from here.

use std::collections::HashSet;

use super::NotADistribution;

/// Checks that all programs read the same from it, and that no command is a path.
pub(super) fn check(text: &[u8]) -> Result<(), NotADistribution> {
    let refuse = |line, why| Err(NotADistribution::EntryPoints { line, why });
    let Ok(text) = std::str::from_utf8(text) else { return refuse(1, "is not UTF-8") };
    let (mut groups, mut names) = (HashSet::new(), HashSet::new());
    let mut group = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.chars().any(|char| char.is_control() && char != '\t') {
            return refuse(number, "has a control character");
        }
        if line.starts_with([' ', '\t']) {
            // INI files let values go on so. Not every installer does.
            return refuse(number, "begins with a space");
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']').filter(|name| !name.is_empty()) else {
                return refuse(number, "is no group");
            };
            if !groups.insert(name) {
                return refuse(number, "begins a group for the second time");
            }
            group = Some(name);
            names.clear();
            continue;
        }
        let Some(group) = group else { return refuse(number, "stands before any group") };
        let Some((name, value)) = trimmed.split_once('=') else { return refuse(number, "has no `=`") };
        let (name, value) = (name.trim(), value.trim());
        if !names.insert(name) {
            return refuse(number, "names an entry point for the second time");
        }
        if name.is_empty() || value.is_empty() {
            return refuse(number, "lacks a name or an object");
        }
        let is_command = matches!(group, "console_scripts" | "gui_scripts");
        let good = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
        if is_command && (!name.chars().all(good) || matches!(name, "." | "..")) {
            return refuse(number, "names a command that is a path or has strange characters");
        }
        if is_command && !is_object(value) {
            return refuse(number, "gives a command no `module:function`");
        }
    }
    Ok(())
}

/// `module.path:object.path`, with extras in brackets behind it (which are obsolete, but still written).
fn is_object(value: &str) -> bool {
    let reference = value.split_once('[').map_or(value, |(reference, _)| reference).trim();
    let (module, object) =
        reference.split_once(':').map_or((reference, None), |(module, object)| (module, Some(object)));
    let is_path = |path: &str| {
        path.trim()
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(|char| char.is_alphanumeric() || char == '_'))
    };
    is_path(module) && object.is_none_or(is_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builders_write_passes() {
        let text = "[console_scripts]\nacme = acme.cli:main\nacme-2.x=acme:Cli.run [extra]\n\n; comment\n[acme.plugins]\na b = anything ~ at all\n";
        assert!(check(text.as_bytes()).is_ok());
        assert!(check(b"").is_ok());
    }

    #[test]
    fn what_could_write_elsewhere_or_reads_two_ways_does_not() {
        for text in [
            "a = b:c\n",
            "[console_scripts\na = b:c\n",
            "[]\n",
            "[console_scripts]\n../../bin/sh = a:b\n",
            "[console_scripts]\n.. = a:b\n",
            "[gui_scripts]\na/b = a:b\n",
            "[console_scripts]\na = b:c\na = b:d\n",
            "[a]\n[a]\n",
            "[console_scripts]\na\n",
            "[console_scripts]\na =\n",
            "[console_scripts]\na = b:c; import os\n",
            "[console_scripts]\na = b:c\n evil = d\n",
            "[console_scripts]\na\0 = b:c\n",
        ] {
            assert!(matches!(check(text.as_bytes()), Err(NotADistribution::EntryPoints { .. })), "{text}");
        }
        assert!(check(b"\xff").is_err());
    }
}
