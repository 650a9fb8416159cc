//! A proof is spent once, whoever asks, and the audit log says what happened.

use std::{future::Future, task::Poll};

use daypass_core::{
    SignedDuration,
    audit::AuditKind,
    issuer::Replay,
    key_rotation::{Key, KeyState},
};
use daypass_store::{KEPT_AFTER_END, KeyChange, Spend, SpentProof, StoreError, StoredKey};

use crate::home::{Home, event, noon, proof, refusal, whole_log};

pub(crate) async fn a_spent_proof_is_replayed_the_second_time_and_the_audit_log_says_so(home: &Home) {
    let store = home.open().await;
    assert_eq!(store.record_exchange(proof("1"), event("a"), refusal("a")).await.unwrap(), Spend::First);
    assert_eq!(store.record_exchange(proof("1"), event("b"), refusal("b")).await.unwrap(), Spend::Replayed);
    assert_eq!(store.record_exchange(proof("2"), event("c"), refusal("c")).await.unwrap(), Spend::First);
    let log: Vec<_> = whole_log(&store).await.into_iter().map(|row| row.event).collect();
    assert_eq!(log, [event("a"), refusal("b"), event("c")]);
}

pub(crate) async fn the_same_jti_of_another_issuer_is_another_proof(home: &Home) {
    let store = home.open().await;
    let other = SpentProof { issuer: "https://other.example.com".to_owned(), ..proof("1") };
    assert_eq!(store.record_exchange(proof("1"), event("a"), refusal("a")).await.unwrap(), Spend::First);
    assert_eq!(store.record_exchange(other, event("b"), refusal("b")).await.unwrap(), Spend::First);
}

pub(crate) async fn of_200_equal_proofs_at_once_exactly_one_is_first(home: &Home) {
    let store = home.open().await;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (store, id) = (store.clone(), format!("{number}"));
            tokio::spawn(async move { store.record_exchange(proof("1"), event(&id), refusal(&id)).await.unwrap() })
        })
        .collect();
    let mut first = 0;
    for task in tasks {
        first += i32::from(task.await.unwrap() == Spend::First);
    }
    assert_eq!(first, 1);
    let log = whole_log(&store).await;
    assert_eq!(log.len(), 200);
    assert_eq!(log.iter().filter(|row| row.event.kind == AuditKind::TokenExchanged).count(), 1);
}

pub(crate) async fn of_equal_proofs_at_two_replicas_exactly_one_is_first(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    let tasks: Vec<_> = (0..400)
        .map(|number| {
            let store = replicas[number % 2].clone();
            // Two of each proof, one at each replica, neighbours in time.
            let (jti, id) = (format!("{}", number / 2), format!("{number}"));
            tokio::spawn(async move { store.record_exchange(proof(&jti), event(&id), refusal(&id)).await.unwrap() })
        })
        .collect();
    let mut spends = Vec::new();
    for task in tasks {
        spends.push(task.await.unwrap());
    }
    for pair in spends.chunks(2) {
        assert_eq!(pair.iter().filter(|spend| **spend == Spend::First).count(), 1);
    }
    assert_eq!(whole_log(&replicas[0]).await.len(), 400);
}

pub(crate) async fn a_proof_of_several_uses_is_good_for_so_many(home: &Home) {
    let store = home.open().await;
    let several = SpentProof { replay: Replay::Bounded(3), ..proof("several") };
    let spend = async |id: &str| store.record_exchange(several.clone(), event(id), refusal(id)).await.unwrap();
    let spends = tokio::join!(spend("a"), spend("b"), spend("c"), spend("d"), spend("e"));
    let spends = [spends.0, spends.1, spends.2, spends.3, spends.4];
    assert_eq!(spends.iter().filter(|spend| **spend == Spend::First).count(), 3);
    assert_eq!(spend("f").await, Spend::Replayed);
    // What may be spent once is spent, however often it was.
    assert_eq!(store.record_exchange(proof("several"), event("g"), refusal("g")).await.unwrap(), Spend::Replayed);
    let endless = SpentProof { replay: Replay::Off, ..proof("endless") };
    for _ in 0..3 {
        assert_eq!(store.record_exchange(endless.clone(), event("h"), refusal("h")).await.unwrap(), Spend::First);
    }
    let log = whole_log(&store).await;
    assert_eq!(log.iter().filter(|row| row.event.kind == AuditKind::TokenExchanged).count(), 6);
    assert_eq!(log.iter().filter(|row| row.event.kind == AuditKind::TokenRefused).count(), 4);
}

