//! Pull tokens: for tools that can do nothing better than keep a password.
//!
//! A pull token lives for weeks, so it is worth little: it pulls and does nothing else, and it is never worth more than
//! what the person who made it may pull *now*. A role that is withdrawn from its maker is withdrawn from it.
//!
//! What is *not* here: how one looks (`opaque`), and where it is kept.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Ttl,
    grant::{Action, Grant, GrantedIndex, ProjectPattern},
    names::{ProviderName, PullTokenName},
    person::{LOCAL_PROVIDER, PersonId, id_type},
    policy::{Membership, Policy},
    role::Role,
};

/// How long a pull token lives where nobody says.
pub const DEFAULT_LIFE: Ttl = Ttl::from_secs(30 * 24 * 3600);

/// The longest that one may live.
pub const LONGEST_LIFE: Ttl = Ttl::from_secs(365 * 24 * 3600);

/// The shortest, so that there is time to put it where it is needed.
pub const SHORTEST_LIFE: Ttl = Ttl::from_secs(60);

/// How many project patterns one may name in all: every replica keeps them in memory.
pub const MOST_PATTERNS: usize = 100;

id_type!(
    /// A pull token's id, by which it is revoked. Not secret.
    PullTokenId
);

impl PullTokenId {
    /// A new random one.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

/// A pull token that was made, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullToken {
    /// Its id.
    pub id: PullTokenId,
    /// What its maker calls it.
    pub name: PullTokenName,
    /// Who made it, as they stand now.
    pub maker: Maker,
    /// What it was made for: pulling only.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Who made a pull token, and what roles ask about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// Their id.
    pub person: PersonId,
    /// Their provider.
    pub provider: ProviderName,
    /// Its issuer URL when it vouched for them.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// What to call them.
    pub shown: String,
    /// The groups they were in when they last signed in.
    pub groups: Vec<String>,
    /// The role of their built-in account, if they have one.
    pub role: Option<Role>,
    /// Whether they are shut out.
    pub disabled: bool,
}

/// How a pull token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It may be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl PullToken {
    /// How it stands at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        match self.revoked_at {
            Some(_) => State::Revoked,
            None if now >= self.expires_at => State::Expired,
            None => State::Active,
        }
    }

    /// What its maker may do now; of that, what [`PullToken::grants`] names is what it is worth. `None`: nothing.
    pub fn current_grants(&self, policy: &Policy) -> Option<Vec<Grant>> {
        let grants = self.maker.grants(policy);
        (!grants.is_empty()).then_some(grants)
    }
}

impl Maker {
    fn grants(&self, policy: &Policy) -> Vec<Grant> {
        let Self { provider, issuer, subject, groups, role, disabled, .. } = self;
        // As at a refresh: a provider that is gone, or has become another one, vouches for nobody.
        let vouches = policy.provider(provider).is_some_and(|known| *known.url == **issuer);
        if *disabled || provider.as_str() != LOCAL_PROVIDER && !vouches {
            return Vec::new();
        }
        policy.rights_of(&Membership { provider, subject, groups, role: *role }).grants
    }
}

/// What somebody wants a pull token for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The index, or every index.
    pub index: GrantedIndex,
    /// Any of these projects; all, if nothing is said.
    #[serde(default = "all_projects")]
    pub projects: Vec<ProjectPattern>,
}

/// The pattern is a constant that parses.
fn all_projects() -> Vec<ProjectPattern> {
    "*".parse().into_iter().collect()
}

/// Why no pull token is made. `Display` is for whoever asked: it tells nothing but what they may do themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMade {
    /// Nobody can grant what they do not hold.
    #[error("you may not pull `{pattern}` of index `{index}` yourself, so no pull token of yours may")]
    NotHeld {
        /// The index.
        index: String,
        /// The projects.
        pattern: String,
    },
    /// Whoever asks may pull nothing.
    #[error("you may pull nothing here, so no pull token of yours may")]
    NothingHeld,
    /// It would be a pull token for nothing.
    #[error("name an index and at least one project pattern, or leave `grants` out for all that you may pull")]
    Nothing,
    /// More than every replica should remember.
    #[error("a pull token names at most {MOST_PATTERNS} project patterns: use `*` for a family of names")]
    TooMany,
    /// It would live too long, or too short.
    #[error("a pull token lives for a minute at least and 365 days at most")]
    Life,
}

