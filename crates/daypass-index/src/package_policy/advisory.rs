//! Advisories in the OSV format: which versions of which projects they are about. Pure.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use daypass_core::names::ProjectName;
use pep440_rs::Version;
use serde::Deserialize;

use super::severity::Severity;

/// OSV's name of the ecosystem of Python packages.
const ECOSYSTEM: &str = "PyPI";

/// How much of a summary is kept, in characters.
const LONGEST_SUMMARY: usize = 200;

/// The longest id, in bytes.
const LONGEST_ID: usize = 100;

/// An advisory as it is written: what is read of it.
#[derive(Debug, Deserialize)]
struct Written {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    withdrawn: Option<String>,
    summary: Option<String>,
    #[serde(default)]
    affected: Vec<WrittenAffected>,
    #[serde(default)]
    severity: Vec<WrittenSeverity>,
    database_specific: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct WrittenAffected {
    package: Option<WrittenPackage>,
    #[serde(default)]
    ranges: Vec<WrittenRange>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    severity: Vec<WrittenSeverity>,
}

#[derive(Debug, Deserialize)]
struct WrittenPackage {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct WrittenRange {
    r#type: String,
    #[serde(default)]
    events: Vec<WrittenEvent>,
}

#[derive(Debug, Deserialize)]
struct WrittenEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WrittenSeverity {
    score: String,
}

/// What an advisory is called and how bad it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advisory {
    id: Box<str>,
    aliases: Vec<Box<str>>,
    summary: Box<str>,
    /// `None` if it does not say.
    pub(crate) severity: Option<Severity>,
    /// Whether it says that the package is malicious, not that it has a hole.
    pub(crate) malware: bool,
}

impl Advisory {
    /// Whether this is its id or one of its aliases.
    pub(crate) fn is_called(&self, id: &str) -> bool {
        self.names().any(|name| name.eq_ignore_ascii_case(id))
    }

    /// Its id, and what it is about.
    pub(crate) fn shown(&self) -> String {
        if self.summary.is_empty() { self.id.to_string() } else { format!("{} ({})", self.id, self.summary) }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.id).chain(self.aliases.iter().map(|alias| &**alias))
    }
}

/// Which versions of one project an advisory is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Affected {
    pub(crate) advisory: Arc<Advisory>,
    ranges: Vec<Range>,
    /// Versions that are listed, and not in a range besides.
    versions: HashSet<Version>,
    /// The same of what is no version as PEP 440 has it, as it is written.
    texts: HashSet<Box<str>>,
    /// Whether it is about every version.
    every: bool,
}

/// Points where a hole opens and closes, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    events: Vec<(Version, Event)>,
    /// Versions from here on are not meant.
    limits: Vec<Version>,
}

/// What happens at a version. In this order where several happen at the same one: what opens wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Fixed,
    LastAffected,
    Introduced,
}

impl Affected {
    /// Whether a version is affected; one that cannot be read may be, and counts.
    pub(crate) fn may_affect(&self, version: Option<&Version>, text: &str) -> bool {
        let Some(version) = version else { return true };
        self.every
            || self.versions.contains(version)
            // PEP 440: `==1.2` is also `1.2+local`. In a range the local part counts: it may be what mends it.
            || self.versions.contains(&version.clone().without_local())
            || self.texts.contains(text)
            || self.ranges.iter().any(|range| range.contains(version))
    }

    fn fixes(&self, version: &Version) -> bool {
        let fixed = |range: &Range| range.events.iter().any(|(at, event)| *event == Event::Fixed && at == version);
        self.ranges.iter().any(fixed)
    }
}

impl Range {
    /// OSV's rule: walk the events in order, up to the version.
    fn contains(&self, version: &Version) -> bool {
        if !self.limits.is_empty() && self.limits.iter().all(|limit| version >= limit) {
            return false;
        }
        let mut affected = false;
        for (at, event) in &self.events {
            match event {
                Event::Introduced if version >= at => affected = true,
                Event::Fixed if version >= at => affected = false,
                Event::LastAffected if version > at => affected = false,
                Event::Introduced | Event::Fixed | Event::LastAffected => {}
            }
        }
        affected
    }

    /// `None` for what is not about versions, such as commits.
    fn read(written: &WrittenRange) -> Option<Self> {
        if !matches!(written.r#type.as_str(), "ECOSYSTEM" | "SEMVER") {
            return None;
        }
        let (mut events, mut limits) = (Vec::new(), Vec::new());
        for event in &written.events {
            if let Some(text) = &event.introduced {
                // `0` is OSV's way to say "from the beginning"; what cannot be read is taken for it.
                events.push((introduced(text), Event::Introduced));
            }
            // Where the end cannot be read, the hole is taken to stay open.
            for (text, kind) in [(&event.fixed, Event::Fixed), (&event.last_affected, Event::LastAffected)] {
                events.extend(text.as_ref().and_then(|text| Some((text.parse().ok()?, kind))));
            }
            let limit = event.limit.as_ref().filter(|limit| *limit != "*");
            limits.extend(limit.and_then(|limit| limit.parse::<Version>().ok()));
        }
        events.sort();
        Some(Self { events, limits })
    }
}

