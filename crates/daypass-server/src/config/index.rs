//! `[[index]]`: where the projects of an index come from, and what of them it shows.

use std::path::{Path, PathBuf};

use daypass_core::{
    Timestamp,
    grant::ProjectPattern,
    names::{IndexName, ProjectName},
};
use daypass_index::{
    Deletion, IndexSpec, Namespace, Namespaces, SourceSpec, View, options::MAX_FILE_SIZE, package_policy::LivePolicy,
};
use serde::Deserialize;
use url::Url;

use super::{
    byte_size::ByteSize,
    upstream::{WrittenUpstream, check_upstream, environment},
};
use crate::failure::Failure;

/// One index, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenIndex {
    name: IndexName,
    /// The short form of `sources = ["hosted", { upstream = … }]`.
    upstream: Option<Url>,
    sources: Option<Vec<WrittenSource>>,
    #[serde(default)]
    reserved: Vec<ProjectPattern>,
    #[serde(default)]
    view: WrittenView,
    /// When hosted files may be deleted: `never`, `always`, or within a time of their upload.
    delete: Option<String>,
    /// The longest file that may be uploaded.
    max_file_size: Option<ByteSize>,
    /// PEP 752.
    #[serde(default)]
    namespaces: Vec<WrittenNamespace>,
    /// The file with the rules of which files may be pulled.
    package_policy: Option<PathBuf>,
}

/// `{ name = "acme", owner = "the tools team" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNamespace {
    name: ProjectName,
    owner: Option<String>,
}

/// One source, as it is written.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenSource {
    /// `"hosted"`
    Hosted(HostedWord),
    /// `{ index = "base" }`
    Index(WrittenOther),
    /// `{ upstream = "https://…" }`
    Upstream(Box<WrittenUpstream>),
}

