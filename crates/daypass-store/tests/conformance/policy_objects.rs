//! Policy objects: changed whole, one audit event each, by whoever knows what they were.

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    policy::{ObjectChange, ObjectKind},
};
use daypass_store::{ChangeObject, PolicyChanged, PolicyObject, Store};
use serde_json::json;

use crate::home::{Home, noon, whole_log};

fn change(name: &str, body: Option<&str>) -> ChangeObject {
    let mut event = AuditEvent::new(noon(), AuditKind::IdentityUpdated, Outcome::Success, name);
    event.change = Some(Box::new(ObjectChange {
        kind: ObjectKind::Identity,
        name: name.to_owned(),
        before: None,
        after: body.map(|body| json!(body)),
    }));
    ChangeObject { kind: "identity", name: name.to_owned(), body: body.map(ToOwned::to_owned), event }
}

fn object(name: &str, body: &str) -> PolicyObject {
    PolicyObject { kind: "identity".to_owned(), name: name.to_owned(), body: body.to_owned(), updated_at: noon() }
}

async fn make(store: &Store, expected: i64, changes: Vec<ChangeObject>) -> PolicyChanged {
    store.change_policy(expected, noon(), changes).await.unwrap()
}

pub(crate) async fn changes_are_made_whole_with_an_event_each_and_seen_by_every_replica(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    assert_eq!((store.policy_version().await.unwrap(), store.policy_objects().await.unwrap().objects), (0, vec![]));
    let first = vec![change("ci/a", Some("1")), change("ci/b", Some("2"))];
    let PolicyChanged::Changed(version) = make(&store, 0, first).await else { panic!("nobody else was there") };
    let seen = replica.policy_objects().await.unwrap();
    assert_eq!((seen.version, seen.objects), (version, vec![object("ci/a", "1"), object("ci/b", "2")]));

    assert_eq!(make(&replica, 0, vec![change("ci/a", Some("9"))]).await, PolicyChanged::Stale(version));
    assert_eq!(make(&replica, 0, vec![]).await, PolicyChanged::Stale(version));
    assert_eq!(make(&replica, version, vec![]).await, PolicyChanged::Changed(version));
    assert_eq!(whole_log(&store).await.len(), 2, "what was not made is not written");

    let second = vec![change("ci/a", None), change("ci/b", Some("3"))];
    let PolicyChanged::Changed(later) = make(&replica, version, second).await else { panic!("nobody else was there") };
    assert!(later > version);
    store.close().await;
    let again = home.open().await;
    let seen = again.policy_objects().await.unwrap();
    assert_eq!((seen.version, seen.objects), (later, vec![object("ci/b", "3")]));
    let log = whole_log(&again).await;
    let expected: Vec<_> = [("ci/a", Some("1")), ("ci/b", Some("2")), ("ci/a", None), ("ci/b", Some("3"))]
        .map(|(name, body)| change(name, body).event)
        .into();
    assert_eq!(log.iter().map(|row| row.event.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(log.last().unwrap().seq, later);

    // All gone: there is still a version.
    let PolicyChanged::Changed(last) = make(&again, later, vec![change("ci/b", None)]).await else { panic!("stale") };
    let seen = again.policy_objects().await.unwrap();
    assert_eq!((seen.version, seen.objects), (last, vec![]));
}

pub(crate) async fn of_many_changes_at_once_exactly_one_is_made_for_a_version(home: &Home) {
    let tasks: Vec<_> = (0..12)
        .map(|who| {
            let url = home.url();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                let name = format!("ci/{who}");
                make(&store, 0, vec![change(&name, Some("x")), change("ci/shared", Some(&name))]).await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(matches!(task.await.unwrap(), PolicyChanged::Changed(_)));
    }
    let store = home.open().await;
    assert_eq!((made, store.policy_objects().await.unwrap().objects.len()), (1, 2));
    assert_eq!(whole_log(&store).await.len(), 2);
}
