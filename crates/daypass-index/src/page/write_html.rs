//! Writes project pages as PEP 503 HTML.

use std::fmt::Write as _;

use html_escape::{encode_double_quoted_attribute as attribute, encode_text};

use super::{CoreMetadata, NEWEST_MINOR, PageFile, ProjectPage};

/// Where the page's reader finds a file: relative to `/{index}/simple/{project}/`.
pub(super) fn href(project: &str, file: &PageFile) -> String {
    // `+` is literal in a path, but more than one server has taken it for a space.
    format!("../../files/{project}/{}", file.name.as_str().replace('+', "%2B"))
}

/// The page's HTML text.
pub(crate) fn write(page: &ProjectPage) -> Vec<u8> {
    let name = page.name.as_str();
    let mut html = head(page.api_minor.min(NEWEST_MINOR), &format!("Links for {name}"));
    // Writing to a `String` does not fail.
    let _ = write_status(&mut html, page);
    let _ = write!(html, "  </head>\n  <body>\n    <h1>Links for {name}</h1>\n");
    for file in &page.files {
        let _ = write_anchor(&mut html, page, file);
    }
    html.push_str("  </body>\n</html>\n");
    html.into_bytes()
}

pub(super) fn head(minor: u32, title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    \
         <meta name=\"pypi:repository-version\" content=\"1.{minor}\">\n    <title>{}</title>\n",
        encode_text(title)
    )
}

fn write_status(html: &mut String, page: &ProjectPage) -> std::fmt::Result {
    let Some(status) = &page.status else { return Ok(()) };
    writeln!(html, "    <meta name=\"pypi:project-status\" content=\"{}\">", attribute(&status.status))?;
    if let Some(reason) = &status.reason {
        writeln!(html, "    <meta name=\"pypi:project-status-reason\" content=\"{}\">", attribute(reason))?;
    }
    Ok(())
}

fn write_anchor(html: &mut String, page: &ProjectPage, file: &PageFile) -> std::fmt::Result {
    write!(html, "    <a href=\"{}", attribute(&href(page.name.as_str(), file)))?;
    // The fragment holds one digest: the strongest that the installers know.
    let known = ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"];
    if let Some((algorithm, digits)) = known.iter().find_map(|known| file.hashes.get_key_value(*known)) {
        write!(html, "#{algorithm}={digits}")?;
    }
    html.push('"');
    if let Some(specifier) = &file.requires_python {
        write!(html, " data-requires-python=\"{}\"", attribute(specifier))?;
    }
    let metadata = match &file.metadata {
        CoreMetadata::Absent => None,
        CoreMetadata::Present => Some("true".to_owned()),
        CoreMetadata::Hashed(hashes) => {
            Some(hashes.get("sha256").map_or_else(|| "true".to_owned(), |digits| format!("sha256={digits}")))
        }
    };
    if let Some(metadata) = metadata {
        write!(html, " data-core-metadata=\"{metadata}\" data-dist-info-metadata=\"{metadata}\"")?;
    }
    if let Some(reason) = &file.yanked {
        write!(html, " data-yanked=\"{}\"", attribute(reason))?;
    }
    // PEP 740: it must be of a secure origin.
    if let Some(provenance) = page.provenance_url(file).filter(|url| url.starts_with("https://")) {
        write!(html, " data-provenance=\"{}\"", attribute(&provenance))?;
    }
    writeln!(html, ">{}</a><br>", encode_text(file.name.as_str()))
}
