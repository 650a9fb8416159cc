//! Pull tokens are made, noticed by every replica, and end when they should.

use daypass_core::{
    SignedDuration, Timestamp,
    digest::Sha256,
    grant::{Action, Grant, GrantedIndex},
    names::AccountName,
    person::{PersonId, SessionId},
    pull_token::{PullToken, PullTokenId, State},
    role::Role,
};
use daypass_store::{
    AddPullToken, Credential, MOST_PULL_TOKENS_OF_ONE, NewAccount, NewInvite, NewPullToken, PullTokenRow, SeenPerson,
    Store, TOLD_AFTER_END,
};

use crate::{
    guests::{let_in, log, minutes, new_session, seen},
    home::{Home, event, noon, refusal},
};

/// A pull token of somebody, made at noon and good for an hour.
fn new(name: &str, subject: &str) -> NewPullToken {
    NewPullToken {
        digest: Sha256::of(format!("{subject} {name}")),
        id: PullTokenId::random(),
        name: name.parse().unwrap(),
        person: seen(subject).id,
        session: SessionId::random(),
        grants: vec![Grant {
            index: GrantedIndex::One("python".parse().unwrap()),
            projects: vec!["acme-*".parse().unwrap()],
            actions: vec![Action::Pull],
        }],
        created_at: noon(),
        expires_at: noon() + minutes(60),
    }
}

/// Makes it in the youngest session of its maker, if there is one.
async fn add(store: &Store, new: &NewPullToken) -> AddPullToken {
    let sessions = store.sessions_of(new.person).await.unwrap();
    let session = sessions.first().map_or(new.session, |session| session.id);
    add_in(store, session, new).await
}

async fn add_in(store: &Store, session: SessionId, new: &NewPullToken) -> AddPullToken {
    let new = NewPullToken { session, ..new.clone() };
    store.add_pull_token(new.clone(), event(new.name.as_str())).await.unwrap()
}

/// What a follower that has read up to `seen` reads next, and up to where.
async fn news(store: &Store, seen: &mut i64) -> Vec<PullToken> {
    let rows = store.pull_tokens_after(*seen).await.unwrap();
    *seen = rows.iter().map(|row| row.seq).max().unwrap_or(*seen);
    rows.into_iter().map(|PullTokenRow { pull_token, .. }| pull_token).collect()
}

async fn of(store: &Store, new: &NewPullToken) -> PullToken {
    store.pull_token(new.id).await.unwrap().unwrap()
}

pub(crate) async fn a_pull_token_comes_back_as_it_was_made_and_knows_its_maker(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let_in(&store, "ada-1", "ada").await;
    let made = new("laptop", "ada");
    assert_eq!(add(&store, &made).await, AddPullToken::Added);
    let read = of(&replica, &made).await;
    assert_eq!((read.id, &read.name, &read.grants), (made.id, &made.name, &made.grants));
    assert_eq!((read.created_at, read.expires_at), (made.created_at, made.expires_at));
    assert_eq!((read.used_at, read.revoked_at), (None, None));
    let maker = &read.maker;
    assert_eq!((maker.person, &*maker.subject, maker.provider.as_str()), (seen("ada").id, "ada", "corp"));
    assert_eq!((&*maker.issuer, &*maker.shown), ("https://login.example.com", "ada@example.com"));
    assert_eq!((&*maker.groups, maker.role, maker.disabled), (&["corp/engineering".to_owned()][..], None, false));
    assert_eq!(replica.pull_token_by_digest(&made.digest).await.unwrap().as_ref(), Some(&read));
    assert_eq!(replica.pull_token_by_digest(&Sha256::of("other")).await.unwrap(), None);
    assert_eq!(replica.pull_tokens_of(seen("ada").id).await.unwrap(), [read]);
    assert_eq!(replica.pull_tokens_of(seen("bob").id).await.unwrap(), []);
    let rows = replica.pull_tokens_after(0).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.digest).collect::<Vec<_>>(), [made.digest]);
    assert_eq!(log(&replica).await, ["in", "laptop"]);
}

