//! Whether a project still lives (PEP 792).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A project's status marker (PEP 792).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectStatus {
    /// Nothing to say of it.
    #[default]
    Active,
    /// It will not be updated any more: no uploads.
    Archived,
    /// Not safe: its files are not offered, and no uploads.
    Quarantined,
    /// Obsolete: another one should be used.
    Deprecated,
}

/// A text is no [`ProjectStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a project's status is `active`, `archived`, `quarantined` or `deprecated`")]
pub struct InvalidProjectStatus;

impl ProjectStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Archived, Self::Quarantined, Self::Deprecated];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
        }
    }

    /// Whether files may be added.
    pub const fn takes_uploads(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }

    /// Whether its files are offered.
    pub const fn offers_files(self) -> bool {
        !matches!(self, Self::Quarantined)
    }
}

impl fmt::Display for ProjectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProjectStatus {
    type Err = InvalidProjectStatus;

    fn from_str(text: &str) -> Result<Self, InvalidProjectStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(InvalidProjectStatus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_read_as_they_are_written_and_nothing_else_is() {
        for status in ProjectStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Active".parse::<ProjectStatus>().is_err());
        assert!("".parse::<ProjectStatus>().is_err());
    }

    #[test]
    fn archived_and_quarantined_projects_take_nothing_and_quarantined_ones_offer_nothing() {
        let taking: Vec<_> = ProjectStatus::ALL.into_iter().filter(|status| status.takes_uploads()).collect();
        assert_eq!(taking, [ProjectStatus::Active, ProjectStatus::Deprecated]);
        assert!(!ProjectStatus::Quarantined.offers_files() && ProjectStatus::Archived.offers_files());
    }
}
