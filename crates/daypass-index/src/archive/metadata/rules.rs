//! What each field must be.

use std::collections::HashSet;

use daypass_core::names::ProjectName;
use pep440_rs::{Version, VersionSpecifiers};

use super::{Fields, MetadataFault, license, requirement};
use crate::archive::{entry_name, fault::Named};

/// What every file must say.
pub(super) struct Known {
    pub metadata_version: &'static str,
    pub project: ProjectName,
    pub version: Version,
}

const VERSIONS: [&str; 8] = ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"];

/// Fields that may come once only.
const ONCE: [&str; 16] = [
    "Metadata-Version",
    "Name",
    "Version",
    "Summary",
    "Description",
    "Description-Content-Type",
    "Keywords",
    "Home-page",
    "Download-URL",
    "Author",
    "Author-email",
    "Maintainer",
    "Maintainer-email",
    "License",
    "License-Expression",
    "Requires-Python",
];

/// A rule for the values of one field, and the version of the metadata that it came with.
struct Rule {
    field: &'static str,
    since: &'static str,
    is_met: fn(&str) -> bool,
    why: &'static str,
}

const RULES: [Rule; 11] = [
    rule("Summary", "1.0", |text| text.chars().count() <= 512 && !text.contains('\n'), "more than a line of 512"),
    rule("Requires-Python", "1.0", is_requires_python, "no version specifiers (PEP 440) of at most 4096 bytes"),
    rule("Requires-Dist", "1.0", requirement::is_requirement, "no requirement (PEP 508)"),
    rule("Provides-Extra", "2.1", requirement::is_name, "no name of an extra"),
    rule("Project-URL", "1.2", is_labelled_url, "no label and URL with a comma between"),
    rule("Description-Content-Type", "2.1", is_content_type, "not text/plain, text/x-rst or text/markdown in UTF-8"),
    rule("Dynamic", "2.2", is_dynamic, "no field that may be dynamic (PEP 643)"),
    rule("License-Expression", "2.4", license::is_expression, "no SPDX licence expression (PEP 639)"),
    rule("License-File", "2.4", is_license_file, "no path within the distribution (PEP 639)"),
    rule("Import-Name", "2.5", is_import_name, "no name that can be imported (PEP 794)"),
    rule("Import-Namespace", "2.5", is_import_name, "no name that can be imported (PEP 794)"),
];

const fn rule(field: &'static str, since: &'static str, is_met: fn(&str) -> bool, why: &'static str) -> Rule {
    Rule { field, since, is_met, why }
}

/// Checks everything.
pub(super) fn check(fields: &Fields<'_>) -> Result<Known, MetadataFault> {
    let mut seen = HashSet::new();
    for (name, _) in fields.each() {
        if let Some(once) = ONCE.into_iter().find(|once| once.eq_ignore_ascii_case(name))
            && !seen.insert(once)
        {
            return Err(MetadataFault::Twice(once));
        }
    }
    let required = |field: &'static str| fields.get(field).filter(|value| !value.is_empty());
    let get = |field| required(field).ok_or(MetadataFault::Missing(field));
    let said = get("Metadata-Version")?;
    let metadata_version = VERSIONS.into_iter().find(|known| *known == said);
    let metadata_version = metadata_version.ok_or_else(|| MetadataFault::Version(Named::new(said)))?;
    let (name, version) = (get("Name")?, get("Version")?);
    let wrong = |field, value, why| MetadataFault::Value { field, value: Named::new(value), why };
    let project = name.parse().map_err(|_| wrong("Name", name, "no project name"))?;
    let version = version.parse().map_err(|_| wrong("Version", version, "no version (PEP 440)"))?;
    for rule in RULES.iter().filter(|rule| rule.since <= metadata_version) {
        if let Some(value) = fields.all(rule.field).find(|value| !(rule.is_met)(value)) {
            return Err(wrong(rule.field, value, rule.why));
        }
    }
    if metadata_version >= "2.4" && required("License").is_some() && required("License-Expression").is_some() {
        return Err(MetadataFault::TwoLicenses);
    }
    Ok(Known { metadata_version, project, version })
}

/// It stands on every page once for each file, so it is short.
fn is_requires_python(text: &str) -> bool {
    text.len() <= 4096 && (text.is_empty() || text.parse::<VersionSpecifiers>().is_ok())
}

fn is_labelled_url(text: &str) -> bool {
    text.split_once(',').is_some_and(|(label, url)| {
        let (label, url) = (label.trim(), url.trim());
        !label.is_empty() && !url.is_empty() && !url.contains(char::is_whitespace)
    })
}

fn is_content_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*kind, "text/plain" | "text/x-rst" | "text/markdown")
        && parts.all(|parameter| match parameter.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if key.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            Some((key, value)) if key.eq_ignore_ascii_case("variant") => {
                kind == "text/markdown" && matches!(value.trim_matches('"'), "GFM" | "CommonMark")
            }
            _ => parameter.is_empty(),
        })
}

fn is_dynamic(field: &str) -> bool {
    let never = ["Metadata-Version", "Name", "Version"];
    let good = field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !field.is_empty() && good && !never.iter().any(|name| name.eq_ignore_ascii_case(field))
}

fn is_license_file(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/') && path.len() <= 1024 && entry_name::fault(path).is_none()
}

/// A dotted name, with `; private` behind it perhaps; or nothing, which says that there are none.
fn is_import_name(text: &str) -> bool {
    let (name, private) =
        text.split_once(';').map_or((text, None), |(name, private)| (name.trim(), Some(private.trim())));
    let starts_well = |part: &str| part.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let good = |part: &str| starts_well(part) && part.chars().all(|char| char.is_alphanumeric() || char == '_');
    private.is_none_or(|private| private == "private") && (text.is_empty() || name.split('.').all(good))
}