pub(crate) async fn a_pull_token_that_may_not_be_made_leaves_nothing(home: &Home) {
    let store = home.open().await;
    assert_eq!(add(&store, &new("laptop", "nobody")).await, AddPullToken::SessionEnded);
    for subject in ["ada", "bob"] {
        let_in(&store, subject, subject).await;
    }
    let first = new("laptop", "ada");
    assert_eq!(add(&store, &first).await, AddPullToken::Added);
    let second = || NewPullToken { digest: Sha256::of("second"), ..new("laptop", "ada") };
    assert_eq!(add(&store, &second()).await, AddPullToken::NameTaken);
    assert_eq!(add(&store, &new("laptop", "bob")).await, AddPullToken::Added, "a name is its maker's own");
    // A name is free again once the pull token is over, and once it is revoked.
    let after = NewPullToken { created_at: first.expires_at, expires_at: first.expires_at + minutes(1), ..second() };
    assert_eq!(add(&store, &after).await, AddPullToken::Added);
    assert!(store.revoke_pull_token(after.id, first.expires_at, event("revoked")).await.unwrap());
    let third = NewPullToken { digest: Sha256::of("third"), id: PullTokenId::random(), ..after };
    assert_eq!(add(&store, &third).await, AddPullToken::Added);
    assert!(store.set_person_disabled(seen("bob").id, true, noon(), event("out")).await.unwrap());
    assert_eq!(add(&store, &new("other", "bob")).await, AddPullToken::SessionEnded);
    // Nor in a session that was ended, nor in somebody else's.
    let hers = store.sessions_of(seen("ada").id).await.unwrap()[0].id;
    assert_eq!(add_in(&store, hers, &new("other", "bob")).await, AddPullToken::SessionEnded);
    assert!(store.end_session(hers, noon(), event("ended")).await.unwrap());
    assert_eq!(add_in(&store, hers, &new("other", "ada")).await, AddPullToken::SessionEnded);
    assert_eq!(store.pull_tokens_of(seen("bob").id).await.unwrap().len(), 1);
    assert_eq!(log(&store).await, ["in", "in", "laptop", "laptop", "laptop", "revoked", "laptop", "out", "ended"]);
}

pub(crate) async fn nobody_has_more_pull_tokens_than_may_be_remembered(home: &Home) {
    let store = home.open().await;
    for subject in ["ada", "bob"] {
        let_in(&store, subject, subject).await;
    }
    let many: Vec<_> = (0..MOST_PULL_TOKENS_OF_ONE + 5).map(|number| new(&format!("n{number}"), "ada")).collect();
    let mut added = Vec::new();
    for new in &many {
        if add(&store, new).await == AddPullToken::Added {
            added.push(new.id);
        }
    }
    assert_eq!(i64::try_from(added.len()).unwrap(), MOST_PULL_TOKENS_OF_ONE);
    // Revoked ones count until they are forgotten: making and revoking in a loop fills no memory.
    assert!(store.revoke_pull_token(added[0], noon(), event("revoked")).await.unwrap());
    assert_eq!(add(&store, many.last().unwrap()).await, AddPullToken::TooMany);
    assert_eq!(add(&store, &new("n0", "bob")).await, AddPullToken::Added);
    let later = noon() + TOLD_AFTER_END;
    store.sweep(later + SignedDuration::from_secs(1)).await.unwrap();
    assert_eq!(add(&store, many.last().unwrap()).await, AddPullToken::Added);
}

