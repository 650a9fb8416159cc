//! Requirements (PEP 508): whether a text is one.
//!
//! Not with a library: the ones there are keep every marker they ever read in memory for good, and simplify it, which
//! takes a time that grows with the power of its length. Here a stranger chooses the text, and the only question is
//! whether it can be read.

use pep440_rs::VersionSpecifiers;

/// The longest requirement, in bytes.
const LONGEST: usize = 8 * 1024;

/// How deep the parentheses of a marker may be nested.
const DEEPEST: usize = 32;

/// Whether a text is a requirement: a name, extras, versions or a URL, and a marker.
pub(super) fn is_requirement(text: &str) -> bool {
    text.len() <= LONGEST && requirement(text).is_some()
}

/// Whether a text is a name of a project or an extra.
pub(super) fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 128 && bytes.iter().all(|byte| good(*byte)) && ends_well(bytes.first()) && ends_well(bytes.last())
}

fn requirement(text: &str) -> Option<()> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '-' | '_' | '.'));
    let (name, mut rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    check(is_name(name))?;
    rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        let (extras, behind) = extras.split_once(']')?;
        check(extras.trim().is_empty() || extras.split(',').all(|extra| is_name(extra.trim())))?;
        rest = behind.trim_start();
    }
    if let Some(url) = rest.strip_prefix('@') {
        // A marker needs a space before its semicolon here, since URLs may have some.
        let (url, marker) = url.split_once(" ;").map_or((url, None), |(url, marker)| (url, Some(marker)));
        let url = url.trim();
        check(!url.contains(char::is_whitespace) && url::Url::parse(url).is_ok())?;
        return marker.map_or(Some(()), Marker::read);
    }
    let (versions, marker) = rest.split_once(';').map_or((rest, None), |(versions, marker)| (versions, Some(marker)));
    let versions = versions.trim();
    let bare = versions.strip_prefix('(').map_or(Some(versions), |inner| inner.strip_suffix(')'))?.trim();
    // Builders of old times left a comma at the end.
    let bare = bare.strip_suffix(',').unwrap_or(bare);
    check(bare.is_empty() || bare.parse::<VersionSpecifiers>().is_ok())?;
    marker.map_or(Some(()), Marker::read)
}

fn check(holds: bool) -> Option<()> {
    holds.then_some(())
}

/// A marker that is being read (PEP 508, the grammar's `marker_or`).
struct Marker<'a> {
    rest: &'a str,
    depth: usize,
}

/// The variables of markers, with the older spellings of some, and PEP 751's two.
const VARIABLES: [&str; 20] = [
    "python_version",
    "python_full_version",
    "os_name",
    "os.name",
    "sys_platform",
    "sys.platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform.version",
    "platform_machine",
    "platform.machine",
    "platform_python_implementation",
    "platform.python_implementation",
    "python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
];

impl<'a> Marker<'a> {
    fn read(text: &'a str) -> Option<()> {
        let mut marker = Self { rest: text, depth: 0 };
        marker.any()?;
        check(marker.rest.trim().is_empty())
    }

    /// Terms with `and` or `or` between. Which binds tighter does not matter to the question.
    fn any(&mut self) -> Option<()> {
        loop {
            self.term()?;
            if !self.word("and") && !self.word("or") {
                return Some(());
            }
        }
    }

    fn term(&mut self) -> Option<()> {
        if let Some(behind) = self.rest.trim_start().strip_prefix('(') {
            self.depth += 1;
            check(self.depth <= DEEPEST)?;
            self.rest = behind;
            self.any()?;
            self.rest = self.rest.trim_start().strip_prefix(')')?;
            self.depth -= 1;
            return Some(());
        }
        self.value()?;
        let operators = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];
        let rest = self.rest.trim_start();
        if let Some(behind) = operators.iter().find_map(|operator| rest.strip_prefix(operator)) {
            self.rest = behind;
        } else if !self.word("in") {
            check(self.word("not") && self.word("in"))?;
        }
        self.value()
    }

    fn value(&mut self) -> Option<()> {
        let rest = self.rest.trim_start();
        if let Some(quote @ ('\'' | '"')) = rest.chars().next() {
            let (_, behind) = rest.get(1..)?.split_once(quote)?;
            self.rest = behind;
            return Some(());
        }
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '_' | '.'));
        let (word, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        self.rest = behind;
        check(VARIABLES.contains(&word))
    }

    /// Takes a word, if it is next.
    fn word(&mut self, word: &str) -> bool {
        let behind = self.rest.trim_start().strip_prefix(word);
        let behind =
            behind.filter(|behind| !behind.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_'));
        behind.inspect(|behind| self.rest = behind).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pep_508_shows_passes() {
        for text in [
            "A",
            "A.B-C_D",
            "aa",
            "name",
            "name<=1",
            "name>=3",
            "name>=3,<2",
            "name (>=3)",
            "name (>=3,)",
            "name@http://foo.com",
            "name [fred,bar] @ http://foo.com ; python_version=='2.7'",
            "name[quux, strange];python_version<'2.7' and platform_version=='2'",
            "name; os_name=='a' or os_name=='b'",
            "name; os_name=='a' and os_name=='b' or os_name=='c'",
            "name; os_name=='a' and (os_name=='b' or os_name=='c')",
            "name; 'linux' in sys_platform and 'x' not in os_name",
            "name[]",
            "acme-base~=1.0; extra == \"dev\"",
            "pip @ file:///localbuilds/pip-1.3.1.zip",
            "x==1.*",
            "x===1.0",
        ] {
            assert!(is_requirement(text), "{text}");
        }
    }

    #[test]
    fn other_texts_do_not() {
        let deep = format!("x; {}os_name=='a'{}", "(".repeat(100), ")".repeat(100));
        let long = "a".repeat(9000);
        for text in [
            "",
            "-a",
            "name name2",
            "name[",
            "name[a b]",
            "name>>1",
            "name>=3 <2",
            "name >= foo",
            "name (>=3",
            "name @",
            "name @ not a url",
            "name; ",
            "name; foo == 'a'",
            "name; os_name",
            "name; os_name == a",
            "name; os_name == 'a",
            "name; os_name == 'a' and",
            "name; (os_name == 'a'",
            "name; os_name == 'a')",
            "name; os_name not 'a'",
            &deep,
            &long,
        ] {
            assert!(!is_requirement(text), "{text}");
        }
    }
}
