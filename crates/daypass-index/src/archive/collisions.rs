//! Names that become one file on some systems.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::{
    Fault, NotADistribution,
    fault::{Named, entry},
};

/// How strictly names are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apart {
    /// Neither by case nor by Unicode form: what is unpacked must be the same everywhere.
    Loosely,
    /// By every byte. Source trees of people who never saw another system have `README` beside `readme`.
    Exactly,
}

/// Refuses names that come twice or collide, and files that others take for a folder. Folders end with a slash.
pub(super) fn check<'a>(names: impl Iterator<Item = &'a str> + Clone, apart: Apart) -> Result<(), NotADistribution> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names.clone() {
        let Some(other) = seen.insert(key(name, apart), name) else { continue };
        if other == name {
            // A folder may be named twice in a tar archive; in a zip archive that was found out before.
            if name.ends_with('/') && apart == Apart::Exactly {
                continue;
            }
            return Err(entry(name, Fault::Twice));
        }
        return Err(NotADistribution::Collision(Named::new(other), Named::new(name)));
    }
    for name in names {
        let key = key(name, apart);
        let mut above = key.as_str();
        while let Some((parent, _)) = above.rsplit_once('/') {
            if seen.get(parent).is_some_and(|found| !found.ends_with('/')) {
                return Err(entry(name, Fault::UnderFile));
            }
            above = parent;
        }
    }
    Ok(())
}

fn key(name: &str, apart: Apart) -> String {
    let name = name.strip_suffix('/').unwrap_or(name);
    match apart {
        Apart::Exactly => name.to_owned(),
        Apart::Loosely if name.is_ascii() => name.to_ascii_lowercase(),
        Apart::Loosely => name.nfc().flat_map(char::to_lowercase).nfc().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(names: &[&str], apart: Apart) -> Option<String> {
        check(names.iter().copied(), apart).err().map(|error| error.to_string())
    }

    #[test]
    fn different_names_pass() {
        let names = ["a/", "a/b", "a/c/d", "ab", "ä", "ö"];
        assert_eq!(refused(&names, Apart::Loosely), None);
        assert_eq!(refused(&["a", "A", "x/", "x/"], Apart::Exactly), None);
    }

    #[test]
    fn what_is_one_file_somewhere_does_not() {
        for names in [
            &["a", "a"][..],
            &["a/", "a/"],
            &["a", "A"],
            &["\u{e4}", "a\u{308}"],
            &["\u{c4}", "a\u{308}"],
            &["a", "a/"],
            &["a", "a/b"],
            &["A", "a/b/c"],
        ] {
            assert!(refused(names, Apart::Loosely).is_some(), "{names:?}");
        }
        for names in [&["a", "a"][..], &["a", "a/"], &["a", "a/b"]] {
            assert!(refused(names, Apart::Exactly).is_some(), "{names:?}");
        }
    }
}
