//! A refresh token is good once; a lost answer is forgiven, a copy is not.

use daypass_core::{SignedDuration, digest::Sha256};
use daypass_store::{Revocation, Revoked, Rotated, Store};

use crate::{
    guests::{let_in, log, minutes, remembered_from, revocations, rotate, seen},
    home::{Home, event, noon},
};

pub(crate) async fn a_refresh_token_is_exchanged_for_the_next_and_an_old_one_ends_the_session(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let id = let_in(&store, "rt-1", "ada").await;
    assert_eq!(rotate(&store, "rt-1", "rt-2", minutes(1)).await, Rotated::Refreshed);
    assert_eq!(rotate(&replica, "rt-2", "rt-3", minutes(2)).await, Rotated::Refreshed);
    assert_eq!(revocations(&store).await, []);
    assert_eq!(rotate(&replica, "rt-1", "thief", minutes(3)).await, Rotated::Replayed);
    let ended = Revocation { what: Revoked::Session(id), expires_at: remembered_from(noon() + minutes(3)) };
    assert_eq!(revocations(&store).await, [ended]);
    for refresh_token in ["rt-1", "rt-2", "rt-3"] {
        assert_eq!(rotate(&store, refresh_token, "rt-4", minutes(4)).await, Rotated::Ended, "{refresh_token}");
    }
    assert_eq!(rotate(&store, "rt-4", "rt-5", minutes(4)).await, Rotated::Unknown);
    assert_eq!(rotate(&store, "thief", "rt-5", minutes(4)).await, Rotated::Unknown);
    assert_eq!(log(&store).await, ["in", "refreshed rt-2", "refreshed rt-3", "replayed thief"]);
}

pub(crate) async fn lost_answers_in_a_row_are_forgiven_and_what_they_carried_is_worthless(home: &Home) {
    let store = home.open().await;
    let id = let_in(&store, "rt-1", "ada").await;
    assert_eq!(rotate(&store, "rt-1", "lost-1", minutes(1)).await, Rotated::Refreshed);
    assert_eq!(rotate(&store, "rt-1", "lost-2", minutes(2)).await, Rotated::Reissued);
    assert_eq!(rotate(&store, "rt-1", "rt-2", minutes(3)).await, Rotated::Reissued);
    let lost = |which: &str, after: i64| Revocation {
        what: Revoked::AccessToken(format!("at-{which}")),
        expires_at: noon() + minutes(after + 60),
    };
    assert_eq!(revocations(&store).await, [lost("lost-1", 1), lost("lost-2", 2)]);
    assert_eq!(rotate(&store, "rt-2", "rt-3", minutes(4)).await, Rotated::Refreshed);
    assert!(!store.session(id).await.unwrap().unwrap().ended);
    // What was lost has been found by somebody.
    assert_eq!(rotate(&store, "lost-2", "thief", minutes(5)).await, Rotated::Replayed);
    assert!(store.session(id).await.unwrap().unwrap().ended);
    let expected = ["in", "refreshed lost-1", "reissued lost-2", "reissued rt-2", "refreshed rt-3", "replayed thief"];
    assert_eq!(log(&store).await, expected);
}

pub(crate) async fn an_answer_whose_access_token_was_used_was_not_lost(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let id = let_in(&store, "rt-1", "ada").await;
    let other = let_in(&store, "rt-a", "bob").await;
    assert_eq!(rotate(&store, "rt-1", "rt-2", minutes(1)).await, Rotated::Refreshed);
    assert_eq!(rotate(&store, "rt-a", "rt-b", minutes(1)).await, Rotated::Refreshed);
    // Of the access token before, of another session's, of an unknown session: none of these says anything.
    store.note_access_token_used(id, "at-rt-1", noon() + minutes(2));
    store.note_access_token_used(other, "at-rt-2", noon() + minutes(2));
    store.note_access_token_used(daypass_core::person::SessionId::random(), "at-rt-2", noon() + minutes(2));
    assert_eq!(rotate(&store, "rt-1", "rt-2b", minutes(3)).await, Rotated::Reissued);
    store.note_access_token_used(id, "at-rt-2b", noon() + minutes(4));
    // Written before what is asked for after it.
    store.record(event("barrier")).await.unwrap();
    assert_eq!(rotate(&replica, "rt-1", "thief", minutes(5)).await, Rotated::Replayed);
    assert!(store.session(id).await.unwrap().unwrap().ended);
    assert!(!store.session(other).await.unwrap().unwrap().ended);
}

pub(crate) async fn a_used_access_token_does_not_hinder_the_next_refresh(home: &Home) {
    let store = home.open().await;
    let id = let_in(&store, "rt-1", "ada").await;
    store.note_access_token_used(id, "at-rt-1", noon());
    assert_eq!(rotate(&store, "rt-1", "rt-2", minutes(1)).await, Rotated::Refreshed);
    // The use was of the one before: this answer may still be lost.
    assert_eq!(rotate(&store, "rt-1", "rt-3", minutes(2)).await, Rotated::Reissued);
}

pub(crate) async fn noting_a_use_never_fails(home: &Home) {
    let store = home.open().await;
    let id = let_in(&store, "rt-1", "ada").await;
    for _ in 0..10_000 {
        store.note_access_token_used(id, "at-rt-1", noon());
    }
    store.clone().close().await;
    store.note_access_token_used(id, "at-rt-1", noon());
    let again = home.open().await;
    assert_eq!(rotate(&again, "rt-1", "rt-2", minutes(1)).await, Rotated::Refreshed);
}

