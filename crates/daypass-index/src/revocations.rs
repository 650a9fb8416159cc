//! What was revoked, so that a request can be told from it at the cost of a few looks into small maps.
//!
//! What is *not* here: how it is learned (`following`).

use std::collections::HashMap;

use daypass_core::{
    SignedDuration, Timestamp,
    access_token::AccessTokenClaims,
    person::{PersonId, SessionId},
};
use daypass_store::{Revocation, Revoked};

/// For how long a revocation is remembered after it expired by itself. A clock that was wrong and is put right makes
/// the access token young again, and its row is read only once.
const LONGER: SignedDuration = SignedDuration::from_hours(24);

/// Everything that was revoked and has not been over for long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revocations {
    access_tokens: HashMap<Box<str>, Timestamp>,
    sessions: HashMap<SessionId, Timestamp>,
    /// By the `sub` of their access tokens.
    people: HashMap<Box<str>, Cut>,
}

/// A person's access tokens up to an instant.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// In whole seconds, as `iat` is.
    issued_before: i64,
    until: Timestamp,
}

impl Revocations {
    /// Whether the access token with these claims was revoked.
    pub(crate) fn cover(&self, claims: &AccessTokenClaims) -> bool {
        if claims.ids().any(|id| self.access_tokens.contains_key(id)) {
            return true;
        }
        let Some(session) = claims.holder.session() else { return false };
        self.sessions.contains_key(&session)
            || self.people.get(&*claims.sub).is_some_and(|cut| claims.iat <= cut.issued_before)
    }

    /// Takes in what is new, and forgets what has been over for long.
    pub(crate) fn follow<'a>(&mut self, new: impl Iterator<Item = &'a Revocation>, now: Timestamp) {
        for Revocation { what, expires_at } in new {
            match what {
                Revoked::AccessToken(id) => {
                    self.access_tokens.insert(id.as_str().into(), *expires_at);
                }
                Revoked::Session(id) => {
                    self.sessions.insert(*id, *expires_at);
                }
                Revoked::Person { id, issued_before } => self.cut(*id, issued_before.as_second(), *expires_at),
            }
        }
        let is_live = |until: Timestamp| now.duration_since(until) < LONGER;
        self.access_tokens.retain(|_, until| is_live(*until));
        self.sessions.retain(|_, until| is_live(*until));
        self.people.retain(|_, cut| is_live(cut.until));
    }

    /// The later of two cuts holds, whichever is read last.
    fn cut(&mut self, person: PersonId, issued_before: i64, until: Timestamp) {
        let cut = self.people.entry(person.to_string().into()).or_insert(Cut { issued_before, until });
        cut.issued_before = cut.issued_before.max(issued_before);
        cut.until = cut.until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use daypass_core::access_token::{Actor, Holder};

    use super::*;

    fn noon() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    /// Issued so many seconds after noon.
    fn claims(jti: &str, sid: SessionId, person: PersonId, second: i64) -> AccessTokenClaims {
        let iat = noon().as_second() + second;
        AccessTokenClaims {
            iss: "https://packages.example.com".to_owned(),
            sub: person.to_string(),
            aud: "https://packages.example.com".to_owned(),
            exp: iat + 3600,
            iat,
            nbf: iat,
            jti: jti.to_owned(),
            parents: Vec::new(),
            client_id: "daypass-cli".to_owned(),
            holder: Holder::Person { sid, person: "ada".to_owned(), seats: Vec::new() },
            grants: Vec::new(),
            act: Actor { iss: "https://login.example.com".to_owned(), sub: "1".to_owned() },
        }
    }

    fn revoked(what: Revoked) -> Revocation {
        Revocation { what, expires_at: noon() + SignedDuration::from_hours(1) }
    }

    #[test]
    fn an_access_token_is_refused_by_itself_with_its_session_and_with_its_person_and_no_other_is() {
        let (ada, bob) =
            (PersonId::of("https://login.example.com", "1"), PersonId::of("https://login.example.com", "2"));
        let (here, there) = (SessionId::random(), SessionId::random());
        let cut = Revoked::Person { id: ada, issued_before: noon() + SignedDuration::from_millis(10_900) };
        for (what, refused, passes) in [
            (Revoked::AccessToken("a".to_owned()), claims("a", here, ada, 0), claims("b", here, ada, 0)),
            (Revoked::Session(here), claims("a", here, ada, 0), claims("a", there, ada, 0)),
            (cut.clone(), claims("a", here, ada, 10), claims("a", here, ada, 11)),
            (cut.clone(), claims("a", here, ada, 0), claims("a", here, bob, 0)),
        ] {
            let mut all = Revocations::default();
            assert!(!all.cover(&refused));
            all.follow([revoked(what.clone())].iter(), noon());
            assert!(all.cover(&refused) && !all.cover(&passes), "{what:?}");
            assert!(what.covers(&refused) && !what.covers(&passes), "{what:?}: the store reads it otherwise");
        }
        // What was narrowed from a revoked one goes with it, however often it was narrowed.
        let revoked_one = Revoked::AccessToken("b".to_owned());
        let mut all = Revocations::default();
        all.follow([revoked(revoked_one.clone())].iter(), noon());
        let of = |parents: [&str; 2]| AccessTokenClaims {
            parents: parents.map(ToOwned::to_owned).into(),
            ..claims("a", here, ada, 0)
        };
        for (narrower, covered) in [(of(["b", "c"]), true), (of(["c", "b"]), true), (of(["c", "d"]), false)] {
            assert_eq!((all.cover(&narrower), revoked_one.covers(&narrower)), (covered, covered));
        }
        // An identity's access token is none of a person's, whatever its `sub`.
        let mut all = Revocations::default();
        all.follow([revoked(cut.clone())].iter(), noon());
        let holder = Holder::Identity { identity: "ci/app".parse().unwrap(), rule: String::new(), publisher: None };
        let workload = AccessTokenClaims { holder, ..claims("a", here, ada, 0) };
        assert!(!all.cover(&workload) && !cut.covers(&workload));
    }

    #[test]
    fn a_later_cut_holds_and_an_earlier_one_takes_nothing_back() {
        let (ada, here) = (PersonId::of("https://login.example.com", "1"), SessionId::random());
        let cut =
            |seconds| revoked(Revoked::Person { id: ada, issued_before: noon() + SignedDuration::from_secs(seconds) });
        let mut all = Revocations::default();
        all.follow([cut(5), cut(20), cut(10)].iter(), noon());
        assert!(all.cover(&claims("a", here, ada, 20)) && !all.cover(&claims("a", here, ada, 21)));
    }

    #[test]
    fn what_has_been_over_for_long_is_forgotten_and_nothing_else() {
        let mut all = Revocations::default();
        let (ada, here) = (PersonId::of("https://login.example.com", "1"), SessionId::random());
        let mut early = revoked(Revoked::AccessToken("early".to_owned()));
        early.expires_at = noon();
        all.follow([early, revoked(Revoked::AccessToken("late".to_owned()))].iter(), noon());
        all.follow([].iter(), noon() + LONGER);
        assert!(!all.cover(&claims("early", here, ada, 0)) && all.cover(&claims("late", here, ada, 0)));
    }
}
