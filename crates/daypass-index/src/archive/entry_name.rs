//! Which names the entries of an archive may have.

use super::{Fault, NotADistribution, fault::Named};

/// The longest name of an entry, in bytes.
const LONGEST: usize = 1024;

/// The name as text, if unpacking it is harmless everywhere. A folder's ends with a slash.
pub(super) fn read(name: &[u8]) -> Result<&str, NotADistribution> {
    let refuse = |fault| NotADistribution::Entry(Named::of_bytes(name), fault);
    if name.is_empty() || name.len() > LONGEST {
        return Err(refuse(Fault::NameLength));
    }
    let text = std::str::from_utf8(name).map_err(|_| refuse(Fault::NameCoding))?;
    fault(text).map_or(Ok(text), |fault| Err(refuse(fault)))
}

/// What is wrong with a path within an archive.
pub(super) fn fault(path: &str) -> Option<Fault> {
    if path.chars().any(char::is_control) {
        return Some(Fault::NameControl);
    }
    if path.contains('\\') {
        return Some(Fault::NameBackslash);
    }
    // A drive, as Windows has them.
    let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if path.starts_with('/') || drive {
        return Some(Fault::NameAbsolute);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').any(|part| matches!(part, "" | "." | "..")).then_some(Fault::NameParts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_names_pass() {
        for name in ["a", "a/b.py", "a/", "a/b/", "ä/€.txt", "a b", "...", "a..b/..c", "ab:c"] {
            assert_eq!(read(name.as_bytes()).unwrap(), name);
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_do_not() {
        let long = "a".repeat(1025);
        for (name, fault) in [
            ("", Fault::NameLength),
            (&*long, Fault::NameLength),
            ("a\0", Fault::NameControl),
            ("a\n", Fault::NameControl),
            ("a\u{7f}", Fault::NameControl),
            ("a\u{85}", Fault::NameControl),
            ("a\\b", Fault::NameBackslash),
            ("/a", Fault::NameAbsolute),
            ("/", Fault::NameAbsolute),
            ("C:a", Fault::NameAbsolute),
            ("..", Fault::NameParts),
            ("a/../b", Fault::NameParts),
            ("./a", Fault::NameParts),
            ("a//b", Fault::NameParts),
            ("a//", Fault::NameParts),
        ] {
            let refused = read(name.as_bytes()).unwrap_err();
            assert!(matches!(refused, NotADistribution::Entry(_, found) if found == fault), "{name}: {refused}");
        }
        assert!(matches!(read(b"\xff"), Err(NotADistribution::Entry(_, Fault::NameCoding))));
    }
}
