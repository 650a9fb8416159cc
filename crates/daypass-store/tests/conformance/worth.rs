//! What a token is worth now, asked one at a time.

use daypass_core::{
    access_token::{AccessTokenClaims, Actor, Holder},
    digest::Sha256,
    person::SessionId,
};
use daypass_store::{Revocation, Revoked, Store};

use crate::{
    guests::{let_in, minutes, rotate, seen},
    home::{Home, event, noon},
};

fn claims(jti: &str, session: SessionId, person: &str, after: i64) -> AccessTokenClaims {
    let iat = (noon() + minutes(after)).as_second();
    AccessTokenClaims {
        iss: "https://packages.example.com".to_owned(),
        sub: seen(person).id.to_string(),
        aud: "https://packages.example.com".to_owned(),
        exp: iat + 3600,
        iat,
        nbf: iat,
        jti: jti.to_owned(),
        parents: Vec::new(),
        client_id: "daypass-cli".to_owned(),
        holder: Holder::Person { sid: session, person: person.to_owned(), seats: Vec::new() },
        grants: Vec::new(),
        act: Actor { iss: "https://login.example.com".to_owned(), sub: person.to_owned() },
    }
}

async fn is_revoked(store: &Store, jti: &str, session: SessionId, person: &str, after: i64) -> bool {
    store.is_revoked(&claims(jti, session, person, after)).await.unwrap()
}

pub(crate) async fn an_access_token_is_revoked_by_itself_with_its_session_or_with_its_person(home: &Home) {
    let store = home.open().await;
    let (ada, other) = (let_in(&store, "rt-1", "ada").await, let_in(&store, "rt-2", "ada").await);
    let bob = let_in(&store, "rt-3", "bob").await;
    let itself = Revocation { what: Revoked::AccessToken("a".to_owned()), expires_at: noon() + minutes(60) };
    store.revoke(itself, event("itself")).await.unwrap();
    assert!(is_revoked(&store, "a", ada, "ada", 0).await && !is_revoked(&store, "b", ada, "ada", 0).await);
    store.end_session(ada, noon(), event("end")).await.unwrap();
    assert!(is_revoked(&store, "b", ada, "ada", 0).await && !is_revoked(&store, "b", other, "ada", 0).await);
    store.set_person_disabled(seen("ada").id, true, noon() + minutes(5), event("out")).await.unwrap();
    assert!(is_revoked(&store, "b", other, "ada", 5).await);
    assert!(!is_revoked(&store, "b", other, "ada", 6).await, "it came later");
    assert!(!is_revoked(&store, "b", bob, "bob", 0).await, "it is somebody else's");
}

pub(crate) async fn a_narrower_access_token_is_revoked_with_each_that_it_was_narrowed_from(home: &Home) {
    let store = home.open().await;
    let ada = let_in(&store, "rt-1", "ada").await;
    let parents: Vec<String> = ["p1", "p2", "p3", "p4"].map(ToOwned::to_owned).into();
    let narrower = |parents: &[String]| AccessTokenClaims { parents: parents.into(), ..claims("n", ada, "ada", 0) };
    for parent in &parents {
        let before: Vec<_> = parents.iter().filter(|other| *other > parent).cloned().collect();
        assert!(!store.is_revoked(&narrower(&before)).await.unwrap(), "of others: {before:?}");
        let revoked = Revocation { what: Revoked::AccessToken(parent.clone()), expires_at: noon() + minutes(60) };
        store.revoke(revoked, event("parent")).await.unwrap();
        assert!(store.is_revoked(&narrower(&[parent.clone(), "other".to_owned()])).await.unwrap(), "{parent}");
    }
    assert!(store.is_revoked(&narrower(&["other".to_owned(), "p4".to_owned()])).await.unwrap());
    assert!(!store.is_revoked(&narrower(&[])).await.unwrap(), "nobody's id is the empty one");
}

pub(crate) async fn only_the_last_refresh_token_is_in_force(home: &Home) {
    let store = home.open().await;
    let_in(&store, "rt-1", "ada").await;
    rotate(&store, "rt-1", "lost", minutes(1)).await;
    rotate(&store, "rt-1", "rt-2", minutes(2)).await;
    for (refresh_token, expected) in [("rt-1", false), ("lost", false), ("rt-2", true), ("unknown", false)] {
        let in_force = store.is_in_force(&Sha256::of(refresh_token)).await.unwrap();
        assert_eq!(in_force, expected, "{refresh_token}");
    }
}