/// The smallest version that PEP 440 knows, where a hole has always been there.
fn introduced(text: &str) -> Version {
    let first = || Version::new([0]).with_dev(Some(0));
    if text == "0" { first() } else { text.parse().unwrap_or_else(|_| first()) }
}

/// All advisories that were read, by project.
#[derive(Debug, Default, Clone)]
pub(crate) struct Advisories {
    projects: HashMap<ProjectName, Vec<Affected>>,
    count: usize,
}

impl Advisories {
    /// Those about a project.
    pub(crate) fn of(&self, project: &ProjectName) -> &[Affected] {
        self.projects.get(project).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether a version is what closes a hole.
    pub(crate) fn is_fix(&self, project: &ProjectName, version: &Version) -> bool {
        self.of(project).iter().any(|affected| !affected.advisory.malware && affected.fixes(version))
    }

    /// Reads one advisory; those that are withdrawn or about something else are passed over.
    pub(crate) fn add(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        let written: Written = serde_json::from_slice(json)?;
        let about = |affected: &&WrittenAffected| {
            affected.package.as_ref().is_some_and(|package| package.ecosystem == ECOSYSTEM)
        };
        if written.withdrawn.is_some() || !written.affected.iter().any(|affected| about(&affected)) {
            return Ok(());
        }
        let advisory = Arc::new(advisory(&written));
        let mut counts = false;
        for affected in written.affected.iter().filter(about) {
            let name = affected.package.as_ref().and_then(|package| package.name.parse::<ProjectName>().ok());
            let Some(project) = name else { continue };
            self.projects.entry(project).or_default().push(read_affected(affected, &advisory));
            counts = true;
        }
        self.count += usize::from(counts);
        Ok(())
    }

    /// Gives an advisory that does not say how bad it is the severity of another one about the same thing.
    pub(crate) fn settle(&mut self) {
        let mut known: HashMap<Box<str>, Severity> = HashMap::new();
        for advisory in self.projects.values().flatten().map(|affected| &affected.advisory) {
            for (name, severity) in advisory.names().filter_map(|name| Some((name, advisory.severity?))) {
                let worst = known.entry(name.into()).or_insert(severity);
                *worst = severity.max(*worst);
            }
        }
        for affected in self.projects.values_mut().flatten().filter(|affected| affected.advisory.severity.is_none()) {
            let severity = affected.advisory.names().filter_map(|name| known.get(name)).max().copied();
            if severity.is_some() {
                Arc::make_mut(&mut affected.advisory).severity = severity;
            }
        }
    }
}

fn advisory(written: &Written) -> Advisory {
    let id = |text: &String| text.chars().filter(char::is_ascii_graphic).take(LONGEST_ID).collect::<String>().into();
    let of_vectors = |severities: &[WrittenSeverity]| {
        severities.iter().filter_map(|severity| Severity::of_vector(&severity.score)).max()
    };
    let word = written.database_specific.as_ref().and_then(|specific| specific.get("severity")?.as_str());
    let severity = [of_vectors(&written.severity), word.and_then(Severity::of_word)]
        .into_iter()
        .chain(written.affected.iter().map(|affected| of_vectors(&affected.severity)))
        .flatten()
        .max();
    let summary = written.summary.as_deref().unwrap_or_default().trim();
    Advisory {
        id: id(&written.id),
        aliases: written.aliases.iter().map(id).collect(),
        summary: summary.chars().take(LONGEST_SUMMARY).flat_map(char::escape_debug).collect::<String>().into(),
        severity,
        malware: written.id.starts_with("MAL-") || written.aliases.iter().any(|alias| alias.starts_with("MAL-")),
    }
}

fn read_affected(written: &WrittenAffected, advisory: &Arc<Advisory>) -> Affected {
    let ranges: Vec<Range> = written.ranges.iter().filter_map(Range::read).collect();
    let (mut versions, mut texts) = (HashSet::new(), HashSet::new());
    for text in &written.versions {
        match text.parse::<Version>() {
            // Most databases list what is in the ranges anyway.
            Ok(version) if ranges.iter().any(|range| range.contains(&version)) => {}
            Ok(version) => drop(versions.insert(version)),
            Err(_) => drop(texts.insert(text.as_str().into())),
        }
    }
    // Malware without any versions is the whole project.
    let every = advisory.malware && ranges.is_empty() && written.versions.is_empty();
    Affected { advisory: Arc::clone(advisory), ranges, versions, texts, every }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &serde_json::Value) -> Advisories {
        let mut advisories = Advisories::default();
        advisories.add(value.to_string().as_bytes()).unwrap();
        advisories.settle();
        advisories
    }

    fn affects(advisories: &Advisories, version: &str) -> bool {
        let acme = "acme".parse().unwrap();
        advisories.of(&acme).iter().any(|affected| affected.may_affect(version.parse().ok().as_ref(), version))
    }

    fn about(events: &serde_json::Value, versions: &[&str]) -> serde_json::Value {
        json!({ "id": "GHSA-1", "affected": [{
            "package": { "ecosystem": "PyPI", "name": "Acme" },
            "ranges": [{ "type": "ECOSYSTEM", "events": events }, { "type": "GIT", "events": [{ "introduced": "0" }] }],
            "versions": versions,
        }] })
    }

