//! Core metadata: `METADATA` of a wheel, `PKG-INFO` of an sdist, in all versions from 1.0 to 2.5.
//!
//! Fields that nobody knows are passed over, as are rules that came with a later version than the file's own. What is
//! refused would be read differently by different installers, or could not be installed by any.
//!
//! What is *not* here: whether classifiers are registered anywhere, how a description is shown.

mod fault;
mod fields;
mod license;
mod requirement;
mod rules;

use pep440_rs::Version;

pub use self::fault::MetadataFault;
pub(crate) use self::fields::Fields;
use super::{Distribution, NotADistribution, fault::Named};

/// The longest metadata that is read, in bytes.
pub(crate) const LONGEST: usize = 4 * 1024 * 1024;

/// The metadata of a distribution, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The bytes, as they are served (PEP 658).
    pub bytes: Vec<u8>,
    /// `Metadata-Version`.
    pub format: &'static str,
    /// `Version`, as it is written.
    pub version: Version,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    license_expression: Option<String>,
    license_files: Vec<String>,
}

impl Metadata {
    /// `License-Expression` (PEP 639), since 2.4.
    pub(crate) fn license_expression(&self) -> Option<&str> {
        self.license_expression.as_deref()
    }

    /// Which licence files must be in the archive (PEP 639). Before 2.4 nobody said where.
    pub(super) fn license_files(&self) -> &[String] {
        &self.license_files
    }
}

/// Reads metadata, and checks that it is of the project and version that the file's name says.
pub(super) fn read(
    distribution: &Distribution,
    bytes: Vec<u8>,
    called: &'static str,
) -> Result<Metadata, NotADistribution> {
    if bytes.len() > LONGEST {
        return Err(NotADistribution::TooLong(Named::new(called), LONGEST));
    }
    let fields = Fields::read(&bytes)?;
    let known = rules::check(&fields)?;
    if known.project != distribution.project || known.version != distribution.version {
        let said = Named::new(format!("{} {}", known.project, known.version));
        return Err(NotADistribution::Disagrees {
            said,
            named: format!("{} {}", distribution.project, distribution.version),
        });
    }
    let (mut license_expression, mut license_files) = (None, Vec::new());
    if known.metadata_version >= "2.4" {
        license_expression = fields.get("License-Expression").map(ToOwned::to_owned);
        license_files = fields.all("License-File").map(ToOwned::to_owned).collect();
    }
    let requires_python = fields.get("Requires-Python").map(ToOwned::to_owned);
    Ok(Metadata {
        format: known.metadata_version,
        version: known.version,
        requires_python: requires_python.filter(|specifiers| !specifiers.is_empty()),
        license_expression: license_expression.filter(|expression| !expression.is_empty()),
        license_files,
        bytes,
    })
}

#[cfg(test)]
mod tests;
