//! Why core metadata is refused.

use crate::archive::fault::Named;

/// Why core metadata is refused. Reads on after "its metadata ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// Not text in UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// A line is no header.
    #[error("has a line {0} that is neither a field nor goes on with one")]
    Line(usize),
    /// Control characters end lines for some programs.
    #[error("has a control character in line {0}")]
    Control(usize),
    /// Too many fields.
    #[error("has more than 10000 fields")]
    TooMany,
    /// A field that must be there is not.
    #[error("has no `{0}`")]
    Missing(&'static str),
    /// A field that may come once comes twice.
    #[error("has more than one `{0}`")]
    Twice(&'static str),
    /// The version of the metadata is unknown.
    #[error("says `Metadata-Version: {0}`; known are 1.0, 1.1, 1.2 and 2.1 to 2.5")]
    Version(Named),
    /// The value of a field is not what it should be.
    #[error("says `{field}: {value}`, {why}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it says.
        value: Named,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Licence and licence expression exclude each other (PEP 639).
    #[error("has both `License` and `License-Expression`")]
    TwoLicenses,
}
