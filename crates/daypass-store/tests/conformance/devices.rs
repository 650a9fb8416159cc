//! A device waits, is decided about once, and gets one session.

use daypass_core::{SignedDuration, digest::Sha256};
use daypass_store::{
    AddDevice, DEVICES_KEPT_AFTER_END, DeviceDecision, DeviceState, NewDevice, Redeemed, Store, StoredDevice,
};

use crate::{
    guests::{log, minutes, new_session, seen},
    home::{Home, event, noon},
};

/// Good for ten minutes.
fn device(device_code: &str, user_code: &str) -> NewDevice {
    NewDevice {
        device_code: Sha256::of(device_code),
        user_code: user_code.to_owned(),
        client_id: "daypass-cli".parse().unwrap(),
        source: Some("192.0.2.7".to_owned()),
        user_agent: Some("daypass/0.1.0".to_owned()),
        provider_hint: Some("corp".parse().unwrap()),
        created_at: noon(),
        expires_at: noon() + minutes(10),
    }
}

async fn add(store: &Store, device: NewDevice) -> AddDevice {
    store.add_device(device, 100, noon()).await.unwrap()
}

fn approval(subject: &str) -> DeviceDecision {
    DeviceDecision::Approve { person: seen(subject).id, groups: vec!["corp/engineering".to_owned()] }
}

async fn decide(store: &Store, user_code: &str, decision: DeviceDecision, after: i64) -> bool {
    store.decide_device(user_code, decision, noon() + minutes(after), event("decided")).await.unwrap()
}

async fn redeem(store: &Store, device_code: &str, rt: &str, after: i64) -> Redeemed {
    let session = new_session(rt, "ada");
    store.redeem_device(&Sha256::of(device_code), session, noon() + minutes(after), event("opened")).await.unwrap()
}

async fn state(store: &Store, device_code: &str) -> DeviceState {
    store.device(&Sha256::of(device_code)).await.unwrap().unwrap().state
}

pub(crate) async fn a_device_waits_is_let_in_and_gets_one_session(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    store.record_person(seen("ada"), noon()).await.unwrap();
    let new = device("dc", "ABCD-EFGH");
    assert_eq!(add(&store, new.clone()).await, AddDevice::Added);
    let expected = StoredDevice {
        user_code: new.user_code,
        client_id: new.client_id,
        source: new.source,
        user_agent: new.user_agent,
        provider_hint: new.provider_hint,
        created_at: new.created_at,
        expires_at: new.expires_at,
        state: DeviceState::Pending,
    };
    assert_eq!(replica.device(&new.device_code).await.unwrap(), Some(expected.clone()));
    assert_eq!(replica.device_by_user_code("ABCD-EFGH").await.unwrap(), Some(expected));
    assert_eq!(replica.device_by_user_code("abcd-efgh").await.unwrap(), None);
    assert_eq!(redeem(&store, "dc", "rt-0", 1).await, Redeemed::Gone);

    assert!(decide(&replica, "ABCD-EFGH", approval("ada"), 1).await);
    assert!(!decide(&store, "ABCD-EFGH", DeviceDecision::Deny, 1).await, "it was decided");
    let groups = vec!["corp/engineering".to_owned()];
    assert_eq!(state(&store, "dc").await, DeviceState::Approved { person: seen("ada").id, groups });
    assert_eq!(redeem(&store, "dc", "rt-1", 2).await, Redeemed::Opened);
    assert_eq!(state(&store, "dc").await, DeviceState::Redeemed);
    let session = store.session_by_refresh(&Sha256::of("rt-1")).await.unwrap().unwrap();
    // The second time it gets nothing, and takes nothing away.
    assert_eq!(redeem(&store, "dc", "rt-2", 2).await, Redeemed::Replayed);
    assert!(!store.session(session.id).await.unwrap().unwrap().ended);
    assert_eq!(log(&store).await, ["decided", "opened"]);
}

