//! The audit log keeps what it was given, in order.

use std::{collections::HashSet, sync::Arc};

use daypass_core::{
    SignedDuration,
    access_token::Actor,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
};
use daypass_store::{AuditQuery, StoreError};
use tokio::sync::Barrier;

use crate::home::{Home, event, noon, whole_log};

pub(crate) async fn events_are_there_after_reopening(home: &Home) {
    let mut full = event("full");
    full.actor = Some(Actor { iss: "https://ci.example.com".to_owned(), sub: "it's \"quoted\" \0 ü".to_owned() });
    full.token_sha256 = Some(Sha256::of("x"));
    full.project = Some("acme-hello".parse().unwrap());
    full.expires_at = Some(noon());
    let store = home.open().await;
    store.record(full.clone()).await.unwrap();
    store.close().await;
    let log = whole_log(&home.open().await).await;
    assert_eq!(log.into_iter().map(|row| row.event).collect::<Vec<_>>(), [full]);
}

pub(crate) async fn events_that_nobody_waited_for_are_there_after_closing(home: &Home) {
    let store = home.open().await;
    for number in 0..1000 {
        store.record_soon(event(&format!("{number}"))).unwrap();
    }
    store.close().await;
    let ids: Vec<_> = whole_log(&home.open().await).await.into_iter().map(|row| row.event.request_id).collect();
    assert_eq!(ids, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
}

pub(crate) async fn the_log_is_read_by_time_and_in_pages(home: &Home) {
    let store = home.open().await;
    for minute in 0..10 {
        let time = noon() + SignedDuration::from_mins(minute);
        let event = AuditEvent::new(time, AuditKind::FileDownloaded, Outcome::Success, minute.to_string());
        store.record(event).await.unwrap();
    }
    let ids = async |query: AuditQuery| -> Vec<String> {
        store.audit(&query).await.unwrap().into_iter().map(|row| row.event.request_id).collect()
    };
    let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
    let all = AuditQuery::default();
    assert_eq!(ids(AuditQuery { since: at(8), ..all.clone() }).await, ["8", "9"]);
    assert_eq!(ids(AuditQuery { until: at(2), ..all.clone() }).await, ["0", "1"]);
    assert_eq!(ids(AuditQuery { since: at(3), until: at(5), ..all.clone() }).await, ["3", "4"]);
    assert_eq!(ids(AuditQuery { since: at(60), ..all.clone() }).await, [""; 0]);
    let page = store.audit(&AuditQuery { since: at(4), limit: 2, ..all.clone() }).await.unwrap();
    assert_eq!(page.iter().map(|row| &*row.event.request_id).collect::<Vec<_>>(), ["4", "5"]);
    let next = AuditQuery { since: at(4), limit: 2, after_seq: page[1].seq, ..all };
    assert_eq!(ids(next).await, ["6", "7"]);
}

/// The danger: a row with a smaller number that is committed later than one that was already read.
pub(crate) async fn a_follower_misses_no_event_of_several_writers(home: &Home) {
    const EACH: usize = 300;
    let replicas = [home.open().await, home.open().await, home.open().await];
    let reader = home.open().await;
    let begin = Arc::new(Barrier::new(replicas.len() + 1));
    let writers: Vec<_> = replicas
        .into_iter()
        .enumerate()
        .map(|(replica, store)| {
            let begin = Arc::clone(&begin);
            tokio::spawn(async move {
                begin.wait().await;
                for number in 0..EACH {
                    store.record(event(&format!("{replica}-{number}"))).await.unwrap();
                }
            })
        })
        .collect();
    begin.wait().await;
    let (mut after_seq, mut seen) = (0, HashSet::new());
    loop {
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        for row in reader.audit(&AuditQuery { after_seq, ..AuditQuery::default() }).await.unwrap() {
            assert!(row.seq > after_seq);
            after_seq = row.seq;
            assert!(seen.insert(row.event.request_id));
        }
        if over {
            break;
        }
    }
    assert_eq!(seen.len(), 3 * EACH);
}

pub(crate) async fn a_flood_of_unwaited_events_is_refused_and_waiters_still_served(home: &Home) {
    // On a runtime of one thread the writer waits until the flood does: the queue can only grow.
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| scope.spawn(|| on_one_thread(flood(home))).join().unwrap());
    });
}

fn on_one_thread(task: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task);
}

async fn flood(home: &Home) {
    let store = home.open().await;
    let mut queued = 0;
    let refused = loop {
        match store.record_soon(event("flood")) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued < 100_000, "the queue has no bound");
    };
    assert!(matches!(refused, StoreError::Busy), "{refused:?}");
    store.record(event("waited for")).await.unwrap();
    let log = whole_log(&store).await;
    assert_eq!(log.len(), queued + 1);
    assert_eq!(log.last().unwrap().event.request_id, "waited for");
    store.close().await;
}
