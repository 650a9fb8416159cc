//! Which files of an index may be pulled, by rules that its operator wrote. Pure: what is known of a file goes in, a
//! verdict comes out.
//!
//! The rules, their order and what lifts which are in `docs/reference/package-policy.md`. The first rule that blocks is
//! the one that is named.
//!
//! What is *not* here: who may pull (that is the grant), pages and answers (see `screen`).
//!
//! | module | idea |
//! |---|---|
//! | `written` | the policy file: its keys, and what is refused |
//! | `selector` | which files an entry is about |
//! | `named` | what a file's name says: kind and version |
//! | `purl` | package URLs |
//! | `licence` | SPDX licence expressions |
//! | `advisory`, `severity` | what an OSV advisory says, and how bad it is |
//! | `osv_files` | advisories from folders and zip files; the only reading here |
//! | `in_force` | the policy that is in force, replaced while it serves |
//! | `told` | the policy in sentences |

pub(crate) mod advisory;
mod in_force;
pub(crate) mod licence;
pub(crate) mod named;
mod osv_files;
mod purl;
pub(crate) mod selector;
pub(crate) mod severity;
#[cfg(test)]
mod tests;
mod told;
mod written;

use std::path::PathBuf;

use advisory::{Advisories, Affected};
use daypass_core::{
    SignedDuration, Timestamp,
    names::{IndexName, ProjectName},
};
pub use in_force::{InForce, LivePolicy};
use licence::{Licence, Licences};
use named::Named;
pub use osv_files::Unreadable;
use selector::Selector;
use severity::Severity;
pub use written::InvalidPackagePolicy;

/// The rules of one index.
#[derive(Debug, Clone)]
pub struct PackagePolicy {
    pub(crate) mode: Mode,
    /// How long files from elsewhere wait.
    pub(crate) cooldown: SignedDuration,
    /// How long files wait that were uploaded here.
    pub(crate) hosted_cooldown: SignedDuration,
    /// Whether what mends a known hole need not wait.
    pub(crate) except_fixes: bool,
    pub(crate) unknown_age: UnknownAge,
    pub(crate) quarantine: Vec<Entry>,
    pub(crate) block: Vec<Entry>,
    pub(crate) allow: Vec<Allow>,
    pub(crate) licences: Licences,
    pub(crate) vulnerabilities: Vulnerabilities,
    /// Folders and zip files of advisories, as they are written.
    pub(crate) osv: Vec<PathBuf>,
}

/// Whether the rules bite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// What is blocked is withheld.
    Enforce,
    /// Nothing is withheld; what would be is recorded.
    Preview,
}

/// How old a file is of which its source does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnknownAge {
    /// As old as what is known of it here.
    FirstSeen,
    /// Old enough.
    Pass,
}

/// Some files, and why.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) files: Selector,
    pub(crate) because: Option<Box<str>>,
}

/// Some files that a rule does not hold for.
#[derive(Debug, Clone)]
pub(crate) struct Allow {
    pub(crate) files: Selector,
    pub(crate) lifts: Vec<Lift>,
    pub(crate) because: Box<str>,
    pub(crate) until: Option<Timestamp>,
}

/// What an exception lifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lift {
    /// A rule.
    Rule(Rule),
    /// One advisory, by its id or an alias. The only way past malware.
    Advisory(Box<str>),
}

/// Which advisories block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vulnerabilities {
    /// Those that are as bad as this, or worse.
    pub(crate) block_from: Option<Severity>,
    /// These, by id or alias.
    pub(crate) ids: Vec<Box<str>>,
    /// Whether those count that do not say how bad they are.
    pub(crate) pass_unscored: bool,
}

/// A rule, as it is named in answers, events and exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// An administrator set it aside, or its source did (PEP 792).
    Quarantine,
    /// An advisory says that it is malicious.
    Malware,
    /// An advisory says that it has a hole.
    Vulnerability,
    /// A `[[block]]` entry.
    Block,
    /// Its licence.
    Licence,
    /// It is too young.
    Cooldown,
}