pub(crate) async fn a_device_that_is_denied_late_or_of_somebody_shut_out_gets_none(home: &Home) {
    let store = home.open().await;
    for person in ["ada", "bob"] {
        store.record_person(seen(person), noon()).await.unwrap();
    }
    for code in ["denied", "undecided", "late", "bobs", "shut out"] {
        assert_eq!(add(&store, device(code, code)).await, AddDevice::Added);
    }
    assert!(decide(&store, "denied", DeviceDecision::Deny, 1).await);
    assert!(!decide(&store, "denied", approval("ada"), 1).await, "it was decided");
    assert!(!decide(&store, "undecided", approval("ada"), 10).await, "it has expired");
    assert!(!decide(&store, "unknown", approval("ada"), 1).await);
    assert!(decide(&store, "late", approval("ada"), 9).await);
    assert!(decide(&store, "bobs", approval("bob"), 1).await);
    assert!(decide(&store, "shut out", approval("ada"), 1).await);
    assert_eq!(state(&store, "denied").await, DeviceState::Denied);
    assert_eq!(state(&store, "undecided").await, DeviceState::Pending);
    for (code, after) in [("denied", 1), ("undecided", 1), ("late", 10), ("bobs", 1), ("unknown", 1)] {
        assert_eq!(redeem(&store, code, code, after).await, Redeemed::Gone, "{code}");
    }
    store.set_person_disabled(seen("ada").id, true, noon(), event("out")).await.unwrap();
    assert_eq!(redeem(&store, "shut out", "rt", 2).await, Redeemed::Gone);
    assert_eq!(home.number("SELECT COUNT(*) FROM session").await, 0);
}

pub(crate) async fn a_user_code_belongs_to_one_device_until_it_expires(home: &Home) {
    let store = home.open().await;
    assert_eq!(add(&store, device("a", "ABCD-EFGH")).await, AddDevice::Added);
    assert_eq!(add(&store, device("b", "ABCD-EFGH")).await, AddDevice::UserCodeTaken);
    assert_eq!(store.device(&Sha256::of("b")).await.unwrap(), None);
    let later = noon() + minutes(10);
    let again = NewDevice { created_at: later, expires_at: later + minutes(10), ..device("b", "ABCD-EFGH") };
    assert_eq!(store.add_device(again, 100, later).await.unwrap(), AddDevice::Added);
    assert_eq!(store.device(&Sha256::of("a")).await.unwrap(), None);
}

pub(crate) async fn no_more_devices_wait_than_may_however_many_ask_at_once(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (store, code) = (replicas[number % 2].clone(), format!("{number}"));
            tokio::spawn(async move { store.add_device(device(&code, &code), 10, noon()).await.unwrap() })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        match task.await.unwrap() {
            AddDevice::Added => added += 1,
            other => assert_eq!(other, AddDevice::TooMany),
        }
    }
    assert_eq!(added, 10);
    assert_eq!(home.number("SELECT COUNT(*) FROM device_authorization").await, 10);
    // Those that have expired do not count.
    let later = noon() + minutes(10);
    let next = NewDevice { created_at: later, expires_at: later + minutes(10), ..device("next", "next") };
    assert_eq!(replicas[0].add_device(next, 10, later).await.unwrap(), AddDevice::Added);
}

pub(crate) async fn a_device_is_forgotten_an_hour_after_its_end_and_a_code_is_not(home: &Home) {
    let store = home.open().await;
    crate::guests::let_in(&store, "code", "ada").await;
    for code in ["a", "b"] {
        assert_eq!(add(&store, device(code, code)).await, AddDevice::Added);
    }
    let later = noon() + minutes(1);
    let kept = NewDevice { expires_at: later + minutes(10), ..device("kept", "kept") };
    assert_eq!(store.add_device(kept, 100, later).await.unwrap(), AddDevice::Added);
    let told_until = noon() + minutes(10) + DEVICES_KEPT_AFTER_END;
    assert_eq!(store.sweep_devices(told_until).await.unwrap(), 0);
    assert_eq!(store.sweep_devices(told_until + SignedDuration::from_secs(1)).await.unwrap(), 2);
    assert_eq!(store.device(&Sha256::of("a")).await.unwrap(), None);
    assert!(store.device(&Sha256::of("kept")).await.unwrap().is_some());
    assert!(store.code(&Sha256::of("code")).await.unwrap().is_some(), "a replay of it must still be known");
}

pub(crate) async fn of_20_who_redeem_a_device_code_at_once_one_gets_a_session(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    replicas[0].record_person(seen("ada"), noon()).await.unwrap();
    add(&replicas[0], device("dc", "ABCD-EFGH")).await;
    assert!(decide(&replicas[0], "ABCD-EFGH", approval("ada"), 1).await);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = replicas[number % 2].clone();
            tokio::spawn(async move { redeem(&store, "dc", &format!("rt-{number}"), 2).await })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        opened += i32::from(task.await.unwrap() == Redeemed::Opened);
    }
    assert_eq!(opened, 1);
    assert_eq!(home.number("SELECT COUNT(*) FROM session").await, 1);
    assert_eq!(home.number("SELECT COUNT(*) FROM session WHERE ended_at_us IS NULL").await, 1);
}
