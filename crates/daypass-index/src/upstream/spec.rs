//! What one upstream is given: where it is, who we are there, and how old its pages may become.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use daypass_core::secret::Secret;
use url::Url;

/// One upstream index.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamSpec {
    /// The URL of its simple index. A user name and password in it are sent to that origin only, and never shown.
    pub url: Url,
    /// Who we are there, if it wants to know. Goes before what is in the URL, and to the same origin only.
    pub credential: Option<UpstreamCredential>,
    /// Authorities whose certificates are believed besides those of the system, in PEM (RFC 7468 §5).
    pub ca: Option<Arc<str>>,
    /// Whether it is never asked: what is kept is served for ever, and nothing else.
    pub offline: bool,
    /// How old its pages may become.
    pub freshness: Freshness,
}

impl From<Url> for UpstreamSpec {
    /// An upstream without a credential, with the usual times.
    fn from(url: Url) -> Self {
        Self { url, credential: None, ca: None, offline: false, freshness: Freshness::default() }
    }
}

impl fmt::Debug for UpstreamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamSpec")
            .field("host", &self.url.host_str())
            .field("credential", &self.credential)
            .field("offline", &self.offline)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

/// How an upstream is told who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamCredential {
    /// A user name and a password (RFC 7617).
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A bearer token (RFC 6750).
    Bearer(SecretSource),
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// It was given, by an environment variable for example.
    Given(Secret),
    /// In a file, which is read each time: whoever replaces it need not restart anything.
    File(PathBuf),
}

/// How old pages may become: RFC 5861's `stale-while-revalidate` and `stale-if-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// For how long a page is served without asking again.
    pub fresh: Duration,
    /// Up to which age a page is served at once, and asked for again behind the client's back. From then on upstream has
    /// a moment to say something newer.
    pub while_revalidate: Duration,
    /// Up to which age a page is served when upstream fails.
    pub if_error: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(10),
            while_revalidate: Duration::from_hours(24),
            if_error: Duration::from_hours(7 * 24),
        }
    }
}

/// What is to be done with a page of some age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Serve it.
    Fresh,
    /// Serve it, and ask again meanwhile.
    Stale,
    /// Ask again, and serve it if nothing comes within a moment.
    Old,
    /// Do not serve it.
    Over,
}

impl Freshness {
    /// What is to be done with a page that upstream said `age` milliseconds ago.
    pub(super) fn of(&self, age: i64) -> Age {
        // A page from the future was checked by a wrong clock: it is asked for again, and good meanwhile.
        let Ok(age) = u64::try_from(age) else { return Age::Stale };
        let age = Duration::from_millis(age);
        if age < self.fresh {
            Age::Fresh
        } else if age >= self.if_error.max(self.fresh) {
            Age::Over
        } else if age < self.while_revalidate {
            Age::Stale
        } else {
            Age::Old
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_fresh_then_stale_then_old_then_over() {
        let seconds = Duration::from_secs;
        let freshness = Freshness { fresh: seconds(10), while_revalidate: seconds(20), if_error: seconds(30) };
        for (age, expected) in [
            (0, Age::Fresh),
            (9_999, Age::Fresh),
            (10_000, Age::Stale),
            (19_999, Age::Stale),
            (20_000, Age::Old),
            (29_999, Age::Old),
            (30_000, Age::Over),
            (i64::MAX, Age::Over),
            (-1, Age::Stale),
            (i64::MIN, Age::Stale),
        ] {
            assert_eq!(freshness.of(age), expected, "{age}");
        }
        // Who wants no stale page in an outage gets none, but a fresh one is a fresh one.
        let strict = Freshness { if_error: Duration::ZERO, ..freshness };
        assert_eq!((strict.of(9_999), strict.of(10_000)), (Age::Fresh, Age::Over));
    }

    #[test]
    fn an_upstream_shows_no_secret() {
        let mut spec = UpstreamSpec::from(Url::parse("https://u:hidden@mirror.example.com/simple/").unwrap());
        spec.credential = Some(UpstreamCredential::Bearer(SecretSource::Given(Secret::new("hidden".to_owned()))));
        let shown = format!("{spec:?}");
        assert!(shown.contains("mirror.example.com") && !shown.contains("hidden"), "{shown}");
    }
}