impl Rule {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Malware => "malware",
            Self::Vulnerability => "vulnerability",
            Self::Block => "block",
            Self::Licence => "licence",
            Self::Cooldown => "cooldown",
        }
    }
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// It was uploaded here.
    Hosted,
    /// It is pulled through.
    Upstream,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) index: &'a IndexName,
    pub(crate) project: &'a ProjectName,
    pub(crate) named: &'a Named,
    pub(crate) origin: Origin,
    pub(crate) age: Age,
    pub(crate) licence: Licence<'a>,
    pub(crate) yanked: bool,
    /// Why its project is quarantined by its source (PEP 792), if it is; perhaps without a reason.
    pub(crate) quarantined: Option<&'a str>,
}

/// Since when a file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Its source says so.
    Uploaded(Timestamp),
    /// Its source does not say; it was seen here first at this instant.
    FirstSeen(Timestamp),
}

/// What becomes of a file, and until when that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// When the clock alone may change it.
    pub(crate) changes_at: Option<Timestamp>,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be pulled.
    Pass,
    /// It may not.
    Blocked(Blocked),
}

/// Why a file may not be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) rule: Rule,
    /// A sentence for people.
    pub(crate) reason: String,
    /// Until when, if the clock alone ends it.
    pub(crate) until: Option<Timestamp>,
}

impl PackagePolicy {
    /// Whether any rule can ever concern files of that origin.
    pub(crate) fn concerns(&self, origin: Origin, advisories: &Advisories) -> bool {
        let cooldown = match origin {
            Origin::Hosted => self.hosted_cooldown,
            Origin::Upstream => self.cooldown,
        };
        cooldown.is_positive()
            || !self.quarantine.is_empty()
            || !self.block.is_empty()
            || self.licences.matter()
            || !advisories.is_empty()
    }

    /// What becomes of a file.
    pub(crate) fn judge(&self, facts: &Facts<'_>, advisories: &Advisories, now: Timestamp) -> Judgement {
        let lifted = Lifted::of(&self.allow, facts, now);
        let blocked = self
            .quarantined(facts)
            .or_else(|| self.advised(facts, advisories, &lifted))
            .or_else(|| self.listed(facts, &lifted))
            .or_else(|| self.licensed(facts, &lifted))
            .or_else(|| self.too_young(facts, advisories, &lifted, now));
        // A clock that goes back is not foreseen: an instant that has passed changes nothing any more.
        let until = blocked.as_ref().and_then(|blocked| blocked.until);
        let changes_at = [until, lifted.ends_at].into_iter().flatten().filter(|instant| *instant > now).min();
        Judgement { verdict: blocked.map_or(Verdict::Pass, Verdict::Blocked), changes_at }
    }

    fn quarantined(&self, facts: &Facts<'_>) -> Option<Blocked> {
        if let Some(reason) = facts.quarantined {
            return Some(Blocked::quarantined(facts.project, reason));
        }
        let entry = self.quarantine.iter().find(|entry| entry.files.may_mean(facts))?;
        let because = entry.because.as_deref().unwrap_or("no reason is given");
        Some(Blocked::new(Rule::Quarantine, format!("quarantined by the administrator: {because}")))
    }

    fn advised(&self, facts: &Facts<'_>, advisories: &Advisories, lifted: &Lifted<'_>) -> Option<Blocked> {
        let affecting = || {
            let version = facts.named.version.as_ref();
            let affects = move |affected: &&Affected| affected.may_affect(version, &facts.named.version_text);
            advisories.of(facts.project).iter().filter(affects).map(|affected| &affected.advisory)
        };
        if let Some(advisory) = affecting().find(|advisory| advisory.malware && !lifted.advisory(advisory)) {
            let reason = format!("reported as malicious: {}", advisory.shown());
            return Some(Blocked::new(Rule::Malware, reason));
        }
        if lifted.rule(Rule::Vulnerability) {
            return None;
        }
        let counts = |advisory: &&std::sync::Arc<advisory::Advisory>| {
            !advisory.malware && self.vulnerabilities.count(advisory) && !lifted.advisory(advisory)
        };
        let worst = affecting().filter(counts).max_by_key(|advisory| advisory.severity)?;
        let severity = worst.severity.map_or("of unknown severity", Severity::as_str);
        Some(Blocked::new(Rule::Vulnerability, format!("vulnerable ({severity}): {}", worst.shown())))
    }

