//! The policy file of an index. Unknown keys are errors.

use std::path::{Path, PathBuf};

use daypass_core::{SignedDuration, Timestamp, clock::Ttl, grant::ProjectPattern};
use pep440_rs::VersionSpecifiers;
use serde::Deserialize;

use super::{
    Allow, Entry, Lift, Mode, PackagePolicy, Rule, UnknownAge, Vulnerabilities,
    licence::{Id, Licences, NotAnId},
    named::FileType,
    purl::{NotAPurl, Purl},
    selector::{Projects, Selector, Versions},
    severity::Severity,
};

/// How long what others upload waits where the policy does not say.
const COOLDOWN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The longest wait. Whoever waits for longer than a year wants a list of what may be pulled.
const LONGEST_COOLDOWN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The most entries of all lists together.
const MOST_ENTRIES: usize = 10_000;

/// The longest text for people, in bytes.
const LONGEST_TEXT: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    mode: Mode,
    cooldown: Option<String>,
    hosted_cooldown: Option<String>,
    cooldown_except_fixes: bool,
    unknown_age: UnknownAge,
    osv: Vec<PathBuf>,
    quarantine: Vec<WrittenEntry>,
    block: Vec<WrittenEntry>,
    allow: Vec<WrittenAllow>,
    licences: WrittenLicences,
    vulnerabilities: WrittenVulnerabilities,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            cooldown: None,
            hosted_cooldown: None,
            cooldown_except_fixes: false,
            unknown_age: UnknownAge::FirstSeen,
            osv: Vec::new(),
            quarantine: Vec::new(),
            block: Vec::new(),
            allow: Vec::new(),
            licences: WrittenLicences::default(),
            vulnerabilities: WrittenVulnerabilities::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    project: Option<ProjectPattern>,
    versions: Option<VersionSpecifiers>,
    purl: Option<String>,
    #[serde(default)]
    file_types: Vec<FileType>,
    #[serde(default)]
    yanked: bool,
    because: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAllow {
    project: Option<ProjectPattern>,
    versions: Option<VersionSpecifiers>,
    purl: Option<String>,
    #[serde(default)]
    file_types: Vec<FileType>,
    #[serde(default)]
    lifts: Vec<String>,
    because: String,
    until: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLicences {
    allow: Vec<String>,
    block: Vec<String>,
    unknown: PassOrBlock,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenVulnerabilities {
    block_from: Option<Severity>,
    ids: Vec<String>,
    unscored: Option<PassOrBlock>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PassOrBlock {
    #[default]
    Pass,
    Block,
}

/// Why a text is no policy. One sentence each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPackagePolicy {
    /// It is not TOML, or has unknown keys or wrong values.
    #[error("{0}")]
    Toml(String),
    /// A wait that is none.
    #[error("`{key}` must be a duration such as `7d`, at most `366d`, or `0` for none")]
    Cooldown {
        /// Which key.
        key: &'static str,
    },
    /// An entry that says in two ways which project it is about, or in none.
    #[error("each `[[{list}]]` needs either a `project` (`*` for all) or a `purl`, and `versions` only with `project`")]
    Which {
        /// Which list.
        list: &'static str,
    },
    /// Not a package URL.
    #[error("{0}")]
    Purl(String),
    /// Not a licence.
    #[error("{0}")]
    Licence(String),
    /// An exception without a reason.
    #[error("each `[[allow]]` needs `because`: who reads it later must know why, in at most {LONGEST_TEXT} bytes")]
    Because,
    /// A text that is too long.
    #[error("a text for people is longer than {LONGEST_TEXT} bytes")]
    TooLong,
    /// An exception to what has none.
    #[error("`lifts` may hold `cooldown`, `block`, `licence`, `vulnerability` and ids of advisories, not `{0}`{hint}", hint = hint(.0))]
    Lift(String),
    /// An exception from malware for everything.
    #[error("an `[[allow]]` that lifts an advisory must name one project, not `{0}`")]
    TooBroad(String),
    /// Too many.
    #[error("there are more than {MOST_ENTRIES} entries")]
    TooMany,
}

fn hint(lift: &str) -> &'static str {
    match lift {
        "malware" => ": name the advisory, such as `MAL-2026-123`",
        "quarantine" => ": end the quarantine instead",
        _ => "",
    }
}

impl PackagePolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn parse(text: &str) -> Result<Self, InvalidPackagePolicy> {
        let written: Written = toml::from_str(text)
            .map_err(|error| InvalidPackagePolicy::Toml(error.to_string().trim_end().to_owned()))?;
        written.check()
    }

    /// The folders and zip files of advisories, relative to `base`.
    pub fn osv_paths(&self, base: &Path) -> Vec<PathBuf> {
        self.osv.iter().map(|path| base.join(path)).collect()
    }
}

/// What holds where nothing is written.
impl Default for PackagePolicy {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            cooldown: COOLDOWN,
            hosted_cooldown: SignedDuration::ZERO,
            except_fixes: false,
            unknown_age: UnknownAge::FirstSeen,
            quarantine: Vec::new(),
            block: Vec::new(),
            allow: Vec::new(),
            licences: Licences::default(),
            vulnerabilities: Vulnerabilities::default(),
            osv: Vec::new(),
        }
    }
}

