//! A revocation is seen everywhere.

use daypass_core::SignedDuration;
use daypass_store::{KEPT_AFTER_END, Revocation, Revoked};

use crate::home::{Home, event, noon, whole_log};

fn revocation(token_id: &str, minutes: i64) -> Revocation {
    Revocation {
        what: Revoked::AccessToken(token_id.to_owned()),
        expires_at: noon() + SignedDuration::from_mins(minutes),
    }
}

pub(crate) async fn a_revocation_is_seen_by_every_replica(home: &Home) {
    let (here, there) = (home.open().await, home.open().await);
    here.revoke(revocation("a", 5), event("a")).await.unwrap();
    let seen = there.revocations_after(0).await.unwrap();
    assert_eq!(seen.iter().map(|row| row.revocation.clone()).collect::<Vec<_>>(), [revocation("a", 5)]);
    there.revoke(revocation("b", 5), event("b")).await.unwrap();
    let news = here.revocations_after(seen[0].seq).await.unwrap();
    assert_eq!(news.iter().map(|row| row.revocation.clone()).collect::<Vec<_>>(), [revocation("b", 5)]);
    assert_eq!(here.revocations_after(news[0].seq).await.unwrap(), []);
    let log = whole_log(&here).await;
    assert_eq!(log.iter().map(|row| row.seq).collect::<Vec<_>>(), [seen[0].seq, news[0].seq]);
}

pub(crate) async fn revoking_twice_is_revoking_once(home: &Home) {
    let store = home.open().await;
    for minutes in [5, 5, 3] {
        store.revoke(revocation("a", minutes), event("a")).await.unwrap();
    }
    let rows = store.revocations_after(0).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.revocation.clone()).collect::<Vec<_>>(), [revocation("a", 5)]);
    // A later end wins, and whoever read the earlier one is told.
    store.revoke(revocation("a", 9), event("a")).await.unwrap();
    let news = store.revocations_after(rows[0].seq).await.unwrap();
    assert_eq!(news.iter().map(|row| row.revocation.clone()).collect::<Vec<_>>(), [revocation("a", 9)]);
    assert_eq!(whole_log(&store).await.len(), 4);
}

pub(crate) async fn a_swept_revocation_is_forgotten_and_no_other(home: &Home) {
    let store = home.open().await;
    store.revoke(revocation("early", 5), event("a")).await.unwrap();
    store.revoke(revocation("late", 50), event("b")).await.unwrap();
    let past = revocation("", 5).expires_at + KEPT_AFTER_END;
    assert_eq!(store.sweep(past).await.unwrap(), 0);
    assert_eq!(store.sweep(past + SignedDuration::from_secs(1)).await.unwrap(), 1);
    let left = store.revocations_after(0).await.unwrap();
    assert_eq!(left.iter().map(|row| row.revocation.clone()).collect::<Vec<_>>(), [revocation("late", 50)]);
    assert_eq!(whole_log(&store).await.len(), 2);
}