    #[test]
    fn ranges_and_lists_say_what_is_affected() {
        let holes = read(&about(
            &json!([{ "introduced": "0" }, { "fixed": "1.2" }, { "introduced": "2.0a1" }, { "last_affected": "2.3" }]),
            &["3.1", "weird"],
        ));
        for (version, affected) in [
            ("0.dev0", true),
            ("1.1.99", true),
            ("1.2rc1", true),
            ("1.2", false),
            ("1.2.post1", false),
            ("1.9", false),
            ("2.0a1", true),
            ("2.3", true),
            ("2.3.0", true),
            ("2.3.1", false),
            ("2.3+cgr.1", false),
            ("3.1", true),
            ("3.1.0", true),
            ("3.1+cu121", true),
            ("3.2", false),
            // What cannot be read may be anything.
            ("weird", true),
            ("other", true),
        ] {
            assert_eq!(affects(&holes, version), affected, "{version}");
        }
        let acme = "acme".parse().unwrap();
        assert!(holes.is_fix(&acme, &"1.2".parse().unwrap()) && !holes.is_fix(&acme, &"2.3".parse().unwrap()));
    }

    #[test]
    fn other_ecosystems_and_what_was_withdrawn_say_nothing() {
        let mut other = about(&json!([{ "introduced": "0" }]), &[]);
        other["affected"][0]["package"]["ecosystem"] = json!("npm");
        assert!(read(&other).is_empty());
        let mut withdrawn = about(&json!([{ "introduced": "0" }]), &[]);
        withdrawn["withdrawn"] = json!("2026-01-01T00:00:00Z");
        assert!(read(&withdrawn).is_empty());
        assert_eq!(read(&about(&json!([{ "introduced": "0" }]), &[])).len(), 1);
    }

    #[test]
    fn malware_without_versions_is_the_whole_project() {
        let mut malware = about(&json!([]), &[]);
        malware["id"] = json!("MAL-2026-1");
        malware["affected"][0]["ranges"] = json!([]);
        assert!(affects(&read(&malware), "1.0"));
        malware["affected"][0]["versions"] = json!(["2.0"]);
        assert!(!affects(&read(&malware), "1.0") && affects(&read(&malware), "2.0"));
    }

    #[test]
    fn a_severity_is_looked_for_everywhere() {
        let severity = |advisories: &Advisories| {
            advisories
                .of(&"acme".parse().unwrap())
                .iter()
                .map(|affected| affected.advisory.severity)
                .collect::<Vec<_>>()
        };
        let silent = about(&json!([{ "introduced": "0" }]), &[]);
        assert_eq!(severity(&read(&silent)), [None]);
        let mut word = silent.clone();
        word["database_specific"] = json!({ "severity": "MODERATE" });
        assert_eq!(severity(&read(&word)), [Some(Severity::Medium)]);
        word["severity"] = json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]);
        assert_eq!(severity(&read(&word)), [Some(Severity::Critical)]);
        // Another database about the same thing does not say: it is as bad.
        let mut alias = silent;
        alias["id"] = json!("PYSEC-1");
        alias["aliases"] = json!(["GHSA-1"]);
        let mut both = read(&word);
        both.add(alias.to_string().as_bytes()).unwrap();
        both.settle();
        assert_eq!(severity(&both), [Some(Severity::Critical); 2]);
    }

    #[test]
    fn nonsense_is_an_error_and_strange_advisories_are_read_to_the_safe_side() {
        for nonsense in ["", "[]", "{}", "{\"id\": 1}", "{\"id\": \"X\", \"affected\": {}}"] {
            assert!(Advisories::default().add(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
        let strange = read(&about(&json!([{ "introduced": "long ago" }, { "fixed": "soon" }, { "limit": "*" }]), &[]));
        assert!(affects(&strange, "1.0"));
        let limited = read(&about(&json!([{ "introduced": "0" }, { "limit": "2.0" }]), &[]));
        assert!(affects(&limited, "1.0") && !affects(&limited, "2.0"));
    }

    fn version() -> impl Strategy<Value = Version> {
        (0_u64..4, 0_u64..4, proptest::option::of(0_u64..3))
            .prop_map(|(major, minor, post)| Version::new([major, minor]).with_post(post))
    }

    proptest! {
        /// Between `introduced` and `fixed` everything is affected, and nothing else is: whatever the order of events.
        #[test]
        fn a_range_is_what_lies_between(low in version(), high in version(), asked in version(), swap: bool) {
            let mut events = vec![json!({ "introduced": low.to_string() }), json!({ "fixed": high.to_string() })];
            if swap {
                events.reverse();
            }
            let advisories = read(&about(&json!(events), &[]));
            let expected = if low < high { low <= asked && asked < high } else { low <= asked };
            // Where it is fixed before it is introduced, it is never fixed.
            prop_assert_eq!(affects(&advisories, &asked.to_string()), expected);
        }

        /// No bytes at all make the reader panic.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Advisories::default().add(&bytes);
        }
    }
}
