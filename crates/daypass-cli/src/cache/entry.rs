//! One kept credential, and whether it is still worth handing out.

use daypass_core::{SignedDuration, Timestamp, public_url::PublicUrl, secret::Secret};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Holder, Key, origin::Origin};
use crate::profile::ProfileName;

/// The form of the file. Another number is another program's entry, and counts as none.
const VERSION: u32 = 1;

/// What must be left of an access token's life for it to be handed out without trying for a better one.
///
/// uv and poetry ask once and never again in one run: a token that ends in mid-run fails the run.
const ENOUGH: SignedDuration = SignedDuration::from_mins(15);

/// What must be left when there is no better one to be had: the start of a run, at least.
const LEAST: SignedDuration = SignedDuration::from_mins(1);

/// How far the clock may go backwards before the times in an entry mean nothing any more.
const BACKWARDS: SignedDuration = SignedDuration::from_mins(5);

/// A credential as it is kept.
///
/// All times are of *this machine's* clock: the server tells how long the access token lives, and the life is
/// counted from the moment before it was asked for. So a clock that is wrong, but steady, does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(deserialize_with = "this_version")]
    version: u32,
    /// Who issued it.
    pub(crate) server: PublicUrl,
    /// Who accepts it.
    pub(crate) audience: PublicUrl,
    /// The identity that was asked for; empty where the server chose, and for a person.
    pub(crate) asked_identity: String,
    /// The identity's name, as the server told it; empty for a person.
    pub(crate) identity: String,
    /// By what it came, if it is an identity's. One that does not say is nobody's, and stays for `logout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    /// The profile, if it is a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileName>,
    /// The person, as the server told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
    /// The credential.
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    pub(crate) access_token: Secret,
    /// The moment before it was asked for.
    pub(crate) obtained_at: Timestamp,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

impl Entry {
    /// An entry for what `key` asked and the server gave for `life`. `name` is whose it is, as the server told it.
    pub(crate) fn new(
        key: Key<'_>,
        name: String,
        access_token: Secret,
        obtained_at: Timestamp,
        life: SignedDuration,
    ) -> Self {
        let (asked_identity, origin, identity, profile, person) = match key.holder {
            Holder::Identity { asked, origin } => (asked.to_owned(), origin.copied(), name, None, None),
            Holder::Person(profile) => (String::new(), None, String::new(), Some(profile.clone()), Some(name)),
        };
        Self {
            version: VERSION,
            server: key.server.clone(),
            audience: key.audience.clone(),
            asked_identity,
            origin,
            identity,
            profile,
            person,
            access_token,
            obtained_at,
            expires_at: obtained_at.checked_add(life).unwrap_or(Timestamp::MAX),
        }
    }

    /// The same holder's credential with a narrower access token, which ends with this one at the latest. It is not to be
    /// kept: in the cache it would be taken for the wider one.
    pub(crate) fn narrowed(self, access_token: Secret, asked_at: Timestamp, life: SignedDuration) -> Self {
        let expires_at = asked_at.checked_add(life).map_or(self.expires_at, |end| end.min(self.expires_at));
        Self { access_token, expires_at, ..self }
    }

    /// What it is for.
    pub(crate) fn key(&self) -> Key<'_> {
        let identity = Holder::Identity { asked: &self.asked_identity, origin: self.origin.as_ref() };
        let holder = self.profile.as_ref().map_or(identity, Holder::Person);
        Key { server: &self.server, audience: &self.audience, holder }
    }

    /// Whose it is, for people.
    pub(crate) fn name(&self) -> &str {
        self.person.as_deref().unwrap_or(&self.identity)
    }

    /// Whether it is what `key` asks for: a file that was copied to another name is not.
    pub(crate) fn is_for(&self, key: Key<'_>) -> bool {
        self.key() == key
    }

    /// How long it still lives; not positive when it is over or the clock cannot be right.
    pub(crate) fn left(&self, now: Timestamp) -> SignedDuration {
        let age = now.duration_since(self.obtained_at);
        if age < -BACKWARDS {
            return SignedDuration::ZERO;
        }
        self.life() - age.max(SignedDuration::ZERO)
    }

    /// Whether enough is left: 15 minutes, or three quarters of a shorter life.
    pub(crate) fn has_enough_life(&self, now: Timestamp) -> bool {
        let left = self.left(now);
        left.is_positive() && left >= ENOUGH.min(self.life() * 3 / 4)
    }

    /// Whether it is worth handing out when it cannot be renewed: 60 seconds or more are left.
    pub(crate) fn is_still_usable(&self, now: Timestamp) -> bool {
        self.left(now) >= LEAST
    }

    fn life(&self) -> SignedDuration {
        self.expires_at.duration_since(self.obtained_at)
    }
}

fn this_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == VERSION { Ok(version) } else { Err(de::Error::custom("another version")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(life_minutes: i64) -> Entry {
        let server: PublicUrl = "https://packages.example.com".parse().unwrap();
        let origin = Origin::some("a job");
        let holder = Holder::Identity { asked: "ci/app", origin: Some(&origin) };
        let key = Key { server: &server, audience: &server, holder };
        let life = SignedDuration::from_mins(life_minutes);
        Entry::new(key, "ci/app".to_owned(), Secret::new("x"), Timestamp::UNIX_EPOCH, life)
    }

    fn after(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn fifteen_minutes_or_three_quarters_of_a_shorter_life_are_enough() {
        for (life, age, enough) in [
            (60, 0, true),
            (60, 45, true),
            (60, 46, false),
            (60, 61, false),
            (16, 4, true),
            (16, 5, false),
            (8, 2, true),
            (8, 3, false),
            (0, 0, false),
        ] {
            assert_eq!(entry(life).has_enough_life(after(age)), enough, "life {life}, age {age}");
        }
    }

    #[test]
    fn sixty_seconds_are_the_least() {
        for (age, usable) in [(0, true), (46 * 60, true), (59 * 60, true), (59 * 60 + 1, false), (60 * 60, false)] {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(age);
            assert_eq!(entry(60).is_still_usable(now), usable, "age {age}");
        }
        assert!(!entry(60).is_still_usable(after(-6)));
    }

    #[test]
    fn a_clock_that_went_backwards_a_little_is_forgiven_and_far_is_not() {
        assert!(entry(60).has_enough_life(after(-4)));
        assert!(!entry(60).has_enough_life(after(-6)));
        // It never makes the life longer than it was.
        assert_eq!(entry(60).left(after(-4)), SignedDuration::from_mins(60));
    }

    #[test]
    fn another_version_is_not_read() {
        let text = serde_json::to_string(&entry(60)).unwrap();
        assert!(serde_json::from_str::<Entry>(&text).is_ok());
        assert!(serde_json::from_str::<Entry>(&text.replace("\"version\":1", "\"version\":2")).is_err());
    }
}