pub(crate) async fn a_pull_token_is_revoked_once_and_every_replica_notices(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let_in(&store, "ada-1", "ada").await;
    let (gone, kept) = (new("gone", "ada"), new("kept", "ada"));
    for new in [&gone, &kept] {
        assert_eq!(add(&store, new).await, AddPullToken::Added);
    }
    let mut seen = 0;
    assert_eq!(news(&replica, &mut seen).await.len(), 2);
    assert_eq!(news(&replica, &mut seen).await, []);
    let at = noon() + minutes(5);
    assert!(store.revoke_pull_token(gone.id, at, event("revoked")).await.unwrap());
    assert!(!store.revoke_pull_token(gone.id, at + minutes(1), event("again")).await.unwrap());
    assert!(!store.revoke_pull_token(PullTokenId::random(), at, event("none")).await.unwrap());
    let noticed = news(&replica, &mut seen).await;
    assert_eq!(noticed.iter().map(|read| (read.id, read.revoked_at)).collect::<Vec<_>>(), [(gone.id, Some(at))]);
    assert_eq!(noticed[0].state(at), State::Revoked);
    assert_eq!(of(&store, &kept).await.revoked_at, None);
    assert_eq!(log(&store).await, ["in", "gone", "kept", "revoked"]);
}

pub(crate) async fn whoever_is_shut_out_loses_their_pull_tokens_for_good(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    for subject in ["ada", "bob"] {
        let_in(&store, subject, subject).await;
    }
    let (hers, his) = (new("laptop", "ada"), new("laptop", "bob"));
    for new in [&hers, &his] {
        assert_eq!(add(&store, new).await, AddPullToken::Added);
    }
    let mut seen_so_far = 0;
    news(&replica, &mut seen_so_far).await;
    for disabled in [true, false] {
        assert!(store.set_person_disabled(seen("ada").id, disabled, noon(), event("standing")).await.unwrap());
    }
    let noticed = news(&replica, &mut seen_so_far).await;
    assert_eq!(noticed.iter().map(|read| (read.id, read.revoked_at)).collect::<Vec<_>>(), [(hers.id, Some(noon()))]);
    assert_eq!(of(&replica, &his).await.revoked_at, None);
}

pub(crate) async fn a_pull_token_follows_the_groups_of_its_makers_last_sign_in(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let_in(&store, "ada-1", "ada").await;
    let made = new("laptop", "ada");
    assert_eq!(add(&store, &made).await, AddPullToken::Added);
    let mut seen_so_far = 0;
    news(&replica, &mut seen_so_far).await;
    // Signed in again, a minute later, out of all groups.
    let code = crate::guests::new_code("ada-2", "ada");
    store.add_code(code).await.unwrap();
    let session = daypass_store::NewSession {
        groups: Vec::new(),
        created_at: noon() + SignedDuration::from_secs(30),
        ..new_session("ada-2", "ada")
    };
    store.redeem_code(&Sha256::of("ada-2"), session, event("in"), refusal("in")).await.unwrap();
    let noticed = news(&replica, &mut seen_so_far).await;
    assert_eq!(noticed.iter().map(|read| (read.id, &*read.maker.groups)).collect::<Vec<_>>(), [(made.id, &[][..])]);
    // What an older session makes has the groups of the last sign-in too.
    let other = new("other", "ada");
    assert_eq!(add(&store, &other).await, AddPullToken::Added);
    assert_eq!(of(&store, &other).await.maker.groups, Vec::<String>::new());
    // Somebody else's sign-in changes nothing.
    news(&replica, &mut seen_so_far).await;
    let_in(&store, "bob-1", "bob").await;
    assert_eq!(news(&replica, &mut seen_so_far).await, []);
}

/// A built-in account with its person, and an invite that nobody accepted yet.
async fn account(store: &Store, name: &str, at: Timestamp) -> PersonId {
    let person = SeenPerson { provider: "local".parse().unwrap(), ..seen(name) };
    let id = person.id;
    let account = NewAccount {
        name: name.parse().unwrap(),
        display_name: name.to_owned(),
        email: None,
        role: Role::Publisher,
        person,
        created_at: at,
    };
    let invite = NewInvite {
        invite: Sha256::of(name),
        account: name.parse().unwrap(),
        created_at: at,
        expires_at: at + minutes(60),
    };
    assert!(store.add_account(account, invite, event("account")).await.unwrap());
    id
}

