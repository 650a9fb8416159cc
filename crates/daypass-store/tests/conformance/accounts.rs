//! Built-in accounts: invited, given one credential, and never to two people.

use daypass_core::{digest::Sha256, names::AccountName, person::PersonId, role::Role, secret::Secret};
use daypass_store::{
    Account, Credential, DeviceState, Invite, NewAccount, NewInvite, NewSession, Redeemed, Revoked, RoleAsRead,
    Rotated, Rotation, SeenPerson, Store, StoredPasskey,
};

use crate::{
    guests::{
        let_device_in, let_in, log, minutes, new_code, new_session, revocations, rotate, rotation, rotation_events,
        seen,
    },
    home::{Home, event, noon, refusal},
};

fn name(name: &str) -> AccountName {
    name.parse().unwrap()
}

/// The person of an account has the same id as the guest of that name, so that a session can be had for them.
fn person(name: &str) -> SeenPerson {
    SeenPerson { provider: "local".parse().unwrap(), ..seen(name) }
}

fn new_account(account: &str) -> NewAccount {
    NewAccount {
        name: name(account),
        display_name: format!("{account} Lovelace"),
        email: None,
        role: Role::Reader,
        person: person(account),
        created_at: noon(),
    }
}

/// Good for a week.
fn new_invite(invite: &str, account: &str) -> NewInvite {
    NewInvite {
        invite: Sha256::of(invite),
        account: name(account),
        created_at: noon(),
        expires_at: noon() + minutes(7 * 24 * 60),
    }
}

fn passkey(id: &str) -> StoredPasskey {
    StoredPasskey { credential_id: id.to_owned(), public_key: "a2V5".to_owned(), sign_count: 0, created_at: noon() }
}

fn password(hash: &str) -> Credential {
    Credential::PasswordHash(Secret::new(hash))
}

async fn account(store: &Store, account: &str) -> Account {
    store.account(&name(account)).await.unwrap().unwrap()
}

async fn accept(store: &Store, invite: &str, credential: Credential, after: i64) -> bool {
    store.accept_invite(&Sha256::of(invite), noon() + minutes(after), credential, event("accepted")).await.unwrap()
}

pub(crate) async fn an_account_is_made_once_and_comes_back_as_it_was_made(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    // Whatever the invite says, it is for this account.
    assert!(store.add_account(new_account("ada"), new_invite("i", "bob"), event("made")).await.unwrap());
    let again = NewAccount { person: person("somebody else"), ..new_account("ada") };
    assert!(!replica.add_account(again, new_invite("j", "ada"), event("again")).await.unwrap());
    let second = NewAccount { person: person("ada"), ..new_account("ada2") };
    assert!(!replica.add_account(second, new_invite("k", "ada2"), event("again")).await.unwrap());
    assert!(replica.add_account(new_account("bob"), new_invite("l", "bob"), event("made")).await.unwrap());
    let expected = |account: &str| Account {
        name: name(account),
        display_name: format!("{account} Lovelace"),
        email: None,
        role: Role::Reader,
        person: person(account).id,
        password_hash: None,
        passkeys: Vec::new(),
        credential_since: None,
        created_at: noon(),
        disabled: false,
    };
    assert_eq!(account(&replica, "ada").await, expected("ada"));
    assert!(store.has_accounts().await.unwrap());
    assert_eq!(store.accounts().await.unwrap(), [expected("ada"), expected("bob")]);
    assert_eq!(store.account(&name("eve")).await.unwrap(), None);
    let found = store.people_by(&"local".parse().unwrap(), "ada").await.unwrap();
    assert_eq!(found.into_iter().map(|found| found.person).collect::<Vec<_>>(), [person("ada")]);
    assert_eq!(store.person(PersonId::of("https://login.example.com", "somebody else")).await.unwrap(), None);
    let open = store.invite(&Sha256::of("i"), noon()).await.unwrap().unwrap();
    assert_eq!(open, Invite { account: name("ada"), expires_at: new_invite("", "ada").expires_at });
    for refused in ["j", "k"] {
        assert_eq!(store.invite(&Sha256::of(refused), noon()).await.unwrap(), None);
    }
    assert_eq!(log(&store).await, ["made", "made"]);
}