pub(crate) async fn more_lost_answers_in_a_row_than_any_network_loses_end_the_session(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    let id = let_in(&replicas[0], "rt-1", "ada").await;
    assert_eq!(rotate(&replicas[0], "rt-1", "lost", minutes(1)).await, Rotated::Refreshed);
    for number in 0..10 {
        let again = rotate(&replicas[number % 2], "rt-1", &format!("lost-{number}"), minutes(1)).await;
        assert_eq!(again, Rotated::Reissued, "{number}");
    }
    assert_eq!(rotate(&replicas[0], "rt-1", "flood", minutes(1)).await, Rotated::Replayed);
    assert!(replicas[1].session(id).await.unwrap().unwrap().ended);
    // However long it goes on, nothing more is written.
    let (before, revoked) = (log(&replicas[0]).await, revocations(&replicas[0]).await);
    assert_eq!((before.len(), revoked.len()), (1 + 1 + 10 + 1, 10 + 1));
    for _ in 0..100 {
        assert_eq!(rotate(&replicas[0], "rt-1", "flood", minutes(1)).await, Rotated::Ended);
    }
    assert_eq!((log(&replicas[0]).await, revocations(&replicas[0]).await), (before, revoked));
}

pub(crate) async fn lost_answers_are_counted_anew_once_one_has_arrived(home: &Home) {
    let store = home.open().await;
    let_in(&store, "0-10", "ada").await;
    for round in 1..=3 {
        let last = format!("{}-10", round - 1);
        for number in 0..=10 {
            let expected = if number == 0 { Rotated::Refreshed } else { Rotated::Reissued };
            assert_eq!(rotate(&store, &last, &format!("{round}-{number}"), minutes(round)).await, expected);
        }
    }
}

/// `count` refreshes at once with the refresh token `rt`, at two replicas: how many were answered in which way.
async fn at_once(replicas: &[Store; 2], count: usize) -> [usize; 4] {
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let store = replicas[number % 2].clone();
            tokio::spawn(async move { rotate(&store, "rt", &format!("{number}"), minutes(1)).await })
        })
        .collect();
    let mut answers = [0; 4];
    for task in tasks {
        let answer = task.await.unwrap();
        let ways = [Rotated::Refreshed, Rotated::Reissued, Rotated::Replayed, Rotated::Ended];
        answers[ways.into_iter().position(|way| way == answer).unwrap()] += 1;
    }
    answers
}

/// The first is refreshed. Of each that follows, the answer before it has not been used, so it counts as lost: the
/// last one's refresh token is in force. What the others got is worthless, and using it is a replay.
pub(crate) async fn of_10_refreshes_at_once_one_is_the_first_and_the_last_one_holds(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    let id = let_in(&replicas[0], "rt", "ada").await;
    assert_eq!(at_once(&replicas, 10).await, [1, 9, 0, 0]);
    let log = log(&replicas[0]).await;
    assert!(log[1].starts_with("refreshed ") && log[2..].iter().all(|id| id.starts_with("reissued ")), "{log:?}");
    assert_eq!(revocations(&replicas[0]).await.len(), 9);
    let (last, before) = (&log[10]["reissued ".len()..], &log[9]["reissued ".len()..]);
    assert_eq!(rotate(&replicas[0], last, "next", minutes(2)).await, Rotated::Refreshed);
    assert_eq!(rotate(&replicas[1], before, "thief", minutes(3)).await, Rotated::Replayed);
    assert!(replicas[0].session(id).await.unwrap().unwrap().ended);
}

pub(crate) async fn of_50_refreshes_at_once_none_keeps_the_session(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    let id = let_in(&replicas[0], "rt", "ada").await;
    assert_eq!(at_once(&replicas, 50).await, [1, 10, 1, 38]);
    assert!(replicas[0].session(id).await.unwrap().unwrap().ended);
    assert_eq!(revocations(&replicas[0]).await.len(), 11);
}

pub(crate) async fn a_session_that_is_over_is_not_refreshed_and_nothing_is_written(home: &Home) {
    let store = home.open().await;
    let second = SignedDuration::from_secs(1);
    for (rt, subject) in [("idle", "ada"), ("expired", "ada"), ("shut out", "bob"), ("ended", "ada")] {
        let id = let_in(&store, rt, subject).await;
        if rt == "ended" {
            store.end_session(id, noon(), event("end")).await.unwrap();
        }
    }
    store.set_person_disabled(seen("bob").id, true, noon(), event("out")).await.unwrap();
    let before = log(&store).await;
    assert_eq!(rotate(&store, "idle", "-", minutes(120)).await, Rotated::Ended);
    for rt in ["shut out", "ended"] {
        assert_eq!(rotate(&store, rt, "-", minutes(1)).await, Rotated::Ended, "{rt}");
    }
    assert_eq!(log(&store).await, before);
    assert_eq!(store.session_by_refresh(&Sha256::of("-")).await.unwrap(), None);
    assert_eq!(rotate(&store, "idle", "idle-2", minutes(120) - second).await, Rotated::Refreshed);
    // Refreshed all day, it ends in the evening.
    for (presented, next, after) in
        [("expired", "e1", 110), ("e1", "e2", 220), ("e2", "e3", 330), ("e3", "e4", 440), ("e4", "e5", 550)]
    {
        assert_eq!(rotate(&store, presented, next, minutes(after)).await, Rotated::Refreshed);
    }
    assert_eq!(rotate(&store, "e5", "e6", minutes(660)).await, Rotated::Refreshed);
    let session = store.session_by_refresh(&Sha256::of("e6")).await.unwrap().unwrap();
    assert_eq!(session.idle_until, session.expires_at);
    assert_eq!(rotate(&store, "e6", "e7", minutes(720)).await, Rotated::Ended);
    assert_eq!(rotate(&store, "e6", "e7", minutes(720) - second).await, Rotated::Refreshed);
}
