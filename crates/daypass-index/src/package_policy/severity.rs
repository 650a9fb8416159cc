//! How bad a vulnerability is: the qualitative scale of CVSS.

use std::str::FromStr as _;

use cvss::Cvss;
use serde::Deserialize;

/// Qualitative severity, from the least to the worst (CVSS 3.1 §5, CVSS 4.0 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Below 4.0.
    Low,
    /// From 4.0.
    Medium,
    /// From 7.0.
    High,
    /// From 9.0.
    Critical,
}

impl Severity {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity that a CVSS vector of version 3 or 4 comes to; `None` if it is no such vector.
    pub(crate) fn of_vector(vector: &str) -> Option<Self> {
        let vector = Cvss::from_str(vector).ok()?;
        Some(match vector.severity() {
            cvss::Severity::None | cvss::Severity::Low => Self::Low,
            cvss::Severity::Medium => Self::Medium,
            cvss::Severity::High => Self::High,
            cvss::Severity::Critical => Self::Critical,
        })
    }

    /// The severity by a word that some databases use; `None` if it is none of them.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "low" => Self::Low,
            "moderate" | "medium" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_to_words() {
        for (vector, severity) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Severity::Critical),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Severity::High),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Severity::Medium),
            ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Severity::Low),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Severity::Critical),
        ] {
            assert_eq!(Severity::of_vector(vector), Some(severity), "{vector}");
        }
        for nonsense in ["", "7.5", "CVSS:3.1", "CVSS:9.9/AV:N", "AV:N/AC:L/Au:N/C:P/I:P/A:P"] {
            assert_eq!(Severity::of_vector(nonsense), None, "{nonsense}");
        }
        assert!(Severity::Critical > Severity::High && Severity::Medium > Severity::Low);
    }
}