pub(crate) async fn an_invite_is_accepted_once_by_whoever_is_first(home: &Home) {
    let replicas = [home.open().await, home.open().await];
    replicas[0].add_account(new_account("ada"), new_invite("i", "ada"), event("made")).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = replicas[number % 2].clone();
            tokio::spawn(async move { accept(&store, "i", password(&format!("hash {number}")), 1).await })
        })
        .collect();
    let mut winners = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if task.await.unwrap() {
            winners.push(format!("hash {number}"));
        }
    }
    let hash = account(&replicas[1], "ada").await.password_hash.unwrap();
    assert_eq!(winners, [hash.expose()]);
    assert_eq!(replicas[0].invite(&Sha256::of("i"), noon()).await.unwrap(), None);
    assert_eq!(log(&replicas[0]).await, ["made", "accepted"]);
    // A new account has no sessions: nothing is revoked, and whoever accepted may come in at once.
    assert_eq!(revocations(&replicas[0]).await, []);
}

pub(crate) async fn an_invite_that_is_late_old_or_of_somebody_shut_out_is_not_accepted(home: &Home) {
    let store = home.open().await;
    store.add_account(new_account("ada"), new_invite("old", "ada"), event("made")).await.unwrap();
    assert!(store.add_invite(new_invite("i", "ada"), event("invited")).await.unwrap());
    assert!(!store.add_invite(new_invite("j", "eve"), event("nobody")).await.unwrap());
    let week = 7 * 24 * 60;
    for (invite, after) in [("old", 1), ("unknown", 1), ("j", 1), ("i", week)] {
        let now = noon() + minutes(after);
        assert_eq!(store.invite(&Sha256::of(invite), now).await.unwrap(), None, "{invite}");
        assert!(!accept(&store, invite, password("x"), after).await, "{invite}");
    }
    store.set_person_disabled(person("ada").id, true, noon(), event("out")).await.unwrap();
    assert!(!accept(&store, "i", password("x"), 1).await);
    assert!(account(&store, "ada").await.disabled);
    store.set_person_disabled(person("ada").id, false, noon(), event("in")).await.unwrap();
    assert_eq!(account(&store, "ada").await.password_hash, None);
    assert!(accept(&store, "i", password("x"), week - 1).await);
    assert_eq!(log(&store).await, ["made", "invited", "out", "in", "accepted"]);
    // A day after it would have expired, accepted or not.
    let end = noon() + minutes(week) + daypass_store::TOLD_AFTER_END;
    store.sweep(end).await.unwrap();
    assert_eq!(home.number("SELECT COUNT(*) FROM invite").await, 2);
    store.sweep(end + minutes(1)).await.unwrap();
    assert_eq!(home.number("SELECT COUNT(*) FROM invite").await, 0);
}

