//! Who is let in, and how much of what a provider says about a person is kept.

use std::collections::HashSet;

use daypass_core::{
    names::ProviderName,
    provider::{EmailRule, Provider},
};

use super::ProviderError;
use crate::shown::{breaks, is_hidden, visible};

/// How many groups are kept. Azure's limit for a token is 200; nobody is in more than a few hundred.
const MAX_GROUPS: usize = 500;

/// The longest group, in characters. A longer one is left out: shortened, it would be another one.
const MAX_GROUP_CHARS: usize = 200;

/// The longest name that is shown, in characters.
const MAX_NAME_CHARS: usize = 200;

/// The longest e-mail address, in bytes (RFC 5321 §4.5.3.1).
const MAX_EMAIL_BYTES: usize = 320;

/// An e-mail address that a provider names, and whether it says that the person showed it to be theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email {
    pub(super) address: String,
    pub(super) verified: bool,
}

impl Email {
    /// What looks like an address. Nothing with two `@`: readers differ on which domain that is. And nothing that does
    /// not show, or turns the direction of writing: it would be read as somebody else's. Such an address is refused
    /// and not mended, because the mended one may be another person's.
    pub(super) fn new(address: &str, verified: bool) -> Option<Self> {
        let (local, domain) = address.split_once('@')?;
        let good = |char: char| !breaks(char) && !is_hidden(char) && !char.is_whitespace() && char != '@';
        let whole = !local.is_empty() && !domain.is_empty() && address.len() <= MAX_EMAIL_BYTES;
        (whole && local.chars().all(good) && domain.chars().all(good))
            .then(|| Self { address: address.to_owned(), verified })
    }

    fn is_in(&self, domain: &str) -> bool {
        self.address.rsplit_once('@').is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain))
    }

    fn is_believed(&self, rule: EmailRule) -> bool {
        match rule {
            EmailRule::Require => self.verified,
            EmailRule::Assume => true,
        }
    }
}

/// The person's address, if it is believed; and whether they are let in with it, or without one.
pub(super) fn let_in(provider: &Provider, email: Option<&Email>) -> Result<Option<String>, ProviderError> {
    let believed = email.filter(|email| email.is_believed(provider.email_verified));
    if !provider.domains.is_empty() {
        let email = match (email, believed) {
            (None, _) => return Err(ProviderError::NoEmail),
            (Some(_), None) => return Err(ProviderError::EmailNotVerified),
            (Some(_), Some(believed)) => believed,
        };
        if !provider.domains.iter().any(|domain| email.is_in(domain)) {
            return Err(ProviderError::EmailDomain);
        }
    }
    Ok(believed.map(|email| email.address.clone()))
}

/// What to call somebody: the first of these with something to show in it. Nothing that does not print, and nothing
/// that turns the direction of writing: it stands in pages and logs.
pub(super) fn name<'a>(candidates: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    let clean = |text: &str| visible(text).collect::<String>().trim().chars().take(MAX_NAME_CHARS).collect::<String>();
    candidates.into_iter().flatten().map(clean).find(|name| !name.is_empty())
}

/// The groups to keep: each once, not too long and not too many.
pub(super) fn groups(provider: &ProviderName, said: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let (mut kept, mut left_out) = (Vec::new(), 0_usize);
    for group in said {
        let good =
            !group.is_empty() && group.chars().count() <= MAX_GROUP_CHARS && !group.chars().any(char::is_control);
        if !good || (kept.len() >= MAX_GROUPS && !seen.contains(&group)) {
            left_out += 1;
        } else if seen.insert(group.clone()) {
            kept.push(group);
        }
    }
    if left_out > 0 {
        let provider = provider.as_str();
        tracing::warn!(provider, kept = kept.len(), left_out, "not all groups of a person were kept");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_domain_that_nobody_can_argue_about() {
        for address in ["", "ada", "@example.com", "ada@", "a@b@example.com", "a b@example.com", "a@exa\nmple.com"] {
            assert_eq!(Email::new(address, true), None, "{address}");
        }
        // Nor is anything in it that only a machine sees: it would be shown as somebody else's.
        for char in
            "\u{200b}\u{200d}\u{200e}\u{202a}\u{202e}\u{2060}\u{2064}\u{2066}\u{2069}\u{feff}\u{ad}\u{2028}".chars()
        {
            for address in [format!("a{char}b@example.com"), format!("ab@exa{char}mple.com")] {
                assert_eq!(Email::new(&address, true), None, "{}", address.escape_unicode());
            }
        }
        assert!(Email::new("\u{e5}sa@ex\u{e4}mple.com", true).is_some());
        let email = Email::new("Ada@Example.COM", true).unwrap();
        assert!(email.is_in("example.com"));
        for other in ["ample.com", "evil-example.com", "example.com.evil.example", "com", ""] {
            assert!(!email.is_in(other), "{other}");
        }
        assert!(!Email::new("ada@evil.example.com", true).unwrap().is_in("example.com"));
        assert!(!Email::new("ada@exam%70le.com", true).unwrap().is_in("example.com"));
    }

    #[test]
    fn a_name_is_the_first_with_something_to_show() {
        assert_eq!(name([None, Some(" \u{202e}\u{200b}\n"), Some("Ada\u{7}L\u{202e}")]).as_deref(), Some("Ada L"));
        assert_eq!(name([Some("x".repeat(500).as_str())]).map(|name| name.len()), Some(MAX_NAME_CHARS));
        assert_eq!(name([None, Some("")]), None);
    }

    #[test]
    fn groups_are_kept_once_and_within_bounds() {
        let corp: ProviderName = "corp".parse().unwrap();
        let said = ["b", "a", "b", "", "x\u{0}", &"y".repeat(201), &"z".repeat(200)].map(str::to_owned);
        assert_eq!(groups(&corp, said), ["b", "a", &"z".repeat(200)]);
        let many = (0..1000).map(|number| number.to_string());
        let kept = groups(&corp, many);
        assert_eq!((kept.len(), kept.last().map(String::as_str)), (MAX_GROUPS, Some("499")));
    }
}
