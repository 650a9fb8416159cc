//! Rules that are too broad, and what to pin instead.
//!
//! A policy that cannot be in force is refused when it is read (`policy`). What is found here could be meant, and hardly
//! ever is: [`Severity::Error`] lets in somebody of another organisation, or whoever starts a job; the rest is advice.

use std::fmt;

use crate::{
    claim_rule::{ClaimRule, Scalar},
    grant::Action,
    identity::Identity,
    issuer::{Replay, TrustedIssuer},
    names::IdentityName,
    policy::{Policy, pins::pins},
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It could be tighter.
    Advice,
    /// It lets in strangers.
    Error,
}

impl Severity {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Error => "error",
        }
    }
}

/// One thing that is too broad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose rule.
    pub identity: IdentityName,
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for it.
    pub code: &'static str,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: identity `{}` {} ({})", self.severity.as_str(), self.identity, self.message, self.code)
    }
}

/// Looks at every identity of a policy. The errors first, then in the order of the policy.
pub fn lint(policy: &Policy) -> Vec<Finding> {
    let mut findings: Vec<Finding> = policy
        .identities()
        .iter()
        .filter_map(|identity| Some((identity, policy.issuer(&identity.issuer)?)))
        .flat_map(|(identity, issuer)| look(identity, issuer))
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn look(identity: &Identity, issuer: &TrustedIssuer) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |severity, code, message: String| {
        findings.push(Finding { identity: identity.name.clone(), severity, code, message });
    };
    let preset = issuer.preset;
    if preset.is_shared(&issuer.url) && !preset.organisation.iter().any(|claim| pins(identity, claim)) {
        find(
            Severity::Error,
            "organisation_not_pinned",
            format!(
                "does not say whose: everybody uses the issuer `{}`; pin `{}` too",
                issuer.url,
                preset.organisation.join("` or `")
            ),
        );
    }
    let within =
        |path: &str, claim: &str| path.strip_prefix(claim).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let untrusted = |path: &str| {
        // What lies within a claim is no better than the claim, whichever way it is pointed to.
        preset.untrusted.iter().any(|claim| within(path, claim) || within(path, &format!("/{claim}")))
    };
    let trusted = |path: &str| !untrusted(path) && !matches!(path, "iss" | "aud" | "jti" | "iat" | "exp" | "nbf");
    if !identity.rules.iter().any(|(path, rule)| trusted(path.as_str()) && rule.exact_values().is_some()) {
        let message = "pins nothing exactly that whoever starts a job cannot choose; pin an id".to_owned();
        find(Severity::Error, "nothing_pinned", message);
    }
    for (path, rule) in &identity.rules {
        let path = path.as_str();
        if let Some((_, better)) = preset.mutable.iter().find(|(claim, _)| *claim == path)
            && !pins(identity, better)
        {
            let message = format!("pins the name `{path}`, which somebody else may get later; pin `{better}`");
            find(Severity::Advice, "mutable_name", message);
        }
        for glob in globs(rule) {
            // The part before the first star is what keeps strangers out.
            let last = glob.literal_prefix().trim_end_matches(['/', ':', '@']);
            if last.len() < 4 {
                let message = format!("has the glob `{glob}` for `{path}`, which begins with hardly anything fixed");
                find(Severity::Advice, "broad_glob", message);
            }
        }
        if let Some(values) = rule.exact_values()
            && path.ends_with("_id")
            && preset.name.starts_with("github")
            && values.iter().any(|value| !is_number(value))
        {
            let message =
                format!("pins `{path}` to what is no number in quotes, as GitHub's ids are: it never matches");
            find(Severity::Error, "never_matches", message);
        }
    }
    let writes = identity.grants.iter().flat_map(|grant| &grant.actions).any(|action| *action != Action::Pull);
    let pins_code =
        || identity.when.is_some() || identity.rules.keys().any(|path| preset.code.contains(&path.as_str()));
    if writes && !preset.code.is_empty() && !pins_code() {
        let message = format!(
            "lets every branch do more than pull; pin one of `{}` to what was reviewed",
            preset.code.join("`, `")
        );
        find(Severity::Advice, "any_code_may_write", message);
    }
    if preset.name == "gitlab" && pins(identity, "ref") && !pins(identity, "ref_type") && !pins(identity, "ref_path") {
        let message = "pins `ref` without `ref_type`: a tag may have the name of a branch; pin `ref_path`".to_owned();
        find(Severity::Advice, "ref_without_type", message);
    }
    if issuer.replay == Replay::Off {
        let message =
            format!("trusts the issuer `{}`, whose tokens can be exchanged without limit; say `bounded`", issuer.name);
        find(Severity::Advice, "replay_off", message);
    }
    if preset.name == "google" && pins(identity, "email") && !pins(identity, "sub") {
        let message = "pins an e-mail address, which can be given to another service account; pin `sub`".to_owned();
        find(Severity::Advice, "email_pinned", message);
    }
    findings
}

fn globs(rule: &ClaimRule) -> &[crate::claim_rule::Glob] {
    match rule {
        ClaimRule::Glob(globs) => globs,
        ClaimRule::AnyOf(_) | ClaimRule::Contains(_) => &[],
    }
}

fn is_number(value: &Scalar) -> bool {
    value.text().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(preset: &str, claims: &str, actions: &str) -> Vec<(Severity, &'static str)> {
        let text = format!(
            "[[issuer]]\nname = \"ci\"\npreset = \"{preset}\"\n[[identity]]\nname = \"ci/app\"\nissuer = \"ci\"\n\
             claims = {{ {claims} }}\ngrants = [ {{ index = \"python\", projects = [\"*\"], actions = [{actions}] }} ]\n"
        );
        let policy = Policy::merge([Policy::parse(&text).unwrap()]).unwrap();
        lint(&policy).into_iter().map(|finding| (finding.severity, finding.code)).collect()
    }

    #[test]
    fn a_tight_rule_has_no_findings() {
        let github = r#"repository_owner_id = "65", repository_id = "74", ref = "refs/heads/main""#;
        assert_eq!(codes("github", github, r#""pull", "push""#), []);
        let gitlab = r#"namespace_id = "72", project_id = "20", ref_path = "refs/heads/main""#;
        assert_eq!(codes("gitlab", gitlab, r#""pull""#), []);
    }

    #[test]
    fn what_is_too_broad_is_found() {
        use Severity::{Advice, Error};
        for (preset, claims, actions, expected) in [
            ("github", r#"repository_id = "74""#, r#""pull""#, (Error, "organisation_not_pinned")),
            ("github", r#"repository_owner_id = "acme""#, r#""pull""#, (Error, "never_matches")),
            (
                "github",
                r#"repository_owner_id = "65", workflow_ref = { glob = "*/x.yml@refs/heads/main" }"#,
                r#""pull""#,
                (Advice, "broad_glob"),
            ),
            ("github", r#"repository_owner_id = "65""#, r#""push""#, (Advice, "any_code_may_write")),
            ("github", r#"repository_owner_id = "65", repository = "acme/app""#, r#""pull""#, (Advice, "mutable_name")),
            ("gitlab", r#"namespace_id = "72", ref = "main""#, r#""pull""#, (Advice, "ref_without_type")),
            ("google", r#"azp = "1", email = "a@b.example""#, r#""pull""#, (Advice, "email_pinned")),
        ] {
            let found = codes(preset, claims, actions);
            assert!(found.contains(&expected), "{preset} {claims}: {found:?}");
        }
    }
}
