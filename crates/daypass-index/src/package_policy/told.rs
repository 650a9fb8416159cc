//! A policy in sentences, for `daypassd check-config`.

use daypass_core::SignedDuration;

use super::{Lift, Mode, PackagePolicy, UnknownAge};

impl PackagePolicy {
    pub(crate) fn told(&self, advisories: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if self.mode == Mode::Preview {
            lines.push("preview: nothing is withheld, what would be is recorded".to_owned());
        }
        if self.cooldown.is_positive() {
            let fixes = if self.except_fixes { ", unless they close a known hole" } else { "" };
            lines.push(format!("files from upstream wait {}{fixes}", length(self.cooldown)));
            lines.push(match self.unknown_age {
                UnknownAge::FirstSeen => "files without an upload time wait from when they are first seen".to_owned(),
                UnknownAge::Pass => "files without an upload time do not wait".to_owned(),
            });
        } else {
            lines.push("files from upstream do not wait".to_owned());
        }
        if self.hosted_cooldown.is_positive() {
            lines.push(format!("files that are uploaded here wait {}", length(self.hosted_cooldown)));
        }
        for entry in &self.quarantine {
            lines.push(format!("quarantined: {}", entry.files));
        }
        for entry in &self.block {
            lines.push(format!("blocked: {}", entry.files));
        }
        for allow in &self.allow {
            let lifts: Vec<&str> = allow.lifts.iter().map(Lift::as_str).collect();
            let until = allow.until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
            lines.push(format!("allowed despite {}{until}: {} ({})", lifts.join(" and "), allow.files, allow.because));
        }
        if self.licences.matter() {
            lines.push(self.licences_told());
        }
        if !self.osv.is_empty() {
            lines.push(format!("{advisories} advisories: malware is blocked"));
        }
        if let Some(from) = self.vulnerabilities.block_from {
            let unscored = if self.vulnerabilities.pass_unscored { "" } else { ", or of unknown severity" };
            lines.push(format!("vulnerabilities are blocked that are {} or worse{unscored}", from.as_str()));
        }
        if !self.vulnerabilities.ids.is_empty() {
            lines.push(format!("vulnerabilities are blocked by id: {}", self.vulnerabilities.ids.join(", ")));
        }
        lines
    }

    fn licences_told(&self) -> String {
        let listed =
            |ids: &[super::licence::Id]| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        if !self.licences.allow.is_empty() {
            parts.push(format!("only {}", listed(&self.licences.allow)));
        }
        if !self.licences.block.is_empty() {
            parts.push(format!("never {}", listed(&self.licences.block)));
        }
        parts.push(if self.licences.block_unknown { "never unknown" } else { "unknown passes" }.to_owned());
        format!("licences: {}", parts.join("; "))
    }
}

impl Lift {
    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Rule(rule) => rule.as_str(),
            Self::Advisory(id) => id,
        }
    }
}

/// A length of time in the largest unit that makes it whole.
pub(super) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (count, unit) = units
        .into_iter()
        .find_map(|(unit, name)| (seconds % unit == 0 && seconds >= unit).then_some((seconds / unit, name)))
        .unwrap_or((seconds, "second"));
    if count == 1 { format!("{count} {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_the_largest_unit() {
        for (seconds, told) in
            [(604_800, "7 days"), (86_400, "1 day"), (129_600, "36 hours"), (90, "90 seconds"), (60, "1 minute")]
        {
            assert_eq!(length(SignedDuration::from_secs(seconds)), told);
        }
    }
}