/// What a pull token is granted: what is `wanted`, or else all that may be pulled, of what its maker holds.
///
/// # Errors
/// All but [`NotMade::Life`].
pub fn grants_for(wanted: Option<&[Scope]>, held: &[Grant]) -> Result<Vec<Grant>, NotMade> {
    let pulls = || held.iter().filter(|grant| grant.actions.contains(&Action::Pull));
    let grant = |index: &GrantedIndex, projects: &[ProjectPattern]| Grant {
        index: index.clone(),
        projects: projects.to_vec(),
        actions: vec![Action::Pull],
    };
    let mut grants: Vec<Grant> = Vec::new();
    match wanted {
        None => grants.extend(pulls().map(|held| grant(&held.index, &held.projects))),
        Some(scopes) => {
            for Scope { index, projects } in scopes {
                let holds = |pattern: &ProjectPattern| {
                    pulls()
                        .any(|held| held.index.contains(index) && held.projects.iter().any(|own| own.contains(pattern)))
                };
                if let Some(pattern) = projects.iter().find(|pattern| !holds(pattern)) {
                    let (index, pattern) = (index.as_str().to_owned(), pattern.as_str().to_owned());
                    return Err(NotMade::NotHeld { index, pattern });
                }
                grants.push(grant(index, projects));
            }
            if grants.is_empty() || grants.iter().any(|grant| grant.projects.is_empty()) {
                return Err(NotMade::Nothing);
            }
        }
    }
    if grants.is_empty() {
        return Err(NotMade::NothingHeld);
    }
    if grants.iter().map(|grant| grant.projects.len()).sum::<usize>() > MOST_PATTERNS {
        return Err(NotMade::TooMany);
    }
    Ok(grants)
}