impl Written {
    fn check(self) -> Result<PackagePolicy, InvalidPackagePolicy> {
        let default = PackagePolicy::default();
        let entries = self.quarantine.len() + self.block.len() + self.allow.len() + self.vulnerabilities.ids.len();
        if entries > MOST_ENTRIES {
            return Err(InvalidPackagePolicy::TooMany);
        }
        let list = |list, entries: Vec<WrittenEntry>| {
            entries.into_iter().map(|entry| entry.check(list)).collect::<Result<Vec<_>, _>>()
        };
        Ok(PackagePolicy {
            mode: self.mode,
            cooldown: cooldown("cooldown", self.cooldown.as_deref(), default.cooldown)?,
            hosted_cooldown: cooldown("hosted_cooldown", self.hosted_cooldown.as_deref(), default.hosted_cooldown)?,
            except_fixes: self.cooldown_except_fixes,
            unknown_age: self.unknown_age,
            quarantine: list("quarantine", self.quarantine)?,
            block: list("block", self.block)?,
            allow: self.allow.into_iter().map(WrittenAllow::check).collect::<Result<_, _>>()?,
            licences: self.licences.check()?,
            vulnerabilities: self.vulnerabilities.check(),
            osv: self.osv,
        })
    }
}

fn cooldown(
    key: &'static str,
    written: Option<&str>,
    default: SignedDuration,
) -> Result<SignedDuration, InvalidPackagePolicy> {
    match written {
        None => Ok(default),
        Some("0") => Ok(SignedDuration::ZERO),
        Some(text) => match text.parse::<Ttl>().map(Ttl::as_duration) {
            Ok(wait) if wait <= LONGEST_COOLDOWN => Ok(wait),
            _ => Err(InvalidPackagePolicy::Cooldown { key }),
        },
    }
}

fn text(text: &str) -> Result<Box<str>, InvalidPackagePolicy> {
    let text = text.trim();
    if text.len() > LONGEST_TEXT {
        return Err(InvalidPackagePolicy::TooLong);
    }
    // It goes into a status line.
    Ok(text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect::<String>().into())
}

fn selector(
    list: &'static str,
    project: Option<ProjectPattern>,
    versions: Option<VersionSpecifiers>,
    purl: Option<&str>,
    types: Vec<FileType>,
    yanked: bool,
) -> Result<Selector, InvalidPackagePolicy> {
    let (project, versions) = match (project, purl, versions) {
        (Some(project), None, None) => (Projects::Like(project), Versions::Every),
        (Some(project), None, Some(versions)) => (Projects::Like(project), Versions::Within(versions)),
        (None, Some(purl), None) => {
            let purl: Purl = purl.parse().map_err(|error: NotAPurl| InvalidPackagePolicy::Purl(error.to_string()))?;
            (Projects::One(purl.project), purl.version.map_or(Versions::Every, Versions::One))
        }
        _ => return Err(InvalidPackagePolicy::Which { list }),
    };
    Ok(Selector { project, versions, types, yanked })
}

impl WrittenEntry {
    fn check(self, list: &'static str) -> Result<Entry, InvalidPackagePolicy> {
        let Self { project, versions, purl, file_types, yanked, because } = self;
        let files = selector(list, project, versions, purl.as_deref(), file_types, yanked)?;
        Ok(Entry { files, because: because.as_deref().map(text).transpose()?.filter(|text| !text.is_empty()) })
    }
}

impl WrittenAllow {
    fn check(self) -> Result<Allow, InvalidPackagePolicy> {
        let Self { project, versions, purl, file_types, lifts, because, until } = self;
        let files = selector("allow", project, versions, purl.as_deref(), file_types, false)?;
        let because = text(&because).ok().filter(|text| !text.is_empty()).ok_or(InvalidPackagePolicy::Because)?;
        let mut lifts: Vec<Lift> = lifts.iter().map(|lift| read_lift(lift)).collect::<Result<_, _>>()?;
        if lifts.is_empty() {
            lifts.push(Lift::Rule(Rule::Cooldown));
        }
        if let Projects::Like(pattern) = &files.project
            && pattern.as_str().contains('*')
            && lifts.iter().any(|lift| matches!(lift, Lift::Advisory(_)))
        {
            return Err(InvalidPackagePolicy::TooBroad(pattern.as_str().to_owned()));
        }
        Ok(Allow { files, lifts, because, until })
    }
}

fn read_lift(text: &str) -> Result<Lift, InvalidPackagePolicy> {
    let liftable = [Rule::Cooldown, Rule::Block, Rule::Licence, Rule::Vulnerability];
    if let Some(rule) = liftable.into_iter().find(|rule| rule.as_str() == text) {
        return Ok(Lift::Rule(rule));
    }
    let is_id = text.len() <= 100 && text.contains('-') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_id {
        return Ok(Lift::Advisory(text.into()));
    }
    Err(InvalidPackagePolicy::Lift(text.chars().take(80).flat_map(char::escape_debug).collect()))
}

impl WrittenLicences {
    fn check(self) -> Result<Licences, InvalidPackagePolicy> {
        let ids = |texts: Vec<String>| -> Result<Vec<Id>, InvalidPackagePolicy> {
            let read =
                |text: String| text.parse().map_err(|error: NotAnId| InvalidPackagePolicy::Licence(error.to_string()));
            texts.into_iter().map(read).collect()
        };
        let block_unknown = self.unknown == PassOrBlock::Block;
        Ok(Licences { allow: ids(self.allow)?, block: ids(self.block)?, block_unknown })
    }
}

impl WrittenVulnerabilities {
    fn check(self) -> Vulnerabilities {
        let ids = self.ids.into_iter().map(Into::into).collect();
        Vulnerabilities { block_from: self.block_from, ids, pass_unscored: self.unscored == Some(PassOrBlock::Pass) }
    }
}
