//! Links within a tar archive: they may lead anywhere within their top folder, and nowhere else.

use std::collections::HashSet;

use super::{Entry, What};
use crate::archive::{Fault, NotADistribution, entry_name, fault::entry as refuse};

/// The longest target, in bytes.
pub(super) const LONGEST: usize = 1024;

/// Checks where all links lead, and that nothing is unpacked through one.
pub(super) fn check(entries: &[Entry], names: &HashSet<&str>) -> Result<(), NotADistribution> {
    let mut links = HashSet::new();
    let mut files = HashSet::new();
    for entry in entries {
        let leaves = || refuse(&entry.name, Fault::LinkLeaves);
        match &entry.what {
            What::File(_) => {
                files.insert(entry.name.as_str());
            }
            What::Folder => {}
            What::HardLink(target) => {
                // It must be there already, or it would be a link to what is on the disk.
                if !files.contains(target.as_str()) || entry_name::fault(target).is_some() {
                    return Err(leaves());
                }
                files.insert(entry.name.as_str());
            }
            What::SymbolicLink(target) => {
                if !stays(&entry.name, target) {
                    return Err(leaves());
                }
                links.insert(entry.name.as_str());
            }
        }
    }
    if links.is_empty() {
        return Ok(());
    }
    for name in names {
        let mut above = name.trim_end_matches('/');
        while let Some((parent, _)) = above.rsplit_once('/') {
            if links.contains(parent) {
                return Err(refuse(name, Fault::UnderFile));
            }
            above = parent;
        }
    }
    // A link to a link could leave step by step: `a -> b/..` is in the folder only where `b` is a folder.
    for entry in entries {
        if let What::SymbolicLink(target) = &entry.what
            && passes_through(&entry.name, target, &links)
        {
            return Err(refuse(&entry.name, Fault::LinkLeaves));
        }
    }
    Ok(())
}

/// Whether the target, seen from the link, is in the archive's top folder.
fn stays(name: &str, target: &str) -> bool {
    if target.is_empty() || target.len() > LONGEST || target.contains('\\') || target.chars().any(char::is_control) {
        return false;
    }
    if target.starts_with('/') || matches!(target.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return false;
    }
    resolve(name, target).is_some_and(|path| !path.is_empty())
}

/// The target's parts from the archive's root on; `None` where it climbs out on the way.
fn resolve<'a>(name: &'a str, target: &'a str) -> Option<Vec<&'a str>> {
    let mut path: Vec<&str> = name.split('/').collect();
    path.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop()?;
                if path.is_empty() {
                    return None;
                }
            }
            part => path.push(part),
        }
    }
    Some(path)
}

/// Whether a step of the way to the target is itself a link that is followed by more steps.
fn passes_through(name: &str, target: &str, links: &HashSet<&str>) -> bool {
    let mut path: Vec<&str> = name.split('/').collect();
    path.pop();
    let parts: Vec<&str> = target.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for (number, part) in parts.iter().enumerate() {
        match *part {
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
        if number + 1 < parts.len() && links.contains(path.join("/").as_str()) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_below_the_top_folder() {
        for target in ["b", "../a/b", "./b", "c/../b", "../x"] {
            assert!(stays("top/a/link", target), "{target}");
        }
        for target in
            ["", "/etc/passwd", "../..", "../../x", "../../../x", "c/../../../x", "C:\\x", "C:x", "a\\b", "a\0"]
        {
            assert!(!stays("top/a/link", target), "{target}");
        }
        assert!(!stays("top/link", ".."));
    }
}