/// How long a pull token lives that is wanted for so many seconds.
///
/// # Errors
/// [`NotMade::Life`].
pub fn life(wanted: Option<i64>) -> Result<SignedDuration, NotMade> {
    let seconds = wanted.unwrap_or(DEFAULT_LIFE.as_secs());
    if (SHORTEST_LIFE.as_secs()..=LONGEST_LIFE.as_secs()).contains(&seconds) {
        Ok(SignedDuration::from_secs(seconds))
    } else {
        Err(NotMade::Life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(index: &str, projects: &[&str], actions: &[Action]) -> Grant {
        let Scope { index, projects } = scope(index, projects);
        Grant { index, projects, actions: actions.to_vec() }
    }

    fn scope(index: &str, projects: &[&str]) -> Scope {
        let index = if index == "*" { GrantedIndex::Every } else { GrantedIndex::One(index.parse().unwrap()) };
        Scope { index, projects: projects.iter().map(|pattern| pattern.parse().unwrap()).collect() }
    }

    use Action::{Admin, Pull, Push};

    #[test]
    fn a_pull_token_pulls_and_does_nothing_else() {
        let held = [grant("python", &["*"], &[Pull, Push, Admin]), grant("other", &["x"], &[Push])];
        assert_eq!(grants_for(None, &held), Ok(vec![grant("python", &["*"], &[Pull])]));
        let wanted = [scope("python", &["acme-*", "x"])];
        assert_eq!(grants_for(Some(&wanted), &held), Ok(vec![grant("python", &["acme-*", "x"], &[Pull])]));
    }

    #[test]
    fn nobody_grants_what_they_do_not_hold() {
        let held = [grant("python", &["acme-*"], &[Pull]), grant("python", &["*"], &[Push])];
        let not_held =
            |index: &str, pattern: &str| Err(NotMade::NotHeld { index: index.to_owned(), pattern: pattern.to_owned() });
        for (index, projects, expected) in [
            (
                "python",
                &["acme-x", "acme-tools-*"][..],
                Ok(vec![grant("python", &["acme-x", "acme-tools-*"], &[Pull])]),
            ),
            ("python", &["acme-x", "*"], not_held("python", "*")),
            ("python", &["acme*"], not_held("python", "acme*")),
            ("other", &["acme-x"], not_held("other", "acme-x")),
            ("*", &["acme-x"], not_held("*", "acme-x")),
            ("python", &[], Err(NotMade::Nothing)),
        ] {
            assert_eq!(grants_for(Some(&[scope(index, projects)]), &held), expected, "{index} {projects:?}");
        }
        assert_eq!(grants_for(Some(&[]), &held), Err(NotMade::Nothing));
        assert_eq!(grants_for(None, &held[1..]), Err(NotMade::NothingHeld));
        let everywhere = [grant("*", &["*"], &[Pull])];
        assert!(grants_for(Some(&[scope("*", &["x"])]), &everywhere).is_ok());
        assert!(grants_for(Some(&[scope("python", &["x"])]), &everywhere).is_ok());
    }

    #[test]
    fn a_pull_token_is_bounded_in_size_and_in_time() {
        let names: Vec<String> = (0..=MOST_PATTERNS).map(|number| format!("a{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let held = [grant("python", &["*"], &[Pull])];
        assert!(grants_for(Some(&[scope("python", &names[1..])]), &held).is_ok());
        assert_eq!(grants_for(Some(&[scope("python", &names)]), &held), Err(NotMade::TooMany));
        let day = 24 * 3600;
        for (wanted, expected) in
            [(None, Some(30 * day)), (Some(365 * day), Some(365 * day)), (Some(60), Some(60)), (Some(59), None)]
        {
            assert_eq!(life(wanted).ok().map(|life| life.as_secs()), expected, "{wanted:?}");
        }
        for wanted in [365 * day + 1, 0, -1, i64::MAX, i64::MIN] {
            assert_eq!(life(Some(wanted)), Err(NotMade::Life), "{wanted}");
        }
    }

    const POLICY: &str = r#"
        [[provider]]
        name = "corp"
        url = "https://login.example.com"
        client_id = "daypass"

        [[role]]
        role = "reader"
        index = "python"
        users = ["corp/ada"]

        [[role]]
        role = "reader"
        index = "other"
        groups = ["corp/engineering"]
    "#;

    fn made_by(maker: Maker) -> PullToken {
        let at: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        PullToken {
            id: PullTokenId::random(),
            name: "laptop".parse().unwrap(),
            maker,
            grants: vec![grant("*", &["*"], &[Pull])],
            created_at: at,
            expires_at: at + SignedDuration::from_hours(1),
            used_at: None,
            revoked_at: None,
        }
    }

    fn maker(provider: &str, subject: &str) -> Maker {
        let issuer = "https://login.example.com".to_owned();
        Maker {
            person: PersonId::of(&issuer, subject),
            provider: provider.parse().unwrap(),
            issuer,
            subject: subject.to_owned(),
            shown: format!("{subject}@example.com"),
            groups: vec!["engineering".to_owned()],
            role: None,
            disabled: false,
        }
    }

    #[test]
    fn a_pull_token_is_worth_what_its_maker_may_do_now() {
        let policy = |text: &str| Policy::merge([Policy::parse(text).unwrap()]).unwrap();
        let worth = |maker: Maker, text: &str| made_by(maker).current_grants(&policy(text)).map(|grants| grants.len());
        let ada = || maker("corp", "ada");
        assert_eq!(worth(ada(), POLICY), Some(2));
        assert_eq!(worth(ada(), &POLICY.replace("corp/ada", "corp/bob")), Some(1));
        assert_eq!(worth(Maker { groups: Vec::new(), ..ada() }, POLICY), Some(1));
        assert_eq!(worth(Maker { groups: Vec::new(), ..maker("corp", "bob") }, POLICY), None);
        assert_eq!(worth(Maker { disabled: true, ..ada() }, POLICY), None);
        // Who has the name there now is somebody else.
        assert_eq!(worth(ada(), &POLICY.replace("login.example.com", "login2.example.com")), None);
        assert_eq!(worth(maker("local", "ada"), POLICY), None);
        assert_eq!(worth(Maker { role: Some(Role::Reader), ..maker("local", "ada") }, ""), Some(1));
        // A role that a provider's person cannot have.
        assert_eq!(worth(Maker { role: Some(Role::Admin), groups: Vec::new(), ..ada() }, POLICY), Some(1));
    }

    #[test]
    fn a_pull_token_ends_by_time_and_by_hand() {
        let made = made_by(maker("corp", "ada"));
        let second = SignedDuration::from_secs(1);
        assert_eq!(made.state(made.expires_at - second), State::Active);
        assert_eq!(made.state(made.expires_at), State::Expired);
        let revoked = PullToken { revoked_at: Some(made.created_at), ..made.clone() };
        assert_eq!(revoked.state(made.created_at), State::Revoked);
        assert_eq!(revoked.state(made.expires_at), State::Revoked);
    }
}