pub(crate) async fn a_new_credential_takes_the_place_of_all_before_and_ends_the_sessions(home: &Home) {
    let store = home.open().await;
    for account in ["ada", "bob"] {
        store.add_account(new_account(account), new_invite(account, account), event("made")).await.unwrap();
    }
    assert!(accept(&store, "ada", Credential::Passkey(passkey("key-1")), 1).await);
    assert!(!accept(&store, "bob", Credential::Passkey(passkey("key-1")), 1).await, "it is ada's");
    assert!(accept(&store, "bob", Credential::Passkey(passkey("key-2")), 1).await, "the invite is still good");
    assert_eq!(account(&store, "ada").await.passkeys, [passkey("key-1")]);
    assert_eq!(store.passkey("key-2").await.unwrap(), Some((name("bob"), passkey("key-2"))));
    let all: Vec<_> = store.accounts().await.unwrap().into_iter().map(|account| account.passkeys).collect();
    assert_eq!(all, [[passkey("key-1")], [passkey("key-2")]]);

    let session = let_in(&store, "rt-ada", "ada").await;
    let_in(&store, "rt-bob", "bob").await;
    store.add_invite(new_invite("again", "ada"), event("invited")).await.unwrap();
    assert!(accept(&store, "again", password("hash"), 2).await);
    let ada = account(&store, "ada").await;
    assert_eq!((ada.passkeys, ada.password_hash), (Vec::new(), Some(Secret::new("hash"))));
    assert_eq!(ada.credential_since, Some(noon() + minutes(2)));
    assert_eq!(store.passkey("key-1").await.unwrap(), None);
    assert_eq!(rotate(&store, "rt-ada", "-", minutes(3)).await, Rotated::Ended);
    assert_eq!(rotate(&store, "rt-bob", "rt-bob-2", minutes(3)).await, Rotated::Refreshed);
    // By session: whoever comes in with the new credential in the same second is not hit.
    let revoked: Vec<_> = revocations(&store).await.into_iter().map(|revocation| revocation.what).collect();
    assert_eq!(revoked, [Revoked::Session(session)]);

    store.add_invite(new_invite("back", "ada"), event("invited")).await.unwrap();
    assert!(accept(&store, "back", Credential::Passkey(passkey("key-1")), 4).await);
    let ada = account(&store, "ada").await;
    assert_eq!((ada.passkeys, ada.password_hash), (vec![passkey("key-1")], None));
}

pub(crate) async fn what_the_old_credential_proved_and_nobody_came_for_is_withdrawn(home: &Home) {
    let store = home.open().await;
    for account in ["ada", "bob"] {
        store.add_account(new_account(account), new_invite(account, account), event("made")).await.unwrap();
        store.add_code(new_code(&format!("code of {account}"), account)).await.unwrap();
        let_in(&store, &format!("redeemed code of {account}"), account).await;
        let_device_in(&store, &format!("device of {account}"), account).await;
    }
    let redeem_code = async |code: &str, account| {
        let session = new_session(&format!("rt-{code}"), account);
        store.redeem_code(&Sha256::of(code), session, event("opened"), refusal("replayed")).await.unwrap()
    };
    let redeem_device = async |code: &str, account| {
        let session = new_session(&format!("rt-{code}"), account);
        store.redeem_device(&Sha256::of(code), session, noon(), event("opened")).await.unwrap()
    };
    assert!(accept(&store, "ada", password("new"), 0).await);
    assert_eq!(store.code(&Sha256::of("code of ada")).await.unwrap(), None);
    assert_eq!(redeem_code("code of ada", "ada").await, Redeemed::Gone);
    let device = store.device(&Sha256::of("device of ada")).await.unwrap().unwrap();
    assert_eq!(device.state, DeviceState::Denied);
    assert_eq!(redeem_device("device of ada", "ada").await, Redeemed::Gone);
    assert_eq!(redeem_code("redeemed code of ada", "ada").await, Redeemed::Replayed, "that is still known");
    assert_eq!(redeem_code("code of bob", "bob").await, Redeemed::Opened);
    assert_eq!(redeem_device("device of bob", "bob").await, Redeemed::Opened);
}

