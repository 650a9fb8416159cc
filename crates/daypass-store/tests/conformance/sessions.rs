//! Sessions are found, ended and forgotten.

use daypass_core::{SignedDuration, digest::Sha256};
use daypass_store::{
    KEPT_AFTER_END, NewSession, PersonRecord, Redeemed, Revocation, Revoked, Rotated, StoredSession, TOLD_AFTER_END,
};

use crate::{
    guests::{let_in, log, minutes, new_code, new_session, remembered_from, revocations, rotate, seen},
    home::{Home, event, noon, refusal},
};

pub(crate) async fn a_session_comes_back_as_it_was_begun_and_is_found_by_all_its_refresh_tokens(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    store.record_person(seen("ada"), noon()).await.unwrap();
    store.add_code(new_code("c", "ada")).await.unwrap();
    // Idle for longer than it lasts: the earlier end holds.
    let new = NewSession { idle_until: noon() + minutes(900), ..new_session("rt-1", "ada") };
    store.redeem_code(&Sha256::of("c"), new.clone(), event("in"), refusal("in")).await.unwrap();
    let mut expected = StoredSession {
        id: new.id,
        person: PersonRecord { person: seen("ada"), created_at: noon(), seen_at: noon(), disabled: false },
        client_id: new.client_id,
        audience: new.audience,
        groups: new.groups,
        source: new.source,
        user_agent: new.user_agent,
        created_at: new.created_at,
        refreshed_at: new.created_at,
        idle_until: new.expires_at,
        expires_at: new.expires_at,
        ended: false,
    };
    assert_eq!(replica.session(new.id).await.unwrap(), Some(expected.clone()));
    assert_eq!(rotate(&replica, "rt-1", "rt-2", minutes(30)).await, Rotated::Refreshed);
    expected.refreshed_at = noon() + minutes(30);
    expected.idle_until = noon() + minutes(150);
    for refresh_token in ["rt-1", "rt-2"] {
        let found = store.session_by_refresh(&Sha256::of(refresh_token)).await.unwrap();
        assert_eq!(found, Some(expected.clone()), "{refresh_token}");
    }
    assert_eq!(store.session_by_refresh(&Sha256::of("rt-3")).await.unwrap(), None);
    assert_eq!(store.sessions_of(seen("ada").id).await.unwrap(), [expected]);
    assert_eq!(store.sessions_of(seen("bob").id).await.unwrap(), []);
}

pub(crate) async fn a_session_is_ended_once_and_revoked(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let (gone, kept) = (let_in(&store, "rt-1", "ada").await, let_in(&store, "rt-2", "ada").await);
    let now = noon() + minutes(5);
    assert!(store.end_session(gone, now, event("end")).await.unwrap());
    assert!(!replica.end_session(gone, now, event("again")).await.unwrap());
    let unknown = daypass_core::person::SessionId::random();
    assert!(!store.end_session(unknown, now, event("unknown")).await.unwrap());
    let ended = Revocation { what: Revoked::Session(gone), expires_at: remembered_from(now) };
    assert_eq!(revocations(&replica).await, [ended]);
    assert_eq!(rotate(&replica, "rt-1", "rt-1b", minutes(6)).await, Rotated::Ended);
    assert_eq!(rotate(&replica, "rt-2", "rt-2b", minutes(6)).await, Rotated::Refreshed);
    let ended: Vec<_> = store.sessions_of(seen("ada").id).await.unwrap();
    assert_eq!(ended.iter().filter(|session| session.ended).map(|session| session.id).collect::<Vec<_>>(), [gone]);
    assert!(!replica.session(kept).await.unwrap().unwrap().ended);
    assert_eq!(log(&store).await, ["in", "in", "end", "refreshed rt-2b"]);
}

pub(crate) async fn what_has_ended_is_forgotten_in_its_time_and_nothing_else(home: &Home) {
    let store = home.open().await;
    let (ended, kept) = (let_in(&store, "rt-1", "ada").await, let_in(&store, "rt-2", "ada").await);
    assert_eq!(rotate(&store, "rt-1", "rt-1b", minutes(1)).await, Rotated::Refreshed);
    store.end_session(ended, noon() + minutes(2), event("end")).await.unwrap();
    let second = SignedDuration::from_secs(1);
    // Two codes, a quarter of an hour after their end.
    let codes_end = noon() + minutes(1) + KEPT_AFTER_END;
    assert_eq!(store.sweep(codes_end).await.unwrap(), 0);
    assert_eq!(store.sweep(codes_end + second).await.unwrap(), 2);
    assert_eq!(store.code(&Sha256::of("rt-1")).await.unwrap(), None);
    // The ended session and its two refresh tokens, a day after it was ended.
    let told_until = noon() + minutes(2) + TOLD_AFTER_END;
    assert_eq!(store.sweep(told_until).await.unwrap(), 0);
    assert_eq!(rotate(&store, "rt-1b", "rt-x", minutes(3)).await, Rotated::Ended);
    assert_eq!(store.sweep(told_until + second).await.unwrap(), 3);
    assert_eq!(rotate(&store, "rt-1b", "rt-x", minutes(3)).await, Rotated::Unknown);
    assert!(store.session(ended).await.unwrap().is_none() && store.session(kept).await.unwrap().is_some());
    // Its revocation after 25 hours, the other session a day after its end by itself.
    assert_eq!(store.sweep(remembered_from(noon() + minutes(2)) + KEPT_AFTER_END + second).await.unwrap(), 1);
    assert_eq!(revocations(&store).await, []);
    assert_eq!(store.sweep(noon() + minutes(720) + TOLD_AFTER_END + second).await.unwrap(), 2);
    assert_eq!(home.number("SELECT COUNT(*) FROM session").await, 0);
    assert_eq!(home.number("SELECT COUNT(*) FROM refresh_token").await, 0);
    assert_eq!(store.people().await.unwrap().len(), 1);
}

pub(crate) async fn a_session_with_very_many_refresh_tokens_is_forgotten_piece_by_piece(home: &Home) {
    let store = home.open().await;
    let id = let_in(&store, "rt-0", "ada").await;
    // One after the other in one queue: each is answered before the next is asked.
    for number in 0..2100 {
        let (presented, next) = (format!("rt-{number}"), format!("rt-{}", number + 1));
        let rotation = crate::guests::rotation(&presented, &next, minutes(1));
        let events = crate::guests::rotation_events("");
        assert_eq!(store.rotate(rotation, events).await.unwrap(), Rotated::Refreshed);
    }
    assert_eq!(store.sweep(noon() + SignedDuration::from_hours(48)).await.unwrap(), 1 + 2101 + 1);
    assert_eq!(store.session(id).await.unwrap(), None);
}

pub(crate) async fn a_redeemed_code_of_a_forgotten_session_is_still_a_replay(home: &Home) {
    let store = home.open().await;
    let id = let_in(&store, "rt-1", "ada").await;
    home.execute("DELETE FROM refresh_token; DELETE FROM session").await;
    let code = Sha256::of("rt-1");
    let again = store.redeem_code(&code, new_session("rt-2", "ada"), event("o"), refusal("r"));
    assert_eq!(again.await.unwrap(), Redeemed::Replayed);
    assert!(store.session(id).await.unwrap().is_none());
}