pub(crate) async fn a_waiter_that_gives_up_does_not_break_the_batch(home: &Home) {
    let store = home.open().await;
    for round in 0..20 {
        let id = format!("stays-{round}");
        let mut leaving = Box::pin(store.record_exchange(proof(&format!("l{round}")), event("leaves"), refusal("-")));
        // Asked once, so that it is queued; then dropped while the batch is under way.
        std::future::poll_fn(|context| {
            let _ = leaving.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        let staying = store.record_exchange(proof(&id), event(&id), refusal(&id));
        drop(leaving);
        assert_eq!(staying.await.unwrap(), Spend::First);
    }
    let log = whole_log(&store).await;
    assert_eq!(log.iter().filter(|row| row.event.request_id.starts_with("stays-")).count(), 20);
}

pub(crate) async fn a_value_that_the_database_refuses_harms_nobody_else(home: &Home) {
    let store = home.open().await;
    // PostgreSQL's TEXT takes no NUL; SQLite's does.
    let bad = StoredKey {
        generation: 1,
        key: Key { kid: "a\0b".to_owned(), state: KeyState::Active, since: noon() },
        public_jwk: "{}".to_owned(),
        sealed_private: Some("sealed".to_owned()),
        created_at: noon(),
    };
    let mut tasks = Vec::new();
    for number in 0..50 {
        let (store, id) = (store.clone(), format!("{number}"));
        tasks.push(tokio::spawn(async move {
            store.record_exchange(proof(&id), event(&id), refusal(&id)).await.unwrap();
        }));
    }
    let added = store.change_signing_keys(&[], vec![(KeyChange::Add(bad), event("key"))]).await;
    assert!(home.is_sqlite() || matches!(added, Err(StoreError::Rejected { .. })), "{added:?}");
    for task in tasks {
        task.await.unwrap();
    }
    store.record(event("after")).await.unwrap();
    let expected = if home.is_sqlite() { 52 } else { 51 };
    assert_eq!(whole_log(&store).await.len(), expected);
}

pub(crate) async fn a_swept_proof_is_forgotten_and_no_other(home: &Home) {
    let store = home.open().await;
    let (early, late) = (proof("early"), SpentProof { until: noon() + SignedDuration::from_hours(1), ..proof("late") });
    for proof in [&early, &late] {
        assert_eq!(store.record_exchange(proof.clone(), event("a"), refusal("a")).await.unwrap(), Spend::First);
    }
    // Not before the margin is over: another replica's clock may be behind.
    assert_eq!(store.sweep(early.until + SignedDuration::from_mins(1)).await.unwrap(), 0);
    let past = early.until + KEPT_AFTER_END + SignedDuration::from_secs(1);
    assert_eq!(store.sweep(past).await.unwrap(), 1);
    assert_eq!(store.record_exchange(early, event("b"), refusal("b")).await.unwrap(), Spend::First);
    assert_eq!(store.record_exchange(late, event("c"), refusal("c")).await.unwrap(), Spend::Replayed);
}

pub(crate) async fn more_is_swept_than_fits_one_transaction(home: &Home) {
    let store = home.open().await;
    let tasks: Vec<_> = (0..4500)
        .map(|number| {
            let (store, id) = (store.clone(), format!("{number}"));
            tokio::spawn(async move { store.record_exchange(proof(&id), event(&id), refusal(&id)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.sweep(noon() + SignedDuration::from_hours(1)).await.unwrap(), 4500);
    assert_eq!(home.number("SELECT COUNT(*) FROM spent_proof").await, 0);
    assert_eq!(home.number("SELECT COUNT(*) FROM audit").await, 4500);
}
