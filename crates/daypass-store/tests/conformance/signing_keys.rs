//! Replicas agree on the signing keys: of several that change them at once, one does.

use daypass_core::{
    SignedDuration, Timestamp,
    key_rotation::{Key, KeyState},
};
use daypass_store::{KeyChange, Store, StoredKey};

use crate::home::{Home, event, noon, whole_log};

fn key(kid: &str, generation: i64, state: KeyState) -> StoredKey {
    StoredKey {
        generation,
        key: Key { kid: kid.to_owned(), state, since: noon() },
        public_jwk: r#"{"kty":"EC"}"#.to_owned(),
        sealed_private: (state != KeyState::Retired).then(|| format!("sealed-{kid}")),
        created_at: noon(),
    }
}

fn later() -> Timestamp {
    noon() + SignedDuration::from_hours(1)
}

async fn add(store: &Store, seen: &[StoredKey], new: StoredKey) -> bool {
    let event = event(&new.key.kid);
    store.change_signing_keys(seen, vec![(KeyChange::Add(new), event)]).await.unwrap()
}

/// The `request_id`s of the log.
async fn log(store: &Store) -> Vec<String> {
    whole_log(store).await.into_iter().map(|row| row.event.request_id).collect()
}

pub(crate) async fn of_many_first_openers_exactly_one_adds_the_first_key(home: &Home) {
    // Also: many open a database that is not there yet.
    let tasks: Vec<_> = (0..8)
        .map(|opener| {
            let url = home.url();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                let kid = format!("key-{opener}");
                let added = add(&store, &[], key(&kid, 1, KeyState::Active)).await;
                (kid, added, store.signing_keys().await.unwrap())
            })
        })
        .collect();
    let mut winners = Vec::new();
    let mut seen = Vec::new();
    for task in tasks {
        let (kid, added, keys) = task.await.unwrap();
        if added {
            winners.push(kid);
        }
        seen.push(keys);
    }
    assert_eq!(winners.len(), 1);
    for keys in seen {
        assert_eq!(keys, [key(&winners[0], 1, KeyState::Active)]);
    }
    assert_eq!(log(&home.open().await).await, winners);
}

pub(crate) async fn keys_come_back_as_they_were_stored(home: &Home) {
    let store = home.open().await;
    assert_eq!(store.signing_keys().await.unwrap(), []);
    let keys = [key("a", 1, KeyState::Retired), key("b", 2, KeyState::Active), key("c", 3, KeyState::Next)];
    for (count, key) in keys.iter().enumerate() {
        assert!(add(&store, &keys[..count], key.clone()).await);
    }
    store.close().await;
    assert_eq!(home.open().await.signing_keys().await.unwrap(), keys);
    assert!(!format!("{keys:?}").contains("sealed-"));
}

pub(crate) async fn a_key_goes_through_its_states_and_leaves_its_private_half_behind(home: &Home) {
    let store = home.open().await;
    assert!(add(&store, &[], key("a", 1, KeyState::Active)).await);
    let seen = store.signing_keys().await.unwrap();
    assert!(add(&store, &seen, key("b", 2, KeyState::Next)).await);
    let seen = store.signing_keys().await.unwrap();
    let take_over = vec![
        (KeyChange::Activate("b".to_owned(), later()), event("b signs")),
        (KeyChange::Retire("a".to_owned(), later()), event("a does not")),
    ];
    assert!(store.change_signing_keys(&seen, take_over).await.unwrap());
    let seen = store.signing_keys().await.unwrap();
    let states: Vec<_> = seen.iter().map(|key| (key.key.kid.as_str(), key.key.state, key.key.since)).collect();
    assert_eq!(states, [("a", KeyState::Retired, later()), ("b", KeyState::Active, later())]);
    let private: Vec<_> = seen.iter().map(|key| key.sealed_private.as_deref()).collect();
    assert_eq!(private, [None, Some("sealed-b")]);
    assert_eq!(home.number("SELECT COUNT(*) FROM signing_key WHERE sealed_private LIKE '%sealed-a%'").await, 0);
    let forget = vec![(KeyChange::Remove("a".to_owned()), event("a is gone"))];
    assert!(store.change_signing_keys(&seen, forget).await.unwrap());
    assert_eq!(store.signing_keys().await.unwrap(), seen[1..]);
    store.record(event("goes on")).await.unwrap();
    assert_eq!(log(&store).await, ["a", "b", "b signs", "a does not", "a is gone", "goes on"]);
}

pub(crate) async fn what_was_thought_out_for_other_keys_is_not_done(home: &Home) {
    let store = home.open().await;
    assert!(add(&store, &[], key("a", 1, KeyState::Active)).await);
    let early = store.signing_keys().await.unwrap();
    assert!(add(&store, &early, key("b", 2, KeyState::Next)).await);
    let seen = store.signing_keys().await.unwrap();
    let revoke = |kid: &str| vec![(KeyChange::Remove(kid.to_owned()), event("revoked"))];
    let activate = |kid: &str| {
        let retire = (KeyChange::Retire("a".to_owned(), later()), event("retired"));
        vec![(KeyChange::Activate(kid.to_owned(), later()), event("activated")), retire]
    };
    // Somebody was quicker.
    assert!(!store.change_signing_keys(&early, revoke("a")).await.unwrap());
    assert!(!store.change_signing_keys(&[], revoke("a")).await.unwrap());
    assert!(!add(&store, &early, key("c", 2, KeyState::Next)).await);
    // It makes no sense: another key of that number or name, a key that is not there, one in another state.
    for new in [key("c", 2, KeyState::Next), key("c", 1, KeyState::Next), key("a", 3, KeyState::Next)] {
        assert!(!add(&store, &seen, new).await);
    }
    for changes in [revoke("c"), activate("c"), activate("a")] {
        assert!(!store.change_signing_keys(&seen, changes).await.unwrap());
    }
    // A revoked key is not brought back by whoever still wants it to sign.
    assert!(store.change_signing_keys(&seen, revoke("b")).await.unwrap());
    assert!(!store.change_signing_keys(&seen, activate("b")).await.unwrap());
    assert_eq!(store.signing_keys().await.unwrap(), early);
    assert_eq!(log(&store).await, ["a", "b", "revoked"]);
}

pub(crate) async fn of_two_replicas_that_rotate_at_once_exactly_one_does(home: &Home) {
    let stores = [home.open().await, home.open().await];
    assert!(add(&stores[0], &[], key("0", 1, KeyState::Active)).await);
    for round in 1..=10_i64 {
        let seen = stores[0].signing_keys().await.unwrap();
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let (store, seen) = (stores[number % 2].clone(), seen.clone());
                tokio::spawn(async move {
                    let old = seen.last().unwrap().key.kid.clone();
                    let new = key(&format!("{round}-{number}"), round + 1, KeyState::Active);
                    let (created, retired) = (event("created"), event("retired"));
                    let changes = vec![(KeyChange::Add(new), created), (KeyChange::Retire(old, noon()), retired)];
                    store.change_signing_keys(&seen, changes).await.unwrap()
                })
            })
            .collect();
        let mut winners = 0;
        for one in tries {
            winners += usize::from(one.await.unwrap());
        }
        assert_eq!(winners, 1);
        let keys = stores[1].signing_keys().await.unwrap();
        let active: Vec<_> = keys.iter().filter(|key| key.key.state == KeyState::Active).collect();
        assert_eq!((active.len(), i64::try_from(keys.len()).unwrap()), (1, round + 1));
    }
    assert_eq!(log(&stores[0]).await.len(), 21);
}
