//! What can only happen with a server.

use std::error::Error as _;

use daypass_store::{Spend, Store, StoreError};
use sqlx::Connection;

use crate::home::{Home, event, proof, refusal, whole_log};

#[tokio::test]
async fn a_lost_connection_is_made_again_without_anybody_noticing() {
    let Some(home) = Home::postgres().await else { return };
    let store = home.open().await;
    for round in 0..5 {
        let id = round.to_string();
        let spend = store.record_exchange(proof(&id), event(&id), refusal(&id)).await.unwrap();
        assert_eq!(spend, Spend::First);
        assert_eq!(whole_log(&store).await.len(), round + 1);
        // Every connection of this test's store, writer and readers.
        let mut other = home.behind().await;
        let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut other).await.unwrap();
        let others: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('search_path') AND pid <> $1",
        )
        .bind(own)
        .fetch_all(&mut other)
        .await
        .unwrap();
        assert!(!others.is_empty());
        for pid in others {
            sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut other).await.unwrap();
        }
        other.close().await.unwrap();
    }
    store.close().await;
    home.remove().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let Some(home) = Home::postgres().await else { return };
    let mut url: url::Url = home.text.parse().unwrap();
    url.set_password(Some("hunter2")).unwrap();
    let error = Store::open(&url.as_str().parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    let printed = format!("{error} {error:?} {:?}", error.source().map(ToString::to_string));
    assert!(!printed.contains("hunter2"), "{printed}");
    home.remove().await;
}
