//! Writes the project list: `/{index}/simple/`.

use std::fmt::Write as _;

use daypass_core::names::ProjectName;
use serde::Serialize;

use super::{NEWEST_MINOR, write_html::head, write_json::Meta};

#[derive(Serialize)]
struct List<'a> {
    meta: Meta,
    projects: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    /// For mirrors.
    #[serde(rename = "_last-serial")]
    serial: i64,
}

/// The list as PEP 691 JSON.
pub(crate) fn write_json(projects: &[(&ProjectName, i64)]) -> Vec<u8> {
    let serial = projects.iter().map(|(_, serial)| *serial).max();
    let projects = projects.iter().map(|(name, serial)| Entry { name: name.as_str(), serial: *serial }).collect();
    serde_json::to_vec(&List { meta: Meta::minor(NEWEST_MINOR, serial), projects }).unwrap_or_default()
}

/// The list as PEP 503 HTML.
pub(crate) fn write_html(projects: &[(&ProjectName, i64)]) -> Vec<u8> {
    let mut html = head(NEWEST_MINOR, "Simple index");
    html.push_str("  </head>\n  <body>\n");
    for (name, _) in projects {
        let _ = writeln!(html, "    <a href=\"{name}/\">{name}</a><br>");
    }
    html.push_str("  </body>\n</html>\n");
    html.into_bytes()
}
