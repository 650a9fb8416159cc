//! When files of upstream were last used.

use daypass_core::{SignedDuration, digest::Sha256};

use crate::home::{Home, noon, whole_log};

pub(crate) async fn the_last_use_of_a_file_counts_and_can_be_forgotten(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let later = noon() + SignedDuration::from_hours(1);
    let (one, two) = (Sha256::of("one"), Sha256::of("two"));
    store.note_upstream_uses(vec![one, two], noon()).await.unwrap();
    replica.note_upstream_uses(vec![two], later).await.unwrap();
    // A replica whose clock is behind takes nothing back.
    store.note_upstream_uses(vec![two], noon()).await.unwrap();
    assert_eq!(store.upstream_uses().await.unwrap(), [(one, noon()), (two, later)].into());
    store.forget_upstream_uses(vec![two, Sha256::of("never there")]).await.unwrap();
    assert_eq!(replica.upstream_uses().await.unwrap(), [(one, noon())].into());
    assert_eq!(whole_log(&store).await.len(), 0);
}
