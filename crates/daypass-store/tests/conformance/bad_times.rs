//! A database that is closed or locked: an answer in time, and no harm.

use std::time::Duration;

use daypass_store::{LONGEST_WAIT, StoreError};
use sqlx::Connection;
use tokio::time::{Instant, timeout};

use crate::home::{Home, event, proof, refusal, whole_log};

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable { .. }))
}

pub(crate) async fn a_closed_store_is_unavailable_at_once(home: &Home) {
    let store = home.open().await;
    let other = store.clone();
    store.record(event("before")).await.unwrap();
    store.close().await;
    let asked = async {
        assert!(is_unavailable(&other.record(event("after")).await));
        assert!(is_unavailable(&other.record_exchange(proof("1"), event("after"), refusal("after")).await));
        assert!(is_unavailable(&other.record_soon(event("after"))));
        assert!(is_unavailable(&other.revocations_after(0).await));
        other.clone().close().await;
    };
    timeout(Duration::from_secs(2), asked).await.unwrap();
    assert_eq!(whole_log(&home.open().await).await.len(), 1);
}

pub(crate) async fn a_locked_database_is_unavailable_in_time_and_works_again_afterwards(home: &Home) {
    let store = home.open().await;
    store.record(event("before")).await.unwrap();
    let mut other = home.behind().await;
    let mut lock = other.begin().await.unwrap();
    sqlx::query("UPDATE sequence SET last_seq = last_seq").execute(&mut *lock).await.unwrap();

    let begun = Instant::now();
    let (first, second) = tokio::join!(store.record_exchange(proof("1"), event("lost"), refusal("lost")), async {
        // Reading goes on meanwhile.
        assert_eq!(whole_log(&store).await.len(), 1);
        store.record(event("lost too")).await
    },);
    assert!(is_unavailable(&first) && is_unavailable(&second), "{first:?} {second:?}");
    assert!(begun.elapsed() < LONGEST_WAIT + Duration::from_secs(1));
    assert!(is_unavailable(&store.record_soon(event("lost as well"))));

    lock.rollback().await.unwrap();
    store.record(event("after")).await.unwrap();
    let ids: Vec<_> = whole_log(&store).await.into_iter().map(|row| row.event.request_id).collect();
    assert_eq!(ids, ["before", "after"]);
}