    fn listed(&self, facts: &Facts<'_>, lifted: &Lifted<'_>) -> Option<Blocked> {
        let entry = self.block.iter().find(|entry| entry.files.may_mean(facts))?;
        if lifted.rule(Rule::Block) {
            return None;
        }
        let because = entry.because.as_deref().map(|because| format!(": {because}")).unwrap_or_default();
        Some(Blocked::new(Rule::Block, format!("on the block list of index `{}`{because}", facts.index)))
    }

    fn licensed(&self, facts: &Facts<'_>, lifted: &Lifted<'_>) -> Option<Blocked> {
        let why = self.licences.why_not(facts.licence)?;
        (!lifted.rule(Rule::Licence)).then(|| Blocked::new(Rule::Licence, why))
    }

    fn too_young(
        &self,
        facts: &Facts<'_>,
        advisories: &Advisories,
        lifted: &Lifted<'_>,
        now: Timestamp,
    ) -> Option<Blocked> {
        let wait = match facts.origin {
            Origin::Hosted => self.hosted_cooldown,
            Origin::Upstream => self.cooldown,
        };
        let (since, what) = match facts.age {
            Age::Uploaded(since) => (since, "uploaded"),
            Age::FirstSeen(_) if self.unknown_age == UnknownAge::Pass => return None,
            Age::FirstSeen(since) => (since, "first seen"),
        };
        let until = since.checked_add(wait).unwrap_or(Timestamp::MAX);
        if !wait.is_positive() || now >= until || lifted.rule(Rule::Cooldown) {
            return None;
        }
        if self.except_fixes && facts.named.version.as_ref().is_some_and(|it| advisories.is_fix(facts.project, it)) {
            return None;
        }
        let reason = format!(
            "{what} on {}; index `{}` waits {}: can be installed from {}",
            instant(since),
            facts.index,
            told::length(wait),
            instant(until),
        );
        Some(Blocked { rule: Rule::Cooldown, reason, until: Some(until) })
    }
}

fn instant(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Blocked {
    fn new(rule: Rule, reason: String) -> Self {
        Self { rule, reason, until: None }
    }

    /// Its source set the whole project aside (PEP 792).
    pub(crate) fn quarantined(project: &ProjectName, reason: &str) -> Self {
        let colon = if reason.is_empty() { "" } else { ": " };
        Self::new(Rule::Quarantine, format!("project `{project}` is quarantined{colon}{reason}"))
    }
}

impl Vulnerabilities {
    fn count(&self, advisory: &advisory::Advisory) -> bool {
        if self.ids.iter().any(|id| advisory.is_called(id)) {
            return true;
        }
        let Some(from) = self.block_from else { return false };
        advisory.severity.map_or(!self.pass_unscored, |severity| severity >= from)
    }
}

/// The exceptions that hold for one file now.
struct Lifted<'a> {
    lifts: Vec<&'a Lift>,
    /// When the first of them ends.
    ends_at: Option<Timestamp>,
}

impl<'a> Lifted<'a> {
    fn of(allow: &'a [Allow], facts: &Facts<'_>, now: Timestamp) -> Self {
        let holds = |allow: &&Allow| allow.until.is_none_or(|until| now < until) && allow.files.surely_means(facts);
        let (mut lifts, mut ends_at) = (Vec::new(), None);
        for allow in allow.iter().filter(holds) {
            lifts.extend(&allow.lifts);
            ends_at = [ends_at, allow.until].into_iter().flatten().min();
        }
        Self { lifts, ends_at }
    }

    fn rule(&self, rule: Rule) -> bool {
        self.lifts.iter().any(|lift| **lift == Lift::Rule(rule))
    }

    fn advisory(&self, advisory: &advisory::Advisory) -> bool {
        self.lifts.iter().any(|lift| matches!(lift, Lift::Advisory(id) if advisory.is_called(id)))
    }
}
