//! Replicas agree on one signing key.

use daypass_store::{KeyState, Store, StoredKey};

use crate::home::{Home, event, noon, whole_log};

fn key(kid: &str, generation: i64, state: KeyState) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        generation,
        state,
        public_jwk: r#"{"kty":"EC"}"#.to_owned(),
        sealed_private: format!("sealed-{kid}"),
        created_at: noon(),
    }
}

pub(crate) async fn of_many_first_openers_exactly_one_adds_the_first_key(home: &Home) {
    // Also: many open a database that is not there yet.
    let tasks: Vec<_> = (0..8)
        .map(|opener| {
            let url = home.url();
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                let kid = format!("key-{opener}");
                let added = store.add_signing_key(key(&kid, 1, KeyState::Active), event(&kid)).await.unwrap();
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
    let log = whole_log(&home.open().await).await;
    assert_eq!(log.into_iter().map(|row| row.event).collect::<Vec<_>>(), [event(&winners[0])]);
}

pub(crate) async fn keys_come_back_as_they_were_stored(home: &Home) {
    let store = home.open().await;
    assert_eq!(store.signing_keys().await.unwrap(), []);
    let keys = [key("a", 1, KeyState::Retired), key("b", 2, KeyState::Active), key("c", 3, KeyState::Next)];
    for key in [&keys[2], &keys[0], &keys[1]] {
        assert!(store.add_signing_key(key.clone(), event("key")).await.unwrap());
    }
    assert!(!store.add_signing_key(key("a", 4, KeyState::Next), event("key")).await.unwrap());
    store.close().await;
    assert_eq!(home.open().await.signing_keys().await.unwrap(), keys);
    assert!(!format!("{keys:?}").contains("sealed-"));
}