#[derive(Debug, Deserialize)]
enum HostedWord {
    #[serde(rename = "hosted")]
    Hosted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOther {
    index: IndexName,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenView {
    projects: Option<Vec<ProjectPattern>>,
    before: Option<Timestamp>,
}

/// The package policy files that are named, by index; relative to `base`.
pub(super) fn package_policies(written: &[WrittenIndex], base: &Path) -> Vec<(IndexName, PathBuf)> {
    let named = |index: &WrittenIndex| Some((index.name.clone(), base.join(index.package_policy.as_ref()?)));
    written.iter().filter_map(named).collect()
}

/// The indexes as they are written, checked; their files are relative to `base`, and `upstream` is the flag's.
pub(super) fn indexes(
    written: Vec<WrittenIndex>,
    base: &Path,
    upstream: Option<Url>,
) -> Result<Vec<IndexSpec>, Failure> {
    let mut indexes: Vec<IndexSpec> = Vec::new();
    for written in written {
        let spec = written.check(base, &indexes)?;
        indexes.push(spec);
    }
    let python = || "python".parse::<IndexName>().map_err(Failure::other);
    if indexes.is_empty() {
        indexes.push(IndexSpec::simple(python()?, None));
    }
    if let Some(upstream) = upstream {
        let (python, upstream) = (python()?, check_upstream(upstream)?);
        match indexes.iter_mut().find(|index| index.name == python) {
            Some(index) => {
                index.sources.retain(|source| !matches!(source, SourceSpec::Upstream(_)));
                index.sources.push(SourceSpec::Upstream(upstream.into()));
            }
            None => indexes.push(IndexSpec::simple(python, Some(upstream))),
        }
    }
    Ok(indexes)
}

/// Whether a source, or one that it is made of, is such.
fn reaches(before: &[IndexSpec], source: &SourceSpec, is: &dyn Fn(&SourceSpec) -> bool) -> bool {
    let behind = |name: &IndexName| before.iter().find(|index| index.name == *name);
    is(source)
        || matches!(source, SourceSpec::Index(name) if behind(name)
            .is_some_and(|index| index.sources.iter().any(|source| reaches(before, source, is))))
}

/// Whether a source hosts projects that its view, or one behind it, leaves out.
fn hides(before: &[IndexSpec], source: &SourceSpec) -> bool {
    let SourceSpec::Index(name) = source else { return false };
    let Some(index) = before.iter().find(|index| index.name == *name) else { return false };
    let narrows = index.view.only.is_some() && reaches(before, source, &is_hosted);
    narrows || index.sources.iter().any(|source| hides(before, source))
}

fn is_hosted(source: &SourceSpec) -> bool {
    *source == SourceSpec::Hosted
}

fn is_upstream(source: &SourceSpec) -> bool {
    matches!(source, SourceSpec::Upstream(_))
}

impl WrittenIndex {
    /// `before` are the indexes that are written above this one: only they may be among its sources, so that there is
    /// no circle.
    fn check(self, base: &Path, before: &[IndexSpec]) -> Result<IndexSpec, Failure> {
        let Self { name, upstream, sources, reserved, view, delete, namespaces, max_file_size, package_policy: _ } =
            self;
        let bad = |what: String| Failure::configuration(format!("the index `{name}` {what}"));
        if before.iter().any(|index| index.name == name) {
            return Err(bad("is defined twice".to_owned()));
        }
        if upstream.is_some() && sources.is_some() {
            return Err(bad("has both `upstream` and `sources`: put the upstream among the sources".to_owned()));
        }
        let short = || {
            let upstream = upstream.map(|upstream| WrittenSource::Upstream(Box::new(upstream.into())));
            std::iter::once(WrittenSource::Hosted(HostedWord::Hosted)).chain(upstream).collect()
        };
        let written = sources.unwrap_or_else(short);
        if written.is_empty() {
            return Err(bad("has no sources".to_owned()));
        }
        let mut sources = Vec::new();
        for source in written {
            let source = match source {
                WrittenSource::Hosted(HostedWord::Hosted) => SourceSpec::Hosted,
                WrittenSource::Index(WrittenOther { index }) => {
                    if !before.iter().any(|other| other.name == index) {
                        return Err(bad(format!("has the source `{index}`, which is not an index defined above it")));
                    }
                    SourceSpec::Index(index)
                }
                WrittenSource::Upstream(upstream) => SourceSpec::Upstream(upstream.check(base, &environment)?),
            };
            if sources.contains(&source) {
                return Err(bad("has the same source twice".to_owned()));
            }
            // Promise 8: an upstream would be asked for private names first.
            let leads_out = |source: &SourceSpec| reaches(before, source, &is_upstream);
            if reaches(before, &source, &is_hosted) && sources.iter().any(leads_out) {
                return Err(bad(
                    "has hosted projects behind an upstream, which would be asked for their names first: \
                                put whatever hosts projects before it"
                        .to_owned(),
                ));
            }
            if is_upstream(&source) && sources.iter().any(|source| hides(before, source)) {
                return Err(bad("has an upstream behind a view that leaves hosted projects out, and would ask for \
                                their names: put the upstream behind another index"
                    .to_owned()));
            }
            sources.push(source);
        }
        let deletion = delete.map(|text| text.parse::<Deletion>()).transpose();
        let deletion = deletion.map_err(|error| bad(format!("has a wrong `delete`: {error}")))?.unwrap_or_default();
        let namespaces =
            namespaces.into_iter().map(|WrittenNamespace { name, owner }| Namespace { name, owner }).collect();
        let namespaces = Namespaces::new(namespaces).map_err(|error| bad(format!("makes no sense: {error}")))?;
        let view = View { only: view.projects, before: view.before };
        Ok(IndexSpec {
            name,
            sources,
            reserved,
            view,
            deletion,
            namespaces,
            max_file_size: max_file_size.map_or(MAX_FILE_SIZE, ByteSize::bytes),
            // What the policy file says comes in later, and again whenever it changes.
            policy: LivePolicy::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        index: Vec<WrittenIndex>,
    }

    fn read(text: &str) -> Result<Vec<IndexSpec>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        indexes(file.index, Path::new(""), None).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_short_form_is_hosted_first_and_then_upstream() {
        let short = read("[[index]]\nname = \"a\"\nupstream = \"https://m.example.com/simple\"").unwrap();
        let long =
            read("[[index]]\nname = \"a\"\nsources = [\"hosted\", { upstream = \"https://m.example.com/simple/\" }]")
                .unwrap();
        assert_eq!(short[0].sources, long[0].sources);
        assert_eq!(read("[[index]]\nname = \"a\"").unwrap()[0].sources, [SourceSpec::Hosted]);
    }

    #[test]
    fn an_index_is_made_of_those_above_it_and_shows_what_its_view_says() {
        let made = read(
            "[[index]]\nname = \"base\"\nreserved = [\"acme-*\"]\n[[index]]\nname = \"narrow\"\n\
             sources = [{ index = \"base\" }]\nview = { projects = [\"acme-*\"], before = \"2026-01-01T00:00:00Z\" }",
        )
        .unwrap();
        assert_eq!(made[0].reserved, ["acme-*".parse().unwrap()]);
        assert_eq!(made[1].sources, [SourceSpec::Index("base".parse().unwrap())]);
        assert_eq!(made[1].view.only, Some(vec!["acme-*".parse().unwrap()]));
        assert_eq!(made[1].view.before, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "name = \"a\"\nsources = []",
            "name = \"a\"\nsources = [\"hostd\"]",
            "name = \"a\"\nsources = [\"hosted\", \"hosted\"]",
            "name = \"a\"\nsources = [{ index = \"a\" }]",
            "name = \"a\"\nsources = [{ index = \"b\" }]\n[[index]]\nname = \"b\"",
            "name = \"a\"\nsources = [\"hosted\"]\nupstream = \"https://m.example.com/\"",
            "name = \"a\"\nsources = [{ upstream = \"https://m.example.com/\", index = \"a\" }]",
            "name = \"a\"\ndelete = \"soon\"",
            "name = \"a\"\nnamespaces = [{ name = \"acme\" }, { name = \"Acme\" }]",
            "name = \"a\"\nnamespaces = [{ name = \"acme\", owners = [] }]",
            "name = \"a\"\nview = { project = [\"a\"] }",
            "name = \"a\"\nsources = [{ upstream = \"https://m.example.com/\" }, \"hosted\"]",
            "name = \"a\"\nupstream = \"https://m.example.com/\"\n[[index]]\nname = \"b\"\n\
             sources = [{ index = \"a\" }, \"hosted\"]",
            "name = \"a\"\nview = { projects = [\"x\"] }\n[[index]]\nname = \"b\"\n\
             sources = [{ index = \"a\" }, { upstream = \"https://m.example.com/\" }]",
            "name = \"a\"\n[[index]]\nname = \"a\"",
        ] {
            assert!(read(&format!("[[index]]\n{bad}")).is_err(), "{bad}");
        }
    }
}
