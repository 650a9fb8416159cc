//! A code opens one session, once.

use daypass_core::digest::Sha256;
use daypass_store::{NewSession, Redeemed, Revocation, Revoked, Rotated, Store};

use crate::{
    guests::{let_in, log, minutes, new_code, new_session, remembered_from, revocations, rotate, seen},
    home::{Home, event, noon, refusal},
};

async fn redeem(store: &Store, code: &str, session: NewSession) -> Redeemed {
    store.redeem_code(&Sha256::of(code), session, event("opened"), refusal("replayed")).await.unwrap()
}

pub(crate) async fn a_code_opens_one_session_and_loses_it_when_it_comes_again(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    store.record_person(seen("ada"), noon()).await.unwrap();
    let code = new_code("c", "ada");
    store.add_code(code.clone()).await.unwrap();
    let stored = replica.code(&code.code).await.unwrap().unwrap();
    assert_eq!((stored.client_id, stored.redirect_uri), (code.client_id, code.redirect_uri));
    assert_eq!((stored.code_challenge, stored.groups), (code.code_challenge, code.groups));
    assert_eq!((stored.person.person, stored.person.disabled), (seen("ada"), false));
    assert_eq!((stored.expires_at, stored.redeemed_by), (code.expires_at, None));

    let session = new_session("rt-1", "ada");
    assert_eq!(redeem(&replica, "c", session.clone()).await, Redeemed::Opened);
    assert_eq!(store.code(&code.code).await.unwrap().unwrap().redeemed_by, Some(session.id));
    assert!(!store.session(session.id).await.unwrap().unwrap().ended);
    assert_eq!(revocations(&store).await, []);

    // Also after its end: whoever has it, has it from somewhere.
    let late = noon() + minutes(3);
    let second = NewSession { created_at: late, ..new_session("rt-2", "ada") };
    assert_eq!(redeem(&store, "c", second.clone()).await, Redeemed::Replayed);
    assert_eq!(store.session(second.id).await.unwrap(), None);
    assert!(store.session(session.id).await.unwrap().unwrap().ended);
    let ended = Revocation { what: Revoked::Session(session.id), expires_at: remembered_from(late) };
    assert_eq!(revocations(&store).await, [ended]);
    assert_eq!(rotate(&store, "rt-1", "rt-3", minutes(4)).await, Rotated::Ended);
    assert_eq!(log(&store).await, ["opened", "replayed"]);
}

pub(crate) async fn of_20_who_redeem_a_code_at_once_one_opens_a_session(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    replicas[0].record_person(seen("ada"), noon()).await.unwrap();
    replicas[0].add_code(new_code("c", "ada")).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = replicas[number % 2].clone();
            tokio::spawn(async move { redeem(&store, "c", new_session(&format!("rt-{number}"), "ada")).await })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        match task.await.unwrap() {
            Redeemed::Opened => opened += 1,
            other => assert_eq!(other, Redeemed::Replayed),
        }
    }
    assert_eq!(opened, 1);
    assert_eq!(home.number("SELECT COUNT(*) FROM session").await, 1);
    assert_eq!(log(&replicas[0]).await.len(), 20);
}

pub(crate) async fn a_code_that_is_unknown_expired_or_of_somebody_else_opens_nothing(home: &Home) {
    let store = home.open().await;
    for person in ["ada", "bob"] {
        store.record_person(seen(person), noon()).await.unwrap();
    }
    store.add_code(new_code("c", "ada")).await.unwrap();
    store.add_code(new_code("of nobody", "eve")).await.unwrap();
    let good = new_session("rt", "ada");
    let at_its_end = NewSession { created_at: noon() + minutes(1), ..good.clone() };
    let other_client = NewSession { client_id: "my-tool".parse().unwrap(), ..good.clone() };
    assert_eq!(redeem(&store, "unknown", good.clone()).await, Redeemed::Gone);
    assert_eq!(redeem(&store, "c", at_its_end).await, Redeemed::Gone);
    assert_eq!(redeem(&store, "c", other_client).await, Redeemed::Gone);
    assert_eq!(redeem(&store, "c", new_session("rt", "bob")).await, Redeemed::Gone);
    assert_eq!(redeem(&store, "of nobody", new_session("rt", "eve")).await, Redeemed::Gone);
    assert_eq!(store.code(&Sha256::of("unknown")).await.unwrap(), None);
    store.set_person_disabled(seen("ada").id, true, noon(), event("out")).await.unwrap();
    assert_eq!(redeem(&store, "c", good.clone()).await, Redeemed::Gone);
    // Let in again, they prove anew who they are.
    store.set_person_disabled(seen("ada").id, false, noon(), event("in")).await.unwrap();
    assert_eq!(redeem(&store, "c", good.clone()).await, Redeemed::Gone);
    store.add_code(new_code("c", "ada")).await.unwrap();
    assert_eq!(redeem(&store, "c", good).await, Redeemed::Opened);
    assert_eq!(log(&store).await, ["out", "in", "opened"]);
}

/// Nothing of a batch is done when one of it cannot be; the others do not notice.
pub(crate) async fn a_session_that_cannot_begin_leaves_its_code_as_it_was(home: &Home) {
    let store = home.open().await;
    let taken = let_in(&store, "rt-1", "ada").await;
    store.add_code(new_code("c", "ada")).await.unwrap();
    // No two sessions have one refresh token: here the database says so.
    let code = Sha256::of("c");
    let clash = store.redeem_code(&code, new_session("rt-1", "ada"), event("clash"), refusal("clash"));
    assert!(clash.await.is_err());
    assert_eq!(store.code(&Sha256::of("c")).await.unwrap().unwrap().redeemed_by, None);
    assert_eq!(redeem(&store, "c", new_session("rt-2", "ada")).await, Redeemed::Opened);
    assert!(!store.session(taken).await.unwrap().unwrap().ended);
    assert_eq!(log(&store).await, ["in", "opened"]);
}