pub(crate) async fn another_role_cuts_off_access_tokens_and_keeps_sessions(home: &Home) {
    let store = home.open().await;
    store.add_account(new_account("ada"), new_invite("i", "ada"), event("made")).await.unwrap();
    let_in(&store, "rt-1", "ada").await;
    let now = noon() + minutes(5);
    let set = |account, role| store.set_account_role(account, role, now, event("role"));
    let (ada, eve) = (name("ada"), name("eve"));
    assert!(!set(&ada, Role::Reader).await.unwrap(), "it has it");
    assert!(!set(&eve, Role::Admin).await.unwrap(), "there is none");
    assert!(set(&ada, Role::Publisher).await.unwrap());
    assert_eq!(account(&store, "ada").await.role, Role::Publisher);
    let revoked: Vec<_> = revocations(&store).await.into_iter().map(|revocation| revocation.what).collect();
    assert_eq!(revoked, [Revoked::Person { id: person("ada").id, issued_before: now }]);
    assert_eq!(rotate(&store, "rt-1", "rt-2", minutes(6)).await, Rotated::Refreshed);
    assert_eq!(log(&store).await, ["made", "in", "role", "refreshed rt-2"]);
}

pub(crate) async fn what_was_made_from_a_role_is_not_written_once_the_account_has_another(home: &Home) {
    let store = home.open().await;
    store.add_account(new_account("ada"), new_invite("i", "ada"), event("made")).await.unwrap();
    let_in(&store, "rt-1", "ada").await;
    let_device_in(&store, "device", "ada").await;
    store.add_code(new_code("code", "ada")).await.unwrap();
    let read = |role| Some(RoleAsRead { account: name("ada"), role });
    let rotate = async |presented: &str, next: &str, role| {
        let rotation = Rotation { role: read(role), ..rotation(presented, next, minutes(1)) };
        store.rotate(rotation, rotation_events(next)).await.unwrap()
    };
    let redeem_code = async |role| {
        let session = NewSession { role: read(role), ..new_session("rt-a", "ada") };
        store.redeem_code(&Sha256::of("code"), session, event("opened"), refusal("replayed")).await.unwrap()
    };
    let redeem_device = async |role| {
        let session = NewSession { role: read(role), ..new_session("rt-b", "ada") };
        store.redeem_device(&Sha256::of("device"), session, noon(), event("opened")).await.unwrap()
    };
    assert_eq!(rotate("rt-1", "rt-2", Role::Reader).await, Rotated::Refreshed);
    // Whoever changes a role may have looked at the clock long before it is written.
    assert!(store.set_account_role(&name("ada"), Role::Publisher, noon(), event("role")).await.unwrap());
    let before = log(&store).await;
    for presented in ["rt-2", "rt-1"] {
        assert_eq!(rotate(presented, "stale", Role::Reader).await, Rotated::RoleChanged, "{presented}");
    }
    assert_eq!(redeem_code(Role::Reader).await, Redeemed::RoleChanged);
    assert_eq!(redeem_device(Role::Reader).await, Redeemed::RoleChanged);
    assert_eq!(log(&store).await, before);
    assert_eq!(store.session_by_refresh(&Sha256::of("stale")).await.unwrap(), None);
    assert_eq!(rotate("rt-2", "rt-3", Role::Publisher).await, Rotated::Refreshed);
    assert_eq!(redeem_code(Role::Publisher).await, Redeemed::Opened);
    assert_eq!(redeem_device(Role::Publisher).await, Redeemed::Opened);
    assert_eq!(rotate("rt-1", "thief", Role::Reader).await, Rotated::Replayed, "a replay is one, whatever else");
}

pub(crate) async fn a_passkey_that_counts_backwards_is_noticed(home: &Home) {
    let store = home.open().await;
    store.add_account(new_account("ada"), new_invite("i", "ada"), event("made")).await.unwrap();
    accept(&store, "i", Credential::Passkey(passkey("key")), 1).await;
    let used = |count| store.note_passkey_used("key", count, noon());
    // One that does not count says 0 for ever.
    for (count, expected) in [(0, true), (0, true), (5, true), (6, true), (6, false), (3, false), (0, false), (7, true)]
    {
        assert_eq!(used(count).await.unwrap(), expected, "{count}");
    }
    assert_eq!(store.passkey("key").await.unwrap().unwrap().1.sign_count, 7);
    assert!(!store.note_passkey_used("another", 1, noon()).await.unwrap());
}
