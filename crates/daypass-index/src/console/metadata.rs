//! What the core metadata of a release says, as far as people want to see it.

use mailparse::MailHeaderMap as _;

use super::{
    description::Description,
    shown::{link, short},
};

/// The longest metadata that is read for a page, in bytes. What is longer is no reading matter.
pub(super) const LONGEST: usize = 1024 * 1024;

/// How many lines of one kind are shown.
const MOST: usize = 100;

/// The longest line, in characters.
const LONGEST_LINE: usize = 300;

/// The metadata of a release.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) summary: Option<String>,
    /// "Licence", "Author" and the like, and what they say.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) links: Vec<Link>,
    pub(super) needs: Vec<String>,
    pub(super) classifiers: Vec<String>,
    pub(super) description: Option<Description>,
}

/// A link that the metadata gives; without an address where it leads nowhere that is safe.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) label: String,
    pub(super) address: Option<String>,
}

/// Headers that are a fact each, and what people call them.
const FACTS: [(&str, &str); 8] = [
    ("License-Expression", "License"),
    ("License", "License"),
    ("Author", "Author"),
    ("Author-email", "Author"),
    ("Maintainer", "Maintainer"),
    ("Maintainer-email", "Maintainer"),
    ("Requires-Python", "Needs Python"),
    ("Keywords", "Keywords"),
];

impl Metadata {
    /// Reads it. What cannot be read is not shown; installers judge it by themselves.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Ok((headers, body)) = mailparse::parse_headers(bytes) else { return Self::default() };
        let all = |name: &str| {
            let values = headers.get_all_values(name);
            values
                .into_iter()
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty() && value != "UNKNOWN")
        };
        let one = |name: &str| all(name).next();
        let lines = |name: &str| all(name).take(MOST).map(|value| short(&value, LONGEST_LINE)).collect();
        let mut facts: Vec<(&'static str, String)> = Vec::new();
        for (header, label) in FACTS {
            let said = one(header).map(|value| (label, short(&value, LONGEST_LINE)));
            // Older metadata say it less well below what newer say.
            facts.extend(said.filter(|_| header != "License" || facts.iter().all(|(known, _)| *known != label)));
        }
        let text = String::from_utf8_lossy(bytes.get(body..).unwrap_or_default());
        let text = one("Description")
            .map(|text| unfolded(&text))
            .filter(|_| text.trim().is_empty())
            .unwrap_or_else(|| text.into_owned());
        let media_type = one("Description-Content-Type").unwrap_or_default();
        Self {
            summary: one("Summary").map(|value| short(&value, LONGEST_LINE)),
            facts,
            links: all("Home-page")
                .map(|url| ("Home page".to_owned(), url))
                .chain(all("Project-URL").filter_map(|text| labelled(&text)))
                .take(MOST)
                .map(Link::of)
                .collect(),
            needs: lines("Requires-Dist"),
            classifiers: lines("Classifier"),
            description: (!text.trim().is_empty()).then(|| Description::render(&text, &media_type)),
        }
    }
}

/// `label, URL`.
fn labelled(text: &str) -> Option<(String, String)> {
    let (label, url) = text.split_once(',')?;
    Some((label.trim().to_owned(), url.trim().to_owned()))
}

impl Link {
    fn of((label, url): (String, String)) -> Self {
        let address = link(&url);
        // The host beside the label: a label says what it likes.
        let shown = match address.as_ref().and_then(url::Url::host_str) {
            Some(host) => format!("{} ({host})", short(&label, 60)),
            None => format!("{}: {}", short(&label, 60), short(&url, 120)),
        };
        Self { label: shown, address: address.map(Into::into) }
    }
}

/// A description in a header has its lines marked by `       |` (core metadata 1.0).
fn unfolded(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start().strip_prefix('|').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_as_far_as_people_care() {
        let metadata = Metadata::read(
            b"Metadata-Version: 2.4\nName: acme\nVersion: 1.0\nSummary: Says hello\nLicense: old words\n\
              License-Expression: MIT\nAuthor-email: Ada <ada@example.com>\nRequires-Python: >=3.9\n\
              Requires-Dist: six\nRequires-Dist: x; extra == \"y\"\nClassifier: Topic :: A\n\
              Project-URL: Docs, https://docs.example.com/a\nProject-URL: Evil, javascript:alert(1)\n\
              Home-page: UNKNOWN\nDescription-Content-Type: text/plain\n\nHello,\n\nworld.\n",
        );
        assert_eq!(metadata.summary.as_deref(), Some("Says hello"));
        let facts: Vec<_> = metadata.facts.iter().map(|(label, value)| (*label, value.as_str())).collect();
        assert_eq!(facts, [("License", "MIT"), ("Author", "Ada <ada@example.com>"), ("Needs Python", ">=3.9")]);
        assert_eq!(metadata.needs, ["six", "x; extra == \"y\""]);
        assert_eq!(metadata.links[0].label, "Docs (docs.example.com)");
        assert_eq!(metadata.links[0].address.as_deref(), Some("https://docs.example.com/a"));
        assert_eq!(metadata.links[1], Link { label: "Evil: javascript:alert(1)".to_owned(), address: None });
        assert_eq!(metadata.links.len(), 2);
        assert!(matches!(metadata.description, Some(Description::Text { ref text, .. }) if text.contains("world.")));
    }

    #[test]
    fn what_is_no_metadata_says_nothing() {
        for bytes in [&b""[..], b"\xff\xfe\x00", b"no colon at all", b"\n\n\n"] {
            let metadata = Metadata::read(bytes);
            assert!(metadata.summary.is_none() && metadata.links.is_empty(), "{bytes:?}");
        }
        let many = format!("Requires-Dist: {}\n", "a".repeat(1000)).repeat(5000);
        let metadata = Metadata::read(many.as_bytes());
        assert_eq!(metadata.needs.len(), MOST);
        assert!(metadata.needs[0].chars().count() <= LONGEST_LINE + 1);
    }
}