pub(crate) async fn a_pull_token_follows_the_role_of_its_makers_account_and_ends_with_the_credential(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    account(&store, "ada", noon()).await;
    let_in(&store, "ada-1", "ada").await;
    let made = new("laptop", "ada");
    assert_eq!(add(&store, &made).await, AddPullToken::Added);
    let mut seen_so_far = 0;
    assert_eq!(news(&replica, &mut seen_so_far).await[0].maker.role, Some(Role::Publisher));
    let name: AccountName = "ada".parse().unwrap();
    assert!(store.set_account_role(&name, Role::Reader, noon(), event("role")).await.unwrap());
    let noticed = news(&replica, &mut seen_so_far).await;
    assert_eq!((noticed[0].maker.role, noticed[0].revoked_at), (Some(Role::Reader), None));
    // Whoever had the credential before was perhaps somebody else.
    let hash = Credential::PasswordHash(daypass_core::secret::Secret::new("hash"));
    assert!(store.accept_invite(&Sha256::of("ada"), noon() + minutes(1), hash, event("accepted")).await.unwrap());
    let noticed = news(&replica, &mut seen_so_far).await;
    assert_eq!(noticed[0].revoked_at, Some(noon() + minutes(1)));
}

pub(crate) async fn the_last_use_is_known_to_the_minute_and_nobody_waits_for_it(home: &Home) {
    let store = home.open().await;
    let_in(&store, "ada-1", "ada").await;
    let (used, unused) = (new("used", "ada"), new("unused", "ada"));
    for new in [&used, &unused] {
        assert_eq!(add(&store, new).await, AddPullToken::Added);
    }
    let mut seen_so_far = 0;
    news(&store, &mut seen_so_far).await;
    let second = SignedDuration::from_secs(1);
    for (after, expected) in [(0, 0), (59, 0), (60, 60), (100, 60), (30, 60), (3000, 3000)] {
        store.note_pull_token_used(used.id, noon() + second * after);
        // What is written after it is written later.
        store.record(event("barrier")).await.unwrap();
        assert_eq!(of(&store, &used).await.used_at, Some(noon() + second * expected), "{after}");
    }
    assert_eq!(of(&store, &unused).await.used_at, None);
    assert_eq!(news(&store, &mut seen_so_far).await, [], "a use is nothing that must be followed");
    store.clone().close().await;
    store.note_pull_token_used(used.id, noon());
}

pub(crate) async fn a_pull_token_is_forgotten_a_day_after_its_end_and_no_other(home: &Home) {
    let store = home.open().await;
    let_in(&store, "ada-1", "ada").await;
    let (short, revoked) = (new("short", "ada"), new("revoked", "ada"));
    let long = NewPullToken { expires_at: noon() + SignedDuration::from_hours(24 * 365), ..new("long", "ada") };
    for new in [&short, &revoked, &long] {
        assert_eq!(add(&store, new).await, AddPullToken::Added);
    }
    assert!(store.revoke_pull_token(revoked.id, noon() + minutes(1), event("revoked")).await.unwrap());
    let left = async || {
        let mut names: Vec<_> =
            store.pull_tokens_of(seen("ada").id).await.unwrap().iter().map(|read| read.name.to_string()).collect();
        names.sort();
        names
    };
    store.sweep(noon() + minutes(1) + TOLD_AFTER_END).await.unwrap();
    assert_eq!(left().await, ["long", "revoked", "short"]);
    store.sweep(noon() + minutes(2) + TOLD_AFTER_END).await.unwrap();
    assert_eq!(left().await, ["long", "short"]);
    store.sweep(noon() + minutes(61) + TOLD_AFTER_END).await.unwrap();
    assert_eq!(left().await, ["long"]);
}
