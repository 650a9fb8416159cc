//! What can only happen with a server.

use std::{error::Error as _, time::Duration};

use daypass_store::{Spend, Store, StoreError};
use sqlx::Connection;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

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

/// A wire to the server that can be cut.
async fn wire(port: u16, server: String) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let carrying = async move {
        // Goes down with the task, and all connections with it.
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&server).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    };
    (port, tokio::spawn(carrying))
}

#[tokio::test]
async fn while_the_server_is_away_the_answer_is_unavailable_and_afterwards_all_goes_on() {
    let Some(home) = Home::postgres().await else { return };
    let mut url: url::Url = home.text.parse().unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let (port, carrying) = wire(0, server.clone()).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(port)).unwrap();
    let store = Store::open(&url.as_str().parse().unwrap()).await.unwrap();
    store.record(event("before")).await.unwrap();

    carrying.abort();
    assert!(carrying.await.is_err());
    store.record_soon(event("kept for better times")).unwrap();
    let asked = store.record_exchange(proof("1"), event("lost"), refusal("lost")).await;
    for error in [asked.unwrap_err(), store.revocations_after(0).await.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.source().is_some() && !error.to_string().contains("127.0.0.1"), "{error}");
    }
    assert!(matches!(store.record_soon(event("refused")), Err(StoreError::Unavailable { .. })));

    let (_, _carrying) = wire(port, server).await;
    // It finds out by itself, without anybody asking.
    let recovered = async {
        while store.record_soon(event("after")).is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), recovered).await.unwrap();
    let spend = store.record_exchange(proof("1"), event("again"), refusal("again")).await.unwrap();
    assert_eq!(spend, Spend::First);
    let ids: Vec<_> = whole_log(&store).await.into_iter().map(|row| row.event.request_id).collect();
    assert_eq!(ids, ["before", "kept for better times", "after", "again"]);
    store.close().await;
    home.remove().await;
}
